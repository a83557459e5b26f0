"""The curves of a run in a real browser: what the mouse does with them, also while rows come."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from tests.app.library import write
from tests.browser.chromium import Server
from tests.conftest import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[[str], Any]
MAIN, LOSS = ".st-key-main .stVegaLiteChart", ".st-key-zoom-loss-step-drums .stVegaLiteChart"
AXES = """place => { const axes = [...document.querySelectorAll(place + ' .role-axis-label')];
  return axes.map(axis => [...axis.querySelectorAll('text')].map(one => Number(one.textContent))) }"""


def axes(page: Any, place: str = MAIN) -> tuple[list[float], list[float]] | None:
    """The figures along x and along y, from the lowest: the browser has them in the order of their coming.

    None for the moment in which the chart is drawn anew.
    """
    found = page.evaluate(AXES, place)
    return (sorted(found[0]), sorted(found[1])) if len(found) == 2 and all(found) else None


def settled(page: Any, place: str = MAIN) -> tuple[list[float], list[float]]:
    """The axes once they have stayed as they are for half a second."""

    def unmoved() -> tuple[list[float], list[float]] | None:
        before = axes(page, place)
        page.wait_for_timeout(500)
        return before if before == axes(page, place) else None

    return cast(tuple[list[float], list[float]], until(unmoved))


def zoom(page: Any, across: float, down: float) -> None:
    """Into what lies there."""
    page.mouse.move(across, down)
    page.keyboard.down("Shift")
    for _ in range(5):
        page.mouse.wheel(0, -240)
    page.keyboard.up("Shift")


def zoomed_loss(page: Any) -> list[float]:
    """The figures along x of the loss of every step, once they are fewer than all."""
    chart = page.locator(LOSS)
    chart.scroll_into_view_if_needed()
    whole = settled(page, LOSS)[0]
    box = chart.bounding_box()
    zoom(page, box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    until(lambda: (now := axes(page, LOSS)) and now[0][-1] < whole[-1])
    near = settled(page, LOSS)[0]
    page.locator(MAIN).scroll_into_view_if_needed()
    return near


def epoch(writer: RunWriter, number: int) -> None:
    for step in range(10 * number - 9, 10 * number + 1):
        writer.event("step", step=step, epoch=number, train_loss=1 / step, recon_loss=1 / step, learning_rate=1e-3)
    writer.event("epoch", epoch=number, step=10 * number, val_recon_db=7.0, train_recon_db=6.5)
    writer.update(epoch=number, step=10 * number)


def test_the_mouse_tells_all_curves_zooms_pans_and_resets_while_rows_come(app: Server, open_page: Open) -> None:
    writer = write(app.runs_dir / "drums", state=State.RUNNING, epochs=60, done=40, close=False)
    page = open_page(f"{app.url}/run?run=drums&x=step")
    chart = page.locator(MAIN)
    chart.wait_for()
    near_loss = zoomed_loss(page)
    whole = settled(page)
    assert whole[0][-1] == 400
    box = chart.bounding_box()
    across, down = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5

    def told() -> str:
        page.mouse.move(across + 2, down)
        page.mouse.move(across, down)
        return str(page.evaluate("document.querySelector('#vg-tooltip-element.visible')?.innerText || ''"))

    lines = until(told).splitlines()
    assert lines[0].startswith("update ") and [one.rsplit(" ", 2)[0] for one in lines[1:]] == [
        "new sounds", "its own sounds",
    ]  # fmt: skip
    zoom(page, across, down)
    until(lambda: (now := axes(page)) and now[0][-1] < 300 and now[1][-1] < whole[1][-1])
    near = settled(page)
    for number in (41, 42):
        epoch(writer, number)
    until(lambda: page.get_by_text("step 420").count())
    assert settled(page)[0] == near[0], "the zoom was lost"
    assert settled(page, LOSS)[0] == near_loss, "the zoom of the loss was lost"
    page.mouse.down()
    page.mouse.move(across - 90, down, steps=5)
    page.mouse.up()
    until(lambda: (now := axes(page)) and now[0][0] > near[0][0])
    page.mouse.dblclick(across, down)
    until(lambda: (now := axes(page)) and now[0][-1] >= 400 and now[1] == whole[1])
    writer.close()


def test_a_wheel_turned_sideways_over_a_chart_does_not_leave_the_page(app: Server, open_page: Open) -> None:
    """With Shift a wheel says so, and a chart that is being drawn anew takes none: the browser would go back."""
    write(app.runs_dir / "drums")
    page = open_page(f"{app.url}/runs")
    page.goto(f"{app.url}/run?run=drums")
    chart = page.locator(MAIN)
    chart.wait_for()
    settled(page)
    for _ in range(3):
        box = chart.bounding_box()
        across, down = box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5
        page.mouse.move(across, down)
        page.mouse.wheel(-960, 0)
        page.mouse.click(across, down)
        settled(page)
    assert page.url.endswith("/run?run=drums")


def test_what_the_menu_chooses_is_in_the_address_and_what_it_saves_is_whole(
    app: Server, open_page: Open, tmp_path: Path
) -> None:
    write(app.runs_dir / "drums")
    page = open_page(f"{app.url}/run?run=drums")
    page.get_by_role("button", name="Curves").click()
    page.locator(".st-key-curves-x").get_by_text("Time").click()
    tops = [page.get_by_text(word, exact=True).bounding_box()["y"] for word in ("Over", "Smoothing")]
    assert abs(tops[0] - tops[1]) < 1, "labels of one row stand on one line"
    page.locator(MAIN).get_by_text("minutes of training").wait_for()
    until(lambda: "x=time" in page.url)
    for name, kind in (("csv-steps", "csv"), ("save-svg", "svg")):
        with page.expect_download() as download:
            page.locator(f".st-key-{name} button").click()
        download.value.save_as(tmp_path / f"saved.{kind}")
    with (tmp_path / "saved.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == list(range(1, 201))
    assert "minutes of training" in (tmp_path / "saved.svg").read_text()
