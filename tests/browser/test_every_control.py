"""Each page in each state of a run: every control that the page lists is pressed, and nothing goes wrong.

Wrong is an exception in the page, a line in the server's log, an error or a warning in the browser's console (Vega's
too), what axe-core calls a violation (in the light theme, and once a page in the dark one), a control that a screen
reader has and the listing has not, one that is gone before its turn, and one that is disabled without a word why.

All of Runs and Run are pressed anew in every state of a run, but for what leads to other pages from each; what is alike
in every state (the form of a new run, Listen, Compare, Sounds, Explore) is opened and judged in every state, and what
is new there is pressed. ``--controls`` asks for all of it, ``--all`` for two of the cheaper ones; both end with what
was pressed, by page and state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests.browser.faults import Watched, missing, watching
from tests.browser.roles import unlisted
from tests.browser.states import QUEUED, STATES, Place, library
from tests.browser.walk import Walk
from tests.conftest import Make, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(3600)]

PAGES = {
    "Runs": "/",
    "New run": "/new?copy=drums",
    "Queue": "/queue",
    "Run": "/run?run=drums",
    "Listen": "/listen?run=drums",
    "Compare": "/compare?runs=drums,others",
    "Sounds": "/sounds?run=drums",
    "Explore": "/explore?run=drums",
}
EMPTY = {
    "Runs": "/",
    "New run": "/new",
    "Queue": "/queue",
    "Run": "/run?run=none",
    "Listen": "/listen",
    "Compare": "/compare",
    "Sounds": "/sounds",
    "Explore": "/explore",
}
ALIKE = ("New run", "Listen", "Compare", "Sounds", "Explore")
CASES = [
    *((title, (state,)) for title in ("Run", "Runs") for state in STATES),
    *((title, STATES) for title in ALIKE),
    ("Queue", (QUEUED, "empty")),
]
SAMPLED = (("Runs", ("done",)), ("Queue", (QUEUED, "empty")))
# What leads to the other pages from each: pressed on a page in its first state alone.
HEAD = frozenset(f"link | {title} | head" for title in ("Runs", "New run", "Queue", "Sounds", "Explore"))
# What ends the state that is walked.
LAST = (
    "Start the demo|Start learning|Start the queue|Resume|Train longer|Begin again",
    "Try three presets",
    "Stop and keep|Stop the queue|Take all out",
    "Delete",
)
# What the page of a run has only while it learns, or begins to.
LEARNS = r"^button \| [^|]* \| (starting|save_now|cancel)$"
TYPED = {"How many": "2", "Name": "again"}


@pytest.fixture(scope="module")
def place(drums: Path, made_once: Callable[[str, Make], Path], tmp_path_factory: Any) -> Iterator[Place]:
    with library(drums, made_once, tmp_path_factory.mktemp("controls")) as found:
        yield found


@pytest.fixture
def watched(place: Place, browser: Any) -> Iterator[Watched]:
    with watching(browser, place.log) as found:
        yield found


def _cases() -> Iterator[Any]:
    for title, states in CASES:
        marks = [pytest.mark.controls, *([pytest.mark.slow] if (title, states) in SAMPLED else [])]
        yield pytest.param(title, states, id=f"{title}, {', '.join(states)}", marks=marks)


@pytest.mark.parametrize(("title", "states"), [*_cases()])
def test_every_control_can_be_pressed(
    title: str, states: tuple[str, ...], place: Place, watched: Watched, record_property: Callable[[str, object], None]
) -> None:
    known = set(() if STATES[0] in states or QUEUED in states else HEAD)
    wrong: list[str] = []
    for state in states:
        with place.holding(state, beside=title == "Compare"):
            walk = _walk(title, state, place, watched, frozenset(known))
            wrong += [f"{state}: {one}" for one in (*missing(walk), *watched.wrong())]
            if any("Stop and keep" in sign for sign in walk.found) and state == "training":
                wrong += _ended(place)
            watched.page.goto("about:blank")
        known |= {one.sign for one in walk.pressed}
        record_property("controls", _row(title, state, walk))
    assert not wrong, "\n".join(wrong)


def _row(title: str, state: str, walk: Walk) -> str:
    """A line of the table of what was pressed."""
    skipped = {
        "pressed in a state before": walk.found.keys() & walk.before,
        "like two that are": walk.alike,
        "disabled, and it is said why": walk.disabled,
        "gone, and it is known why": walk.gone,
    }
    pressed = len({one.sign for one in walk.pressed})
    why = ", ".join(f"{len(found)} {reason}" for reason, found in skipped.items() if found)
    return f"| {title} | {state} | {pressed + sum(map(len, skipped.values()))} | {pressed} | {why} |"


def _walk(title: str, state: str, place: Place, watched: Watched, before: frozenset[str]) -> Walk:
    def judge(page: Any, part: str) -> None:
        watched.faults += unlisted(page)
        watched.judge(title, part)

    address = place.app.url + (EMPTY if state == "empty" else PAGES)[title]
    typed = {"Folder": str(place.folder), **TYPED}
    ends = "Stop and keep" if state == "training" and title == "Run" else None
    moves = LEARNS if title == "Run" and state not in ("training", "live") else "(?!)"
    walk = Walk(watched.page, address, typed, LAST, judge, ends, moves, before)
    walk.run()
    return walk


def _ended(place: Place) -> Iterator[str]:
    """What the trainer did not do of what was pressed."""
    reader = RunReader(place.run)
    until(lambda: not reader.view().state.live)  # it had the rest of the processor's time
    answers = [event["result"] for event in reader.events().events if event["event"] == "control"]
    times = max(2, len(answers) // 2)  # "Save now" is there again, as "Saved"
    if answers != ["acknowledged", "done"] * times or reader.view().state != State.CANCELLED:
        yield f"training: the trainer answered {answers} and is {reader.view().state}"
