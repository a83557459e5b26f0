"""A browser, the app over an empty library, and real trainers in it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.rundir.liveness import Liveness, process_liveness
from engine.rundir.reader import RunReader
from tests.browser.chromium import SHOWN_MS, Server, chromium, executable, keep_warm, server
from tests.browser.faults import CALM, TOASTS
from tests.browser.states import STARTING_S, emptied
from tests.conftest import SMALL, until


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if executable() is None:
        if os.environ.get("SWEETSPOT_REQUIRE_BROWSER"):
            pytest.fail("there is no Chromium here, and SWEETSPOT_REQUIRE_BROWSER asks for one")
        pytest.skip("there is no Chromium here")
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app that the tests of one worker share, one after the other: to start it costs more than most of them."""
    place = tmp_path_factory.mktemp("standing") / "runs"
    place.mkdir()
    with server(place, forked=True) as running:
        yield running


@pytest.fixture
def app(standing: Server) -> Iterator[Server]:
    """The app over a library that is empty, and is again afterwards."""
    yield standing
    empty(standing.runs_dir)


@pytest.fixture
def own_app(tmp_path: Path) -> Iterator[Server]:
    """An app that nobody has visited yet, and that has started nothing."""
    place = tmp_path / "runs"
    place.mkdir()
    with server(place, forked=True) as running:
        yield running
    empty(place)


@pytest.fixture
def runs_dir(app: Server) -> Path:
    """The library of one test."""
    return app.runs_dir


def empty(library: Path) -> None:
    """End the trainers that still run there, also those that the app started, and remove all."""
    for root in library.glob("[!.]*"):  # a hidden folder there is no run
        deadline = time.monotonic() + 120  # one that is still starting has told nobody its pid yet
        while not RunReader(root).sessions() and time.monotonic() < deadline:
            time.sleep(0.2)
        for session in RunReader(root).sessions():
            if session.pid != os.getpid() and process_liveness(session) is Liveness.ALIVE:
                os.kill(session.pid, signal.SIGKILL)
    until(lambda: emptied(library))


@pytest.fixture(scope="session")
def windows(browser: Any) -> Iterator[Any]:
    """Where pages are opened: what they have in common, Streamlit itself above all, is loaded and compiled once."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    for script in (CALM, TOASTS):
        context.add_init_script(script)
    keep_warm(context)
    yield context
    context.close()


@pytest.fixture
def open_page(windows: Any) -> Iterator[Callable[[str], Any]]:
    """Open an address in a page of its own."""
    pages = []

    def opened(url: str) -> Any:
        page = windows.new_page()
        pages.append(page)
        page.set_default_timeout(SHOWN_MS)
        page.goto(url)
        page.wait_for_selector(".ss-brand")
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.fixture
def training(runs_dir: Path, drums: Path, start: Callable[..., Any]) -> Callable[..., RunReader]:
    """A trainer at work on ten drums, in the library; back once it has made its first updates."""

    def begin(name: str = "drums", *options: str, step: int = 3) -> RunReader:
        root = runs_dir / name
        start("train", drums, "--run-dir", root, "--name", name, *SMALL, "--max-epochs", "2000", *options)
        reader = RunReader(root)
        until(lambda: (status := reader.status()) is not None and status.step >= step, STARTING_S)
        return reader

    return begin
