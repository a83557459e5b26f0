"""What the training process writes into its run directory: the records, the events, the heartbeat, what it saves.

A disk that is full stops no training. An event or a status it refuses is counted and told as a warning once there is
room again; a checkpoint or a preview is skipped with a warning. Only what a run cannot begin without is an error.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from engine.errors import next_step
from engine.rundir.artefacts import write_artefact
from engine.rundir.atomic import Journal, create_once, make_directory
from engine.rundir.control import Inbox
from engine.rundir.encoding import encode
from engine.rundir.entry import (
    check_entry,
    first_status,
    layout_at,
    new_session,
    no_place,
    prepare,
    write_dataset,
    write_run,
)
from engine.rundir.event_log import EventLog
from engine.rundir.heart import DeviceMemory, Heart, StatusBoard, measure_memory
from engine.rundir.hold import Hold
from engine.rundir.layout import Layout
from engine.rundir.liveness import refuse_living
from engine.rundir.lock import RunLock
from engine.rundir.protocol import EventKind, HandledCommand, Manifest, PlanRecord, SessionRecord
from engine.rundir.record import DatasetRecord, RunRecord
from engine.rundir.status import State, Status


class RunWriter:
    """One session of a run, from :meth:`open` to :meth:`close`. Every method may be called from any thread.

    control: the viewers' commands (``control.cancel``, ``control.take_saves()``); answer each with :meth:`done`.
    hold: whether the directory is still this session's own (``hold.lost``, ``hold.check()``); ``root`` follows a move.
    remedy: the beginning of a sentence, what to do about the checkpoint or preview that the disk refused last.
    """

    def __init__(
        self, lock: RunLock, layout: Layout, session: SessionRecord, device_memory: DeviceMemory | None
    ) -> None:
        self.session = session
        self._device_memory = device_memory
        self._began = time.monotonic()
        self.hold = Hold(layout, lock, session.session, self._follow)
        # Before the session is known: no command comes too early.
        self.control = Inbox(layout.control, session.session, self._answered)
        self._plans: Journal | None = None  # opened for the first new plan: most runs keep the one they began with
        status = first_status(layout, session.session)
        # At once: events come before the data.
        self._elapsed_before_s = status.elapsed_s if self.hold.has_record else 0.0
        self._board = StatusBoard(layout.status, status)
        self._events = EventLog(layout.metrics, lambda: self.elapsed_s, self._board.warn)
        self.remedy = "Free some space"
        self._closed = False
        self._heart = Heart(self._poll, self._publish, self._measure, lambda: self._board.dirty)

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        device: str,
        threads: int,
        task: str = "",
        processes: int = 1,
        versions: dict[str, str],
        git_commit: str | None = None,
        resumed_from_step: int | None = None,
        resume: bool = False,
        device_memory: DeviceMemory | None = None,
    ) -> Self:
        """Make ``root`` this process's run directory and say so in it; the heartbeat starts.

        device_memory: gives (used, total) bytes of the accelerator; None: there is none.

        ``RunDirectoryError`` when another process trains there, when it holds a run and ``resume`` is False, when it
        holds anything else, or none and ``resume`` is True; ``StorageError`` when it cannot be written.
        """
        layout = layout_at(root)
        refuse_living(layout)
        check_entry(layout, resume=resume)
        try:
            layout.root.mkdir(parents=True, exist_ok=True)
            session = new_session(layout, device, threads, processes, versions, git_commit, resumed_from_step, task)
            lock = RunLock(layout.lock, holder=f"pid {session.pid}, host {session.host}")
            try:
                check_entry(layout, resume=resume)  # again: another may have come and gone since
                prepare(layout)
                writer = cls(lock, layout, session, device_memory)
                writer._announce()
            except BaseException:  # Ctrl-C too: who tries again in this process is not to find the lock taken
                lock.release()
                raise
        except OSError as error:
            raise no_place(layout, error) from error
        return writer

    @property
    def layout(self) -> Layout:
        return self.hold.layout

    @property
    def root(self) -> Path:
        return self.layout.root

    @property
    def status(self) -> Status:
        """The status as it stands in memory."""
        return self._board.status

    @property
    def elapsed_s(self) -> float:
        """Seconds of training in all sessions so far."""
        return self._elapsed_before_s + self.session_s

    @property
    def session_s(self) -> float:
        """Seconds since this session began, of which the first prepare it."""
        return time.monotonic() - self._began

    def go_on_after(self, elapsed_s: float) -> None:
        """Count on from the seconds of training in earlier sessions, unless status.json told of more: what a crash
        took took its time, and no clock goes back."""
        self._elapsed_before_s = max(self._elapsed_before_s, elapsed_s)

    def write_run(self, record: RunRecord) -> None:
        """Write run.json, once in a run's life: ``RunDirectoryError`` when it exists, ``StorageError`` when refused or
        the directory is lost."""
        self.hold.require()
        write_run(self.layout, record)
        self.hold.has_record = True

    def write_dataset(self, record: DatasetRecord, *, anew: bool = False) -> None:
        """Write dataset.json. Once run.json exists the data is part of the run, and what stands there is kept.

        anew: it is the same data, and what stands there is damaged.
        """
        self.hold.require()
        if anew or not (self.layout.run.exists() and self.layout.dataset.exists()):
            write_dataset(self.layout, record)

    def event(self, kind: EventKind, /, **fields: Any) -> None:
        """Append one line to metrics.jsonl, unless the directory is lost. Never raises for the disk: a refused line is
        counted and told later."""
        if self.hold.checked():
            self._events.add(kind, fields)

    def plan_anew(self, record: PlanRecord) -> bool:
        """Append a line to plans.jsonl, durable before it is followed; False when the directory is lost, and (with a
        warning) when the disk refuses."""
        if not self.hold.check():
            return False
        try:
            self.note_plan(record)
        except OSError as error:
            self.warn(
                f"The disk refused to note a new plan ({error.strerror or error}): the run keeps the one it has, and "
                f"may take longer or shorter than asked. {next_step(error)}.",
                code="storage",
            )
            return False
        return True

    def note_plan(self, record: PlanRecord) -> None:
        """Append a line to plans.jsonl, durable. ``OSError`` when the disk refuses; ``RunDirectoryLostError``."""
        self.hold.require()
        if self._plans is None:
            self._plans = Journal(self.layout.plans)
        self._plans.append(encode(record), durable=True)

    def update(self, **fields: Any) -> None:
        """Change fields of :class:`Status`; ``metrics`` is merged. In the file within a second."""
        self._board.update(**fields)

    def state(self, state: State, reason: str = "", **fields: Any) -> None:
        """Enter a state, with other fields of the status if need be: at once in the status, and as an event.

        Of one that has ended no time is left.
        """
        self._board.update(state=state, **({} if state.live else {"eta_s": None}), **fields)
        self.event("state", state=state, reason=reason)
        self._publish()

    def warn(self, text: str, code: str = "warning", epoch: int | None = None) -> None:
        """Tell a warning in the status and as an event, each text once in a run.

        epoch: of a finding, the epoch whose curves showed it.
        """
        if self._board.warn(text):
            self.event("warning", message=text, code=code, **({} if epoch is None else {"epoch": epoch}))

    def done(self, command_id: str, refused: str | None = None) -> None:
        """Say that a command has been obeyed; or, with the reason ``refused``, that it could not be."""
        self.control.answer(command_id, "refused" if refused else "done", refused)

    def write_artefact(self, path: Path, data: bytes, manifest: Manifest | None, *, durable: bool = True) -> bool:
        """Write a checkpoint or snapshot, then its manifest, each whole or not at all; False when the disk refuses.

        When it is refused the old files stay and a warning is told. Nothing is written into a directory that is lost.
        """
        if not self.hold.check():
            return False
        try:
            make_directory(path.parent)
            if durable:
                self._events.flush()  # no checkpoint is ahead of its events
            write_artefact(path, data, manifest, durable=durable)
        except OSError as error:
            return self._refused(path.parent, error)
        return True

    def write_preview(self, path: Path, data: bytes) -> bool:
        """Write a preview unless it exists (a resumed run keeps what it had); False when the disk refuses."""
        if not self.hold.check():
            return False
        try:
            make_directory(path.parent)
            create_once(path, data, durable=True)
        except OSError as error:
            return self._refused(path.parent, error)
        return True

    def close(self) -> None:
        """Stop the heartbeat, answer what is still open, publish the last status and give the directory free."""
        if self._closed:
            return
        self._closed = True
        self._heart.stop()
        self._poll()
        self.control.close()
        self._publish()
        self._events.close()
        if self._plans is not None:
            self._plans.close()
        self.hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _announce(self) -> None:
        sessions = Journal(self.layout.sessions)
        try:
            sessions.append(encode(self.session))
        finally:
            sessions.close()
        self._board.publish(self.elapsed_s)
        self.event("state", state=State.STARTING, reason="")
        self._heart.start()

    def _poll(self) -> None:
        self.hold.check()
        self.control.attend()

    def _follow(self, moved: Layout) -> None:
        self._board.moved(moved.status)
        self.control.moved(moved.control)

    def _answered(self, answer: HandledCommand) -> None:
        fields = answer.model_dump(include={"id", "command", "result", "reason"}, exclude_none=True)
        self.event("control", **fields)
        self._board.handled(answer)

    def _publish(self) -> None:
        if not self.hold.check():
            return
        try:
            self._board.publish(round(self.elapsed_s, 3))
        except OSError as error:
            # Nothing is lost: the next beat writes it all. A reader on Windows may be in the way, so tell only others.
            if not isinstance(error, PermissionError):
                self._board.warn(f"The status could not be written for a while ({error.strerror or error}).")

    def _measure(self) -> None:
        try:
            memory = measure_memory(self._device_memory)
        except (OSError, psutil.Error):  # /proc unreadable for the moment, out of descriptors say
            return
        self._board.update(memory=memory)
        self.event("memory", **memory.model_dump(exclude_none=True))

    def _refused(self, folder: Path, error: OSError) -> bool:
        self.remedy = next_step(error)
        self.warn(
            f"{folder} takes no new files ({error.strerror or error}): training goes on without the checkpoints and "
            f"previews of this time. {self.remedy}.",
            code="storage",
        )
        return False
