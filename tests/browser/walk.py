"""Every control of a page is pressed, as the page itself lists them; what goes wrong meanwhile is kept.

What a press brings (a tab's content, a dialog, what an expander holds) is pressed as well, and what leads away is
come back from. A control is known by its kind, its name, the key it stands under and its number among equals.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import TimeoutError

LISTED = (Path(__file__).with_name("controls.js")).read_text()
MOST_PRESSES = 400
MOST_TRIES = 3  # A question that was answered is asked again for each of its answers.
BUSY = """() => [document.querySelector('.stApp')?.dataset.testConnectionState,
  ...[...document.querySelectorAll('[data-testid=stSpinner], [data-testid=stProgress], [data-testid=stSkeleton]')]
    .map(one => one.outerHTML.slice(0, 200))].filter(one => one !== 'CONNECTED')"""
RESTS = """() => { const size = document.querySelectorAll('*').length;
  const idle = document.querySelector('.stApp').dataset.testScriptState === 'notRunning';
  const rests = idle && window.walkSize === size;
  window.walkSize = idle ? size : -1;
  return rests }"""
LONGEST_MS, UNREST_MS = 120_000, 5_000
# An exception is noticed also where the next run of the script takes it away at once.
WATCH = """new MutationObserver(() => { for (const one of document.querySelectorAll('[data-testid=stException]'))
  if (!one.dataset.told) { one.dataset.told = 'yes'; console.error('stException: ' + one.innerText) } })
  .observe(document, { childList: true, subtree: true })"""
# Of these many are pressed one after the other before the server's answer is waited for.
AT_ONCE = ("help", "player", "download", "text", "number", "slider", "step")
ORDER = ["tool", *AT_ONCE, "chart", "choice", "list", "toggle", "button", "expander", "radio", "tab", "table", "link"]
# What a press has opened: axe-core looks at that alone, for the rest of the page it has seen.
OPENED = {"tab": "[role=tabpanel]:not([hidden])", "expander": "details[open]"}


@dataclass(frozen=True)
class Control:
    """One thing to press. number: by which it is found in the page as it was listed."""

    number: int
    kind: str
    name: str
    sign: str


@dataclass
class Walk:
    """Press all of one page. address: where it stands. typed: what goes into fields, by their name.

    last: what ends the state that is walked, in this order after all else. arrived: called on the page as it opens,
    and with a selector of what was opened by an expander, a tab or a question. before: the signs of what was pressed in
    another walk, and need not be again.
    """

    page: Any
    address: str
    typed: Mapping[str, str]
    last: Sequence[str]
    arrived: Callable[[Any, str], None]
    before: frozenset[str] = frozenset()
    pressed: list[Control] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    found: dict[str, Control | None] = field(default_factory=dict)
    _again: Counter[str] = field(default_factory=Counter)

    def run(self) -> Counter[str]:
        """Until nothing is left; how many of each kind were pressed."""
        self._open()
        self.arrived(self.page, "body")
        self._note(None)
        while (control := self._next()) is not None:
            assert len(self.pressed) < MOST_PRESSES, f"it does not end: {[one.sign for one in self.pressed[-20:]]}"
            self._press(control)
        self.gone = sorted(self.found.keys() - self.before - {one.sign for one in self.pressed})
        return Counter(one.kind for one in self.pressed)

    def _open(self) -> None:
        self.page.goto(self.address)
        self.page.wait_for_selector(".ss-brand")
        settle(self.page)

    def _note(self, opener: Control | None) -> list[Control]:
        found = [Control(**one) for one in self.page.evaluate(LISTED)]
        for one in found:
            self.found.setdefault(one.sign, opener)
        return found

    def _next(self) -> Control | None:
        """The next one in sight, or one that shows again what was out of sight before its turn."""
        done = self.before.union(one.sign for one in self.pressed)
        for bring in (lambda: None, lambda: self.page.keyboard.press("Escape"), self._open):
            bring()
            shown = self._note(self.pressed[-1] if self.pressed else None)
            waiting = [one for one in shown if one.sign not in done]
            if waiting:
                return min(waiting, key=self._rank)
            hidden = [sign for sign in self.found.keys() - done if self._again[sign] < MOST_TRIES]
            by_sign = {one.sign: one for one in shown}
            for sign in sorted(hidden, key=self._lateness):
                opener = self.found[sign]
                if opener is not None and opener.sign in by_sign:
                    self._again[sign] += 1
                    return by_sign[opener.sign]
            if not hidden:
                return None
        return None

    def _rank(self, one: Control) -> tuple[int, int]:
        return self._lateness(one.sign), ORDER.index(one.kind)

    def _lateness(self, sign: str) -> int:
        return next((place for place, words in enumerate(self.last, 1) if re.search(words, sign)), 0)

    def _press(self, control: Control) -> None:
        """And wait until the page has answered."""
        if control.kind not in AT_ONCE:
            settle(self.page)
        before = self._opened()
        act(self.page, self.page.locator(f'[data-control="{control.number}"]').first, control, self.typed)
        self.pressed.append(control)
        if control.kind in AT_ONCE:
            return
        self.page.wait_for_timeout(60)
        if not self._left():
            settle(self.page)
        if self._left():
            self._come_back()
        elif self._opened() - before:
            dialog = self.page.locator("[role=dialog]").count()
            self.arrived(self.page, "[role=dialog]" if dialog else OPENED.get(control.kind, "body"))

    def _come_back(self) -> None:
        """The other page is walked for itself; this one is drawn again, as it was left."""
        self.page.go_back(wait_until="load")
        if self._left():
            self._open()
        self.page.wait_for_selector(".ss-brand")
        settle(self.page)

    def _left(self) -> bool:
        return bool(self.page.url.split("#")[0].rstrip("/") != self.address.rstrip("/"))

    def _opened(self) -> set[str]:
        """What is open on the page."""
        opened: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll('[role=dialog], details[open] > summary, [aria-selected=true]')]
              .filter(one => one.checkVisibility()).map(one => one.innerText.slice(0, 40))"""
        )
        return set(opened)


