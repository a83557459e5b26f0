"""A run directory whose every text is an image and a link elsewhere, looked at in a real browser: nothing is asked."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.report.command import command as report
from engine.audio.files.io import write_wave
from engine.rundir.protocol import HandledCommand
from engine.rundir.status import ErrorInfo, State
from tests.app.library import write
from tests.browser.chromium import Server, server
from tests.reliability.injection import STRUCTURE, inject
from tests.sampling import later

pytestmark = pytest.mark.browser
LEFT = "[...document.querySelectorAll('a[href], img[src], iframe, script[src], video, object, embed')]"


class Listener:
    """A server on this machine that nobody should ask. asked: what was asked for all the same."""

    def __init__(self) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *words: object) -> None:
                pass

        self.asked = asked
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def bait(self) -> str:
        at = self.address
        return (
            f"![i]({at}/markdown) [l]({at}/link) <img src='{at}/html'> <a href='{at}/anchor'>a</a> {at}/bare "
            f"![i][r] <{at}/angles> :material/home: www.bait.example a@bait.example <b>$x$ `c`"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


@pytest.fixture(scope="module")
def library(listener: Listener, drum_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs that are nothing but bait, runs of sounds with bait in all else, and one of those that lives."""
    place = tmp_path_factory.mktemp("bait") / "runs"
    place.mkdir()
    failed = ErrorInfo(kind="TrainingFailedError", cause="The loss became NaN.", remedy="Wait.")
    for name, keep in (("all", frozenset[str]()), ("words", STRUCTURE - {"monitor.unit"}), ("failed", STRUCTURE)):
        write(place / name, state=State.FAILED if name == "failed" else State.COMPLETED, error=failed)
        inject(place / name, listener.bait, keep)
    shutil.copytree(drum_run, place / "sounds")
    (place / "sounds" / "sounds").mkdir()
    write_wave(place / "sounds" / "sounds" / "made.wav", _NOISE, 48_000)
    (place / "sounds" / "sounds" / "made.json").write_text('{"sound": {"origin": {"kind": "file", "amount": 0.5}}}')
    inject(place / "sounds", listener.bait, STRUCTURE | {"sound.origin.kind"})
    live = write(place / "live", state=State.RUNNING, done=15, close=False)
    refused = HandledCommand(id="1", command="cancel", result="refused", reason=listener.bait, at=time.time() + 1e6)
    live.update(commands=[refused], warnings=[listener.bait])
    yield place
    live.close()


_NOISE = 0.1 * np.random.default_rng(0).standard_normal(4800).astype(np.float32)


@pytest.fixture(scope="module")
def baited(library: Path) -> Iterator[Server]:
    with server(library, forked=True) as running:
        yield running


def quiet(page: Any, listener: Listener) -> None:
    """Nothing on the page leads or asks elsewhere, and the page stands."""
    page.wait_for_selector("[data-test-script-state=notRunning]")  # before that there is little on it
    page.wait_for_timeout(700)
    assert page.locator("[data-testid=stException]").count() == 0
    own = page.evaluate("location.origin")
    found = page.evaluate(f"{LEFT}.map(one => one.href || one.src || one.outerHTML)")
    assert [one for one in found if not one.startswith((own, "data:", "blob:"))] == []
    assert listener.asked == []


PAGES = [*later("run?run=words", "new?copy=all", "sounds?run=sounds", "", "run?run=all", "run?run=failed",
         "run?run=sounds", "run?run=live", "new?copy=sounds", "explore?run=all", "explore?run=sounds")]  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_no_text_of_a_run_fetches_or_leads_anywhere(
    address: str, baited: Server, listener: Listener, open_page: Callable[[str], Any]
) -> None:
    page = open_page(f"{baited.url}/{address}")
    quiet(page, listener)
    for tab in page.get_by_role("tab").all():
        tab.click()
        quiet(page, listener)
    for fold in page.locator("details > summary").all():
        fold.click()
    for help in page.locator("[data-testid=stTooltipHoverTarget]:visible").all()[:12]:
        help.dispatch_event("pointerenter")
        help.dispatch_event("mouseover")
        page.wait_for_timeout(100)
    quiet(page, listener)


def test_no_text_of_a_run_fetches_or_leads_anywhere_from_its_report(
    library: Path, listener: Listener, browser: Any, tmp_path: Path
) -> None:
    page = browser.new_page()
    for name in ("all", "words", "failed", "sounds"):
        report.main([str(library / name), "--out", str(tmp_path / f"{name}.html")], standalone_mode=False)
        page.goto((tmp_path / f"{name}.html").as_uri())
        assert page.evaluate("document.querySelectorAll('a, img:not([src^=\"data:\"])').length") == 0
    page.close()
    assert listener.asked == []
