"""A library of one run, brought into each state that a run can be in, under a running app."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import ErrorInfo, State
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.browser.chromium import Server, server, start_trainer
from tests.conftest import SMALL, Make, train_small, until

# In "live" nothing moves: a writer holds the run, and no trainer is at work. In "training" one is.
STATES = ("done", "live", "training", "cancelled", "crashed", "failed", "read-only", "table", "empty")
STARTING_S = 400  # on a busy machine a trainer may be long in coming
QUEUED = "queued"  # no run: three requests wait, and nobody works


@dataclass
class Place:
    """The app over one library, what it logs, and the runs to put into it."""

    app: Server
    log: Path
    sounds: Path
    table: Path
    folder: Path
    _writers: list[RunWriter] = field(default_factory=list)
    _trainers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def run(self) -> Path:
        return self.app.runs_dir / "drums"

    @contextlib.contextmanager
    def holding(self, state: str, beside: bool = False) -> Iterator[None]:
        """The one run of the library is in that state, or the queue; there is none afterwards.

        beside: with another run that is done.
        """
        try:
            self._put(state)
            if beside and state != "empty":
                shutil.copytree(self.sounds, self.app.runs_dir / "others")
            yield
        finally:
            self._clear()

    def _put(self, state: str) -> None:
        if state == "empty":
            return
        if state == "training":
            self._train()
            return
        if state == QUEUED:
            asked = (str(self.folder), "--runs-dir", str(self.app.runs_dir), "--seeds", "3", *SMALL)
            done = forkserver.run("engine", "queue", "add", *asked)
            assert done.returncode == 0, done.stderr
            return
        shutil.copytree(self.table if state == "table" else self.sounds, self.run)
        if state == "read-only":
            _session(self.run, **dict.fromkeys(("host", "boot_id", "machine_id"), "elsewhere"))
        if state in ("live", "cancelled", "failed", "crashed"):
            self._write(state)

    def _train(self) -> None:
        """A trainer at work, which has saved something. It takes what time the page and the app leave."""
        often = ("--preview-interval", "500", "--preview-interval-short", "500", "--max-epochs", "100000")
        trainer = start_trainer(str(self.folder), "--run-dir", str(self.run), "--name", "drums", *SMALL, *often)
        self._trainers.append(trainer)
        reader = RunReader(self.run)
        until(reader.checkpoints, STARTING_S)
        psutil.Process(trainer.pid).nice(19)

    def _write(self, state: str) -> None:
        writer = RunWriter.open(self.run, device="cpu", threads=1, versions={}, resume=True)
        if state in ("live", "crashed"):
            writer.state(State.RUNNING)
        if state == "live":
            self._writers.append(writer)
            return
        if state == "cancelled":
            writer.state(State.CANCELLED)
        if state == "failed":
            cause = ErrorInfo(kind="TrainingFailedError", cause="The loss became NaN.", remedy="Wait.")
            writer.state(State.FAILED, error=cause)
        if state == "crashed":
            writer._heart.stop()
            ended = subprocess.Popen(["true"])
            ended.wait()
            _session(self.run, pid=ended.pid)
            writer.hold.release()
        else:
            writer.close()

    def _clear(self) -> None:
        for process in _at_work(self.app):
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                process.kill()
        while self._trainers:
            trainer = self._trainers.pop()
            trainer.kill()
            trainer.wait()
        while self._writers:
            self._writers.pop().close()
        until(lambda: emptied(self.app.runs_dir))


def _at_work(app: Server) -> Iterator[psutil.Process]:
    """Who writes into its library: trainers, and the queue's worker first, which outlives who started it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if process.pid != app.process.pid and "serve" not in words and str(app.runs_dir) in " ".join(words):
                found.append(process)
    yield from sorted(found, key=lambda one: "queue" not in one.cmdline())


@contextlib.contextmanager
def library(drums: Path, made_once: Callable[[str, Make], Path], own: Path) -> Iterator[Place]:
    """An app over an empty library within ``own``, with what is put into it."""
    sounds = made_once("heard", lambda root: train_small(drums, root, "--preview-interval", "1"))
    table = made_once("iris", _learn_iris)
    folder = own / "drums"
    shutil.copytree(drums, folder)
    first = min(folder.iterdir())
    shutil.copy(first, first.with_name(f"again-{first.name}"))
    (own / "runs").mkdir()
    with (own / "log.txt").open("wb") as log, server(own / "runs", log) as app:
        yield Place(app, own / "log.txt", sounds, table, folder)


def _learn_iris(root: Path) -> None:
    done = forkserver.run("engine.train", "iris", "--run-dir", root, "--max-epochs", "6")
    assert done.returncode == 0, done.stderr


def _session(root: Path, **changes: Any) -> None:
    """Change what the last session says of its process."""
    lines = Layout(root).sessions.read_text().splitlines()
    lines[-1] = json.dumps(json.loads(lines[-1]) | changes)
    Layout(root).sessions.write_text("".join(f"{line}\n" for line in lines))


def emptied(folder: Path) -> bool:
    """Whether it could be: a trainer that is being killed may still write or remove something."""
    for root in folder.iterdir():
        shutil.rmtree(root, ignore_errors=True)
    return not list(folder.iterdir())
