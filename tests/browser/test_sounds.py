"""Sounds and Explore in a real browser: made, heard, starred, taken along; and a click on the map."""

from __future__ import annotations

import math
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from click.testing import CliRunner

from engine.commands.generate import command as generate
from engine.rundir.layout import Layout
from tests.audio.sounds import chirp
from tests.browser.chromium import Server
from tests.browser.pressing import settle
from tests.conftest import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[[str], Any]
# While a page is drawn anew there may be no button to press for a moment: then it is pressed once there is.
STAR_AND_ZIP = """wait => {
  const star = [...document.querySelectorAll('button')].find(one => /Give it a star|Take its star/.test(one.innerText));
  if (!star) return false;
  const take = () => {
    const zip = document.querySelector('.st-key-zip button');
    if (zip) zip.click(); else setTimeout(take, 5) };
  star.click();
  setTimeout(take, wait);
  return true }"""

TAKE_ALL = """wait => {
  const all = [...document.querySelectorAll('[class*=st-key-take-drums-] button')].filter(one => one.checkVisibility());
  if (all.length < 2) return false;
  all.forEach((one, number) => setTimeout(() => one.click(), number * wait));
  return true }"""


@pytest.fixture
def trained(drum_run: Path, runs_dir: Path) -> Path:
    return Path(shutil.copytree(drum_run, runs_dir / "drums"))


def _plays_after_a_click(page: Any, player: Any) -> bool:
    """Clicked where its button is; a preview that came in that moment has moved it, and it is clicked again."""
    if page.evaluate("[...document.querySelectorAll('audio')].every(one => one.paused && !one.currentTime)"):
        player.scroll_into_view_if_needed()
        box = player.bounding_box()
        page.mouse.click(box["x"] + 20, box["y"] + box["height"] / 2)
        page.wait_for_timeout(500)
    return bool(page.evaluate("[...document.querySelectorAll('audio')].some(one => one.currentTime > 0)"))


SMALLEST = """['star', 'take'].flatMap(key => [...document.querySelectorAll(`[class*=st-key-${key}-] button`)])
  .map(one => one.getBoundingClientRect()).filter(box => box.width).flatMap(box => [box.width, box.height])"""


def lengths(page: Any) -> list[float]:
    """Of all players that know theirs, from the oldest on."""
    found = page.evaluate("[...document.querySelectorAll('audio')].map(a => a.duration)")
    return [round(float(one), 2) for one in found if one and not math.isnan(one)]


def test_a_number_beyond_its_limits_is_answered_and_an_empty_one_has_no_steps(
    app: Server, trained: Path, open_page: Open
) -> None:
    page = open_page(f"{app.url}/sounds?run=drums")
    many, length = (page.get_by_role("spinbutton", name=name) for name in ("How many", "Length, seconds"))
    many.wait_for()
    page.get_by_role("button", name="Make eight sounds").wait_for()
    many.fill("100")
    many.press("Enter")
    said = page.get_by_text("between 1 and 64")
    said.wait_for()
    inside, around = said.bounding_box(), many.locator("xpath=..").bounding_box()
    assert inside["height"] > 10 and inside["x"] + inside["width"] <= around["x"] + around["width"]
    assert page.get_by_role("button", name="Make eight sounds").is_visible()
    steps = length.locator("xpath=..").locator("button[data-testid^=stNumberInputStep]")
    assert not any(one.is_visible() for one in steps.all())
    length.fill("2")
    steps.first.wait_for()
    assert len(steps.all()) == 2 and all(one.is_visible() for one in steps.all())


def test_sounds_are_made_heard_starred_and_taken_along(
    app: Server, trained: Path, open_page: Open, tmp_path: Path
) -> None:
    page = open_page(f"{app.url}/run?run=drums")
    page.get_by_role("button", name="Make sounds", exact=True).click()
    page.get_by_text("No sounds yet.").wait_for()
    many = page.get_by_role("spinbutton", name="How many")
    many.fill("2")
    many.press("Enter")
    page.get_by_role("button", name="Make two sounds").click()
    page.locator("audio").nth(1).wait_for(state="attached")
    files = sorted(Layout(trained).sounds.glob("*.wav"), key=lambda path: path.stat().st_mtime_ns)
    assert until(lambda: len(lengths(page)) == 2)
    assert lengths(page) == [round(soundfile.info(path).duration, 2) for path in files]
    assert page.evaluate("[...document.querySelectorAll('audio')].every(a => a.paused)"), "nothing plays by itself"
    assert min(page.evaluate(SMALLEST)) >= 28, "star, download and bin are hit by a finger"
    page.locator("audio").first.evaluate("a => { a.loop = true; a.muted = true; return a.play() }")
    page.get_by_role("button", name="Give it a star").last.click()
    page.get_by_role("button", name="Take its star away").wait_for()
    assert page.evaluate("[...document.querySelectorAll('audio')].some(a => !a.paused)"), "a star stops no sound"
    for wait_ms in (0, 60, 250):  # while the page is drawn anew for the star
        with page.expect_download() as taken:
            page.wait_for_function(STAR_AND_ZIP, arg=wait_ms)
        taken.value.save_as(tmp_path / "sounds.zip")
        with zipfile.ZipFile(tmp_path / "sounds.zip") as archive:
            names = [name for name in archive.namelist() if name.endswith(".wav")]
            assert [archive.read(name) for name in sorted(names)] == [path.read_bytes() for path in files]
    settle(page)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download").first.click()
    taken.value.save_as(tmp_path / "one.wav")
    assert (tmp_path / "one.wav").read_bytes() == files[-1].read_bytes()
    came: list[Any] = []
    page.on("download", lambda one: came.append(one))
    for wait_ms in (0, 60, 250):  # one and the next, while the page is drawn anew for the first
        page.wait_for_function(TAKE_ALL, arg=wait_ms)
        until(lambda: page.evaluate("true") and len(came) >= 2)
        settle(page)
        assert sorted(one.path().read_bytes() for one in came) == sorted(path.read_bytes() for path in files)
        came.clear()


