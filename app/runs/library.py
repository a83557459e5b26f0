"""The runs below one directory, as every tab sees them, and what a run's name in an address leads to."""

from __future__ import annotations

import argparse
import os
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from app.runs.changes import watch
from app.runs.disk_size import disk_size
from engine.errors import RunDirectoryError
from engine.home import expanded
from engine.rundir.artefacts import PreviewSet
from engine.rundir.layout import is_run_id
from engine.rundir.liveness import HeartbeatWatch, Liveness, process_liveness
from engine.rundir.order import trained_last_first
from engine.rundir.protocol import SessionRecord
from engine.rundir.reader import RunReader, last_session, run_names
from engine.rundir.view import RunView
from engine.sharing.deterministic_zip import DAMAGE

RUNS = "runs"  # beside where the app was started
SETTLED_S = 2.0
COUNTED_S = 10.0
SILENT_S = 3.0  # The engine writes once a second at least.


def fault(runs_dir: Path) -> str | None:
    """Why no runs can lie in ``runs_dir``, as the beginning of a sentence; None also where it can be made."""
    try:
        places = (runs_dir, *runs_dir.absolute().parents)
        there = next(place for place in places if place.exists() or place.is_symlink())
    except OSError as error:  # a folder above it may not be looked into
        return f"{runs_dir} cannot be reached: {(error.strerror or str(error)).lower()}"
    if not there.exists():
        return f"{there} is a link that leads nowhere"
    if not there.is_dir():
        return f"{there} is a file" if there.is_file() else f"{there} is no folder"
    if there == runs_dir and not os.access(there, os.R_OK | os.X_OK):
        return f"{there} may not be read by you: its rights forbid it"
    return None


