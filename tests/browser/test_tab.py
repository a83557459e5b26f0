"""Who works in another window sees in the tab's title how far a run is, and that it ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.rundir.status import State
from tests.app.library import write
from tests.browser.chromium import server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TITLE = "title => document.title === title"


def test_the_title_follows_a_run_and_one_notice_tells_its_end(tmp_path: Path, open_page: Callable[[str], Any]) -> None:
    writer = write(tmp_path / "drums", name="my *drums*", state=State.RUNNING, epochs=20, done=15, close=False)
    with server(tmp_path, forked=True) as app:
        page = open_page(f"{app.url}/run?run=drums")
        page.wait_for_function(TITLE, arg="75 % · my *drums*")
        writer.update(step=160)
        page.wait_for_function(TITLE, arg="80 % · my *drums*")
        writer.state(State.COMPLETED)
        writer.close()
        page.wait_for_function(TITLE, arg="Done · my *drums*")
        notice = page.locator("[data-testid=stToast]")
        notice.get_by_text("Done: my *drums*").wait_for()
        assert notice.count() <= 1  # none where it has gone again
        page.get_by_role("link", name=re.compile("New run")).click()
        page.wait_for_function(TITLE, arg="New run · Sweetspot")


def test_who_comes_after_the_end_gets_no_notice(tmp_path: Path, open_page: Callable[[str], Any]) -> None:
    write(tmp_path / "drums")
    with server(tmp_path, forked=True) as app:
        page = open_page(f"{app.url}/run?run=drums")
        page.wait_for_function(TITLE, arg="Done · drums")
        page.locator(".st-key-details").wait_for()
        assert page.locator("[data-testid=stToast]").count() == 0
