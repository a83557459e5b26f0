"""The loop: what happens when, and what is told of it. What a step is, the task knows; what is kept, the archive."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from engine.claims import advice
from engine.claims.evidence import gather
from engine.errors import StorageError, TrainingFailedError
from engine.loop.archive import Archive
from engine.loop.checkpoint import Loaded, WeightAverage, begin, must_fit, restore
from engine.loop.cost_meter import CostMeter, Part
from engine.loop.course import Course, Leg
from engine.loop.diagnosis import diagnose, newly_true
from engine.loop.extension import More
from engine.loop.pace import EARLY_PREVIEWS, Costs, Intervals, seconds_to_end
from engine.loop.timekeeper import Timekeeper
from engine.loop.tracker import TrackerState
from engine.loop.update import backward, new_optimizer
from engine.metrics import (
    EpochMetrics,
    MetricsCallback,
    MetricsHistory,
    StepMetrics,
    TrainingCompleteEvent,
    compute_overfitting_gap,
    smooth,
)
from engine.plan import Plan
from engine.rundir.protocol import PlanRecord
from engine.rundir.reader import RunReader
from engine.rundir.schema import State
from engine.rundir.writer import RunWriter
from engine.sweet_range import SweetRange, may_end
from engine.task import Task

FIRST_SAVE_S, SAVE_EVERY_S = 20.0, 300.0
KNOWN_STEPS, KNOWN_S = 20, 5.0  # before that the first updates, which warm up, make a pace that is off by large factors
DIVERGED = 1e6
SKIPS_IN_A_ROW = 5


class Trainer:
    """One task trained into one run directory.

    stop: says whether the run is to end after the step under way; asked once a step. callback: told every event.
    costs: what the parts of the run were measured to take.
    """

    def __init__(
        self,
        task: Task,
        plan: Plan,
        writer: RunWriter,
        stop: Callable[[], bool],
        callback: MetricsCallback = lambda event: None,
        costs: Costs | None = None,
    ) -> None:
        self.task, self.writer = task, writer
        self.course = Course(plan, RunReader(writer.root).plans())
        self.stop, self.callback = stop, callback
        self.config = task.config
        self.optimizer = new_optimizer(task)
        self.average = WeightAverage(task.model)
        self.tracker = TrackerState()
        self.archive = Archive(task, writer, self.optimizer, self.average, callback)
        monitor = task.monitor
        self.history = MetricsHistory(monitor.metric, monitor.reference, monitor.better, monitor.ties)
        self.intervals = Intervals.of(self.config, plan.total_epochs)
        self.timekeeper = self._new_timekeeper(costs or Costs())
        self.meter = self.timekeeper or CostMeter(costs or Costs())
        self._began = (time.monotonic(), 0)
        self._ended_early = False

    def _new_timekeeper(self, costs: Costs) -> Timekeeper | None:
        limits = self.course.limits(self.config)
        return None if limits.max_minutes is None else Timekeeper(limits, self.intervals, costs)

    def restore(self, loaded: Loaded, epochs: list[EpochMetrics], more: More | None = None) -> None:
        """Go on from ``loaded``; ``epochs`` are the finished ones before it. more: in place of what was left."""
        self.tracker = restore(loaded.state, self.task.model, self.optimizer, self.average)
        with must_fit():
            self.task.load_state_dict(loaded.state["task"])
        if more is not None:
            self._extend(more)
        if self.timekeeper is not None:
            self.timekeeper.restore(self._clock())
        self.archive.restored(loaded.state, self.tracker.step)
        for epoch in epochs:
            self.history.add_epoch(epoch)
        if self._ends_epoch():
            self._ended_early = self._may_end(self.tracker.sweet_range(self.task.monitor.better))

    def begin_from(self, state: Mapping[str, Any]) -> None:
        """Begin with the weights of another run's ``state``, kept at once as step 0: whatever comes, they are here.

        The optimiser and its schedule begin anew. ``RunDirectoryError`` when they do not fit, ``StorageError``.
        """
        with must_fit():
            self.task.begin_with(state["task"])
        begin(state["average"], self.task.model, self.average)
        self._save_last("begin")

    def _extend(self, more: More) -> None:
        """Durable before it is followed: a later session goes the same way."""
        spent_s = self._clock()["spent_s"]
        leg = more.leg(self.course.ahead(self.tracker.step), self.tracker.step, spent_s)
        minutes = None if more.minutes is None else spent_s / 60 + more.minutes
        record = self._plan_record(
            leg, self.tracker.step / max(spent_s, 1e-3), f"extended by {more}", extends=True, minutes=minutes
        )
        if not self.writer.plan_anew(record):
            raise StorageError("The disk refused to note that the run is extended.", "Free some space and try again.")
        self.course.follow(record)
        self.timekeeper = self._new_timekeeper(Costs())
        self.meter = self.timekeeper or self.meter

    def _clock(self) -> dict[str, float]:
        """Of a run that had no minutes before it was extended, what all its sessions took."""
        return {"spent_s": self.tracker.elapsed_s} | self.tracker.clock

    def fit(self) -> State:
        """Train to the end, or until told to stop. Leaves a checkpoint either way."""
        self._began = (time.monotonic(), self.tracker.step)
        self.writer.state(State.RUNNING, phase="train", progress=None, step=self.tracker.step, epoch=self._epoch())
        self._tell(over=False)
        try:
            return self._fit()
        finally:
            self._tell(over=True)

    def _fit(self) -> State:
        self._say_plan()
        self.meter.begin()
        self._previews_if_due()
        self._began = (time.monotonic(), self.tracker.step)  # the first previews come once, whatever the run's length
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
            self._plan_anew_if_due()
        self._save_last("end")
        self._complete()
        return State.COMPLETED

    def _step(self) -> None:
        began = time.monotonic()
        step = self.tracker.step + 1
        knobs = self._knobs(step)
        batch = self.task.batch(self.config.seed, step)
        values = backward(self.task, self.optimizer, batch, knobs)
        self.tracker.step = step
        healthy = math.isfinite(values["train_loss"]) and values["train_loss"] <= DIVERGED
        moves = healthy and math.isfinite(values["grad_norm"])
        if moves:
            self.optimizer.step()
            self.average.update(step)
            self.tracker.skipped_in_a_row = 0
        self.optimizer.zero_grad(set_to_none=True)
        self._report_step(values | knobs, time.monotonic() - began)
        if not healthy:
            raise self._diverged(values["train_loss"])
        if not moves:
            self._skip()
        self.tracker.add({name: value for name, value in values.items() if name != "grad_norm"})
        self._tick("step")

    def _knobs(self, step: int) -> dict[str, float]:
        """The schedule of update ``step``, at the progress that lies behind it."""
        return self.task.schedule(step, self.course.at(step).progress_at(step - 1))

    def _diverged(self, loss: float) -> TrainingFailedError:
        what = "became NaN" if math.isnan(loss) else f"grew to {loss:.3g}"
        return self._failure(f"The loss {what} at epoch {self._epoch()} (step {self.tracker.step}).")

    def _failure(self, cause: str) -> TrainingFailedError:
        """What was best is kept; the weights of now are not worth resuming from."""
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
        self._warn("skipped_gradient", f"A gradient was not finite and was skipped at step {self.tracker.step}.")

    def _close_epoch(self) -> None:
        tracker = self.tracker
        epoch = self._epoch()
        self.writer.update(phase="validate")
        figures = self.task.evaluate(self.average.model, "train") | self.task.evaluate(self.average.model, "val")
        means = tracker.close_epoch()
        monitor = self.task.monitor
        value = figures.get(monitor.metric, figures["val_loss"])
        files, own, tie = (figures.get(name or "") for name in (monitor.files, monitor.reference, monitor.ties))
        tracker.judge(epoch, value, files or [], own, tie)
        now = smooth(tracker.values)[-1]
        found = tracker.sweet_range(monitor.better)
        if found is not None and found.best == epoch:
            tracker.best = {
                "metric": monitor.metric,
                "value": now,
                "raw": value,
                "epoch": epoch,
                "step": tracker.step,
                "val_loss": figures["val_loss"],
            }
            self.archive.keep_best()
        gap = None
        if tracker.smoothed_reference is not None:
            gap = compute_overfitting_gap(tracker.smoothed_reference, now, monitor.better)
        knobs = self._knobs(tracker.step)
        metrics = EpochMetrics.model_validate(
            {
                **means,
                **figures,
                "epoch": epoch,
                "step": tracker.step,
                "total_epochs": self.course.at(tracker.step).total_epochs,
                "learning_rate": knobs["learning_rate"],
                "overfitting_gap": gap,
                "sweet_range": found,
                "eta_seconds": self._eta() or 0.0,
                "elapsed_seconds": self.writer.elapsed_s,
            }
        )
        self.history.add_epoch(metrics)
        tracker.last_epoch = {"train_loss": metrics.train_loss, "val_loss": metrics.val_loss}
        self._report_epoch(metrics)
        self._ended_early = self._may_end(found)
        self._tick("epoch")

    def _at_end(self) -> bool:
        return self._ended_early or self.tracker.step >= self._ahead.total_steps

    def _may_end(self, found: SweetRange | None) -> bool:
        """Whether its user asked to end here. Tracker and plans alone decide, so that a resumed run ends here too."""
        progress = self.course.at(self.tracker.step).progress_at(self.tracker.step)
        asked = self.config.stop_after_sweet_spot and self.course.extension is None
        return asked and may_end(found, self.tracker.values, progress, self.task.monitor.better)

    def _report_step(self, values: dict[str, float], seconds: float) -> None:
        epoch = self._epoch()
        total = self.course.at(self.tracker.step).total_steps
        fields = {"step": self.tracker.step, "total_steps": total, **values, "step_time_s": seconds}
        self.writer.event("step", epoch=epoch, **fields)
        self.writer.update(
            phase="train",
            step=self.tracker.step,
            metrics=values,
            eta_s=self._eta(),
            steps_per_s=self._pace(),
            epoch=epoch,
        )
        self.callback(StepMetrics.model_validate({"epoch": epoch, **fields}))

    def _report_epoch(self, metrics: EpochMetrics) -> None:
        fields = metrics.model_dump(exclude_none=True)
        self.writer.event("epoch", **fields)
        evidence = gather(self.history, self.task.monitor, self.task.num_val_files)
        found = diagnose(evidence, self.task.monitor, self.task.diagnose(self.history))
        for diagnosis in newly_true(found, self.tracker.told, metrics.epoch):
            self.writer.warn(f"Epoch {metrics.epoch}: {diagnosis.message}", code=diagnosis.code)
        named = {name: value for name, value in fields.items() if isinstance(value, float)}
        self.writer.update(
            metrics={name: value for name, value in named.items() if not name.endswith("_seconds")},
            overfitting_gap=metrics.overfitting_gap,
            best=self.tracker.best_record(),
            evidence=evidence,
            diagnosis=found,
        )
        self.callback(metrics)

    def _tell(self, *, over: bool) -> None:
        """What the last epoch showed: of a run that goes on where it stands, of one that ends how it went."""
        monitor = self.task.monitor
        evidence = gather(self.history, monitor, self.task.num_val_files)
        found = diagnose(evidence, monitor, self.task.diagnose(self.history), over=over)
        # The best too: what a killed session found after its last checkpoint is not kept.
        self.writer.update(evidence=evidence, diagnosis=found, best=self.tracker.best_record())

    def _previews_if_due(self) -> None:
        """At fixed early steps, every so many epochs and at the end; none that is there already."""
        step, epoch = self.tracker.step, self._epoch()
        at_epoch = self._ends_epoch() and epoch % self.intervals.preview == 0
        due = step in EARLY_PREVIEWS or at_epoch or self._at_end()
        if due and not self.stop() and not self.archive.has_previews(epoch, step):
            self.writer.update(phase="preview")
            self.archive.write_previews(epoch, step, self._figures())
            self._tick("preview")

    def _save_if_due(self) -> None:
        commands = self.writer.control.take_saves()
        at_epoch = self._ends_epoch() and self._epoch() % self.intervals.save == 0
        wait = FIRST_SAVE_S if self.archive.saved_step <= 0 else SAVE_EVERY_S  # a killed run goes on from somewhere
        if commands or at_epoch or time.monotonic() - self.archive.saved_at > wait:
            saved = self._save("asked" if commands else "interval")
            for command in commands:
                self.writer.done(command.id, None if saved else "the disk refused it; the log says why")

    def _save(self, reason: str) -> bool:
        self.writer.update(phase="save")
        if self.timekeeper is not None:
            self.tracker.clock = self.timekeeper.state()
        saved = self.archive.save(self.tracker, self._epoch(), reason, self._figures())
        self._tick("save")
        return saved

    def _save_last(self, reason: str) -> None:
        """A process that ends without its last checkpoint says so, and how to repeat what it could not keep."""
        if not self._save(reason):
            raise StorageError(
                f"The disk refused the last checkpoint or the best state, at step {self.tracker.step}.",
                "Free some space, then --resume: what is missing is trained again or written from where it waits.",
            )

    def _complete(self) -> None:
        best = self.tracker.best or {}
        last = self.tracker.last_epoch
        event = TrainingCompleteEvent(
            total_epochs=self._epoch(),
            total_time_s=self.writer.elapsed_s,
            final_train_loss=last.get("train_loss", math.nan),
            final_val_loss=last.get("val_loss", math.nan),
            best_val_loss=best.get("val_loss", math.nan),
            best_epoch=best.get("epoch", 0),
        )
        self.writer.event("complete", **event.model_dump())
        self.callback(event)

    def _warn(self, code: str, message: str) -> None:
        """Each code once a run, however often it is resumed."""
        if code not in self.tracker.warned:
            self.tracker.warned.append(code)
            self.writer.warn(message, code=code)

    def _figures(self) -> dict[str, float]:
        """What was measured of the weights of now: nothing between epochs."""
        if not self._ends_epoch():
            return {}
        last = self.history.epochs.get(max(self.history.epochs, default=0))
        value = getattr(last, self.task.monitor.metric, None)
        return {} if value is None else {self.task.monitor.metric: float(value)}

    def _epoch(self) -> int:
        return self.course.at(self.tracker.step).epoch_of(self.tracker.step)

    def _ends_epoch(self) -> bool:
        return self.course.at(self.tracker.step).ends_epoch(self.tracker.step)

    @property
    def _ahead(self) -> Leg:
        return self.course.ahead(self.tracker.step)

    def _tick(self, part: Part) -> None:
        self.meter.tick(part)

    def _plan_anew_if_due(self) -> None:
        """Once the plans of earlier sessions are behind: what they decided comes again at the same steps."""
        step, keeper = self.tracker.step, self.timekeeper
        if keeper is None or self._at_end() or step <= self.course.last.step:
            return
        leg = keeper.better(self.course.last, step)
        if leg is None:
            return
        how = "slower" if leg.total_steps < self.course.last.total_steps else "faster"
        record = self._plan_record(leg, 1 / keeper.costs.step_s, f"{how} than planned")
        if self.writer.plan_anew(record):
            self.course.follow(record)
            self._say_plan()

    def _plan_record(self, leg: Leg, pace: float, reason: str, **asked: Any) -> PlanRecord:
        return PlanRecord(
            **asdict(leg),
            total_epochs=leg.total_epochs,
            reason=reason,
            **asked,
            steps_per_s=pace,
            at=round(time.time(), 3),
            elapsed_s=round(self.writer.elapsed_s, 3),
            session=self.writer.session.session,
        )

    def _say_plan(self) -> None:
        self.writer.update(total_steps=self._ahead.total_steps, total_epochs=self._ahead.total_epochs)

    def _pace(self) -> float | None:
        """Steps a second in this process, everything included."""
        began, first = self._began
        seconds = time.monotonic() - began
        done = self.tracker.step - first
        return done / seconds if done and seconds > 0 else None

    def _eta(self) -> float | None:
        """Seconds to the end, with its checks, previews and saves; None until enough updates were made to know."""
        (began, first), step = self._began, self.tracker.step
        if step - first < KNOWN_STEPS or time.monotonic() - began < KNOWN_S:
            return None
        return seconds_to_end(self._ahead, step, self.intervals, self.meter.costs)
