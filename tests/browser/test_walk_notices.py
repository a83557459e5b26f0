"""The walk of every control notices what breaks under a press, each kind by its own sense; a sound page has nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Server, server
from tests.browser.faults import Watched, missing, watching
from tests.browser.roles import unlisted
from tests.browser.walk import Walk
from tests.conftest import ROOT

pytestmark = pytest.mark.browser
PLANTED = {
    "an exception in the page": "stException: ValueError",
    "an error in the console": "error: planted in the console",
    "a warning of Vega's": 'Infinite extent for field "planted"',
    "a traceback in the log": "RuntimeError: planted in the log",
    "a violation for axe-core": 'image-alt (critical): img: <img src="data:,planted">',
    "one that a screen reader alone has": "not listed: button: <button>planted where no listing looks",
    "one that cannot be pressed": "disabled, and nothing says why: button | Dead |",
}


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    script = shutil.copy(Path(__file__).with_name("faulty_app.py"), tmp_path)
    shutil.copytree(ROOT / "app" / ".streamlit", tmp_path / ".streamlit")  # read beside the script
    log = tmp_path / "log.txt"
    with log.open("wb") as out, server(tmp_path, out, forked=True, script=script) as running:
        yield running, log


def told(watched: Watched, address: str) -> list[str]:
    """All that a walk of this page brings up."""

    def judge(page: Any, part: str) -> None:
        watched.faults += unlisted(page)
        watched.judge(address, part)

    walk = Walk(watched.page, address, {}, (), judge)
    walk.run()
    return [*missing(walk), *watched.wrong()]


class Listed:
    """A page that lists these controls."""

    def __init__(self) -> None:
        self.signs: tuple[str, ...] = ()

    def evaluate(self, _: str) -> list[dict[str, Any]]:
        usual = {"number": 0, "kind": "button", "name": "", "disabled": False, "alike": False}
        return [usual | {"sign": sign} for sign in self.signs]


def test_only_what_came_while_a_training_learned_may_leave_before_its_turn() -> None:
    page = Listed()
    walk = Walk(page, "http://here/run", {}, (), lambda *_: None, moves="^stop$")
    for page.signs in (("before",), ("before", "asked"), ("before", "stop", "meanwhile"), ("after",)):
        walk._note()
    assert walk.gone == ["after", "asked", "before"]


@pytest.mark.slow
def test_each_kind_of_fault_is_noticed_and_none_where_there_is_none(faulty: tuple[Server, Path], browser: Any) -> None:
    app, log = faulty
    with watching(browser, log) as watched:
        assert not told(watched, f"{app.url}/")
        found = "\n".join(told(watched, f"{app.url}/?faults=1"))
    assert not [kind for kind, words in PLANTED.items() if words not in found], found
