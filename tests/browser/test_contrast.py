"""What is written on a control can be read while it is chosen, pointed at and has the focus, all at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.audit import violations
from tests.browser.chromium import Server
from tests.browser.pressing import settle

pytestmark = pytest.mark.browser
CHOSEN = ".st-key-source button[data-selected]"


@pytest.mark.parametrize("theme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_what_is_chosen_in_a_menu_can_be_read(
    theme: str, app: Server, open_page: Callable[[str], Any], drum_run: Path
) -> None:
    """A menu lies outside of what tells the page's own colours which theme it is."""
    shutil.copytree(drum_run, app.runs_dir / "drums")
    page = open_page(f"{app.url}/")
    page.emulate_media(color_scheme=theme)
    page.get_by_role("button", name="Columns").click()
    page.wait_for_selector("[data-testid=stPopoverBody] button[data-selected]")
    settle(page)
    assert not violations(page, "[data-testid=stPopoverBody]") + violations(page, ".st-key-choose-columns")


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_a_choice_can_be_read_where_it_was_clicked(theme: str, app: Server, open_page: Callable[[str], Any]) -> None:
    page = open_page(f"{app.url}/new")
    page.emulate_media(color_scheme=theme)
    page.locator(CHOSEN).click()
    settle(page)
    assert page.locator(CHOSEN).get_attribute("data-focused"), "the mouse is still on it"
    assert not violations(page, ".st-key-source")
