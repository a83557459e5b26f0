"""What goes wrong on a page while it is used: in the page itself, the console, the server's log, and for axe-core."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.browser.audit import axe, violations
from tests.browser.pressing import LONGEST_MS
from tests.browser.walk import Walk

EXCUSED_LOG = {
    r"watchdog/.*RuntimeWarning: Callback with id": "watchdog watches a folder twice that is made while it looks",
    r"drums holds no run that began to train": "its model was asked for while the run was taken away, after a test",
    r"^  wd = self\._inotify_fd": "the second line of that warning",
    r"The fragment with id \w+ does not exist anymore": "a part that draws itself anew asked while its page went",
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
    r"^button \| Take its star away \| star-.*-With-a-star-": "a sound without a star leaves those that have one",
    r"^button \| (Make|Instrument with) .*(sounds?|more|keys?) \| ": "it says the number that stands in a field",
    r"^button \| Take (all )?out \| ": "only what waits can be, and all at once where there are two",
    r"^button \| (Close|view (more|less)) \| toast": "a toast leaves by itself after some seconds",
    r"^(number|step) \| .*(At once|queue-slots)": "how many at once is asked while nobody works",
    r"^expander \| Hear what was found \| ": "another source was chosen before its turn",
    r"^button \| Hear direction ": "which directions have no name follows the weights, which a training replaces",
    r"^step \| (Inc|Dec)rement \| (bars|bpm|beats)": "they step only while a number of bars stands in its field",
}
# Controls that may be disabled, and what their tooltip or the page then says to who asks why.
DISABLED: dict[str, str] = {
    r"^step \|": "",  # its field stands at its limit, or is disabled itself
    r"^button \| .*(Requested|Saving|Stopping|Starting…|Notices are blocked[^|]*) \|": "",  # its name says it
    r"^button \| X is ": "Listen to X, then say",
    r"^button \| I like ": "Listen to both, then say",
    r"^button \| Start learning \|": "It waits for",
    r"^button \| Check again \|": "paste it above, and press Enter",
    r"^download \| .* as ZIP \|": "None has a star yet",
    r"^button \| Make it in these colours \|": "Drop a sound first",
    r"^number \| Length, seconds \|": "A number of bars, under Advanced, takes its place",
    r"^number \| (Tempo, BPM|Beats a bar) \|": "It counts with a number of bars",
}
PATIENCE_MS = 30_000  # for one try
# An exception is noticed also where the next run of the script takes it away at once.
WATCH = """new MutationObserver(() => { for (const one of document.querySelectorAll('[data-testid=stException]'))
  if (!one.dataset.told) { one.dataset.told = 'yes'; console.error('stException: ' + one.innerText) } })
  .observe(document, { childList: true, subtree: true })"""
# What a toast said, and where it stood, is known after it has left: that is some seconds after it came, and whoever
# looks for it on a busy machine may come later.
TOASTS = """window.toasts = []; addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
  for (const one of document.querySelectorAll('[data-testid=stToast]')) {
    const { left, right, top, bottom } = one.getBoundingClientRect(), words = one.innerText;
    window.toasts = [...toasts.filter(old => old.words !== words), { words, left, right, top, bottom }] }
  }).observe(document, { childList: true, subtree: true, characterData: true }))"""
# Nothing glides or pulses: drawn without a graphics card, that costs more than all else that a page does.
CALM = """addEventListener('DOMContentLoaded', () => { const style = document.createElement('style');
  style.textContent = '*, *::before, *::after { animation: none !important; transition: none !important }';
  document.head.append(style) })"""


@dataclass
class Watched:
    """A page, and what went wrong on it since it was last asked. log: of the server. dark: titles judged there."""

    page: Any
    log: Path
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
        told = self.log.read_bytes()[self.logged :]
        self.logged += len(told)
        lines = [line for line in told.decode().splitlines() if line.strip()]
        found = {*_unexcused(self.complaints, EXCUSED_CONSOLE), *_unexcused(lines, EXCUSED_LOG), *self.faults}
        self.complaints.clear()
        self.faults.clear()
        return sorted(found)


@contextlib.contextmanager
def watching(browser: Any, log: Path) -> Iterator[Watched]:
    """A page in a window of its own; what stands in ``log`` by now is of no concern."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    for script in (CALM, WATCH, axe()):
        context.add_init_script(script)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.set_default_navigation_timeout(LONGEST_MS)
    found = Watched(page, log, logged=log.stat().st_size)
    bad = ("error", "warning")
    page.on("console", lambda said: found.complaints.append(_complaint(said)) if said.type in bad else None)
    page.on("pageerror", lambda error: found.complaints.append(f"error: {error}"))
    yield found
    context.close()


def missing(walk: Walk) -> Iterator[str]:
    """What was listed and could not be pressed, without a reason that is known or said."""
    if not walk.found:
        yield "the page lists nothing that could be pressed"
    for sign in _unexcused(walk.gone, EXCUSED_GONE):
        yield f"gone before its turn: {sign}"
    for sign, tip in walk.disabled.items():
        said = next((words for pattern, words in DISABLED.items() if re.search(pattern, sign)), None)
        if said is None or said not in f"{tip}\n{walk.shown.get(sign, '')}":
            yield f"disabled, and nothing says why: {sign} ({tip!r})"


def _unexcused(lines: Collection[str], excused: dict[str, str]) -> list[str]:
    return [line for line in lines if not any(re.search(one, line) for one in excused)]


@contextlib.contextmanager
def _dark(page: Any) -> Iterator[None]:
    """The theme of who prefers a dark one."""
    ground = "dark => getComputedStyle(document.querySelector('.stApp')).colorScheme.includes('dark') === dark"
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(ground, arg=True)
    yield
    page.emulate_media(color_scheme="light")
    page.wait_for_function(ground, arg=False)


def _complaint(said: Any) -> str:
    return f"{said.type}: {said.text} ({said.location.get('url', '')})"