def test_a_sound_of_ones_own_is_dropped_and_heard_in_grains_of_the_collection(
    app: Server, trained: Path, open_page: Open, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "my voice.wav", chirp(5, duration_s=1.0), 48_000)
    page = open_page(f"{app.url}/sounds?run=drums")
    page.get_by_text("A sound of yours").click()
    page.locator(".st-key-own-sound input[type=file]").set_input_files(str(tmp_path / "my voice.wav"))
    page.get_by_role("button", name="Make it in these colours").click()
    page.locator("audio").nth(1).wait_for(state="attached")
    assert until(lambda: lengths(page) == [1.0, 1.0]), "what was made, and what it was made of"
    page.get_by_text("In grains, my voice").wait_for()
    page.get_by_text("Yours", exact=False).last.wait_for()


def test_a_click_on_the_map_makes_that_place_sound(app: Server, trained: Path, open_page: Open) -> None:
    page = open_page(f"{app.url}/explore?run=drums")
    chart = page.locator(".stVegaLiteChart svg")
    chart.wait_for()
    page.locator(".stVegaLiteChart .mark-rect path").nth(2_000).wait_for(state="attached")
    box = chart.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.locator("audio").wait_for(state="attached")
    until(lambda: lengths(page))
    page.get_by_text("Place", exact=False).first.wait_for()
    page.locator("audio").evaluate("a => { a.muted = true; return a.play() }")
    file = page.locator(".stVegaLiteChart .mark-rect path").last  # files lie above the tiles
    file.click(force=True)
    page.locator("audio").nth(2).wait_for(state="attached")
    page.get_by_text("Original").wait_for()


def test_a_folder_is_dropped_learned_from_under_its_name_and_heard_after_three_clicks(
    own_app: Server, open_page: Callable[[str], Any], drums: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "my kit" / "deep"
    shutil.copytree(drums, folder)
    page = open_page(own_app.url)
    page.evaluate("window.clicks = 0; addEventListener('click', event => { clicks += event.isTrusted }, true)")
    page.get_by_role("link", name="or learn from sounds of your own").click()
    page.locator(".st-key-drop-folder input[type=file]").set_input_files(str(tmp_path / "my kit"))
    page.get_by_text("Good to go").wait_for()
    count = len(list(drums.iterdir()))
    page.locator("[data-testid=stMetricValue]", has_text=str(count)).first.wait_for()
    page.get_by_placeholder("my kit").wait_for()
    kept = list((own_app.runs_dir / ".dropped").glob("*/my kit/deep/*"))
    assert len(kept) == count
    page.get_by_role("button", name="Start learning").click()
    player = page.locator(".st-key-timeline audio").first
    player.wait_for()
    settle(page)
    assert page.evaluate("clicks") == 2
    assert until(lambda: _plays_after_a_click(page, player)), "the third: a player keeps its clicks to itself"


def test_on_a_phone_what_was_made_follows_the_button_and_nothing_is_cut_or_empty(
    app: Server, trained: Path, open_page: Open
) -> None:
    page = open_page(f"{app.url}/run?run=drums")
    page.set_viewport_size({"width": 390, "height": 850})
    label = page.locator("[data-testid=stMetricLabel] p").get_by_text("Better than the average sound")
    label.wait_for()
    assert label.evaluate("one => one.scrollWidth <= one.clientWidth && getComputedStyle(one).whiteSpace == 'normal'")
    page.goto(f"{app.url}/explore?run=drums")
    page.get_by_text("Nothing heard yet.").wait_for()
    assert until(lambda: page.locator(".st-key-heard").bounding_box()["height"] < 200)
    page.goto(f"{app.url}/sounds?run=drums")
    page.get_by_role("spinbutton", name="How many").fill("2")
    page.get_by_role("spinbutton", name="How many").press("Enter")
    page.get_by_role("button", name="Make two sounds").click()
    page.locator("audio").nth(1).wait_for(state="attached")
    shown = (".st-key-make-now", "audio", ".st-key-exported")
    assert until(lambda: _in_order(page, shown)), "the button, what it made, the other panels"


def _in_order(page: Any, selectors: tuple[str, ...]) -> bool:
    """Whether the first of each lies below that of the one before."""
    boxes = [page.locator(one).first.bounding_box() for one in selectors]
    tops = [box["y"] for box in boxes if box is not None]
    return len(tops) == len(selectors) and tops == sorted(set(tops))


def test_on_a_narrow_screen_labels_stand_above_their_pictures_and_a_link_leads_to_the_instrument(
    app: Server, trained: Path, open_page: Open
) -> None:
    options = ["--count", "3", "--quality", "fast", "--threads", "1"]
    assert CliRunner().invoke(generate, [str(trained), "--out", str(Layout(trained).sounds), *options]).exit_code == 0
    page = open_page(f"{app.url}/sounds?run=drums")
    page.locator("audio").first.wait_for(state="attached")
    link, label, panel = page.locator(".ss-below"), page.locator(".ss-mark").first, page.locator(".st-key-instrument")

    def beside() -> bool:
        player = page.locator("audio").first.bounding_box()
        return bool(label.bounding_box()["x"] + label.bounding_box()["width"] <= player["x"])

    assert until(beside) and not link.is_visible()
    page.set_viewport_size({"width": 390, "height": 600})
    assert until(lambda: not beside())
    assert panel.bounding_box()["y"] > 600
    link.click()
    assert until(lambda: 0 < panel.bounding_box()["y"] < 600)
