"""What training reports, and the epochs and steps of a run in order.

Validation is clean: on fixed held-out items, in evaluation mode, with averaged weights. "Best" is judged by it, see
:mod:`engine.curves`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.curves import OVERFITTING_GAP, best_place, gap_of, smooth
from engine.rundir.findings import SweetRange


class _Metrics(BaseModel):
    model_config = ConfigDict(extra="allow", ser_json_inf_nan="strings")


class StepMetrics(_Metrics):
    """One update. ``train_loss = recon_loss + kl_weight * kl_loss`` where the task has those parts."""

    epoch: int
    step: int
    total_steps: int
    train_loss: float
    learning_rate: float
    grad_norm: float | None = None
    step_time_s: float = 0.0
    recon_loss: float | None = None
    kl_loss: float | None = None
    kl_weight: float | None = None


class EpochMetrics(_Metrics):
    """One finished epoch. ``train_loss`` is the mean over its updates; validation is clean (see the module)."""

    epoch: int
    total_epochs: int
    train_loss: float
    val_loss: float
    learning_rate: float
    step: int = 0
    val_recon_loss: float | None = None
    val_kl_loss: float | None = None
    kl_divergence: float | None = Field(None, description="KL itself: nats, summed over dimensions, without a clamp.")
    overfitting_gap: float | None = None
    sweet_range: SweetRange | None = Field(None, description="The sweet range as it stood after this epoch.")
    eta_seconds: float | None = Field(default=None, description="None until its pace is known.")
    elapsed_seconds: float = 0.0


class PreviewEvent(_Metrics):
    """A preview was written. ``audio_path`` is relative to the run directory."""

    epoch: int
    audio_path: str
    sample_rate: int


class TrainingCompleteEvent(_Metrics):
    """The run has ended by itself. ``best_val_loss`` is the validation loss of the best epoch (see the module)."""

    total_epochs: int
    total_time_s: float
    final_train_loss: float
    final_val_loss: float
    best_val_loss: float
    best_epoch: int


class PlannedAnew(_Metrics):
    """The rest of a run with minutes was planned anew, and why."""

    total_epochs: int
    total_steps: int
    reason: str


MetricsCallback = Callable[[StepMetrics | EpochMetrics | PreviewEvent | PlannedAnew | TrainingCompleteEvent], None]


class MetricsHistory:
    """The epochs and steps of a run in order. The last record of a step or an epoch wins, as in metrics.jsonl.

    Also for programs of one's own that read a record: :meth:`get_loss_curves`, :meth:`get_best_epoch`,
    :meth:`compute_eta`, :meth:`is_overfitting`, :meth:`to_dict` and :meth:`from_dict` are for those alone.

    metric, reference: the monitored validation metric and its counterpart on training items; empty: there is none.
    ties: the metric that decides between epochs which are equal by it; empty: the first does.
    """

    def __init__(self, metric: str = "val_loss", reference: str = "", better: str = "lower", ties: str = "") -> None:
        self.metric = metric
        self.reference = reference
        self.better = better
        self.ties = ties
        self.steps: dict[int, StepMetrics] = {}
        self.epochs: dict[int, EpochMetrics] = {}

    def add_step(self, step: StepMetrics) -> None:
        self.steps[step.step] = step

    def add_epoch(self, epoch: EpochMetrics) -> None:
        self.epochs[epoch.epoch] = epoch

    def column(self, name: str) -> list[float]:
        """One metric over the epochs in order; NaN where an epoch lacks it."""
        values = (getattr(self.epochs[epoch], name, None) for epoch in sorted(self.epochs))
        return [math.nan if value is None else float(value) for value in values]

    def get_loss_curves(self) -> dict[str, list[float]]:
        """train_losses, val_losses, kl_losses and recon_losses over the epochs; NaN where a task has none."""
        return {
            "train_losses": self.column("train_loss"),
            "val_losses": self.column("val_loss"),
            "kl_losses": self.column("val_kl_loss"),
            "recon_losses": self.column("val_recon_loss"),
        }

    def get_best_epoch(self) -> int | None:
        """The epoch whose smoothed monitored metric is best (see :func:`best_place`); None before the first epoch."""
        found = self.sweet_range()
        return None if found is None else found.best

    def sweet_range(self) -> SweetRange | None:
        """As the last epoch brought it, also where the disk lost epochs before; else the best epoch, and no more."""
        if not self.epochs:
            return None
        last = max(self.epochs)
        last_range = self.epochs[last].sweet_range
        place = best_place(self.monitored(), self.better, self.column(self.ties) if self.ties else ())
        if last_range is not None or place is None:
            return last_range
        best = sorted(self.epochs)[place]
        return SweetRange(best, best, last, 0, False, False, None, None)

    def compute_eta(self, current: int, total: int) -> float | None:
        """Seconds from step ``current`` to step ``total`` at the pace of the last hundred; None before the first.

        Of updates alone, all that a record tells: a run's own ``eta_seconds`` counts checks, previews and saves too.
        """
        last = list(self.steps.values())[-100:]
        if not last:
            return None
        pace = sum(step.step_time_s for step in last) / len(last)
        return max(0, total - current) * pace

    def gap(self) -> float | None:
        """The overfitting gap of the smoothed monitored metric now; None without both curves."""
        reference, metric = smooth(self.column(self.reference)), smooth(self.monitored())
        return gap_of(reference[-1], metric[-1], self.better) if metric else None

    def is_overfitting(self, threshold: float = OVERFITTING_GAP) -> bool:
        """Whether validation has parted from training by more than ``threshold`` (a fraction).

        By the two curves; where one of them was not recorded, by the gap that the last epoch brought itself.
        """
        gap = self.gap()
        if gap is None and self.epochs:
            gap = self.epochs[max(self.epochs)].overfitting_gap
        return gap is not None and gap > threshold

    def to_dict(self) -> dict[str, Any]:
        return {
            "monitor": {"metric": self.metric, "reference": self.reference, "better": self.better, "ties": self.ties},
            "steps": [step.model_dump() for step in self.steps.values()],
            "epochs": [epoch.model_dump() for epoch in self.epochs.values()],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MetricsHistory:
        history = cls(**values["monitor"])
        for step in values["steps"]:
            history.add_step(StepMetrics.model_validate(step))
        for epoch in values["epochs"]:
            history.add_epoch(EpochMetrics.model_validate(epoch))
        return history

    def monitored(self) -> list[float]:
        """The monitored metric over the epochs. No other stands in: nothing says which way that is better."""
        return self.column(self.metric)
