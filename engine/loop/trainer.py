"""The loop: what happens when, and what is told of it. What a step is, the task knows; what is kept, the archive."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from engine.claims import advice
from engine.errors import ProcessLostError, StorageError, TrainingFailedError
from engine.loop.archive import Archive
from engine.loop.checkpoint import Loaded, WeightAverage, begin, must_fit, restore
from engine.loop.extension import More
from engine.loop.intervals import EARLY_PREVIEWS
from engine.loop.pace import Costs
from engine.loop.plan_history import PlanSegment
from engine.loop.planner import Planner
from engine.loop.ranks import ONE, Ranks
from engine.loop.reporter import Reporter
from engine.loop.tracker import BestEpoch, EpochResult, TrackerState
from engine.loop.update import backward, new_optimizer
from engine.metrics import EpochMetrics, MetricsCallback
from engine.plan import Length
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from engine.sweet_range import SweetRange, may_end
from engine.task import DIVERGED, Task

_ANEW = "start again: no checkpoint is on the disk to go on from."
_GOES_ON = "--resume: what is missing is trained again or written from where it waits."
_UNFITTABLE: type[RuntimeError] = torch.linalg.LinAlgError  # type: ignore[attr-defined]  # not in torch's stubs
FIRST_SAVE_S, SAVE_EVERY_S = 20.0, 300.0
SKIPS_IN_A_ROW = 5


class Trainer:
    """One task trained into one run directory.

    length: what the run began with; its later plans may have moved its end. stop: says whether it is to end after the
    step under way; asked once a step. callback: told every event.
    costs: what the parts of the run were measured to take. ranks: the processes that share each update.
    """

    def __init__(
        self,
        task: Task,
        length: Length,
        writer: RunWriter,
        stop: Callable[[], bool],
        callback: MetricsCallback = lambda event: None,
        costs: Costs | None = None,
        ranks: Ranks = ONE,
    ) -> None:
        self.task, self.writer, self.ranks = task, writer, ranks
        self.planner = Planner(task.config, length, writer, costs or Costs())
        self.plans = self.planner.plans
        self.reporter = Reporter(task, writer, self.planner, callback)
        self.stop = stop
        self.config = task.config
        self.optimizer = new_optimizer(task)
        self.average = WeightAverage(task.model)
        self.tracker = TrackerState()
        self.archive = Archive(task, writer, self.optimizer, self.average, callback)
        self._ended_early = False

    def restore(self, loaded: Loaded, epochs: list[EpochMetrics], more: More | None = None) -> None:
        """Go on from ``loaded``; ``epochs`` are the finished ones before it. more: in place of what was left."""
        self.tracker = restore(loaded.state, self.task.model, self.optimizer, self.average)
        with must_fit():
            self.task.load_state_dict(loaded.state["task"])
        self.planner.restore(self.tracker, more)
        self.archive.restored(loaded.state, self.tracker.step)
        for epoch in epochs:
            self.reporter.history.add_epoch(epoch)
        if self._ends_epoch():
            self._ended_early = self._may_end(self.tracker.sweet_range(self.task.monitor.better))

    def begin_from(self, state: Mapping[str, Any]) -> None:
        """Begin with the weights of another run's ``state``, saved at once as step 0: the other is needed no more.

        The optimiser and its schedule begin anew. ``RunDirectoryError`` when they do not fit, ``StorageError``.
        """
        with must_fit():
            self.task.begin_with(state["task"])
        begin(state["average"], self.task.model, self.average)
        self._save_last("begin")

    def fit(self) -> State:
        """Train to the end, or until told to stop. Leaves a checkpoint either way."""
        self.planner.count_from(self.tracker.step)
        self.writer.state(State.RUNNING, phase="train", progress=None, step=self.tracker.step, epoch=self._epoch())
        self.reporter.standing(self.tracker, over=False)
        try:
            self.ranks.take_over(self.task)
            return self._fit()
        except ProcessLostError:  # in the midst of an update, which has moved nothing yet
            self._save_last("process lost")
            raise
        except _UNFITTABLE as error:  # a checkpoint or preview came before the loss showed it
            where = f"at epoch {self._epoch()} (step {self.tracker.step})"
            raise self._failure(f"What the model says grew beyond all bounds {where}.") from error
        finally:
            self.reporter.standing(self.tracker, over=True)

    def _fit(self) -> State:
        self.planner.say(self.tracker.step)
        self.planner.begin()
        self._previews_if_due()
        self.planner.count_from(self.tracker.step)  # the first previews come once, whatever the run's length
        while not self._at_end():
            if self.stop():
                self.writer.state(State.STOPPING)
                self._save_last("stop")
                return State.CANCELLED
            self._step()

            # once an epoch: clean figures on both sides, best so far, what they say
            if self._ends_epoch():
                self._close_epoch()

            # once in a while: something to hear, and the weights that made it
            self._previews_if_due()

            # once in a while, and when asked: all that exact resume needs
            self._save_if_due()

            # when the pace has moved: another end, so that the minutes hold
            if not self._ended_early and (plan := self.planner.plan_anew_if_due(self.tracker.step)) is not None:
                self.reporter.planned(plan)
        self._save_last("end")
        self.reporter.complete(self._epoch(), self.tracker)
        return State.COMPLETED

    def _step(self) -> None:
        began = time.monotonic()
        step = self.tracker.step + 1
        knobs = self._knobs(step)
        values = backward(self.task, self.optimizer, step, knobs, self.ranks)
        self.tracker.step = step
        healthy = math.isfinite(values["train_loss"]) and values["train_loss"] <= DIVERGED
        moves = healthy and math.isfinite(values["grad_norm"])
        if moves:
            self.optimizer.step()
            self.average.update(step)
            self.tracker.skipped_in_a_row = 0
        self.optimizer.zero_grad(set_to_none=True)
        self.reporter.step(step, values | knobs, time.monotonic() - began)
        if not healthy:
            raise self._diverged(values["train_loss"])
        if not moves:
            self._skip()
        self.tracker.add({name: value for name, value in values.items() if name != "grad_norm"})
        self.planner.meter.tick("step")

    def _knobs(self, step: int) -> dict[str, float]:
        """The schedule of update ``step``, at the progress that lies behind it."""
        return self.task.schedule(step, self.plans.at(step).progress_at(step - 1))

    def _diverged(self, loss: float) -> TrainingFailedError:
        what = "became NaN" if math.isnan(loss) else f"grew to {loss:.3g}"
        return self._failure(f"The loss {what} at epoch {self._epoch()} (step {self.tracker.step}).")

    def _failure(self, cause: str) -> TrainingFailedError:
        """What was best is kept; the weights of now are not worth resuming from."""
        with suppress(_UNFITTABLE):  # a best state that nothing can be fitted to is of no use
            self.archive.save_best(self.tracker)
        return TrainingFailedError(
            cause, advice.diverged(self.config.learning_rate), advice.what_is_kept(self.archive.kept())
        )

    def _skip(self) -> None:
        """A non-finite gradient moves nothing; several in a row are a failure."""
        self.tracker.skipped += 1
        self.tracker.skipped_in_a_row += 1
        if self.tracker.skipped_in_a_row >= SKIPS_IN_A_ROW:
            raise self._failure(
                f"Gradients were not finite {SKIPS_IN_A_ROW} times in a row, up to step {self.tracker.step}."
            )
        self.reporter.warn_once(
            "skipped_gradient", f"A gradient was not finite and was skipped at step {self.tracker.step}.", self.tracker
        )

    def _close_epoch(self) -> None:
        self.writer.update(phase="validate")
        figures = self.task.evaluate(self.average.model, "train") | self.task.evaluate(self.average.model, "val")
        means = self.tracker.close_epoch()
        result = self._judge(figures)
        metrics = self._epoch_metrics(means | figures, result)
        self.tracker.last_epoch = {"train_loss": metrics.train_loss, "val_loss": metrics.val_loss}
        self.reporter.epoch(metrics, self.tracker)
        self._ended_early = self._may_end(result.sweet_range)
        self.planner.meter.tick("epoch")

    def _judge(self, figures: Mapping[str, Any]) -> EpochResult:
        """Take an epoch's clean ``figures`` in; the weights of the best one so far are kept."""
        monitor, epoch = self.task.monitor, self._epoch()
        value, val_loss = figures[monitor.metric], figures["val_loss"]
        files, own, tie = (figures.get(name or "") for name in (monitor.files, monitor.reference, monitor.ties))
        result = self.tracker.judge(epoch, value, files or [], own, tie, monitor.better)
        if result.is_best:
            self.tracker.best = BestEpoch(monitor.metric, result.smoothed, value, epoch, self.tracker.step, val_loss)
            self.archive.keep_best()
        return result

    def _epoch_metrics(self, measured: Mapping[str, Any], result: EpochResult) -> EpochMetrics:
        step = self.tracker.step
        return EpochMetrics.model_validate(
            {
                **measured,
                "epoch": result.epoch,
                "step": step,
                "total_epochs": self.plans.at(step).total_epochs,
                "learning_rate": self._knobs(step)["learning_rate"],
                "overfitting_gap": result.gap,
                "sweet_range": result.sweet_range,
                "eta_seconds": self.planner.eta_s(step),
                "elapsed_seconds": self.writer.elapsed_s,
            }
        )

    def _at_end(self) -> bool:
        return self._ended_early or self.tracker.step >= self._ahead.total_steps

    def _may_end(self, range_now: SweetRange | None) -> bool:
        """Whether its user asked to end here. Tracker and plans alone decide, so that a resumed run ends here too."""
        progress = self.plans.at(self.tracker.step).progress_at(self.tracker.step)
        asked = self.config.stop_after_sweet_spot and self.plans.extension is None
        return asked and may_end(range_now, self.tracker.values, progress, self.task.monitor.better)

    def _previews_if_due(self) -> None:
        """At fixed early steps, after some epochs, and at the end, where a stop changes nothing, then of the best too;
        none that is there already."""
        at_epoch = self._ends_epoch() and self.planner.intervals.heard(self._epoch())
        due = self.tracker.step in EARLY_PREVIEWS or at_epoch
        if self._at_end() and self.planner.affords_best():
            self._previews_of_best()
        if (due and self.planner.affords_previews()) or self._at_end():
            self._preview(self.archive.average.model, self._epoch(), self.tracker.step, self._figures())

    def _previews_of_best(self) -> None:
        """What one would miss: its moment may lie between two that are heard. Before the end's, which has the last
        word on what new sounds are like."""
        best = self.tracker.best
        if best is not None and best.step < self.tracker.step and (model := self.archive.best_model(best.step)):
            self._preview(model, best.epoch, best.step, {best.metric: best.raw})

    def _preview(self, model: nn.Module, epoch: int, step: int, figures: dict[str, float]) -> None:
        # Nobody would make those of the end another time.
        stop: Callable[[], bool] = (lambda: False) if self._at_end() else self.stop
        if not stop() and not self.archive.has_previews(epoch, step):
            self.writer.update(phase="preview")
            self.archive.write_previews(model, epoch, step, figures, stop)
            self.planner.meter.tick("preview")

    def _save_if_due(self) -> None:
        commands = self.writer.control.take_saves()
        at_epoch = self._ends_epoch() and self._epoch() % self.planner.intervals.save == 0
        wait = FIRST_SAVE_S if self.archive.saved_step <= 0 else SAVE_EVERY_S  # a killed run goes on from somewhere
        if commands or at_epoch or time.monotonic() - self.archive.saved_at > wait:
            saved = self._save("asked" if commands else "interval")
            for command in commands:
                self.writer.done(command.id, None if saved else "the disk refused it; the log says why")

    def _save(self, reason: str) -> bool:
        self.writer.update(phase="save")
        self.tracker.clock = self.planner.clock()
        saved = self.archive.save(self.tracker, self._epoch(), reason, self._figures())
        self.planner.meter.tick("save")
        return saved

    def _save_last(self, reason: str) -> None:
        """A process that ends without its last checkpoint says so, and how to repeat what it could not keep."""
        if not self._save(reason):
            raise StorageError(
                f"The disk refused the last checkpoint or the best state, at step {self.tracker.step}.",
                f"{self.writer.remedy}, then {_ANEW if self.archive.kept().newest is None else _GOES_ON}",
            )

    def _figures(self) -> dict[str, float]:
        """What was measured of the weights of now: nothing between epochs."""
        return self.reporter.measured() if self._ends_epoch() else {}

    def _epoch(self) -> int:
        return self.plans.at(self.tracker.step).epoch_of(self.tracker.step)

    def _ends_epoch(self) -> bool:
        return self.plans.at(self.tracker.step).ends_epoch(self.tracker.step)

    @property
    def _ahead(self) -> PlanSegment:
        return self.plans.ahead(self.tracker.step)