def settle(page: Any) -> None:
    """Wait until the server has answered: its script rests, and the page is as large as a moment before.

    On a busy machine the page of a run that learns may never rest: then what it shows is taken as it is.
    """
    page.wait_for_timeout(60)
    page.wait_for_load_state()
    try:
        page.wait_for_function(f"() => !({BUSY})().length", timeout=LONGEST_MS)
    except TimeoutError:
        raise AssertionError(f"{page.url} stays busy: {page.evaluate(BUSY)}") from None
    page.evaluate("window.walkSize = -1")
    with contextlib.suppress(TimeoutError):
        page.wait_for_function(RESTS, polling=70, timeout=UNREST_MS)


def act(page: Any, element: Any, control: Control, typed: Mapping[str, str]) -> None:
    """Use ``element`` as its kind is used."""
    if control.kind in ("text", "number"):
        usual = element.input_value() or (control.kind == "text" and element.get_attribute("placeholder"))
        element.fill(typed.get(control.name) or usual or "1")
        element.press("Enter")
    elif control.kind == "list":
        element.click()
        page.keyboard.press("Escape")
    elif control.kind == "slider":
        element.focus()
        element.press("ArrowRight")
    elif control.kind == "choice":
        element.focus()
        element.press("ArrowDown")
        element.press("ArrowDown")
        element.press("Enter")
        if page.locator("[role=listbox]").count():  # one that takes several stays open
            page.keyboard.press("Escape")
    elif control.kind == "player":
        element.evaluate("a => { a.muted = true; return a.play().then(() => a.pause()) }")
    elif control.kind == "chart":
        _zoom(page, element)
    elif control.kind == "table":
        element.scroll_into_view_if_needed()
        element.click(position={"x": 60, "y": 60})
    elif control.kind == "link":
        element.press("Enter")  # one that skips to the content is off the screen until it has the focus
    else:
        element.click()


def _zoom(page: Any, element: Any) -> None:
    """Into it and out again, and a click in its middle."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -240)
    page.keyboard.up("Shift")
    page.mouse.dblclick(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
