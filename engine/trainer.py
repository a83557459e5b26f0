"""The loop. Says what happens when, and nothing else: what a step is, the task knows; how a file is written, rundir."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from engine import checkpoint, snapshot
from engine.config import Plan, get_effective_preview_interval
from engine.device import Device
from engine.diagnosis import diagnose_fit
from engine.errors import TrainingFailedError
from engine.metrics import (
    EpochMetrics,
    MetricsCallback,
    MetricsHistory,
    PreviewEvent,
    StepMetrics,
    TrainingCompleteEvent,
    compute_overfitting_gap,
)
from engine.rundir.schema import CheckpointRef, State
from engine.rundir.writer import RunWriter
from engine.task import Batch, Task
from engine.tracker import TrackerState

EARLY_PREVIEWS = (0, 50, 200)
SAVE_EVERY_S = 300.0
DIVERGED = 1e6
SKIPS_IN_A_ROW = 5


class Trainer:
    """One task trained into one run directory.

    stop: says whether the run is to end after the step under way; asked once a step.
    """

    def __init__(
        self,
        task: Task,
        plan: Plan,
        device: Device,
        writer: RunWriter,
        stop: Callable[[], bool],
        callback: MetricsCallback = lambda event: None,
    ) -> None:
        self.task, self.plan, self.device, self.writer = task, plan, device, writer
        self.stop, self.callback = stop, callback
        self.config = task.config
        self.model = task.model
        self.optimizer = new_optimizer(task)
        self.average = checkpoint.WeightAverage(self.model)
        self.tracker = TrackerState()
        monitor = task.monitor
        self.history = MetricsHistory(monitor.metric, monitor.reference, monitor.better)
        self.preview_interval = get_effective_preview_interval(self.config)
        self._best_weights: dict[str, Any] | None = None
        self._saved_step = -1
        self._saved_at = time.monotonic()
        self._began = (time.monotonic(), 0)

    def restore(self, loaded: checkpoint.Loaded, epochs: list[EpochMetrics]) -> None:
        """Go on from ``loaded``; ``epochs`` are the finished ones before it."""
        self.tracker = checkpoint.restore(loaded.state, self.model, self.optimizer, self.average)
        self.task.load_state_dict(loaded.state["task"])
        for epoch in epochs:
            self.history.add_epoch(epoch)
        self._saved_step = self.tracker.step

    def fit(self) -> State:
        """Train to the end, or until told to stop. Leaves a checkpoint either way."""
        self._began = (time.monotonic(), self.tracker.step)
        self.writer.state(State.RUNNING, phase="train", progress=None, step=self.tracker.step, **self._place())
        self._previews_if_due()
        while self.tracker.step < self.plan.total_steps:
            self._step()

            # once an epoch: clean figures on both sides, best so far, what they say
            if self.plan.ends_epoch(self.tracker.step):
                self._close_epoch()

            # once in a while: something to hear, and the weights that made it
            self._previews_if_due()

            # once in a while, and when asked: all that exact resume needs
            self._save_if_due()

            if self.stop():
                self.writer.state(State.STOPPING, phase="save")
                self._save("stop")
                return State.CANCELLED
        self._save("end")
        self._complete()
        return State.COMPLETED

    def _step(self) -> None:
        began = time.monotonic()
        step = self.tracker.step + 1
        knobs = self.task.schedule(step, self.plan.total_steps)
        batch = self.task.batch(self.config.seed, step)
        values = optimise(self.task, self.optimizer, batch, knobs)
        self.tracker.step = step
        loss, norm = values["train_loss"], values["grad_norm"]
        self._report_step(values | knobs, time.monotonic() - began)
        self._check_loss(loss)
        if math.isfinite(norm):
            self.optimizer.step()
            self.average.update(step)
            self.tracker.skipped_in_a_row = 0
        else:
            self._skip()
        self.optimizer.zero_grad(set_to_none=True)
        self.tracker.add({name: value for name, value in values.items() if name != "grad_norm"})

    def _check_loss(self, loss: float) -> None:
        if math.isfinite(loss) and loss <= DIVERGED:
            return
        what = "became NaN" if math.isnan(loss) else f"grew to {loss:.3g}"
        raise TrainingFailedError(
            f"The loss {what} at epoch {self._place()['epoch']} (step {self.tracker.step}).",
            f"Start again with a lower learning rate: --learning-rate {self.config.learning_rate / 2:g}. "
            "What was learnt until then is kept.",
        )

    def _skip(self) -> None:
        """A non-finite gradient moves nothing; several in a row are a failure."""
        self.tracker.skipped += 1
        self.tracker.skipped_in_a_row += 1
        if self.tracker.skipped_in_a_row >= SKIPS_IN_A_ROW:
            raise TrainingFailedError(
                f"Gradients were not finite {SKIPS_IN_A_ROW} times in a row, up to step {self.tracker.step}.",
                f"Start again with a lower learning rate: --learning-rate {self.config.learning_rate / 2:g}.",
            )
        self._warn("skipped_gradient", f"A gradient was not finite and was skipped at step {self.tracker.step}.")

    def _close_epoch(self) -> None:
        tracker = self.tracker
        epoch = self.plan.epoch_of(tracker.step)
        self.writer.update(phase="validate")
        figures = self.task.evaluate(self.average.model, "train") | self.task.evaluate(self.average.model, "val")
        means = tracker.close_epoch()
        monitor = self.task.monitor
        value = figures.get(monitor.metric, figures["val_loss"])
        is_best = tracker.judge(value, figures.get(monitor.reference), monitor.better == "lower")
        assert tracker.smoothed is not None
        if is_best:
            tracker.best = {
                "metric": monitor.metric, "value": tracker.smoothed, "raw": value, "epoch": epoch, "step": tracker.step,
            }  # fmt: skip
            self._best_weights = copy.deepcopy(self.average.model.state_dict())
        gap = None
        if tracker.smoothed_reference is not None and monitor.better == "lower":
            gap = compute_overfitting_gap(tracker.smoothed_reference, tracker.smoothed)
        knobs = self.task.schedule(tracker.step, self.plan.total_steps)
        metrics = EpochMetrics.model_validate(
            {
                **means,
                **figures,
                "epoch": epoch,
                "step": tracker.step,
                "total_epochs": self.plan.total_epochs,
                "learning_rate": knobs["learning_rate"],
                "overfitting_gap": gap,
                "eta_seconds": self._eta() or 0.0,
                "elapsed_seconds": self.writer.elapsed_s,
            }
        )
        self.history.add_epoch(metrics)
        tracker.last_epoch = {"train_loss": metrics.train_loss, "val_loss": metrics.val_loss}
        if is_best:
            tracker.best = (tracker.best or {}) | {"val_loss": metrics.val_loss}
        self._report_epoch(metrics)

    def _report_step(self, values: dict[str, float], seconds: float) -> None:
        place = self._place()
        fields = {"step": self.tracker.step, "total_steps": self.plan.total_steps, **values, "step_time_s": seconds}
        self.writer.event("step", epoch=place["epoch"], **fields)
        self.writer.update(
            phase="train",
            step=self.tracker.step,
            metrics=values,
            eta_s=self._eta(),
            steps_per_s=self._pace(),
            **place,
        )
        self.callback(StepMetrics.model_validate({"epoch": place["epoch"], **fields}))

    def _report_epoch(self, metrics: EpochMetrics) -> None:
        fields = metrics.model_dump(exclude_none=True)
        self.writer.event("epoch", **fields)
        found = self.task.diagnose(self.history) + diagnose_fit(self.history, self.task.monitor)
        for diagnosis in found:
            if diagnosis.severity == "warning":
                self._warn(diagnosis.code, diagnosis.message)
        named = {name: value for name, value in fields.items() if isinstance(value, float)}
        self.writer.update(
            metrics={name: value for name, value in named.items() if not name.endswith("_seconds")},
            overfitting_gap=metrics.overfitting_gap,
            best=self.tracker.best_record(),
            diagnosis=found,
        )
        self.callback(metrics)

    def _previews_if_due(self) -> None:
        """At fixed early steps, at every so many epochs, at the end; none that is already there."""
        step = self.tracker.step
        epoch = self.plan.epoch_of(step)
        at_epoch = self.plan.ends_epoch(step) and epoch % self.preview_interval == 0
        due = step in EARLY_PREVIEWS or (step > 0 and at_epoch) or step == self.plan.total_steps
        if not due or self.writer.layout.snapshot(epoch, step).exists() or (step and self.stop()):
            return
        self.writer.update(phase="preview")
        average = self.average.model
        self.task.prepare_snapshot(average)
        for preview in self.task.previews(average, epoch):
            paths = {
                suffix: self.writer.layout.preview(epoch, step, preview.role, preview.index, suffix)
                for suffix in preview.files
            }
            if not all(self.writer.write_preview(paths[suffix], data) for suffix, data in preview.files.items()):
                continue
            names = {suffix: path.relative_to(self.writer.layout.root).as_posix() for suffix, path in paths.items()}
            self.writer.event(
                "preview",
                epoch=epoch,
                step=step,
                kind=preview.kind,
                role=preview.role,
                index=preview.index,
                audio_path=names.get("wav"),
                image_path=names.get("png"),
                sample_rate=preview.sample_rate,
            )
            if preview.sample_rate and preview.role == "sample":
                self.callback(PreviewEvent(epoch=epoch, audio_path=names["wav"], sample_rate=preview.sample_rate))
        self._write_snapshot(epoch, step)

    def _write_snapshot(self, epoch: int, step: int) -> None:
        data = snapshot.serialise_snapshot(self.average.model, self.task.state_dict(), {"task_name": self.task.name})
        path = self.writer.layout.snapshot(epoch, step)
        if self.writer.write_artefact(path, data, checkpoint.describe(data, path, step, epoch, self._figures())):
            snapshot.thin_snapshots(self.writer.layout)

    def _save_if_due(self) -> None:
        step = self.tracker.step
        commands = self.writer.control.take_saves()
        epoch = self.plan.epoch_of(step)
        at_epoch = self.plan.ends_epoch(step) and epoch % self.config.checkpoint_interval == 0
        if commands:
            self._save("asked")
            for command in commands:
                self.writer.done(command.id)
        elif at_epoch:
            self._save("interval")
        elif time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self._save("time")

    def _save(self, reason: str) -> None:
        """The best state if it is new, then the state of now; then the oldest go."""
        step, epoch = self.tracker.step, self.plan.epoch_of(self.tracker.step)
        self._saved_at = time.monotonic()
        if self._saved_step == step:
            return
        self.writer.update(phase="save")
        self._save_best()
        self.task.prepare_snapshot(self.average.model)
        self.tracker.elapsed_s = self.writer.elapsed_s
        state = checkpoint.training_state(
            self.model, self.optimizer, self.average, self.tracker, self.task.state_dict()
        )
        data = checkpoint.serialise(state)
        path = self.writer.layout.checkpoint(step)
        if not self.writer.write_artefact(path, data, checkpoint.describe(data, path, step, epoch, self._figures())):
            return
        self._saved_step = step
        checkpoint.prune(self.writer.layout, self.config.max_checkpoints)
        self.writer.event("checkpoint", file=path.name, step=step, epoch=epoch, reason=reason)
        self.writer.update(last_checkpoint=CheckpointRef(file=path.name, step=step, epoch=epoch, at=time.time()))

    def _save_best(self) -> None:
        best = self.tracker.best_record()
        if self._best_weights is None or best is None:
            return
        model = copy.deepcopy(self.average.model)
        model.load_state_dict(self._best_weights)
        self.task.prepare_snapshot(model)
        state = {
            "protocol": checkpoint.PROTOCOL,
            "average": model.state_dict(),
            "task": self.task.state_dict(),
        }
        data = checkpoint.serialise(state)
        path = self.writer.layout.best
        manifest = checkpoint.describe(data, path, best.step, best.epoch, {best.metric: best.raw})
        if self.writer.write_artefact(path, data, manifest):
            self._best_weights = None

    def _complete(self) -> None:
        best = self.tracker.best or {}
        last = self.tracker.last_epoch
        event = TrainingCompleteEvent(
            total_epochs=self.plan.total_epochs,
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
        last = self.history.epochs.get(max(self.history.epochs, default=0))
        value = getattr(last, self.task.monitor.metric, None)
        return {} if value is None else {self.task.monitor.metric: float(value)}

    def _place(self) -> dict[str, int]:
        return {"epoch": self.plan.epoch_of(self.tracker.step)}

    def _pace(self) -> float | None:
        """Steps a second in this process, everything included."""
        began, first = self._began
        seconds = time.monotonic() - began
        done = self.tracker.step - first
        return done / seconds if done and seconds > 0 else None

    def _eta(self) -> float | None:
        pace = self._pace()
        return None if pace is None else (self.plan.total_steps - self.tracker.step) / pace


def new_optimizer(task: Task) -> torch.optim.Optimizer:
    """AdamW, fused: 1.1 to 1.4 times the default on a CPU. The schedule sets its rate before each step."""
    return torch.optim.AdamW(
        task.model.parameters(),
        lr=task.config.learning_rate,
        weight_decay=task.config.regularization.weight_decay,
        fused=next(task.model.parameters()).device.type in ("cpu", "cuda"),
    )


def optimise(task: Task, optimizer: torch.optim.Optimizer, batch: Batch, knobs: dict[str, float]) -> dict[str, float]:
    """Forward, backward and clip; leaves the update to the caller. The step's metrics and "grad_norm" as numbers."""
    for group in optimizer.param_groups:
        group["lr"] = knobs["learning_rate"]
    task.model.train()
    output = task.training_step(task.model, batch, knobs)
    output.loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(task.model.parameters(), task.config.regularization.gradient_clip_norm)
    metrics = {"train_loss": output.loss, **output.metrics, "grad_norm": norm}
    # The one synchronisation with the device in a step.
    values = torch.stack([value.detach().float() for value in metrics.values()]).tolist()
    return dict(zip(metrics, values, strict=True))
