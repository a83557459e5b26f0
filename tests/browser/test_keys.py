"""Whole pages by keys alone: what the focus meets, in which order, what it is called, whether one sees where it is.

The run page and the bench are walked with all tests; the others are left to ``--controls``, as every control is.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from tests import forkserver
from tests.browser.chromium import Server
from tests.browser.pressing import settle
from tests.conftest import SMALL, until

pytestmark = pytest.mark.browser
Open = Callable[[str], Any]
MOST_STOPS = 400
# A ring, a shadow or a border in the colour of the theme, on what has the focus or close around it.
SEEN = """() => { const primary = 'rgb(11, 116, 102)'; let one = document.activeElement;
  for (let up = 0; up < 5 && one; up++, one = one.parentElement) {
    const look = getComputedStyle(one);
    if (look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0) return true;
    if (look.boxShadow !== 'none' || look.borderTopColor === primary) return true }
  return false }"""
# Tab goes on where the focus was, also where what had it is gone.
TO_TOP = """() => { const one = document.createElement('span'); one.tabIndex = -1;
  document.body.prepend(one); one.focus(); one.remove() }"""
OWN = "() => document.activeElement === document.body ? '' : document.activeElement.tagName"


@dataclass(frozen=True)
class Stop:
    """Where the focus was: its role and its name as a screen reader has them, and whether one sees it there."""

    tag: str
    role: str
    name: str
    seen: bool


def named(page: Any, reader: Any) -> tuple[str, str, str] | None:
    """(tag, role, name) of what has the focus; None where nothing has."""
    tag = page.evaluate(OWN)
    if not tag:
        return None
    found = reader.send("Runtime.evaluate", {"expression": "document.activeElement"})["result"]["objectId"]
    nodes = reader.send("Accessibility.getPartialAXTree", {"objectId": found, "fetchRelatives": False})["nodes"]
    role, name = (str(nodes[0].get(part, {}).get("value", "")) for part in ("role", "name"))
    return tag, role, name


def seen(page: Any) -> bool:
    """Whether one sees where the focus is, at the latest when the page has drawn it."""
    try:
        if not page.evaluate(SEEN):
            page.wait_for_function(SEEN, timeout=60_000)
    except TimeoutError:
        return False
    return True


def walk(page: Any) -> list[Stop]:
    """All stops from the top of the page to its end; what has several within itself, a player, once."""
    reader = page.context.new_cdp_session(page)
    reader.send("Accessibility.enable")
    page.evaluate(TO_TOP)
    found: list[Stop] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        one = named(page, reader)
        if one is None:
            return found
        if not found or one != (found[-1].tag, found[-1].role, found[-1].name):
            found.append(Stop(*one, one[0] == "MAIN" or seen(page)))
    raise AssertionError(f"the focus does not come to an end: {found[-5:]}")


def check(stops: list[Stop]) -> list[str]:
    """Each has a role and a name, and is seen; the names in their order."""
    # Streamlit's, which have no name or no role to give them: what the arrow keys scroll, a table, a choice among many.
    own = [one for one in stops if one.tag not in ("MAIN", "CANVAS", "SPAN")]
    assert not [one for one in own if not one.name.strip() or one.role in ("", "generic")]
    assert not [one for one in own if not one.seen]
    return [one.name for one in own]


def focus(page: Any, name: str, role: str = "button") -> None:
    """By Tab alone, from the top."""
    page.evaluate(TO_TOP)
    wanted = page.get_by_role(role, name=name, exact=True)
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if wanted.evaluate_all("found => found.includes(document.activeElement)"):
            return
    raise AssertionError(f"Tab never comes to {name!r}")


def in_order(names: list[str], order: tuple[str, ...]) -> None:
    """The first name of each beginning stands behind that of the one before."""
    places = [next((place for place, name in enumerate(names) if name.startswith(part)), -1) for part in order]
    assert -1 not in places and places == sorted(places), (places, names)


def has_focus(page: Any, name: str) -> bool:
    """Once the page has answered what was pressed."""
    settle(page)
    now = page.get_by_role("button", name=name, exact=True)
    return bool(until(lambda: now.evaluate_all("found => found.includes(document.activeElement)")))


@pytest.mark.slow
def test_the_page_of_a_run_by_keys_alone(app: Server, drum_run: Path, open_page: Open) -> None:
    shutil.copytree(drum_run, app.runs_dir / "drums")
    page = open_page(f"{app.url}/run?run=drums")
    page.locator(".st-key-timeline audio").first.wait_for(state="attached")
    settle(page)
    names = check(walk(page))
    order = ["Skip to main content", "Runs", "Delete", "Curves", "Compare by ear", "Play the original"]
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)
    epochs = [int(name.split()[2].rstrip(",")) for name in names if name.startswith("Play epoch ")]
    assert len(epochs) > 1 and epochs == sorted(epochs, reverse=True), "as they stand, the newest first"
    for opener, inside in (("Delete", "Keep it"), ("Name, tags, note", "Save")):
        focus(page, opener)
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("button", name=inside).wait_for()
        until(lambda: page.evaluate("!!document.activeElement.closest('[role=dialog]')"))
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")
    focus(page, "Curves")
    page.keyboard.press("Enter")
    page.get_by_text("Logarithmic").first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Logarithmic").first.wait_for(state="hidden")


@pytest.mark.slow
def test_the_bench_by_keys_alone(app: Server, drum_run: Path, open_page: Open) -> None:
    shutil.copytree(drum_run, app.runs_dir / "drums")
    page = open_page(f"{app.url}/listen?run=drums")
    page.locator(".lb-lane[data-side=a] img").wait_for()
    settle(page)
    names = check(walk(page))
    order = (
        "Epoch",
        "A Copy",
        "B Original",
        "Position",
        "Play",
        "Loop",
        "Which do I like?",
        "Play the original",
        "What you hear",
    )
    in_order(names, order)
    focus(page, "Play")
    page.keyboard.press("Enter")
    until(lambda: page.get_attribute(".lb", "data-state") == "playing")
    page.keyboard.press("b")
    until(lambda: page.get_attribute(".lb-lane[data-side=b] .lb-sound", "aria-pressed") == "true")
    page.keyboard.press("Space")
    until(lambda: page.get_attribute(".lb", "data-state") == "still")
    focus(page, "Which do I like?")
    page.keyboard.press("Enter")
    focus(page, "I like the second")
    page.keyboard.press("Enter")
    assert page.inner_text(".lb-ask") == "Listen to both, then say: I like"
    assert not page.inner_text(".lb-said[role=status]")
    focus(page, "Play")
    page.keyboard.press("Enter")
    until(lambda: page.get_attribute(".lb", "data-state") == "playing")
    for side in ("a", "b"):  # one of them is heard already
        page.keyboard.press(side)
    focus(page, "I like the second")
    page.keyboard.press("Enter")
    until(lambda: "You chose" in page.inner_text(".lb-said[role=status]"))


@pytest.mark.controls
def test_runs_and_compare_by_keys_alone(app: Server, drum_run: Path, open_page: Open) -> None:
    for name in ("drums", "others"):
        shutil.copytree(drum_run, app.runs_dir / name)
    page = open_page(f"{app.url}/")
    page.locator("[data-testid=data-grid-canvas] td").first.wait_for(state="attached")
    settle(page)
    names = check(walk(page))
    in_order(names, ("Skip to main content", "Queue", "Find runs", "Done 2", "Columns", "Open a run from"))
    focus(page, "Columns")
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate(OWN) == "CANVAS":
            break
    page.keyboard.press("ArrowDown")
    until(lambda: page.evaluate(OWN) == "TD")
    page.keyboard.press("Shift+Space")
    page.get_by_role("link", name="Open", exact=True).wait_for()
    settle(page)
    focus(page, "Open", "link")
    page.keyboard.press("Enter")
    page.wait_for_url("**/run?run=*")
    page.goto(f"{app.url}/compare?runs=drums,others")
    page.locator("audio").nth(2).wait_for(state="attached")
    settle(page)
    names = check(walk(page))
    in_order(names, ("Runs", "Clear all", "Curve", "Smoothing", "Logarithmic", "Figures", "Play the original"))
    focus(page, "Logarithmic", "switch")
    page.keyboard.press("Space")
    page.wait_for_url("**log=1*")


@pytest.mark.controls
def test_a_run_of_a_folder_is_begun_by_keys_alone(app: Server, drums: Path, open_page: Open) -> None:
    page = open_page(f"{app.url}/")
    page.get_by_role("button", name="Start the demo").wait_for()
    settle(page)
    names = check(walk(page))
    in_order(names, ("Skip to main content", "New run", "Start the demo", "or learn from", "Open a run from elsewhere"))
    focus(page, "New run", "link")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start learning").wait_for()
    settle(page)
    focus(page, "Demo sounds", "radio")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.get_by_role("textbox", name="Folder").wait_for()
    settle(page)
    focus(page, "Folder", "textbox")
    page.keyboard.type(str(drums))
    page.keyboard.press("Enter")
    until(lambda: page.get_by_role("button", name="Start learning").is_enabled())
    settle(page)
    names = check(walk(page))
    order = ("A folder on this computer", "Folder", "Check again", "Choose among the sounds")
    in_order(names, (*order, "Name", "Advanced", "Start learning", "Add to the queue"))
    focus(page, "Start learning")
    page.keyboard.press("Enter")
    page.wait_for_url("**/run?run=*")
    page.locator(".stMarkdownBadge", has_text="Learning").wait_for()


@pytest.mark.controls
def test_the_queue_by_keys_alone(app: Server, drums: Path, open_page: Open) -> None:
    for name in "ab":
        asked = (str(drums), "--runs-dir", str(app.runs_dir), "--name", name, *SMALL)
        assert forkserver.run("engine", "queue", "add", *asked).returncode == 0
    page = open_page(f"{app.url}/queue")
    cards = page.locator("[class*=st-key-queued-] h2")
    until(lambda: cards.all_inner_texts() == ["a", "b"])
    settle(page)
    names = check(walk(page))
    order = ("At once", "Start the queue", "Take all out", "Train a earlier", "Train a later", "Take out", "Train b")
    in_order(names, order)
    focus(page, "Train a later")
    page.keyboard.press("Enter")
    until(lambda: cards.all_inner_texts() == ["b", "a"])
    until(lambda: has_focus(page, "Train a later"))  # the card went, the focus with it
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    until(lambda: cards.all_inner_texts() == ["a", "b"])
    until(lambda: has_focus(page, "Train a earlier"))
    page.locator("[class*=st-key-queued-]", has_text="b").first.drag_to(cards.first)
    until(lambda: cards.all_inner_texts() == ["b", "a"])  # the mouse does the same
    assert not page.locator("[data-queue-drop]").count()
    focus(page, "Take out")
    page.keyboard.press("Space")
    until(lambda: cards.all_inner_texts() == ["a"])


@pytest.mark.controls
def test_sounds_and_explore_by_keys_alone(app: Server, drum_run: Path, open_page: Open) -> None:
    shutil.copytree(drum_run, app.runs_dir / "drums")
    page = open_page(f"{app.url}/sounds?run=drums")
    page.get_by_role("button", name="Make eight sounds").wait_for()
    settle(page)
    focus(page, "How many", "spinbutton")
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make one sound").wait_for()
    settle(page)
    focus(page, "Make one sound")
    page.keyboard.press("Enter")
    page.locator("audio").wait_for(state="attached")
    settle(page)
    names = check(walk(page))
    order = ("Epoch", "How many", "Temperature", "Advanced", "Make one more", "Instrument", "Kept: 1", "Play New 1")
    in_order(names, (*order, "Give it a star", "Download", "Where they lie"))
    focus(page, "Give it a star")
    page.keyboard.press("Enter")
    assert has_focus(page, "Take its star away"), "the same button, to press again"
    focus(page, "Remove New 1")
    page.keyboard.press("Enter")
    assert has_focus(page, "Put it back"), "a control that is gone would leave the focus nowhere"
    page.keyboard.press("Enter")
    assert has_focus(page, "Remove New 1")
    page.goto(f"{app.url}/explore?run=drums")
    page.get_by_role("button", name="Hear direction").last.wait_for()
    settle(page)
    names = check(walk(page))
    in_order(names, ("How it learnt", "Hear direction", "Epoch", "Morph", "From", "How far", "Hear it"))
    assert "Fullscreen" not in names, "of a picture that is a button"
    focus(page, names[next(place for place, name in enumerate(names) if name.startswith("Hear direction"))])
    page.keyboard.press("Enter")
    page.locator("audio").wait_for(state="attached")
    settle(page)
    focus(page, "Morph", "tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.get_by_role("spinbutton", name="Across").wait_for()
    focus(page, "Hear it")
    page.keyboard.press("Space")
    until(lambda: page.locator("audio").count() == 2)
    heard = [name for name in check(walk(page)) if name.startswith("Play ")]
    assert heard[0].startswith("Play Place") and heard[1].startswith("Play Moved"), "the newest first"
