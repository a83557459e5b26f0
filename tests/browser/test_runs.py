"""The table of earlier runs in a real browser, and the way from it to their comparison."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from engine.rundir.view import RunView
from tests.browser.chromium import Server
from tests.browser.pressing import settle
from tests.conftest import until
from tests.run_list import list_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_press_opens_the_run_of_its_row_and_back_leads_to_all_runs_and_from_a_comparison_to_its_run(
    app: Server, drum_run: Path, runs_dir: Path, open_page: Callable[[str], Any]
) -> None:
    page, box = _listening(app, drum_run, runs_dir, open_page)
    page.mouse.click(box["x"] + 200, box["y"] + 60)  # a name
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.wait_for_timeout(1500)
    assert "/run" not in page.url, "neither a press beside the button nor an arrow key opens one"
    page.mouse.click(box["x"] + 80, box["y"] + 100)  # the second row's button
    page.wait_for_url("**/run?run=hat-*")
    name = page.locator("h1.ss-name")
    name.get_by_text("drums").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Runs", exact=True).wait_for()
    page.go_forward()
    name.get_by_text("drums").wait_for()
    page.get_by_role("button", name="Compare with").click()
    page.wait_for_url("**/compare?*")
    page.get_by_role("heading", name="Compare", exact=True).wait_for()
    page.go_back()
    name.get_by_text("drums").wait_for()


def test_rows_that_are_chosen_lead_to_their_comparison_and_back_to_the_same_link(
    app: Server, drum_run: Path, runs_dir: Path, open_page: Callable[[str], Any]
) -> None:
    page, box = _listening(app, drum_run, runs_dir, open_page)
    page.mouse.click(box["x"] + 18, box["y"] + 140)
    page.get_by_text("Compare two").wait_for()
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
    again.locator(".st-key-compare-chart").get_by_text("minutes of training").first.wait_for()


def test_a_ticked_run_is_named_in_place_and_the_columns_chosen_stand_in_the_link(
    app: Server, drum_run: Path, runs_dir: Path, open_page: Callable[[str], Any]
) -> None:
    for number in range(2):
        shutil.copytree(drum_run, runs_dir / f"hat-{number}")
    page = open_page(f"{app.url}/?columns=Tags")
    table = page.locator("[data-testid=stDataFrame]")
    page.get_by_text("Tick runs to open").wait_for()
    table.locator("canvas").first.wait_for()
    settle(page)
    box = table.bounding_box()
    until(lambda: _ticked(page, box))
    assert table.bounding_box() == box, "the table moves under the finger"
    page.get_by_role("button", name="Name, tags, note").click()
    bait = "![i](http://127.0.0.1:9/x) <b>hat"
    page.get_by_role("textbox", name="Name").fill(bait)
    page.get_by_role("textbox", name="Tags").fill("keeper, dry")
    page.get_by_role("textbox", name="Note").fill("Use 31.")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("dialog").wait_for(state="detached")
    view = until(lambda: next((view for view in _views(runs_dir) if view.notes.tags), None))
    assert (view.name, view.notes.tags, view.notes.text) == (bait, ("keeper", "dry"), "Use 31.")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("toolbar", name="Columns").get_by_text("Size on disk").click()
    page.wait_for_url("**/?columns=Size%2CTags")
    again = open_page(f"{app.url}/run?run={view.id}")
    again.locator("h1", has_text=bait).wait_for()
    again.get_by_role("button", name="Name, tags, note").click()
    until(lambda: again.get_by_role("textbox", name="Name").input_value() == bait)
    assert again.locator("img[src^='http://127.0.0.1:9']").count() == 0


def _listening(app: Server, drum_run: Path, runs_dir: Path, open_page: Callable[[str], Any]) -> tuple[Any, Any]:
    """The page over three runs with the first one ticked, and the place of its table, which listens from then on."""
    for number in range(3):
        shutil.copytree(drum_run, runs_dir / f"hat-{number}")
    page = open_page(app.url)
    table = page.locator("[data-testid=stDataFrame]")
    table.locator("canvas").first.wait_for()
    settle(page)
    box = table.bounding_box()
    until(lambda: _ticked(page, box))
    return page, box


def _ticked(page: Any, box: Any) -> bool:
    """Whether the first row is ticked. Until the table listens, a press of its box is none; a second one takes the
    first back, so it comes only where nothing has come of that for long."""
    page.mouse.click(box["x"] + 18, box["y"] + 60)
    try:
        page.get_by_text("Choose one more to compare.").wait_for(timeout=40_000)
    except TimeoutError:
        return False
    return True


def _views(runs_dir: Path) -> list[RunView]:
    return [reader.view() for reader in list_runs(runs_dir)]
