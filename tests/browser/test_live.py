"""A live run in a real browser: what moves, what must not be disturbed, and what buttons do."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.rundir import control
from engine.rundir.liveness import Liveness, process_liveness
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests.browser.chromium import Server
from tests.conftest import until

pytestmark = pytest.mark.browser
Training = Callable[..., RunReader]
Open = Callable[[str], Any]

STEP = re.compile(r"step ([\d,]+)")


def shown_step(page: Any) -> int:
    found = STEP.search(page.locator(".ss-line").first.inner_text())
    return int(found[1].replace(",", "")) if found else 0


def badge(page: Any, word: str) -> Any:
    return page.locator(".stMarkdownBadge", has_text=word)


def curve(page: Any, chart: int = 1) -> str:
    """The longest path of the n-th chart on the page (0 is the strip): its line as the browser draws it."""
    return str(
        page.evaluate(
            """n => { const charts = document.querySelectorAll('.stVegaLiteChart'); if (!charts[n]) return '';
            const paths = [...charts[n].querySelectorAll('.mark-line path')].map(p => p.getAttribute('d') || '');
            return paths.sort((a, b) => b.length - a.length)[0] || '' }""",
            chart,
        )
    )


def test_the_curve_and_the_words_of_a_live_run_move_without_a_reload(
    app: Server, training: Training, open_page: Open
) -> None:
    reader = training()
    page = open_page(f"{app.url}/run?run={reader.id}")
    page.evaluate("window.stayed = true")
    badge(page, "Learning").wait_for()
    before = until(lambda: shown_step(page))
    chart = until(lambda: next((number for number in (2, 1) if curve(page, number)), None))
    line = curve(page, chart)
    until(lambda: shown_step(page) > before)
    until(lambda: curve(page, chart) not in ("", line))  # for a moment, while it is drawn anew, there is none
    assert page.evaluate("window.stayed"), "the page was loaded anew"


@pytest.mark.slow
def test_previews_come_newest_first_and_one_plays_on_through_two_new_ones_while_nothing_plays_by_itself(
    app: Server, training: Training, open_page: Open
) -> None:
    reader = training("drums", "--preview-interval", "1", "--preview-interval-short", "1", step=40)
    page = open_page(f"{app.url}/run?run={reader.id}")
    page.locator("audio").first.wait_for(state="attached")
    page.wait_for_timeout(1500)
    assert page.evaluate("[...document.querySelectorAll('audio')].every(a => a.paused)")
    rows = page.locator(".st-key-timeline .ss-mark")
    until(lambda: rows.count() >= 3)
    # In one go: while rows are asked one by one a new one may come and move them all.
    places = "rows => rows.map(row => [row.getBoundingClientRect().top, row.innerText])"

    def in_order() -> bool:
        from_top = [text for _, text in sorted(rows.evaluate_all(places)) if text.strip()]
        epochs = [int(found[1]) for text in from_top if (found := re.match(r"epoch\s+(\d+)", text))]
        return "untrained" in from_top[-1] and len(epochs) > 1 and epochs == sorted(epochs, reverse=True)

    until(in_order)  # a row that has just come is drawn before it is in its place
    sounds = page.evaluate("[...document.querySelectorAll('audio')].map(a => a.src)")
    newest = page.locator(".st-key-timeline audio").first
    newest.evaluate("a => { a.loop = true; a.muted = true; a.dataset.mine = 'yes'; return a.play() }")
    made = len(reader.previews())
    until(lambda: len(reader.previews()) >= made + 4)
    until(lambda: len(page.evaluate("[...document.querySelectorAll('audio')].map(a => a.src)")) > len(sounds) + 1)
    playing = page.evaluate("[...document.querySelectorAll('audio')].filter(a => !a.paused).map(a => a.dataset.mine)")
    assert playing == ["yes"]


def _answers(reader: RunReader) -> list[str]:
    return [event["result"] for event in reader.events().events if event["event"] == "control"]


# Once a notice has come and the button for what comes next is there: the buttons beneath the notice.
COVERED = """() => {
    const over = toasts.at(-1);
    const buttons = [...document.querySelectorAll("button")].filter(one => !one.closest("[data-testid=stToast]"));
    if (!over || !buttons.some(one => one.innerText.includes("Resume from"))) return null;
    return buttons.filter(one => {
        const box = one.getBoundingClientRect();
        const across = box.left < over.right && over.left < box.right;
        return box.width && across && box.top < over.bottom && over.top < box.bottom;
    }).map(one => one.innerText);
}"""


@pytest.mark.slow
def test_a_run_is_saved_stopped_resumed_and_killed_and_two_windows_say_so(
    app: Server, training: Training, open_page: Open
) -> None:
    reader = training()
    first = open_page(f"{app.url}/?run={reader.id}")  # a link without the page opens the run
    asked: list[str] = []
    first.on("request", lambda request: asked.append(request.url))
    first.locator("h1.ss-name", has_text="drums").wait_for()
    second = open_page(f"{app.url}/run?run={reader.id}")
    first.get_by_role("button", name="Save now").click()
    first.get_by_role("button", name="Saved").wait_for()
    until(lambda: _answers(reader) == ["acknowledged", "done"])
    assert reader.checkpoints()
    first.get_by_role("button", name="Stop and keep").click()
    assert first.wait_for_function(COVERED).json_value() == []
    for page in (first, second):
        page.get_by_text("as you asked").wait_for()
        badge(page, "Stopped").wait_for()
    assert reader.view().state == State.CANCELLED
    second.close()
    _resume(first, reader)
    _killed(first, reader)
    for place in ("/", "/new", f"/run?run={reader.id}"):
        first.goto(app.url + place)
        first.wait_for_selector(".ss-brand")
        first.wait_for_timeout(2000)
    assert asked and not [url for url in asked if not url.startswith((app.url, "data:", "blob:"))]


def _resume(page: Any, reader: RunReader) -> None:
    """A stopped run goes on after a summary and a confirming click."""
    page.get_by_role("button", name=re.compile("^.*Resume from")).click()
    page.get_by_text("Steps left").wait_for()
    assert len(reader.sessions()) == 1, "nothing starts before it is confirmed"
    before = reader.status().step
    page.get_by_role("button", name="Resume now").click()
    page.locator("button:disabled", has_text="Starting…").wait_for()  # at once, while the trainer is not there yet
    until(lambda: len(reader.sessions()) == 2)
    badge(page, "Learning").wait_for()
    until(lambda: (reader.status().step or 0) > before)


def _killed(page: Any, reader: RunReader) -> None:
    """A killed trainer shows as crashed."""
    began = time.monotonic()
    os.kill(reader.sessions()[-1].pid, signal.SIGKILL)
    badge(page, "Crashed").wait_for()
    print(f"shown as crashed after {time.monotonic() - began:.1f} s")
    page.get_by_text("It ended without a word").wait_for()


@pytest.mark.slow
def test_two_windows_of_a_new_app_that_press_start_make_one_run_which_survives_the_end_of_the_app(
    own_app: Server, drums: Path, open_page: Open
) -> None:
    pages = [open_page(f"{own_app.url}/run?run=nothing")]
    pages[0].get_by_text("There is no run of this name here").wait_for()
    pages[0].get_by_role("link", name="Runs", exact=False).first.click()
    pages[0].get_by_role("button", name="Start the demo").wait_for()
    assert pages[0].url.rstrip("/") == own_app.url, "the pages were run without main.py"
    pages[0].goto(f"{own_app.url}/new")
    pages.append(open_page(f"{own_app.url}/new"))
    for page in pages:
        _fill(page, drums)
    for page in pages:
        page.get_by_role("button", name="Start learning").click(no_wait_after=True)
    for page in pages:
        page.wait_for_url(re.compile(r"/run\?run="))
    assert pages[0].url == pages[1].url
    roots = list(own_app.runs_dir.iterdir())
    assert len(roots) == 1
    reader = RunReader(roots[0])
    until(lambda: (status := reader.status()) and status.step > 0)
    own_app.stop()
    session, step = reader.sessions()[-1], reader.status().step
    until(lambda: reader.status().step > step)
    assert process_liveness(session) is Liveness.ALIVE


def _fill(page: Any, folder: Any) -> None:
    page.get_by_text("A folder on this computer").click()
    field = page.get_by_role("textbox", name="Folder")
    field.fill(str(folder))
    field.press("Enter")
    page.get_by_text("Good to go").wait_for()


@pytest.mark.slow
def test_the_demo_is_heard_after_at_most_three_clicks(app: Server, open_page: Open) -> None:
    began = time.monotonic()
    page = open_page(app.url)
    page.get_by_role("button", name="Start the demo").click()
    player = page.locator(".st-key-timeline audio").first
    player.wait_for(state="attached")
    player.evaluate("a => { a.muted = true; return a.play() }")
    print(f"the first preview played after {time.monotonic() - began:.0f} s")


@pytest.mark.slow
def test_sounds_says_without_a_touch_that_its_run_has_ended(app: Server, training: Training, open_page: Open) -> None:
    reader = training()
    page = open_page(f"{app.url}/sounds?run={reader.id}")
    badge(page, "Learning").wait_for()
    page.evaluate("window.stayed = true")
    control.send(reader.root, "save_now")
    page.get_by_role("button", name="Make eight sounds").wait_for()
    control.send(reader.root, "cancel")
    badge(page, "Stopped").wait_for()
    assert page.evaluate("window.stayed"), "without a reload"
