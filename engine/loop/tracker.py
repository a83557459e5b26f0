"""What the training loop remembers from step to step. Plain numbers: no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from engine.curves import gap_of, smooth, smoothed
from engine.rundir.status import Best
from engine.sweet_range import SweetRange, sweet_range


@dataclass(frozen=True)
class BestEpoch:
    """The best epoch so far by the monitored ``metric``: ``value`` smoothed, ``raw`` as it was measured."""

    metric: str
    value: float
    raw: float
    epoch: int
    step: int
    val_loss: float


@dataclass(frozen=True)
class EpochResult:
    """What a finished epoch came to. smoothed: of the monitored metric. gap: the overfitting gap, None if unknown."""

    epoch: int
    smoothed: float
    gap: float | None
    sweet_range: SweetRange | None

    @property
    def is_best(self) -> bool:
        return self.sweet_range is not None and self.sweet_range.best == self.epoch


@dataclass
class TrackerState:
    """What the loop remembers from step to step; all of it in every checkpoint.

    warned: codes said once a run. told: findings that were warned of, and the epoch at which each was last true.
    """

    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0
    epochs: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    files: list[list[float]] = field(default_factory=list)
    ties: list[float] = field(default_factory=list)  # of a task whose metric has them: one an epoch
    smoothed_reference: float | None = None
    best: BestEpoch | None = None
    skipped_in_a_row: int = 0
    skipped: int = 0
    warned: list[str] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    elapsed_s: float = 0.0
    clock: dict[str, float] = field(default_factory=dict)  # of a run with minutes: see engine.loop.timekeeper
    last_epoch: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.epochs) == len(self.values) == len(self.files) or len({len(row) for row in self.files}) > 1:
            raise ValueError("its curves have holes")
        if self.ties and len(self.ties) != len(self.epochs):
            raise ValueError("its curves have holes")

    def add(self, values: Mapping[str, float]) -> None:
        """One step of the epoch under way."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def close_epoch(self) -> dict[str, float]:
        """The means over the epoch's steps; the next epoch begins empty."""
        means = {name: total / max(1, self.count) for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means

    def judge(
        self,
        epoch: int,
        value: float,
        files: list[float],
        reference: float | None,
        tie: float | None = None,
        better: str = "lower",
    ) -> EpochResult:
        """Take in a finished epoch: the monitored value, the same file by file, and its counterpart on own items.

        tie: decides between epochs of equal value; of one task always or never. better: which values of the metric are.
        """
        self.epochs.append(epoch)
        self.values.append(value)
        self.files.append(files)
        if tie is not None:
            self.ties.append(tie)
        if reference is not None:
            self.smoothed_reference = smoothed(self.smoothed_reference, reference)
        now = smooth(self.values)[-1]
        return EpochResult(epoch, now, gap_of(self.smoothed_reference, now, better), self.sweet_range(better))

    def sweet_range(self, better: str) -> SweetRange | None:
        """As the epochs so far show it; None before the first finite value."""
        return sweet_range(self.epochs, self.values, self.files, better, self.ties)

    def best_record(self) -> Best | None:
        return None if self.best is None else Best.model_validate(asdict(self.best))
