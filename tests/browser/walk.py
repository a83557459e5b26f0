"""Every control of a page is pressed, as the page itself lists them; what goes wrong meanwhile is kept.

What a press brings (a tab's content, a dialog, what an expander holds) is pressed as well, and what leads away is
come back from. A control is known by its kind, its name, the key it stands under and its number among equals.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import TimeoutError

from tests.browser.pressing import LONGEST_MS, act, settle, tip

LISTED = (Path(__file__).with_name("controls.js")).read_text()
MOST_PRESSES = 400
MOST_TRIES = 3  # A question that was answered is asked again for each of its answers.
# Of these many are pressed one after the other before the server's answer is waited for.
AT_ONCE = ("help", "player", "download", "text", "number", "slider", "step")
ORDER = ["tool", *AT_ONCE, "chart", "choice", "list", "toggle", "button", "expander", "radio", "tab", "table", "link"]
# What a press has opened: axe-core looks at that alone, for the rest of the page it has seen.
OPENED = {"tab": "[role=tabpanel]:not([hidden])", "expander": "details[open]"}


@dataclass(frozen=True)
class Control:
    """One thing to press. number: by which it is found in the page as it was listed. alike: to two that are."""

    number: int
    kind: str
    name: str
    sign: str
    disabled: bool
    alike: bool


@dataclass
class Walk:
    """Press all of one page. address: where it stands. typed: what goes into fields, by their name.

    last: what ends the state that is walked, in this order after all else. ends: after a control of this sign there is
    nothing more to press. moves: the sign of what is there only while a training learns that was begun on this page.
    arrived: called on the page as it opens, and with a selector of what was opened by an expander, a tab or a question.
    before: the signs of what was pressed in another walk, and need not be again. shown: by the sign of what was
    disabled what the page said then.
    passing: the signs of what was there for the first time while such a training learned.
    """

    page: Any
    address: str
    typed: Mapping[str, str]
    last: Sequence[str]
    arrived: Callable[[Any, str], None]
    ends: str | None = None
    moves: str = "(?!)"
    before: frozenset[str] = frozenset()
    pressed: list[Control] = field(default_factory=list)
    found: dict[str, Control | None] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    alike: set[str] = field(default_factory=set)
    passing: set[str] = field(default_factory=set)
    _again: Counter[str] = field(default_factory=Counter)
    _shut: Counter[str] = field(default_factory=Counter)
    _missed: Counter[str] = field(default_factory=Counter)
    _unsettled: bool = False

    def run(self) -> None:
        """Until nothing is left."""
        self._open()
        self.arrived(self.page, "body")
        while (control := self._next()) is not None:
            assert len(self.pressed) < MOST_PRESSES, f"it does not end: {[one.sign for one in self.pressed[-20:]]}"
            self._press(control)
            if self._ends(control):
                break
        if self.pressed:
            self.arrived(self.page, "body")

    @property
    def gone(self) -> list[str]:
        """The signs of what was listed and never pressed, since it was not found again.

        Not of what came while a training learned that was begun: it is over at some time, and walked in a state of its
        own.
        """
        return sorted(self.found.keys() - self._done() - self.passing)

    @property
    def disabled(self) -> dict[str, str]:
        """By the sign of what could never be pressed what its tooltip says.

        What was shut in a single look says nothing: all fields are while a page gets its connection again.
        """
        known = self.found.keys() | self.before
        return {sign: said for sign, said in self.reasons.items() if sign not in known and self._shut[sign] > 1}

    def _done(self) -> frozenset[str]:
        return self.before.union(one.sign for one in self.pressed)

    def _open(self) -> None:
        self.page.goto(self.address)
        self.page.wait_for_selector(".ss-brand", timeout=LONGEST_MS)
        settle(self.page)

    def _note(self) -> list[Control]:
        """What can be pressed now; it came with the last press. What cannot is asked why, once."""
        opener = self.pressed[-1] if self.pressed else None
        listed = [Control(**one) for one in self.page.evaluate(LISTED)]
        self.alike |= {one.sign for one in listed if one.alike}
        shown = [one for one in listed if not one.alike]
        shut = [one.sign for one in shown if one.disabled]
        if shut and not self._left():
            self.shown |= dict.fromkeys(shut, self.page.inner_text("body"))
        learns = any(re.search(self.moves, one.sign) for one in listed)
        for one in shown:
            if not one.disabled:
                if learns and one.sign not in self.found:
                    self.passing.add(one.sign)
                self.found.setdefault(one.sign, opener)
                continue
            self._shut[one.sign] += 1
            if one.sign not in self.reasons and not self._left():
                with suppress(TimeoutError):  # on a page that moves it may have gone since: it is asked again
                    self.reasons[one.sign] = "" if one.kind == "step" else tip(self.page, self._element(one))
        return [one for one in shown if not one.disabled]

    def _next(self) -> Control | None:
        """The next one in sight, or one that shows again what was out of sight before its turn."""
        for bring in (lambda: None, lambda: self.page.keyboard.press("Escape"), self._open):
            bring()
            shown = self._note()
            waiting = self._waiting(shown)
            if self._unsettled and (not waiting or waiting[0].kind not in AT_ONCE):
                settle(self.page)
                self._unsettled = False
                shown = self._note()
                waiting = self._waiting(shown)
            left = self.found.keys() - self._done() - {one.sign for one in waiting}
            hidden = [sign for sign in left if self._again[sign] < MOST_TRIES]
            if (waiting and not (hidden and self._ends(waiting[0]))) or not hidden:
                return waiting[0] if waiting else None
            by_sign = {one.sign: one for one in shown}
            for sign in sorted(hidden, key=self._lateness):
                opener = self.found[sign]
                if opener is not None and opener.sign in by_sign:
                    self._again[sign] += 1
                    return by_sign[opener.sign]
        return waiting[0] if waiting else None

    def _ends(self, control: Control) -> bool:
        """Whether nothing can be pressed after it: what is out of sight is brought back before."""
        return self.ends is not None and re.search(self.ends, control.sign) is not None

    def _waiting(self, shown: Sequence[Control]) -> list[Control]:
        """Those to be pressed yet, in their order."""
        done = self._done()
        waiting = [one for one in shown if one.sign not in done and self._missed[one.sign] < MOST_TRIES]
        return sorted(waiting, key=lambda one: (self._lateness(one.sign), ORDER.index(one.kind)))

    def _lateness(self, sign: str) -> int:
        return next((place for place, words in enumerate(self.last, 1) if re.search(words, sign)), 0)

    def _element(self, control: Control) -> Any:
        return self.page.locator(f'[data-control="{control.number}"]').first

    def _press(self, control: Control) -> None:
        """And wait until the page has answered. On a page that moves it may have gone since it was listed."""
        before, element = self._opened(), self._element(control)
        try:
            act(self.page, element, control.kind, control.name, self.typed)
        except TimeoutError:
            self._missed[control.sign] += 1
            if element.count() and self._missed[control.sign] == MOST_TRIES and control.sign not in self.passing:
                raise
            return
        self.pressed.append(control)
        if control.kind in AT_ONCE:
            self._unsettled = True
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
        self.page.wait_for_selector(".ss-brand", timeout=LONGEST_MS)
        settle(self.page)

    def _left(self) -> bool:
        """Whether another page is shown; what only changes this one may write itself into the address."""
        here, there = urlsplit(self.address).path, urlsplit(self.page.url).path
        return here.rstrip("/") != there.rstrip("/")

    def _opened(self) -> set[str]:
        """What is open on the page."""
        opened: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll('[role=dialog], details[open] > summary, [aria-selected=true]')]
              .filter(one => one.checkVisibility()).map(one => one.innerText.slice(0, 40))"""
        )
        return set(opened)
