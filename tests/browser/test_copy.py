"""A run is copied from its page: there the button lies in a part that is drawn alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.rundir.status import ErrorInfo, State
from tests.app.library import write
from tests.browser.chromium import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_copying_a_run_opens_the_form_with_its_settings(app: Server, open_page: Callable[[str], Any]) -> None:
    failed = ErrorInfo(kind="TrainingFailedError", cause="The loss became NaN.", remedy="Wait.")
    write(app.runs_dir / "completed", name="drums")
    write(app.runs_dir / "failed", name="bells", state=State.FAILED, error=failed)
    for run, name in (("completed", "drums"), ("failed", "bells")):
        page = open_page(f"{app.url}/run?run={run}")
        page.get_by_role("button", name="Copy as a new run").click()
        page.get_by_text(f"With the data and the settings of {name}.").wait_for()
        assert page.locator("[data-testid=stException]").count() == 0
