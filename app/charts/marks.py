"""What happened to a run, as marks along its main chart. Pure, no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from app.charts.table import Rows
from app.charts.x_axis import Window, XAxis
from app.runs.columns import Floats
from engine.rundir.protocol import PlanRecord

Kind = Literal["preview", "checkpoint", "resumed", "planned"]
# Of those in sight; zooming in shows the others, and the lists beside the chart have them all. A new plan has a rule
# through the curves as well.
MOST: dict[Kind, int] = {"preview": 40, "checkpoint": 40, "resumed": 40, "planned": 20}
NOTABLE = 0.1  # of a run: what its end has to move by for a new plan to be shown
LEGEND: dict[Kind, str] = {
    "preview": "▲ preview",
    "checkpoint": "● checkpoint",
    "resumed": "↻ resumed",
    "planned": "◆ planned anew",
}


@dataclass(frozen=True)
class Mark:
    """After update ``step`` something happened; said: the same for the tooltip, like "checkpoint"."""

    kind: Kind
    step: int
    said: str


def turns(plans: Sequence[PlanRecord], first_total: int) -> list[PlanRecord]:
    """Those that moved the end notably from where it was shown last, and those that a user asked for.

    first_total: updates of the first plan. On a busy machine there are dozens of others, each a small correction.
    """
    found, shown = [], first_total
    for plan in plans:
        if plan.extends or abs(plan.total_steps - shown) > NOTABLE * shown:
            found.append(plan)
            shown = plan.total_steps
    return found


def add_marks(rows: Rows, marks: Sequence[Mark], at: XAxis, window: Window) -> None:
    """Marks within ``window``, at most ``MOST`` of a kind, evenly chosen, each with its update as its text; and a
    legend of the kinds that there are."""
    kinds = [kind for kind in LEGEND if any(mark.kind == kind for mark in marks)]
    for kind in kinds:
        steps = [mark.step for mark in marks if mark.kind == kind]
        places = at.of_steps(np.array(steps, float))
        seen, first = np.unique(places, return_index=True)
        inside = (seen >= window[0]) & (seen <= window[1])
        seen, first = seen[inside], first[inside]
        if len(seen):
            few = np.unique(np.linspace(0, len(seen) - 1, MOST[kind]).round().astype(int))  # the first and last too
            rows.add(kind, "base", x=seen[few], t=[str(steps[place]) for place in first[few]])
    if kinds:
        rows.add("legend", "base", x=0.0, t="\u2003".join(LEGEND[kind] for kind in kinds))


def add_chosen(rows: Rows, step: int | None, at: XAxis, window: Window) -> None:
    """A rule at the update whose sounds are heard, where it lies in ``window``."""
    place = at.of_steps(np.array([] if step is None else [step], float))
    rows.add("chosen", "done", x=place[(place >= window[0]) & (place <= window[1])])


def picked(state: Any, name: str) -> frozenset[int]:
    """The updates of the marks that were clicked an odd number of times, from what Streamlit keeps of a chart."""
    try:
        return frozenset(int(one["t"]) for one in state["selection"][name])
    except (KeyError, TypeError, ValueError):
        return frozenset()


def beside(marks: Sequence[Mark], at: XAxis, places: Floats) -> list[str]:
    """What happened nearest to each of ``places``, which grow: a line a thing, each thing once."""
    said: list[list[str]] = [[] for _ in places]
    if not len(places):
        return []
    between = (places[1:] + places[:-1]) / 2
    where = at.of_steps(np.array([mark.step for mark in marks], float))
    reach = float(np.diff(places).max(initial=0.0)) or 1.0
    for mark, place in zip(marks, where, strict=True):
        if places[0] - reach <= place <= places[-1] + reach:
            lines = said[int(np.searchsorted(between, place))]
            lines += [mark.said] if mark.said not in lines else []
    return ["\n".join(lines) for lines in said]
