"""What there is to hear of a run, by the moment it was made at. Pure, no Streamlit.

A choice is what a side of the bench is set to: "new" and "copy" follow the slider, "new@2970" and "copy@2970" stay at
that update, "original" and "recording" belong to no moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.panels.previews import BEFORE, Caption, moment_parts, sort_previews
from engine.rundir.artefacts import PreviewSet

_NAMES: dict[str, str] = {"new": "New sound", "copy": "Copy", "original": "Original", "recording": "Nearest recording"}


@dataclass(frozen=True)
class Moments:
    """All sounds of a run. captions: what stands beside each, by (epoch, step)."""

    found: Sequence[PreviewSet]
    captions: Mapping[tuple[int, int], Caption]

    @cached_property
    def _sorted(self) -> tuple[list[PreviewSet], list[PreviewSet], list[PreviewSet]]:
        originals, copies, samples = sort_previews([one for one in self.found if "wav" in one.files])
        return originals, copies, samples

    @property
    def original(self) -> PreviewSet | None:
        return next(iter(self._sorted[0]), None)

    @cached_property
    def steps(self) -> list[int]:
        """The updates after which something was made, in their order."""
        return sorted({one.step for part in self._sorted[1:] for one in part})

    @cached_property
    def _by_step(self) -> dict[int, Caption]:
        return {
            one.step: self.captions.get((one.epoch, one.step), Caption(*moment_parts(one)))
            for part in self._sorted[1:]
            for one in part
        }

    def caption(self, step: int) -> Caption:
        return self._by_step[step]

    def where(self, step: int) -> str:
        """ "epoch 31", "step 50", or "before learning"."""
        return BEFORE if step == 0 else self.caption(step).spoken

    @property
    def sweet(self) -> int | None:
        """The update nearest the sweet spot."""
        return next((step for step in self.steps if self.caption(step).sweet), None)

    def copies(self, step: int) -> list[PreviewSet]:
        return _at(self._sorted[1], step)

    def samples(self, step: int) -> list[PreviewSet]:
        return _at(self._sorted[2], step)

    def nearest_step(self, step: int) -> int:
        """The moment nearest to an update; of two as near the earlier one."""
        return min(self.steps, key=lambda one: (abs(one - step), one))

    def choices(self, recording: bool) -> list[str]:
        """All that a side can be set to; recording: whether the nearest one can be heard."""
        _, copies, samples = self._sorted
        follow = [name for name, part in (("copy", copies), ("new", samples)) if part]
        alone = [name for name, there in (("original", self.original), ("recording", recording)) if there]
        made = {"new": {one.step for one in samples}, "copy": {one.step for one in copies}}
        fixed = [f"{kind}@{step}" for step in reversed(self.steps) for kind in ("new", "copy") if step in made[kind]]
        return [*follow, *alone, *fixed]

    def name(self, choice: str) -> str:
        """As the list of choices calls it."""
        kind, _, step = choice.partition("@")
        if step:
            return f"{_NAMES[kind]}, {self.where(int(step))}"
        return f"{_NAMES[kind]} at the slider" if kind in ("new", "copy") else _NAMES[kind]

    def sound(self, choice: str, step: int) -> tuple[str, PreviewSet] | None:
        """(kind, preview) that a choice means while the slider stands at ``step``; None where there is none, as for a
        recording."""
        kind, _, fixed = choice.partition("@")
        if kind == "original":
            return None if self.original is None else (kind, self.original)
        part = {"copy": self._sorted[1], "new": self._sorted[2]}.get(kind, [])
        at = int(fixed) if fixed else step
        near = min(part, key=lambda one: (abs(one.step - at), one.step, one.index), default=None)
        return None if near is None else (kind, near)


def title(kind: str, where: str) -> str:
    """ "Copy, epoch 31"."""
    return f"{_NAMES[kind]}, {where}" if where else _NAMES[kind]


def phrase(kind: str, where: str, alike: bool) -> str:
    """In a sentence: "the copy of epoch 31"; alike: where both are of one kind their moments tell them apart."""
    if not where:
        return f"the {_NAMES[kind].lower()}"
    moment = where if where != BEFORE else f"the one {BEFORE}"
    if alike:
        return moment
    return f"the {_NAMES[kind].lower()} {'of ' if where != BEFORE else ''}{where}"


def _at(part: Sequence[PreviewSet], step: int) -> list[PreviewSet]:
    return [one for one in part if one.step == step]
