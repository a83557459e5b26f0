"""Runs that differ in their seed alone, put together: what is compared then are their settings."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from app.runs.compared import Compared
from engine.claims.seeds import OverSeeds
from engine.rundir.view import ShownState

# What makes no other settings: the seed itself, and how a computer was used for them. Threads and devices change bits,
# as they add up in another order: by less than a seed does, and in no direction. So they are part of the scatter.
_NO_SETTING = frozenset({"seed", "threads", "num_workers", "device"})


@dataclass(frozen=True)
class Group:
    """Runs of the same settings. number: from 1, their place among the groups and so their colour."""

    number: int
    name: str
    runs: tuple[Compared, ...]

    @property
    def over_seeds(self) -> OverSeeds | None:
        """The best values of those that count; None before any has one."""
        values = [best for one in self.runs if (best := _final(one)) is not None]
        return OverSeeds(self.name, values) if values else None

    @property
    def not_counted(self) -> list[str]:
        """The names of its runs that have not come to their end, or to no figure: their best so far is no result."""
        return [one.name for one in self.runs if _final(one) is None]


def grouped(runs: Sequence[Compared]) -> list[Group]:
    """In the order of their first runs. Of two with one seed each stands in a group of its own: they repeat nothing."""
    found: dict[tuple[str, int], list[Compared]] = {}
    seen: Counter[tuple[str, object]] = Counter()
    for one in runs:
        settings, seed = _settings(one), one.run.config.training.get("seed")
        found.setdefault((settings, seen[settings, seed]), []).append(one)
        seen[settings, seed] += 1
    names = [_name(group) for group in found.values()]
    often = Counter(names)
    return [
        Group(number, name if often[name] == 1 else f"{name} · {group[0].reader.id}", tuple(group))
        for number, (name, group) in enumerate(zip(names, found.values(), strict=True), 1)
    ]


def repeated(groups: Sequence[Group]) -> bool:
    """Whether any settings were tried with more than one seed, so that there is a mean to show."""
    return any(len(one.runs) > 1 for one in groups)


def coloured(groups: Sequence[Group]) -> dict[str, int]:
    """By run, the number of its group."""
    return {one.reader.id: group.number for group in groups for one in group.runs}


def recoloured(runs: Sequence[Compared]) -> list[Compared]:
    """The runs in the colours of their groups."""
    numbers = coloured(grouped(runs))
    return [replace(one, number=numbers[one.reader.id]) for one in runs]


def _final(one: Compared) -> float | None:
    """The best value of a run that is completed."""
    status = one.view.status
    if one.view.state is not ShownState.COMPLETED or status is None or status.best is None:
        return None
    return status.best.raw if math.isfinite(status.best.raw) else None


def _settings(one: Compared) -> str:
    """All that was decided of a run but its seed, as text; runs that begin elsewhere or were extended are others."""
    run = one.run
    training = {name: value for name, value in run.config.training.items() if name not in _NO_SETTING}
    parent = run.parent.model_dump() if run.parent is not None else None
    where = run.source.model_dump()
    # Epochs are a length, minutes come to as many updates as the computer makes of them.
    longer = [
        (plan.reason, plan.total_epochs if plan.minutes is None else None)
        for plan in one.reader.plans()
        if plan.extends
    ]
    return json.dumps([run.task, where, training, run.config.task, parent, longer], sort_keys=True, default=str)


def _name(group: Sequence[Compared]) -> str:
    """What their names have in common, whole words of it; the first one's where that is nothing."""
    if len(group) == 1:
        return group[0].name
    each = zip(*(one.name.split(" ") for one in group), strict=False)
    shared = " ".join(words[0] for words in takewhile(lambda words: len(set(words)) == 1, each))
    return shared.removesuffix(" seed").strip(" ·-") or group[0].name
