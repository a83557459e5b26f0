"""The page of a report in a real browser: it plays, fits a phone, follows the theme, and asks nobody for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.report.command import command
from tests.browser.chromium import SHOWN_MS
from tests.sampling import later

pytestmark = pytest.mark.browser

LENGTH = "audio => new Promise(done => { audio.onloadedmetadata = () => done(audio.duration); audio.load() })"
PLAY = "audio => audio.play().then(() => new Promise(done => { audio.ontimeupdate = () => done(audio.currentTime) }))"
SHOWN = "all => all.filter(one => one.checkVisibility()).map(one => one.className)"


@pytest.fixture(scope="module")
def page_file(drum_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "report.html"
    result = CliRunner().invoke(command, [str(drum_run), "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.parametrize(
    ("scheme", "width", "chart"), [("light", 1400, "light wide"), *later(("dark", 500, "dark slim"))]
)
def test_it_plays_without_a_request(browser: Any, page_file: Path, scheme: str, width: int, chart: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(SHOWN_MS)
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(page_file.as_uri())
    player = page.locator("audio").first
    assert player.evaluate(LENGTH) > 0.1
    assert player.evaluate(PLAY) >= 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".middle .chart > div").evaluate_all(SHOWN) == [chart]
    assert page.locator(".strip .chart > div").evaluate_all(SHOWN) == [chart]
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink')") == "#1D1C1A"
    assert all("light" in name for name in page.locator(".chart > div").evaluate_all(SHOWN))
    context.close()
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
    assert not complaints
