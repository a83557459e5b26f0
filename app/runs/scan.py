"""What a folder of sounds is like, found out once for all tabs. The sounds are decoded by child processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from engine.audio.files.find import find_files
from engine.audio.settings import DecodeSettings
from engine.collection.collection import Collection, open_collection
from engine.collection.health import Health, examine
from engine.config import TrainingConfig
from engine.registry import find_source
from engine.stamp import Stamp, stamp

Report = Callable[[str, int, int], None]
WAIT_S = 0.2


class Sides(NamedTuple):
    """How files are held out to check with. fraction: None for the one that the collection's size asks for."""

    fraction: float | None
    seed: int


ADAPTIVE = Sides(None, TrainingConfig().split_seed)


@dataclass(frozen=True)
class Checked:
    """A collection of sounds that was looked at."""

    name: str
    folder: Path
    sides: Sides
    health: Health

    @property
    def usable(self) -> int:
        return self.health.usable

    @property
    def different(self) -> int:
        """Sounds that differ: by these, not by their files, a run is fitted to its collection."""
        return self.health.different

    @property
    def ready(self) -> bool:
        return self.health.ready


class _Scan:
    """What is known of one source, for all tabs; one of them scans at a time, the others show how far it is.

    seen: the files as they were, by which a folder that changed is noticed.
    """

    def __init__(self) -> None:
        self._scanning = threading.Lock()
        self._progress: tuple[str, int, int] = ("scan", 0, 0)
        self._seen: object = None
        self._found: tuple[str, Collection] | None = None
        self._examined: dict[Sides, Checked] = {}

    def result(
        self, source: str, report: Report, again: bool, exclude: Sequence[str] = (), sides: Sides = ADAPTIVE
    ) -> Checked:
        while not self._scanning.acquire(timeout=WAIT_S):
            report(*self._progress)
            again = False  # another tab is at it: its result is new enough
        try:
            place = find_source(source).source
            folder = Path(place.path or source)
            seen = stamps(folder), sorted(exclude)
            if again or self._found is None or seen != self._seen:
                self._found, self._seen = (place.name, self._scan(folder, report, exclude)), seen
                self._examined.clear()
            if sides not in self._examined:
                name, found = self._found
                self._examined[sides] = Checked(name, folder, sides, examine(found, sides.fraction, sides.seed))
            return self._examined[sides]
        finally:
            self._scanning.release()

    def _scan(self, folder: Path, report: Report, exclude: Sequence[str]) -> Collection:
        def told(phase: str, done: int, total: int) -> None:
            self._progress = (phase, done, total)
            report(phase, done, total)

        return open_collection(folder, DecodeSettings(), told, minimum=0, exclude=exclude)


class _Known:
    """One :class:`_Scan` a source. The lock is held for a look only: no source waits for another's scan."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scans: dict[str, _Scan] = {}

    def of(self, source: str) -> _Scan:
        with self._lock:
            return self._scans.setdefault(source, _Scan())


@st.cache_resource(show_spinner=False)
def _known() -> _Known:
    return _Known()


def check(source: str, report: Report, again: bool, exclude: Sequence[str] = (), sides: Sides = ADAPTIVE) -> Checked:
    """Look at a folder or a data set of sounds; what was found out is kept until a file changes or asked ``again``.

    exclude: the files to leave out. sides: how files are held out to check with. Raises SweetspotError.
    """
    return _known().of(source).result(source, report, again, exclude, sides)


def stamps(folder: Path) -> list[tuple[str, Stamp | None]]:
    """Every file that a scan would look at, and what changes with its content. Opens none."""
    return [(found.shown, stamp(found.path)) for found in find_files(folder)]
