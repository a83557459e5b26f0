"""The table of earlier runs in a real browser, and the way from it to their comparison."""

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
    page.mouse.click(box["x"] + 102, box["y"] + 100)  # the second row's button
    page.wait_for_url("**/run?run=hat-*")


def test_rows_that_are_chosen_lead_to_their_comparison_and_back_to_the_same_link(
    app: Server, drum_run: Path, runs_dir: Path, open_page: Callable[[str], Any]
) -> None:
    for number in range(3):
        shutil.copytree(drum_run, runs_dir / f"hat-{number}")
    page = open_page(app.url)
    table = page.locator("[data-testid=stDataFrame]")
    table.wait_for()
    page.wait_for_timeout(1500)
    box = table.bounding_box()
    for row, said in ((60, "Choose one more to compare."), (140, "Compare two")):
        page.mouse.click(box["x"] + 18, box["y"] + row)
        page.get_by_text(said).wait_for()
    assert "/run?" not in page.url, "to choose is not to open"
    page.get_by_role("link", name="Compare two").click()
    page.wait_for_url("**/compare?runs=hat-*")
    lines = "() => document.querySelectorAll('.st-key-compare-chart .mark-line path[d]').length"
    page.wait_for_function(f"() => ({lines})() === 2")
    page.get_by_text("cannot be told apart").wait_for()
    page.get_by_role("radio", name="Time").or_(page.get_by_role("button", name="Time")).first.click()
    page.wait_for_url("**&x=time")
    again = open_page(page.url)
    again.wait_for_function(f"() => ({lines})() === 2")
    assert again.locator(".st-key-compare-chart").get_by_text("minutes of training").count()
