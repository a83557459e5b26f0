"""The only place that starts a training or the maker of sounds. A trainer outlives this app and every tab of it.

The process is kept, so that it can be reaped: an ended child stays a zombie until its parent asks for it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from engine.child import apart, command, environment
from engine.errors import RunDirectoryError, StorageError
from engine.process.job import new_root
from engine.process.start import start_training
from engine.queue.files import Queue
from engine.queue.start import start_worker
from engine.rundir import control
from engine.rundir.liveness import Liveness, presence, process_liveness
from engine.rundir.protocol import Command
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView
from engine.sharing.delete import delete_run

SERVING_THREADS = 2  # Beside a trainer that has the other cores.
LEAVING_S = 20.0  # A process that has ended its run still has to leave: seconds on a busy machine.


@dataclass
class Launch:
    """One process this app started. ``root`` is its run directory, named before it began."""

    root: Path
    name: str
    process: subprocess.Popen[bytes]
    started_at: float = field(default_factory=time.monotonic)
    _opened: bool | None = None

    @property
    def opened(self) -> bool:
        """Whether its process has opened its run directory. Not asked again once that cannot change."""
        if self._opened is not None:
            return self._opened
        ended = not self.running
        opened = RunReader(self.root).exists
        self._opened = opened if opened or ended else None
        return opened

    @property
    def running(self) -> bool:
        """Whether it still runs; asking also reaps it."""
        return self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()


class Launcher:
    """Starts runs, one for one press of a button however many tabs press it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held while a run is started, resumed or deleted: seconds at worst
        self._table = threading.Lock()  # held for a look at the launches, by every page that is drawn
        self._launches: dict[Path, Launch] = {}
        self._asked: dict[tuple[str, ...], Path] = {}
        self._workers: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, runs_dir: Path, source: str, name: str, settings: Mapping[str, Any]) -> Launch:
        """Train on ``source`` in a new run. The same request while its run still trains gives that run again.

        ``StorageError`` when there is no room or no right to begin one.
        """
        wish = (str(runs_dir), source, name, *map(str, sorted(settings.items())))
        with self._lock:
            known = self._known(self._asked.get(wish, Path()))
            if known is not None and known.running:
                return known
            root = new_root(runs_dir, name or Path(source).name)
            named = [f"--name={name}"] if name else []
            arguments = ["--run-dir", str(root), *named, *flags(settings), "--", source]
            self._asked[wish] = root
            try:
                return self._begin(root, name or Path(source).name, arguments)
            except OSError as error:
                raise StorageError(
                    f"{runs_dir} takes no new run: {error.strerror or error}.",
                    "Free some space or check its rights, or start the app with another place: -- --runs-dir DIR.",
                ) from error

    def resume(self, root: Path, options: Sequence[str] = ()) -> Launch | None:
        """Go on with the run in ``root``; None when a process trains it already.

        options: of ``sweetspot train --resume``.
        """
        with self._lock:
            known = self._known(root)
            if known is not None and known.running and not _leaving(RunReader(root), known.process.pid):
                return known
            if not _has_ended(root):
                return None
            return self._begin(root, root.name, ["--resume", str(root), *options])

    def work(self, queue: Queue, slots: int) -> None:
        """Have a worker go through ``queue``, unless one does. ``StorageError`` when it cannot be started."""
        with self._lock:
            if queue.seat.holder() or self.begins_to_work(queue):
                return
            try:
                self._workers[queue.folder] = start_worker(queue, slots)
            except OSError as error:
                raise StorageError.of(error) from error

    def begins_to_work(self, queue: Queue) -> bool:
        """Whether a worker that was started here has not ended: it may not have begun either."""
        worker = self._workers.get(queue.folder)
        return worker is not None and worker.poll() is None

    def begins_again(self, root: Path, view: RunView) -> bool:
        """Whether a process that was started here goes on with this run and has not said a word yet: seconds."""
        launch = self._known(root)
        if launch is None or not launch.running or view.state.live or view.session is None:
            return False
        return view.session.pid != launch.process.pid

    def delete(self, root: Path) -> None:
        """Remove a run that nobody trains, and forget that it was started. ``RunDirectoryError``, ``StorageError``."""
        with self._lock:
            if self._known(root) is not None and self.begins_again(root, RunReader(root).view()):
                raise RunDirectoryError(f"{root.name} is just starting.", "Stop it first, once it trains.")
            delete_run(root)
            with self._table:
                self._launches.pop(root, None)

    def find(self, run_id: str, runs_dir: Path) -> Launch | None:
        """What this app started as ``run_id``, whether or not it wrote anything yet."""
        return next((one for one in self._all() if one.root.name == run_id and one.root == runs_dir / run_id), None)

    def name_of(self, view: RunView, root: Path) -> str:
        """What a run is called; before it has written its record, as it was called when it was started here."""
        launch = self._known(root)
        unnamed = view.run is None and not view.notes.name
        return launch.name if unnamed and launch is not None else view.name

    def pending(self, runs_dir: Path) -> list[Launch]:
        """Launches whose process has not opened its run directory yet, or ended before it did; newest first."""
        waiting = [one for one in self._all() if one.root.parent == runs_dir]
        waiting = [one for one in waiting if not one.opened and (one.running or one.exit_code)]
        return sorted(waiting, key=lambda one: one.started_at, reverse=True)

    def reap(self) -> None:
        """Collect ended children: until then the system counts them as processes.

        Who opened its run directory is known from then on, also when somebody removes that.
        """
        for launch in self._all():
            _ = launch.running, launch.opened
        for worker in list(self._workers.values()):
            worker.poll()

    def _begin(self, root: Path, name: str, arguments: Sequence[str]) -> Launch:
        launch = Launch(root, name, start_training(root, arguments))
        self.add(launch)
        return launch

    def add(self, launch: Launch) -> None:
        """Know a process that was started."""
        with self._table:
            self._launches[launch.root] = launch

    def _known(self, root: Path) -> Launch | None:
        with self._table:
            return self._launches.get(root)

    def _all(self) -> list[Launch]:
        with self._table:
            return list(self._launches.values())


