"""What is told of a run while it learns: every step, every epoch, what the curves say, and its end."""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.claims.evidence import gather
from engine.loop.diagnosis import diagnose, newly_true
from engine.loop.planner import Planner
from engine.loop.tracker import TrackerState
from engine.metrics import (
    EpochMetrics,
    MetricsCallback,
    MetricsHistory,
    PlannedAnew,
    StepMetrics,
    TrainingCompleteEvent,
)
from engine.rundir.protocol import PlanRecord
from engine.rundir.writer import RunWriter
from engine.task import Task


class Reporter:
    """Writes into the run directory what happens, and calls ``callback`` with the same."""

    def __init__(self, task: Task, writer: RunWriter, planner: Planner, callback: MetricsCallback) -> None:
        self.task, self.writer, self.planner, self.callback = task, writer, planner, callback
        monitor = task.monitor
        self.history = MetricsHistory(monitor.metric, monitor.reference, monitor.better, monitor.ties)

    def step(self, step: int, values: Mapping[str, float], seconds: float) -> None:
        """An update that took ``seconds``."""
        plan = self.planner.plans.at(step)
        epoch = plan.epoch_of(step)
        fields = {"step": step, "total_steps": plan.total_steps, **values, "step_time_s": seconds}
        self.writer.event("step", epoch=epoch, **fields)
        self.writer.update(
            phase="train",
            step=step,
            metrics=values,
            eta_s=self.planner.eta_s(step),
            steps_per_s=self.planner.pace(step),
            epoch=epoch,
        )
        self.callback(StepMetrics.model_validate({"epoch": epoch, **fields}))

    def epoch(self, metrics: EpochMetrics, tracker: TrackerState) -> None:
        """A finished epoch, and what is newly true of its curves."""
        self.history.add_epoch(metrics)
        fields = metrics.model_dump(exclude_none=True)
        self.writer.event("epoch", **fields)
        evidence = gather(self.history, self.task.monitor, self.task.num_val_files)
        findings = diagnose(evidence, self.task.monitor, self.task.diagnose(self.history))
        for diagnosis in newly_true(findings, tracker.told, metrics.epoch):
            self.writer.warn(f"Epoch {metrics.epoch}: {diagnosis.message}", code=diagnosis.code, epoch=metrics.epoch)
        named = {name: value for name, value in fields.items() if isinstance(value, float)}
        self.writer.update(
            metrics={name: value for name, value in named.items() if not name.endswith("_seconds")},
            overfitting_gap=metrics.overfitting_gap,
            best=tracker.best_record(),
            evidence=evidence,
            diagnosis=findings,
        )
        self.callback(metrics)

    def standing(self, tracker: TrackerState, *, over: bool) -> None:
        """What the last epoch showed: of a run that goes on where it stands, of one that ends how it went."""
        monitor = self.task.monitor
        evidence = gather(self.history, monitor, self.task.num_val_files)
        findings = diagnose(evidence, monitor, self.task.diagnose(self.history), over=over)
        # The best too: what a killed session found after its last checkpoint is not kept.
        self.writer.update(evidence=evidence, diagnosis=findings, best=tracker.best_record())

    def planned(self, record: PlanRecord) -> None:
        """The rest was planned anew, as ``record`` says."""
        self.callback(
            PlannedAnew(total_epochs=record.total_epochs, total_steps=record.total_steps, reason=record.reason)
        )

    def complete(self, epoch: int, tracker: TrackerState) -> None:
        """The run has come to its end."""
        best, last = tracker.best, tracker.last_epoch
        event = TrainingCompleteEvent(
            total_epochs=epoch,
            total_time_s=self.writer.elapsed_s,
            final_train_loss=last.get("train_loss", math.nan),
            final_val_loss=last.get("val_loss", math.nan),
            best_val_loss=math.nan if best is None else best.val_loss,
            best_epoch=0 if best is None else best.epoch,
        )
        self.writer.event("complete", **event.model_dump())
        self.callback(event)

    def warn_once(self, code: str, message: str, tracker: TrackerState) -> None:
        """Each code once a run, however often it is resumed."""
        if code not in tracker.warned:
            tracker.warned.append(code)
            self.writer.warn(message, code=code)

    def measured(self) -> dict[str, float]:
        """The monitored metric of the last epoch; empty before the first."""
        last = self.history.epochs.get(max(self.history.epochs, default=0))
        value = getattr(last, self.task.monitor.metric, None)
        return {} if value is None else {self.task.monitor.metric: float(value)}