@dataclass
class Library:
    """One directory of runs. Remembers heartbeats and listings between looks, shared by all tabs."""

    runs_dir: Path
    _watches: dict[str, HeartbeatWatch] = field(default_factory=dict)
    _names: tuple[int | None, list[str]] = (None, [])
    _trained: dict[str, tuple[int | None, bool, SessionRecord | None]] = field(default_factory=dict)
    _views: dict[str, _Seen] = field(default_factory=dict)
    _sizes: dict[str, tuple[int | None, float, int]] = field(default_factory=dict)
    _listings: dict[str, tuple[int | None, int, list[PreviewSet]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.changes = watch(self.runs_dir)

    def trouble(self) -> str | None:
        """Why no run can be found in this directory, and what to do; None also when it does not exist yet."""
        found = fault(self.runs_dir)
        return None if found is None else f"{found}. Start the app with another place: -- --runs-dir DIR."

    def readers(self) -> list[RunReader]:
        """The runs, the one trained last first. What is no run is passed over."""
        told = self.changes.told()
        if told is None or told != self._names[0]:
            names = run_names(self.runs_dir)
            for name in names:
                self.changes.entered(name)
            self._names = told, names
        looked = {name: self._last_session(name) for name in self._names[1]}
        found = {name: session for name, (holds_run, session) in looked.items() if holds_run}
        return [RunReader(self.runs_dir / name) for name in trained_last_first(found)]

    def _last_session(self, name: str) -> tuple[bool, SessionRecord | None]:
        """Whether it holds a run, and who trained that last."""
        told = self.changes.told(name)
        known = self._trained.get(name)
        if told is None or known is None or known[0] != told:
            reader = RunReader(self.runs_dir / name)
            exists = reader.exists
            known = self._trained[name] = told, exists, last_session(reader) if exists else None
        return known[1:]

    def find(self, run_id: str | None) -> RunReader | None:
        """The run called ``run_id``, looked up in the listing: an address is never joined to a path."""
        if run_id is None or not is_run_id(run_id):
            return None
        return next((reader for reader in self.readers() if reader.id == run_id), None)

    def models(self) -> list[Path]:
        """Exported models that lie among the runs, by name."""
        if self.trouble() is not None or not self.runs_dir.exists():
            return []
        return sorted(path for path in self.runs_dir.glob("*.zip") if is_run_id(path.name) and _is_model(path))

    def view(self, reader: RunReader) -> RunView:
        """The run now. ``RunDirectoryError`` when another version wrote it.

        Looked at anew when something changed, and while it trains also when its process is gone or silent.
        """
        told, now = self.changes.told(reader.id), time.monotonic()
        seen = self._views.get(reader.id)
        if seen is None or told is None or seen.told != told or (seen.view.state.live and _overdue(seen, now)):
            view = reader.view(self._watches.setdefault(reader.id, HeartbeatWatch()))
            seen = self._views[reader.id] = _Seen(told, now, view)
        return seen.view

    def views(self) -> tuple[list[tuple[RunReader, RunView]], list[str]]:
        """All runs that can be read, the one trained last first, and a sentence on each that cannot."""
        found, refused = [], []
        for reader in self.readers():
            try:
                found.append((reader, self.view(reader)))
            except RunDirectoryError as error:
                refused.append(str(error))
        return found, refused

    def name_of(self, uuid: str) -> str | None:
        """What the run is called that has this uuid, of those that were looked at; None where none has."""
        runs = (seen.view for seen in self._views.values())
        return next((view.name for view in runs if view.run is not None and view.run.uuid == uuid), None)

    def size(self, reader: RunReader) -> int:
        """Bytes that a run takes on the disk. Counted anew when it changed; while it trains, now and then."""
        told, now = self.changes.told(reader.id), time.monotonic()
        known = self._sizes.get(reader.id)
        same = known is not None and told is not None and known[0] == told
        if known is None or not (same or now - known[1] < COUNTED_S):
            known = self._sizes[reader.id] = told, now, disk_size(reader.root)
        return known[2]

    def previews(self, reader: RunReader) -> list[PreviewSet]:
        """The previews of a run that are whole; listed anew only when their directory changed."""
        told, known = self.changes.told(reader.id), self._listings.get(reader.id)
        if known is not None and told is not None and known[0] == told:
            return known[2]
        try:
            changed = reader.layout.previews.stat().st_mtime_ns
        except OSError:
            changed = 0
        if known is None or known[1] != changed:
            settled = abs(time.time() - changed / 1e9) > SETTLED_S  # in a time to come: the clock was set back since
            found = [one for one in reader.previews() if settled or _whole(one)]
            if not settled:
                return found
            known = told, changed, found
        self._listings[reader.id] = told, changed, known[2]
        return known[2]


@dataclass(frozen=True)
class _Seen:
    """A view, what had been told by then, and when it was (on the monotonic clock)."""

    told: int | None
    at: float
    view: RunView


def _overdue(seen: _Seen, now: float) -> bool:
    """Whether a run that trained has to be looked at though nothing was told: no process, or no beat of its heart."""
    session = seen.view.session
    return now - seen.at > SILENT_S or session is None or process_liveness(session) is not Liveness.ALIVE


def _is_model(path: Path) -> bool:
    """Whether a file looks like an exported model. What is wrong with it, the process that opens it says."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {"manifest.json", "model.safetensors"} <= set(archive.namelist())
    except (OSError, *DAMAGE):
        return False


def _whole(preview: PreviewSet) -> bool:
    """A sound is shown once its picture stands beside it, so that it does not move under the listener's finger."""
    return "wav" not in preview.files or "png" in preview.files


@st.cache_resource(show_spinner=False, max_entries=1, on_release=lambda released: released.changes.close())
def _library(runs_dir: str) -> Library:
    return Library(Path(runs_dir))


def open_library() -> Library:
    """The library that this app was started for. Who comes or loads the page anew sees what is there, told or not."""
    found = _library(str(runs_directory(sys.argv[1:])))
    if not st.session_state.get("looked"):
        st.session_state["looked"] = True
        found.changes.forget()
    return found


def runs_directory(arguments: Sequence[str]) -> Path:
    """``--runs-dir DIR``, default ``runs``, from what stands behind ``--`` on the command line; absolute.

    What is not understood is left out, an empty DIR too: an app that is running cannot refuse to start.
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--runs-dir", default=RUNS)
    try:
        known, _ = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError:
        return Path(RUNS).absolute()
    return expanded(known.runs_dir or RUNS).absolute()


def unknown_arguments(arguments: Sequence[str]) -> list[str]:
    """What :func:`runs_directory` did not understand, for the sentence on the Runs page."""
    rest = list(arguments)
    if "--runs-dir" in rest:
        at = rest.index("--runs-dir")
        del rest[at : at + 2]
    return [one for one in rest if not one.startswith("--runs-dir=")]
