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
from tests.browser.chromium import Server, chromium, executable, server
from tests.conftest import SMALL, until


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if executable() is None:
        if os.environ.get("SWEETSPOT_REQUIRE_BROWSER"):
            pytest.fail("there is no Chromium here, and SWEETSPOT_REQUIRE_BROWSER asks for one")
        pytest.skip("there is no Chromium here")
    with chromium() as found:
        yield found


@pytest.fixture
def runs_dir(tmp_path: Path) -> Iterator[Path]:
    """The library of one test. Trainers that still run in it are ended afterwards, also those the app started."""
    place = tmp_path / "runs"
    place.mkdir()
    yield place
    for root in place.glob("[!.]*"):  # a hidden folder there is no run
        deadline = time.monotonic() + 120  # one that is still starting has told nobody its pid yet
        while not RunReader(root).sessions() and time.monotonic() < deadline:
            time.sleep(0.2)
        for session in RunReader(root).sessions():
            if process_liveness(session) is Liveness.ALIVE:
                os.kill(session.pid, signal.SIGKILL)


@pytest.fixture
def app(runs_dir: Path) -> Iterator[Server]:
    with server(runs_dir, forked=True) as running:
        yield running


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[[str], Any]]:
    """Open an address in a window of its own."""
    contexts = []

    def opened(url: str) -> Any:
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(url)
        page.wait_for_selector(".ss-brand")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def training(runs_dir: Path, drums: Path, start: Callable[..., Any]) -> Callable[..., RunReader]:
    """A trainer at work on ten drums, in the library; back once it has made its first updates."""

    def begin(name: str = "drums", *options: str, step: int = 3) -> RunReader:
        root = runs_dir / name
        start("train", drums, "--run-dir", root, "--name", name, *SMALL, "--max-epochs", "400", *options)
        reader = RunReader(root)
        until(lambda: (status := reader.status()) is not None and status.step >= step)
        return reader

    return begin
