"""Pages of which nothing changes leave the drive alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.library import write
from tests.browser.chromium import server
from tests.conftest import ROOT, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SPAN = 150  # lines of Streamlit's own, which tell the time here: five seconds of them, more on a busy machine


def own(line: str) -> bool:
    """Streamlit asks five times a second whether its config.toml changed, and for the script at each of its runs.

    No setting ends that (streamlit.web.bootstrap asks for the polling watcher by name).
    """
    return line.endswith("/.streamlit/config.toml") or line == str(ROOT / "app" / "main.py")


def test_an_idle_page_touches_no_file(tmp_path: Path, open_page: Callable[[str], Any]) -> None:
    runs_dir = tmp_path / "runs"  # no trainer is in it that a fixture would have to end: its sessions name this process
    write(runs_dir / "drums", done=3)
    log = tmp_path / "touched.txt"
    with server(runs_dir, program=("tests.browser.watched_app", str(log))) as app:
        pages = [open_page(app.url), open_page(f"{app.url}/run?run=drums")]
        for page in pages:
            page.get_by_text("drums").first.wait_for(state="attached")
        seen: list[str] = []

        def rests() -> bool:
            seen[:] = log.read_text(errors="replace").splitlines()
            return len(seen) > SPAN and all(map(own, seen[-SPAN:]))

        assert until(rests, 400)
        assert any(line.startswith(str(runs_dir)) for line in seen)  # while they were drawn they were read
        (runs_dir / "drums" / "status.json").touch()
        until(lambda: any(line.startswith(str(runs_dir)) for line in log.read_text().splitlines()[len(seen) :]))
