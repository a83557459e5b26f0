"""More of a run than was planned: from where it stands, in place of what was left."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.loop.plan_history import PlanSegment
from engine.quantities import counted, plural


@dataclass(frozen=True)
class More:
    """What a run is to go on for: whole epochs, or minutes of wall time. One of the two."""

    epochs: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        assert (self.epochs is None) != (self.minutes is None)

    def __str__(self) -> str:
        if self.minutes is not None:
            return f"{self.minutes:g} {plural(self.minutes, 'minute')}"
        return counted(self.epochs or 0, "epoch")

    def after(self, segment: PlanSegment, step: int, spent_s: float) -> PlanSegment:
        """The plan from ``step`` on, after ``segment``. spent_s: what came before took; minutes end by the clock.

        Schedules go on from where they are. Those of a run that had come to its end have nowhere to go on from: they
        go back to the part of the longer run that lies behind. Minutes before the first update have no pace to be
        counted by: they begin with the length that was planned, which the clock then corrects.
        """
        if self.epochs is not None:
            ends = step if segment.ends_epoch(step) else segment.end_of_epoch(step)
            total = ends + self.epochs * segment.steps_per_epoch
        else:
            assert self.minutes is not None
            paced = step + max(1, round(60 * self.minutes * step / max(spent_s, 1e-3)))
            total = paced if step else segment.total_steps
        longer = segment.ending(step, total)
        return longer if step < segment.total_steps else replace(longer, progress=step / total)
