"""The table of earlier runs in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_press_opens_the_run_of_its_row_and_an_arrow_key_none(
    app: Server, drum_run: Path, runs_dir: Path, open_page: Callable[[str], Any]
) -> None:
    for number in range(3):
        shutil.copytree(drum_run, runs_dir / f"hat-{number}")
    page = open_page(app.url)
    table = page.locator("[data-testid=stDataFrame]")
    table.wait_for()
    page.wait_for_timeout(1500)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 200, box["y"] + 60)  # a name
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.wait_for_timeout(1500)
    assert "/run" not in page.url
    page.mouse.click(box["x"] + 62, box["y"] + 100)  # the second row's button
    page.wait_for_url("**/run?run=hat-*")
