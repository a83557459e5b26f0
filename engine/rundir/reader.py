"""A run directory as a viewer sees it. Reads only, and takes a damaged file for a missing one.

What another version wrote is refused with a sentence rather than half understood.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import RunDirectoryError
from engine.home import expanded
from engine.printable import command_to_copy
from engine.regular_file import open_at_once
from engine.rundir.artefacts import (
    Artefact,
    PreviewSet,
    SavedState,
    find_checkpoints,
    find_previews,
    find_snapshots,
    saved_states,
)
from engine.rundir.encoding import decode
from engine.rundir.entry import holds_run
from engine.rundir.event_log import is_event
from engine.rundir.layout import Layout, is_run_id
from engine.rundir.liveness import HeartbeatWatch, is_here, read_sessions
from engine.rundir.notes import starred_moments
from engine.rundir.protocol import PlanRecord, SessionRecord
from engine.rundir.reading import AT_ONCE, object_at, own_file, read_record, read_records, whole_lines
from engine.rundir.record import DatasetRecord, RunRecord
from engine.rundir.stars import starred_names
from engine.rundir.status import Status
from engine.rundir.view import RunView, ShownState, view_of

_BLOCK = 1 << 16
_STREAM = 1 << 20


class Lines(NamedTuple):
    """Whole lines without their newlines, and where to go on. An offset that went back means: forget what was read."""

    lines: list[bytes]
    offset: int


class Events(NamedTuple):
    """Events in the order of their writing, and where to go on. An offset that went back: forget what was read."""

    events: list[dict[str, Any]]
    offset: int


class RunReader:
    """Looks into one run directory, live or finished, local or copied; nothing is kept between two calls."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(expanded(root).absolute())

    @property
    def root(self) -> Path:
        return self.layout.root

    @property
    def id(self) -> str:
        return self.layout.id

    @property
    def exists(self) -> bool:
        """Whether any session ever began here."""
        return holds_run(self.layout)

    def run(self) -> RunRecord | None:
        """run.json; None before the first update or when :meth:`damage` says so. ``RunDirectoryError`` from another
        version."""
        return read_record(self.layout.run, RunRecord)

    def require_run(self, remedy: str = "Name the directory that a training printed first.") -> RunRecord:
        """run.json of a run that began to train; ``RunDirectoryError`` when there is none, or none that can be read."""
        record = self.run()
        if record is not None:
            return record
        if self.layout.run.exists() and not os.access(self.layout.run, os.R_OK):
            raise RunDirectoryError(f"{self.layout.run} may not be read by you.", "Check its permissions.")
        if damage := self.damage():
            raise RunDirectoryError(*damage)
        raise RunDirectoryError(f"{self.root} holds no run that began to train.", remedy)

    def dataset(self) -> DatasetRecord | None:
        """dataset.json; None before the scan is over or when it is damaged."""
        return read_record(self.layout.dataset, DatasetRecord)

    def damage(self) -> tuple[str, str] | None:
        """What is wrong with a run.json that is there and not what was written, and what to do about it."""
        if not os.access(self.layout.run, os.R_OK) or self.run() is not None:
            return None
        return (
            f"{self.layout.run} is damaged: it is not what the training wrote, so nothing in it is believed.",
            "Put it back from a copy of the run, or start the run again; its previews are shown all the same.",
        )

    def status(self) -> Status | None:
        """status.json; None (unknown) when missing or damaged. ``RunDirectoryError`` from another version."""
        return read_record(self.layout.status, Status)

    def sessions(self) -> list[SessionRecord]:
        """Every process that trained this run, the first one first; damaged lines are left out."""
        return read_sessions(self.layout)

    def plans(self) -> list[PlanRecord]:
        """How the run was planned anew while it ran, the first one first; damaged lines are left out."""
        records = read_records(self.layout.plans, PlanRecord)
        return [record for record in records if record.total_steps > record.step and record.epoch_ends >= record.step]

    def starred_states(self) -> set[str]:
        """The states from which what has a star was made, made sounds and previews, by their files' names.

        ``OSError`` where it is not known which have one, or from what one was made.
        """
        layout = self.layout
        previews = {one.step: one for one in self.previews() if one.made}
        heard = (previews[step] for step in starred_moments(layout) if step in previews)
        of_previews = {layout.snapshot(one.epoch, one.step).name for one in heard}
        recipes = (layout.sounds / Path(name).with_suffix(".json").name for name in starred_names(layout.sounds))
        return of_previews | {str(object_at(path).get("state")) for path in recipes}

    def lines(self, offset: int = 0, limit_bytes: int = AT_ONCE) -> Lines:
        """The whole lines of metrics.jsonl from ``offset`` on, unparsed; at most ``limit_bytes``."""
        return _lines_of(self.layout.metrics, offset, limit_bytes)

    def events(self, offset: int = 0, limit_bytes: int = AT_ONCE) -> Events:
        """The events from ``offset`` on; damaged lines are left out, NaN and infinity restored.

        An offset smaller than the one given (then 0, without events) says that the file was replaced.
        """
        lines, end = self.lines(offset, limit_bytes)
        return Events([event for event in map(decode, lines) if event is not None], end)

    def all_of(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """Every event (of one kind) in order. A part of the file in memory at a time: it may be larger than that."""
        steps, offset = b'{"event":"step"', 0
        while True:
            lines, end = self.lines(offset, _STREAM)
            for line in lines:
                if kind not in (None, "step") and line.startswith(steps):  # nearly all of a long run: not parsed
                    continue
                event = decode(line)
                if event is not None and kind in (None, event.get("event")):
                    yield event
            if end <= offset:
                return
            offset = end

    def damaged_lines(self) -> int:
        """How many whole lines of metrics.jsonl are none that a training writes. Reads all of it."""
        count = offset = 0
        while True:
            lines, end = self.lines(offset, _STREAM)
            count += sum(not is_event(line) for line in lines)
            if end <= offset:
                return count
            offset = end

    def metrics_tail(self, count: int, kind: str | None = None) -> list[dict[str, Any]]:
        """The last ``count`` events (of one kind), oldest first. Reads from the end, no more than it needs, and no
        farther back than 64 MB."""
        reach = _BLOCK
        while True:
            start = self.line_start(-reach)
            found = [event for event in self.events(start).events if kind is None or event.get("event") == kind]
            if len(found) >= count or start == 0 or reach >= AT_ONCE:
                return found[-count:] if count else []
            reach *= 4

    def line_start(self, position: int) -> int:
        """Where the first whole line at or after ``position`` of metrics.jsonl begins; negative counts from its end."""
        if not own_file(self.layout.metrics):
            return 0
        try:
            with open_at_once(self.layout.metrics) as file:
                size = file.seek(0, os.SEEK_END)
                start = max(0, size + position) if position < 0 else min(position, size)
                if start == 0:
                    return 0
                file.seek(start - 1)
                return start - 1 + len(file.readline(AT_ONCE))
        except OSError:
            return 0

    @property
    def is_own(self) -> bool:
        """Whether the run began on this machine and its record belongs to this user.

        What was trained elsewhere, or by somebody else, may name any file here as its data: a viewer of it opens
        nothing outside of its directory. The first session counts, because it wrote run.json.
        """
        sessions = self.sessions()
        return bool(sessions) and is_here(sessions[0]) and self._of_this_user()

    def _of_this_user(self) -> bool:
        """True where the system knows no owners."""
        if sys.platform != "win32":
            with suppress(OSError):
                return self.layout.run.stat().st_uid == os.getuid()
        return True

    def previews(self) -> list[PreviewSet]:
        """All previews by epoch, step, role and index, the references first."""
        return find_previews(self.root, self.layout.previews)

    def checkpoints(self) -> list[Artefact]:
        """All checkpoints by step, the best state last. One without a readable manifest is none: it never verifies."""
        return find_checkpoints(self.root, self.layout.checkpoints)

    def snapshots(self) -> list[Artefact]:
        """All snapshots by epoch and step."""
        return find_snapshots(self.root, self.layout.snapshots)

    def saved_states(self, whole: Callable[[Artefact], bool] = attrgetter("verified")) -> list[SavedState]:
        """What sounds can be made with: best and last, then all snapshots, the newest first. What is damaged is none.

        whole: how that is found out; by itself each file is read whole.
        """
        return saved_states(list(filter(whole, self.checkpoints())), list(filter(whole, self.snapshots())))

    def view(self, watch: HeartbeatWatch | None = None) -> RunView:
        """The run as it is to be shown now. ``watch`` (one per run, kept by the viewer) judges from another host.

        ``RunDirectoryError`` when another version wrote it, or when its owner lets nobody else read it.
        """
        if self.exists and not os.access(self.root, os.R_OK | os.X_OK):
            raise RunDirectoryError(
                f"{self.root} may not be read by you.",
                f"Ask its owner for: {command_to_copy('chmod', '-R', 'a+rX', self.root)}",
            )
        view = view_of(self.id, self.root, self.status(), self.sessions(), self.run(), self.plans(), watch)
        if view.state is ShownState.CRASHED:  # or it ended well between the two looks: what stands there now is final
            view = view_of(self.id, self.root, self.status(), self.sessions(), view.run, self.plans(), watch)
        damage = self.damage() if view.run is None else None
        return replace(view, damage=damage) if damage else view


def run_names(runs_dir: Path) -> list[str]:
    """The directories in ``runs_dir`` that may hold a run, by their names. One that leads nowhere hides no other."""
    try:
        return [path.name for path in runs_dir.iterdir() if is_run_id(path.name) and _is_directory(path)]
    except OSError:
        return []


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a link into a place that may not be entered, or is away
        return False


def last_session(reader: RunReader) -> SessionRecord | None:
    """Who trained a run last; None when that is not known."""
    sessions = reader.sessions()
    return sessions[-1] if sessions else None


def _lines_of(path: Path, offset: int, limit_bytes: int) -> Lines:
    try:
        if not own_file(path):
            return Lines([], 0)
        with open_at_once(path) as file:
            size = file.seek(0, os.SEEK_END)
            if size < offset:
                return Lines([], 0)
            file.seek(max(0, offset - 1))
            if offset and file.read(1) != b"\n":  # not where a line of this file ends: it is another one
                return Lines([], 0)
            block, length = whole_lines(file, offset, size, limit_bytes)
    except OSError:
        return Lines([], offset)
    return Lines([line for line in block[:length].split(b"\n") if line], offset + length)
