"""Each page in each state of a run: every control that the page lists is pressed, and nothing goes wrong.

Wrong is an exception in the page, a line in the server's log, an error or a warning in the browser's console (Vega's
too), and what axe-core calls a violation. What is alike for every state (the form of a new run, Listen, Compare,
Sounds, Explore) is pressed in the state that comes first, in the others what is new there; they are opened and judged
all the same.
``-rP`` shows what was pressed.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.rundir.layout import Layout
from engine.rundir.status import ErrorInfo, State
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.browser.audit import axe, violations
from tests.browser.chromium import Server, server
from tests.browser.walk import WATCH, Walk
from tests.conftest import Make, train_small, until

pytestmark = [pytest.mark.browser, pytest.mark.controls]

PAGES = {
    "Runs": "/",
    "New run": "/new?copy=drums",
    "Run": "/run?run=drums",
    "Listen": "/listen?run=drums",
    "Compare": "/compare?runs=drums",
    "Sounds": "/sounds?run=drums",
    "Explore": "/explore?run=drums",
}
EMPTY = {
    "Runs": "/",
    "New run": "/new",
    "Run": "/run?run=none",
    "Listen": "/listen",
    "Compare": "/compare",
    "Sounds": "/sounds",
    "Explore": "/explore",
}
STATES = ("live", "done", "cancelled", "crashed", "failed", "read-only", "table", "empty")
ALIKE = {"New run", "Listen", "Compare", "Sounds", "Explore"}
# What ends the state that is walked.
LAST = ("Start the demo|Start learning|Resume|Begin again", "Stop and keep", "Delete")
EXCUSED_LOG = {
    r"watchdog/.*RuntimeWarning: Callback with id": "watchdog watches a folder twice that is made while it looks",
    r"^  wd = self\._inotify_fd": "the second line of that warning",
}
EXCUSED_CONSOLE = {
    r"404 .*/(new|run|listen|compare|sounds|explore)/_stcore/": "Streamlit asks below a page's own path, then above",
    r"404 .*/media/": "a player may be taken away while it loads; those that are shown are played",
}


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """By page, the signs of what was pressed there in an earlier state."""
    return {title: set() for title in ALIKE}


@dataclass
class Place:
    """The app over one library, what it logs, and the runs to put into it."""

    app: Server
    log: Path
    sounds: Path
    table: Path
    folder: Path

    @property
    def run(self) -> Path:
        return self.app.runs_dir / "drums"


@pytest.fixture(scope="module")
def place(drums: Path, made_once: Callable[[str, Make], Path], tmp_path_factory: Any) -> Iterator[Place]:
    own = tmp_path_factory.mktemp("controls")
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


def _open(root: Path) -> RunWriter:
    return RunWriter.open(root, device="cpu", threads=1, versions={}, resume=True)


def _session(root: Path, **changes: Any) -> None:
    """Change what the last session says of its process."""
    lines = Layout(root).sessions.read_text().splitlines()
    lines[-1] = json.dumps(json.loads(lines[-1]) | changes)
    Layout(root).sessions.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def put(place: Place) -> Iterator[Callable[[str], None]]:
    """``put(state)``: the one run of the library is in that state."""
    writers: list[RunWriter] = []

    def bring(state: str) -> None:
        if state == "empty":
            return
        shutil.copytree(place.table if state == "table" else place.sounds, place.run)
        if state == "read-only":
            elsewhere = dict.fromkeys(("host", "boot_id", "machine_id"), "elsewhere")
            _session(place.run, **elsewhere)
        if state in ("done", "table", "read-only"):
            return
        writer = _open(place.run)
        if state in ("live", "crashed"):
            writer.state(State.RUNNING)
        if state == "live":
            writers.append(writer)
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
            _session(place.run, pid=ended.pid)
            writer._hold.release()
        else:
            writer.close()

    yield bring
    for process in psutil.Process(place.app.process.pid).children():
        with contextlib.suppress(psutil.Error):  # one that has ended has no command line
            if "serve" not in process.cmdline():
                process.kill()
    for writer in writers:
        writer.close()
    until(lambda: _emptied(place.app.runs_dir))


def _emptied(folder: Path) -> bool:
    """Whether it could be: a trainer that is being killed may still write or remove something."""
    for root in folder.iterdir():
        shutil.rmtree(root, ignore_errors=True)
    return not list(folder.iterdir())


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("title", PAGES)
def test_every_control_can_be_pressed(title: str, state: str, place: Place, put: Any, browser: Any, known: Any) -> None:
    began, logged = time.monotonic(), place.log.stat().st_size
    put(state)
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.add_init_script(WATCH)
    context.add_init_script(axe())
    page = context.new_page()
    page.set_default_timeout(90_000)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(_complaint(said)) if said.type in _BAD else None)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    address = place.app.url + (EMPTY if state == "empty" else PAGES)[title]
    faults: list[str] = []
    typed = {"Folder": str(place.folder), "How many": "2", "Name": "again"}
    alike = known.get(title, set())
    look = lambda page, part: faults.extend(violations(page, part))  # noqa: E731
    walk = Walk(page, address, typed, LAST, look, frozenset(alike))
    try:
        pressed = walk.run()
    finally:
        context.close()
    alike |= {one.sign for one in walk.pressed}
    took = f"{len(walk.pressed)} pressed, {len(walk.found)} found in {time.monotonic() - began:.0f} s"
    print(f"{title} | {state} | {took}: {dict(pressed)}")
    for one in walk.gone:
        print("  gone before its turn:", one)
    assert walk.found, "the page lists nothing that could be pressed"
    unexcused = {one for one in complaints if not any(re.search(excuse, one) for excuse in EXCUSED_CONSOLE)}
    assert not unexcused, "\n".join(sorted(unexcused))
    told = place.log.read_bytes()[logged:].decode().splitlines()
    told = [line for line in told if line.strip() and not any(re.search(excuse, line) for excuse in EXCUSED_LOG)]
    assert not told, "\n".join(told)
    assert not faults, "\n".join(sorted(set(faults)))


_BAD = ("error", "warning")


def _complaint(said: Any) -> str:
    return f"{said.type}: {said.text} ({said.location.get('url', '')})"
