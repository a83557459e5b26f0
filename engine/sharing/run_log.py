"""A run's curves, sounds and pictures for other monitors: what of it goes where, by which name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import RunDirectoryError
from engine.rundir.reader import RunReader
from engine.rundir.reading import read_own
from engine.sharing.event_file import EventFile

_BLOCK = 1 << 20
_MOST_BYTES = 32 << 20  # a preview has less by far
_MOST_STEP = 2**63
MOST_AGAIN = 10  # times that one preview is written again: a run of a few kilobytes could ask for any number
# Where and when something was measured: the axes, not the curves.
_AXES = {"at", "elapsed_s", "elapsed_seconds", "step", "epoch", "total_steps", "total_epochs"}
_CURVES = ("step", "epoch", "memory")


@dataclass
class _Shown:
    """A file of a preview: what it is ("sound", "picture"), its path relative to the run, its name and moment.

    again: how often it was written after the first time.
    """

    what: str
    path: str
    name: str
    step: int
    at: float
    again: int = 0


class RunLog:
    """Writes what a run records into an event file, from its beginning and then what is new.

    Tags: ``step/NAME``, ``epoch/NAME`` and ``memory/NAME`` for every number of such an event; ``sounds/ROLE-00`` and
    ``pictures/ROLE-00`` for previews, which must differ, for TensorBoard knows one kind of thing by one tag. All lie at
    the step and the time of day that the run says.

    points, sounds, pictures: how many were written. left_out: files of previews that are gone or damaged. overlaid:
    whether steps came again so often that later ones lie over those before.
    """

    def __init__(self, reader: RunReader, file: EventFile) -> None:
        self._reader, self._file = reader, file
        self._offset = 0
        self._step = 0
        self._shown: dict[str, _Shown] = {}
        self._last_shown = 0  # of their steps
        self._own: set[str] = set()
        self.points = self.sounds = self.pictures = 0
        self.left_out: set[str] = set()
        self.overlaid = False

    def catch_up(self, stopped: Callable[[], bool]) -> None:
        """Write what has come since, until ``stopped``. ``RunDirectoryError`` when another file lies in the place of
        the run's."""
        while True:
            events, end = self._reader.events(self._offset, _BLOCK)
            if end < self._offset:
                raise RunDirectoryError(
                    f"{self._reader.root} is no longer the run that was read: its records were replaced or removed.",
                    "Name it again, with another --out.",
                )
            if events:
                self._own = {path for found in self._reader.previews() for path in found.files.values()}
            for event in events:
                if stopped():
                    return
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
        if step <= self._step and not self.overlaid:
            dropped = [one for one in self._shown.values() if one.step >= step] if step <= self._last_shown else []
            self.overlaid = any(one.again == MOST_AGAIN for one in dropped)
            if not self.overlaid:
                self._file.restart(step, at)
                for one in dropped:
                    one.again += 1
                    self._show(one)
        self._step = step

    def _preview(self, event: dict[str, Any], step: int, at: float) -> None:
        found = {"sound": event.get("audio_path"), "picture": event.get("image_path")}
        role, index = event.get("role"), event.get("index")
        if not isinstance(role, str) or type(index) is not int:
            return
        for what, path in found.items():
            # The reference is said with every preview, and written once.
            if not isinstance(path, str) or path in self._shown or path in self.left_out:
                continue
            one = _Shown(what, path, f"{role}-{index:02d}", step, at)
            if self._show(one):
                self._shown[path] = one
                self._last_shown = max(self._last_shown, step)
                self.sounds += what == "sound"
                self.pictures += what == "picture"

    def _show(self, one: _Shown) -> bool:
        data = read_own(self._reader.root / one.path, _MOST_BYTES) if one.path in self._own else None
        write = self._file.sound if one.what == "sound" else self._file.picture
        shown = data is not None and write(f"{one.what}s/{one.name}", data, one.step, one.at)
        if not shown:
            self.left_out.add(one.path)
        return shown


def _number(value: object) -> float | None:
    """A figure as the format holds it; None for what is none, as a list or a word."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # more digits than a number of anybody's run can have
        return None
