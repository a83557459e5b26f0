"""What training reports, and what can be read off it: curves, the best epoch, the time left, the overfitting gap.

"Best" is judged everywhere by the smoothed clean validation metric that the task monitors: the lowest of an error, the
highest of a score (accuracy, R²). Clean is on fixed held-out items, in evaluation mode, with averaged weights. Losses
of different KL weights cannot be compared, and validation with a sampled code is noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from engine.rundir.findings import SweetRange

OVERFITTING_GAP = 0.2
LEARNED_SOMETHING = 0.1
SMOOTHING = 0.5
EQUAL_PART = 1e-4
FEWEST_FILES = 3
STAGNATION_EPOCHS, NOTHING_LEFT = 30, 0.001
NOTABLE_PART, CLEAR_PART = 0.01, 0.02  # of an error: less than the first nobody hears; from the second on it is plain
RECENT_BENDS = 30


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


def compute_overfitting_gap(train: float, val: float, better: str = "lower") -> float:
    """How far validation lies behind training, as a fraction of training's figure; 0 where that says nothing.

    (val - train) / train for two errors of at least 0; (train - val) / train for two scores such as accuracies. A
    figure that is not finite, or of training that is not positive, has no gap. Raises nothing: it is only shown.
    """
    if not (math.isfinite(train) and math.isfinite(val)) or train <= 0:
        return 0.0
    return (val - train) / train if better == "lower" else (train - val) / train


def gap_of(own: float | None, new: float | None, better: str = "lower") -> float | None:
    """The overfitting gap of two smoothed figures; None without both: nothing is known then, which is not "no gap"."""
    if own is None or new is None or not (math.isfinite(own) and math.isfinite(new)):
        return None
    return compute_overfitting_gap(own, new, better)


def better_than_baseline(value: float, baseline: float | None, better: str = "lower") -> float | None:
    """The part of the baseline's error that is gone: 0.34 is 34 % better. None without a baseline.

    The error of a score (better "higher") is what it lacks to 1, the highest an accuracy or an R² can be.
    """
    if baseline is not None and better == "higher":
        value, baseline = 1.0 - value, 1.0 - baseline
    if baseline is None or baseline <= 0 or not math.isfinite(value):
        return None
    return 1.0 - value / baseline


def smoothed(previous: float | None, value: float) -> float:
    """One step of the exponential average that best and gap are judged on; begun anew around a non-finite value."""
    if previous is None or not (math.isfinite(previous) and math.isfinite(value)):
        return value
    return SMOOTHING * previous + (1 - SMOOTHING) * value


def smooth(values: Sequence[float]) -> list[float]:
    """:func:`smoothed` along a whole curve."""
    out: list[float] = []
    for value in values:
        out.append(smoothed(out[-1] if out else None, value))
    return out


def is_better(value: float, best: float, better: str = "lower") -> bool:
    """Whether a smoothed value beats the best so far by more than a ten-thousandth of it.

    Less than that nobody hears, and a smoothed curve creeps by it for dozens of epochs after it came to rest.
    """
    margin = EQUAL_PART * abs(best)
    return value < best - margin if better == "lower" else value > best + margin


def best_place(values: Sequence[float], better: str = "lower", ties: Sequence[float] = ()) -> int | None:
    """The place of the best of smoothed ``values``; None without a finite one.

    ties [places]: decides between equals, lower is better, smoothed alike; without it, and where that is equal too, the
    first of them counts. The one owner of what "best" is: who follows a run, keeps its best weights or reads its record
    asks here.
    """
    second = smooth(ties) or [math.nan] * len(values)
    best, least, found = math.nan, math.nan, None
    for place, (value, tie) in enumerate(zip(smooth(values), second, strict=True)):
        if not math.isfinite(value):
            continue
        if found is None or is_better(value, best, better):
            best, least, found = value, tie, place
        elif not is_better(best, value, better) and is_better(tie, least):
            least, found = tie, place  # ``best`` stays: equals of equals would creep away from it
    return found


def last_improvement(curve: list[float], better: str = "lower") -> int | None:
    """The place in a smoothed curve where its error last fell notably; None without a number.

    Notably is by a hundredth, and by a thousandth of where it began. A smoothed curve creeps on for long after what it
    follows has come to rest, so that its very best place is nearly always the last one and would never tell a plateau.
    """
    place, least, floor = None, math.inf, 0.0
    for index, error in enumerate(errors_of(curve, better)):
        if not math.isfinite(error):
            continue
        if place is None:
            place, least, floor = index, error, NOTHING_LEFT * abs(error)
        elif error < least - max(floor, NOTABLE_PART * abs(least)):
            place, least = index, error
    return place


def jitter(values: Sequence[float]) -> float:
    """The median size of a curve's last thirty second differences, which neither a slope nor a slow bend moves.

    In the unit of ``values``; 0 with fewer than three finite ones in a row. What noise it comes from depends on how the
    curve was smoothed: who asks scales it.
    """
    last = values[-RECENT_BENDS - 2 :]
    bends = [after - 2 * here + before for before, here, after in zip(last, last[1:], last[2:], strict=False)]
    sizes = [abs(bend) for bend in bends if math.isfinite(bend)]
    return median(sizes) if sizes else 0.0


def errors_of(curve: list[float], better: str = "lower") -> list[float]:
    """``curve`` as errors: that of a score is what it lacks to 1."""
    return curve if better == "lower" else [1.0 - value for value in curve]


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
