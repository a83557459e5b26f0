"""A control is used as its kind is used, and the page's answer is waited for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import TimeoutError

BUSY = """() => [document.querySelector('.stApp')?.dataset.testConnectionState,
  ...[...document.querySelectorAll('[data-testid=stSpinner], [data-testid=stProgress], [data-testid=stSkeleton]')]
    .map(one => one.innerText || one.outerHTML.slice(0, 200))].filter(one => one !== 'CONNECTED')"""
RESTS = """() => { const size = document.querySelectorAll('*').length;
  const idle = document.querySelector('.stApp').dataset.testScriptState === 'notRunning';
  const rests = idle && window.walkSize === size;
  window.walkSize = idle ? size : -1;
  return rests }"""
LONGEST_MS, UNREST_MS, LOOK_MS = 600_000, 5_000, 70
# Where the tooltip of a control hangs: on itself, or on the sign of help beside its label.
TIP = "[data-testid=stTooltipHoverTarget], [data-testid=stTooltipIcon]"


def settle(page: Any) -> None:
    """Wait until the server has answered: its script rests, and the page is as large as a moment before.

    On a busy machine the page of a run that learns may never rest: then what it shows is taken as it is.
    """
    page.wait_for_timeout(60)
    page.wait_for_load_state()
    try:
        page.wait_for_function(f"() => !({BUSY})().length", polling=LOOK_MS, timeout=LONGEST_MS)
    except TimeoutError:
        raise AssertionError(f"{page.url} stays busy: {page.evaluate(BUSY)}") from None
    page.evaluate("window.walkSize = -1")
    with contextlib.suppress(TimeoutError):
        page.wait_for_function(RESTS, polling=LOOK_MS, timeout=UNREST_MS)


def act(page: Any, element: Any, kind: str, name: str, typed: Mapping[str, str]) -> None:
    """Use ``element``, called ``name``. typed: what goes into fields, by their name."""
    if kind in ("text", "number"):
        usual = element.input_value() or (kind == "text" and element.get_attribute("placeholder"))
        element.fill(typed.get(name) or usual or "1")
        page.keyboard.press("Enter")  # where the focus is: the field itself may be drawn anew
    elif kind == "list":
        element.click()
        page.keyboard.press("Escape")
    elif kind == "slider":
        element.focus()
        element.press("ArrowRight")
    elif kind == "choice":
        element.focus()
        element.press("ArrowDown")
        element.press("ArrowDown")
        element.press("Enter")
        if page.locator("[role=listbox]").count():  # one that takes several stays open
            page.keyboard.press("Escape")
    elif kind == "player":
        element.evaluate("a => { a.muted = true; return a.play().then(() => a.pause()) }")
    elif kind == "chart":
        _zoom(page, element)
    elif kind == "table":
        element.scroll_into_view_if_needed()
        element.click(position={"x": 60, "y": 60})
    elif kind == "link":
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


def tip(page: Any, element: Any) -> str:
    """What the tooltip says to who points at ``element``, or at the help beside its label; "" where there is none."""
    handle = element.locator("xpath=ancestor::*[@data-testid='stElementContainer'][1]").locator(TIP)
    if not handle.count():
        return ""
    handle.first.hover()
    shown = page.locator("[data-testid=stTooltipContent]").first
    shown.wait_for()
    said: str = shown.inner_text()
    page.mouse.move(0, 0)
    shown.wait_for(state="hidden")
    return said
