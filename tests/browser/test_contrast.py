"""What is written on a control can be read while it is chosen, pointed at and has the focus, all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.audit import violations
from tests.browser.chromium import Server
from tests.browser.pressing import settle

pytestmark = pytest.mark.browser
CHOSEN = ".st-key-source button[data-selected]"


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_a_choice_can_be_read_where_it_was_clicked(theme: str, app: Server, open_page: Callable[[str], Any]) -> None:
    page = open_page(f"{app.url}/new")
    page.emulate_media(color_scheme=theme)
    page.locator(CHOSEN).click()
    settle(page)
    assert page.locator(CHOSEN).get_attribute("data-focused"), "the mouse is still on it"
    assert not violations(page, ".st-key-source")
