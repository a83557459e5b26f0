"""Who works in another window sees in the tab's title how far a run is, and that it ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from engine.rundir.findings import Diagnosis
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests.app.library import write
from tests.browser.chromium import SHOWN_MS, Server
from tests.browser.faults import TOASTS
from tests.conftest import until
from tests.process.test_notify import listening

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TITLE = "title => document.title === title"
SAID = "words => toasts.some(one => one.words.includes(words))"


def test_the_title_follows_a_run_and_one_notice_tells_its_end(app: Server, open_page: Callable[[str], Any]) -> None:
    writer = write(app.runs_dir / "drums", name="my *drums*", state=State.RUNNING, epochs=20, done=15, close=False)
    page = open_page(f"{app.url}/run?run=drums")
    page.wait_for_function(TITLE, arg="75 % · my *drums*")
    writer.update(step=160)
    page.wait_for_function(TITLE, arg="80 % · my *drums*")
    writer.state(State.COMPLETED)
    writer.close()
    page.wait_for_function(TITLE, arg="Done · my *drums*")
    page.wait_for_function(SAID, arg="Done: my *drums*")
    assert page.locator("[data-testid=stToast]").count() <= 1  # none where it has gone again
    page.get_by_role("link", name=re.compile("New run")).click()
    page.wait_for_function(TITLE, arg="New run · Sweetspot")


DESKTOP = """
window.asked = 0; window.notices = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { window.asked += 1; return (this.permission = "granted") }
  constructor(title, { body, tag }) { window.notices.push([title, body, tag]) }
  close() {}
};
"""
MEMORISES = Diagnosis(
    code="repeats", severity="warning", message="It repeats a recording.", label="repeats", memorises=True
)


def test_the_desktop_is_told_what_comes_after_a_press_allowed_it(app: Server, browser: Any) -> None:
    writer = write(app.runs_dir / "drums", name="drums", state=State.RUNNING, epochs=20, done=15, close=False)
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    for script in (DESKTOP, TOASTS):
        context.add_init_script(script)
    page = context.new_page()
    page.set_default_timeout(SHOWN_MS)
    page.goto(f"{app.url}/run?run=drums")
    button = page.locator("button.nt")
    button.get_by_text("Notify me").wait_for()
    writer.update(step=160)
    page.wait_for_function(TITLE, arg="80 % · drums")
    assert page.evaluate("[asked, notices.length]") == [0, 0], "nobody is asked who pressed nothing"
    button.click()
    button.get_by_text("Notices are on").wait_for()
    assert button.get_attribute("aria-pressed") == "true" and page.evaluate("asked") == 1
    writer.update(diagnosis=[MEMORISES])
    page.wait_for_function("notices.length === 1")
    page.wait_for_function(SAID, arg="Memorising: drums. It repeats a recording.")
    writer.state(State.COMPLETED)
    writer.close()
    page.wait_for_function("notices.length === 2")
    assert [one[0] for one in page.evaluate("notices")] == ["Memorising: drums", "Done: drums"]
    page.reload()
    page.wait_for_function(TITLE, arg="Done · drums")
    page.locator(".st-key-details").wait_for()
    assert page.evaluate("notices.length") == 0 and not button.is_visible(), "what was before is known"
    assert page.evaluate("toasts") == [], "nor is it told on the page to who comes after the end"
    context.close()


LISTENED_TO = """
window.told = [];
window.Notification = class extends window.Notification {
  constructor(title, options) {
    super(title, options);
    this.addEventListener("show", () => told.push([title, options.body]));
  }
};
"""


def test_the_end_of_a_training_is_shown_by_the_browser_itself_and_sent_to_an_address(
    app: Server, browser: Any, training: Callable[..., RunReader]
) -> None:
    """Nothing stands in for the browser's notices here: its leave is given, and it tells that it showed one."""
    with listening() as (address, sent):
        run = training("drums", "--notify", address)
        context = browser.new_context(permissions=["notifications"])
        context.add_init_script(LISTENED_TO)
        page = context.new_page()
        page.set_default_timeout(SHOWN_MS)
        page.goto(f"{app.url}/run?run=drums")
        page.locator("button.nt").click()
        page.locator("button.nt").get_by_text("Notices are on").wait_for()
        page.get_by_role("button", name="Stop and keep").click()
        page.wait_for_function("told.length === 1")
        until(lambda: sent)
    status = run.status()
    assert status is not None
    where = f"Stopped in epoch {status.epoch}, step {status.step}."
    assert page.evaluate("told") == [["Stopped: drums", where]]
    assert [(one["event"], one["message"], one["step"]) for _, one in sent] == [("stopped", where, status.step)]
    context.close()


def test_where_notices_are_blocked_the_remedy_is_said_to_a_screen_reader_too(app: Server, browser: Any) -> None:
    writer = write(app.runs_dir / "drums", name="drums", state=State.RUNNING, epochs=20, done=15, close=False)
    context = browser.new_context()
    context.add_init_script(DESKTOP.replace('permission = "default"', 'permission = "denied"'))
    page = context.new_page()
    page.set_default_timeout(SHOWN_MS)
    page.goto(f"{app.url}/run?run=drums")
    button = page.locator("button.nt")
    button.get_by_text("Notices are blocked").wait_for()
    told = page.locator(f"#{button.get_attribute('aria-describedby')}")
    assert "Allow them there" in (told.text_content() or "")
    button.focus()
    page.keyboard.press("Enter")
    assert button.evaluate("one => one === document.activeElement") and page.evaluate("asked") == 0
    context.close()
    writer.close()
