"""A run's curves, sounds and pictures for other monitors: what of it goes where, by which name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import RunDirectoryError
from engine.rundir.reader import RunReader
from engine.rundir.reading import read_own
from engine.sharing.event_file import EventFile

_BLOCK = 1 << 20
_MOST_BYTES = 32 << 20  # a preview has less by far
_MOST_STEP = 2**63
# Where and when something was measured: the axes, not the curves.
_AXES = {"at", "elapsed_s", "elapsed_seconds", "step", "epoch", "total_steps", "total_epochs"}
_CURVES = ("step", "epoch", "memory")


@dataclass(frozen=True)
class _Shown:
    """Files of a preview by what they are ("sound", "picture"), relative to the run; its name and moment."""

    name: str
    files: Mapping[str, str]
    step: int
    at: float


class RunLog:
    """Writes what a run records into an event file, from its beginning and then what is new.

    Tags: ``step/NAME``, ``epoch/NAME`` and ``memory/NAME`` for every number of such an event; ``sounds/ROLE-00`` and
    ``pictures/ROLE-00`` for previews, which must differ, for TensorBoard knows one kind of thing by one tag. All lie at
    the step and the time of day that the run says.

    points, sounds, pictures: how many were written. left_out: files of previews that are gone or damaged.
    """

    def __init__(self, reader: RunReader, file: EventFile) -> None:
        self._reader, self._file = reader, file
        self._offset = 0
        self._step = 0
        self._shown: dict[str, _Shown] = {}
        self.points = self.sounds = self.pictures = 0
        self.left_out: set[str] = set()

    def catch_up(self) -> None:
        """Write what has come since. ``RunDirectoryError`` when another file lies in the place of the run's."""
        while True:
            events, end = self._reader.events(self._offset, _BLOCK)
            if end < self._offset:
                raise RunDirectoryError(
                    f"{self._reader.root} is no longer the run that was read: its records were replaced or removed.",
                    "Name it again, with another --out.",
                )
            for event in events:
                self._take(event)
            if end == self._offset:
                break
            self._offset = end
        self._file.flush()

    def _take(self, event: dict[str, Any]) -> None:
        kind, at = event.get("event"), _number(event.get("at"))
        step = event.get("step", self._step)  # memory is measured by the clock, between two steps
        if at is None or type(step) is not int or not 0 <= step < _MOST_STEP:
            return
        if kind == "step":
            self._advance(step, at)
        if kind in _CURVES:
            named = {f"{kind}/{name}": _number(value) for name, value in event.items() if name not in _AXES}
            values = {tag: value for tag, value in named.items() if value is not None}
            self._file.scalars(values, step, at)
            self.points += len(values)
        elif kind == "preview":
            self._preview(event, step, at)

    def _advance(self, step: int, at: float) -> None:
        """A step that was there already comes again after a kill: the curves begin anew there.

        ``restart`` drops the previews shown since; they are shown again, as a resumed run tells of none that it finds.
        """
        if step <= self._step:
            self._file.restart(step, at)
            for one in self._shown.values():
                if one.step >= step:
                    self._show(one)
        self._step = step

    def _preview(self, event: dict[str, Any], step: int, at: float) -> None:
        found = {"sound": event.get("audio_path"), "picture": event.get("image_path")}
        files = {what: path for what, path in found.items() if isinstance(path, str)}
        role, index = event.get("role"), event.get("index")
        if not files or not isinstance(role, str) or type(index) is not int:
            return
        key = " ".join(files.values())
        if key in self._shown:  # the reference is said with every preview, and written once
            return
        self._shown[key] = _Shown(f"{role}-{index:02d}", files, step, at)
        self._show(self._shown[key], count=True)

    def _show(self, one: _Shown, count: bool = False) -> None:
        own = {path for found in self._reader.previews() for path in found.files.values()}
        for what, path in one.files.items():
            data = read_own(self._reader.root / path, _MOST_BYTES) if path in own else None
            write = self._file.sound if what == "sound" else self._file.picture
            if data is None or not write(f"{what}s/{one.name}", data, one.step, one.at):
                self.left_out.add(path)
            elif count:
                self.sounds += what == "sound"
                self.pictures += what == "picture"


def _number(value: object) -> float | None:
    """A figure as the format holds it; None for what is none, as a list or a word."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # more digits than a number of anybody's run can have
        return None
