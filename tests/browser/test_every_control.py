"""Each page in each state of a run: every control that the page lists is pressed, and nothing goes wrong.

Wrong is an exception in the page, a line in the server's log, an error or a warning in the browser's console (Vega's
too), what axe-core calls a violation (in the light theme, and once a page in the dark one), a control that is gone
before its turn, and one that is disabled without a word why.

A test named by a page alone presses each control once, in the first state of a run where the page shows it. The others
press all of Runs and Run in every state anew; what is alike in every state (the form of a new run, Listen, Compare,
Sounds, Explore) they open and judge in every state, and press what is new there. All are left to ``--controls``, which
ends with what was pressed, by page and state.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests.browser.audit import axe, violations
from tests.browser.pressing import LONGEST_MS
from tests.browser.states import QUEUED, STATES, Place, library
from tests.browser.walk import CALM, PATIENCE_MS, WATCH, Walk
from tests.conftest import Make, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(3600)]

PAGES = {
    "Runs": "/",
    "New run": "/new?copy=drums",
    "Queue": "/queue",
    "Run": "/run?run=drums",
    "Listen": "/listen?run=drums",
    "Compare": "/compare?runs=drums",
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
# By page the states that show each control of it at least once.
ONCE = {
    "Run": ("done", "cancelled", "table", "empty", "training"),
    "Runs": ("live", "done", "empty"),
    "Queue": (QUEUED, "empty"),
    **dict.fromkeys(ALIKE, ("done", "table", "empty")),
}
EVERY = [
    *((title, (state,)) for title in ("Run", "Runs") for state in STATES),
    *((title, STATES) for title in ALIKE),
    ("Queue", ONCE["Queue"]),
]
# What ends the state that is walked.
LAST = (
    "Start the demo|Start learning|Start the queue|Resume|Begin again",
    "Try three presets",
    "Stop and keep|Stop the queue|Take all out",
    "Delete",
)
EXCUSED_LOG = {
    r"watchdog/.*RuntimeWarning: Callback with id": "watchdog watches a folder twice that is made while it looks",
    r"^  wd = self\._inotify_fd": "the second line of that warning",
}
EXCUSED_CONSOLE = {
    r"404 .*/(new|run|listen|compare|queue|sounds|explore)/_stcore/": "Streamlit asks below a page's path, then above",
    r"404 .*/media/": "a player may be taken away while it loads; those that are shown are played",
}
# Controls that a press takes away for good, and why that is right.
EXCUSED_GONE = {
    r"^table \| stDataFrame \| ": "the rows of a chart, which its tool shows and hides again",
    r"^tool \| (Search|Show/hide columns)": "the tools of those rows",
    r"^button \| Give it a star \| ": "a star that was given is one to take away",
    r"^button \| (Make|Instrument with) .*(sounds?|more|keys) \| ": "it says the number that stands in a field",
    r"^button \| Take (all )?out \| ": "only what waits can be, and all at once where there are two",
    r"^(number|step) \| .*(At once|queue-slots)": "how many at once is asked while nobody works",
    r"^expander \| Hear what was found \| ": "another source was chosen before its turn",
    r"^step \| (Inc|Dec)rement \| (bars|bpm|beats)": "they step only while a number of bars stands in its field",
}
# Controls that may be disabled, and what their tooltip or the page then says to who asks why.
DISABLED: dict[str, str] = {
    r"^step \|": "",  # its field stands at its limit, or is disabled itself
    r"^button \| .*(Requested|Saving|Stopping|Starting…|Notices are blocked[^|]*) \|": "",  # its name says it
    r"^button \| (X is|I like) ": "Listen",
    r"^button \| Start learning \|": "It waits for",
    r"^button \| Check again \|": "paste it above, and press Enter",
    r"^download \| .* as ZIP \|": "None has a star yet",
    r"^button \| Make it in these colours \|": "Drop a sound first",
    r"^number \| Length, seconds \|": "A number of bars, under Advanced, takes its place",
    r"^number \| (Tempo, BPM|Beats a bar) \|": "It counts with a number of bars",
}
TYPED = {"How many": "2", "Name": "again"}


@dataclass
class Watched:
    """A page, and what went wrong on it since it was last asked. log: of the server."""

    page: Any
    place: Place
    complaints: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    dark: set[str] = field(default_factory=set)
    logged: int = 0

    def judge(self, title: str, part: str) -> None:
        """By axe-core; a whole page once in the dark too."""
        self.faults += violations(self.page, part)
        if part == "body" and title not in self.dark:
            self.dark.add(title)
            with _dark(self.page):
                self.faults += [f"in the dark: {one}" for one in violations(self.page, part)]

    def wrong(self) -> list[str]:
        """Everything since the last call, less what is excused."""
        told = self.place.log.read_bytes()[self.logged :]
        self.logged += len(told)
        lines = [line for line in told.decode().splitlines() if line.strip()]
        found = {*_unexcused(self.complaints, EXCUSED_CONSOLE), *_unexcused(lines, EXCUSED_LOG), *self.faults}
        self.complaints.clear()
        self.faults.clear()
        return sorted(found)


@contextlib.contextmanager
def _dark(page: Any) -> Iterator[None]:
    """The theme of who prefers a dark one."""
    ground = "dark => getComputedStyle(document.querySelector('.stApp')).colorScheme.includes('dark') === dark"
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(ground, arg=True)
    yield
    page.emulate_media(color_scheme="light")
    page.wait_for_function(ground, arg=False)


def _unexcused(lines: list[str], excused: dict[str, str]) -> list[str]:
    return [line for line in lines if not any(re.search(one, line) for one in excused)]


@pytest.fixture(scope="module")
def place(drums: Path, made_once: Callable[[str, Make], Path], tmp_path_factory: Any) -> Iterator[Place]:
    with library(drums, made_once, tmp_path_factory.mktemp("controls")) as found:
        yield found


@pytest.fixture
def watched(place: Place, browser: Any) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    context.add_init_script(CALM)
    context.add_init_script(WATCH)
    context.add_init_script(axe())
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.set_default_navigation_timeout(LONGEST_MS)
    found = Watched(page, place, logged=place.log.stat().st_size)
    bad = ("error", "warning")
    page.on("console", lambda said: found.complaints.append(_complaint(said)) if said.type in bad else None)
    page.on("pageerror", lambda error: found.complaints.append(f"error: {error}"))
    yield found
    context.close()


def _complaint(said: Any) -> str:
    return f"{said.type}: {said.text} ({said.location.get('url', '')})"


def _cases() -> list[Any]:
    names = {title: (title, states) for title, states in ONCE.items()}
    names |= {f"{title}, {', '.join(states)}": (title, states) for title, states in EVERY}
    return [pytest.param(*case, id=name, marks=pytest.mark.controls) for name, case in names.items()]


@pytest.mark.parametrize(("title", "states"), _cases())
def test_every_control_can_be_pressed(
    title: str, states: tuple[str, ...], place: Place, watched: Watched, record_property: Callable[[str, object], None]
) -> None:
    known: set[str] = set()
    wrong: list[str] = []
    for state in states:
        with place.holding(state):
            walk = _walk(title, state, watched, frozenset(known))
            wrong += [f"{state}: {one}" for one in (*_missing(walk, watched.page), *watched.wrong())]
            wrong += _ended(place) if state == "training" else []
            watched.page.goto("about:blank")
        known |= {one.sign for one in walk.pressed}
        again, out = len(walk.found.keys() & walk.before), len(walk.disabled)
        counted = f"{len(walk.found)} listed, {again} pressed before, {len(walk.pressed)} presses, {out} disabled"
        record_property("controls", f"{title}, {state}: {counted}")
    assert not wrong, "\n".join(wrong)


def _walk(title: str, state: str, watched: Watched, before: frozenset[str]) -> Walk:
    address = watched.place.app.url + (EMPTY if state == "empty" else PAGES)[title]
    typed = {"Folder": str(watched.place.folder), **TYPED}
    ends = "Stop and keep" if state == "training" and title == "Run" else None
    walk = Walk(watched.page, address, typed, LAST, lambda _, part: watched.judge(title, part), ends, before)
    walk.run()
    return walk


def _missing(walk: Walk, page: Any) -> Iterator[str]:
    """What was listed and could not be pressed, without a reason that is known or said."""
    if not walk.found:
        yield "the page lists nothing that could be pressed"
    for sign in _unexcused(walk.gone, EXCUSED_GONE):
        yield f"gone before its turn: {sign}"
    shown = page.inner_text("body")
    for sign, tip in walk.disabled.items():
        said = next((words for pattern, words in DISABLED.items() if re.search(pattern, sign)), None)
        if said is None or said not in f"{tip}\n{shown}":
            yield f"disabled, and nothing says why: {sign} ({tip!r})"


def _ended(place: Place) -> Iterator[str]:
    """What the trainer did not do of what was pressed."""
    reader = RunReader(place.run)
    until(lambda: not reader.view().state.live)  # it had the rest of the processor's time
    answers = [event["result"] for event in reader.events().events if event["event"] == "control"]
    times = max(2, len(answers) // 2)  # "Save now" is there again, as "Saved"
    if answers != ["acknowledged", "done"] * times or reader.view().state != State.CANCELLED:
        yield f"training: the trainer answered {answers} and is {reader.view().state}"