def serve(root: Path) -> subprocess.Popen[bytes]:
    """A process that makes sounds with the models in ``root``: asked on its stdin, it answers on its stdout.

    It ends by itself when its stdin closes, so also with this app, and when nobody asks for ten minutes.
    """
    return subprocess.Popen(
        command("engine", "serve", os.fspath(root), "--threads", str(SERVING_THREADS)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=True,
        env=environment(),
        **apart(),
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Let a process of :func:`serve` go at once, and reap it. It only reads, so nothing is lost."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.kill()
    process.wait()


def _has_ended(root: Path) -> bool:
    """Whether the last process of a run is gone. One that has said its last word is given a moment to leave."""
    reader = RunReader(root)
    deadline = time.monotonic() + LEAVING_S
    while (sessions := reader.sessions()) and process_liveness(sessions[-1]) is Liveness.ALIVE:
        if not _leaving(reader, sessions[-1].pid) or time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return bool(sessions) or presence(root, None) is not Liveness.ALIVE


def _leaving(reader: RunReader, pid: int) -> bool:
    """Whether process ``pid`` has said the last word of the last session, and only has to go."""
    status, sessions = reader.status(), reader.sessions()
    if status is None or not sessions or status.state.live:
        return False
    return status.session == sessions[-1].session and sessions[-1].pid == pid


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Settings as command-line options: {"learning_rate": 0.001} -> ["--learning-rate", "0.001"]; None is left out.

    What is listed is given once for each.
    """
    found: list[str] = []
    for name, value in settings.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            found.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list | tuple):
            found += [f"--{flag}={one}" for one in value]
        elif value is not None:
            found += [f"--{flag}", _text(value)]
    return found


def _text(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def tell(root: Path, command: Literal["cancel", "save_now"]) -> Command:
    """Ask the training process for something. ``RunDirectoryError`` when none trains, ``StorageError`` by the disk."""
    return control.send(root, command)


@st.cache_resource(show_spinner=False)
def launcher() -> Launcher:
    """The one launcher of this app, for all tabs."""
    return Launcher()
