"""The listening bench in a real browser: what comes out of it, and what a click on the curve does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.charts import specs
from engine.audio.files.io import wave_bytes
from engine.rundir.annotate import annotate
from engine.rundir.encoding import seal
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from tests.browser.chromium import SHOWN_MS, Server
from tests.conftest import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[[str], Any]
RATE = 48_000
ORIGINAL_HZ, COPY_HZ = 440, 1_320
# Everything that goes to the loudspeaker is also measured, two thirds of a second of it at a time.
TAP = """(() => { const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      window.tap ||= new AnalyserNode(to.context, { fftSize: 32768 });
      connect.call(this, window.tap);
    }
    return connect.call(this, to, ...rest) } })()"""
HEARD = """() => { const wave = new Float32Array(32768); window.tap.getFloatTimeDomainData(wave);
  return [window.tap.context.sampleRate, [...wave]] }"""
# A third of a second after a key was pressed, counted in what was played: looked at from outside, on a busy machine
# the switch has left the measurement before anybody asks.
CATCHES = f"""addEventListener('keydown', () => {{
  const {{ context }} = window.tap, begun = context.currentTime;
  const look = () => {{
    if (context.currentTime < begun + 0.3) setTimeout(look, 5); else window.caught = ({HEARD})() }};
  window.caught = null; look() }}, true)"""
# Sounds come once they are let go, like from a server that is slow.
HOLD = """(() => { const { fetch } = window, held = new Promise(release => { window.release = release });
  window.fetch = async (what, ...rest) => {
    if (String(what).endsWith('.wav')) await held;
    return fetch(what, ...rest) } })()"""
# Pauses where its end is far away, however late a press of the mouse would come.
PAUSED_AMID = """() => { const at = parseFloat(document.querySelector('.lb-clock').innerText);
  if (at < 1 || at > 2) return false;
  document.querySelector('.lb-play').click();
  return true }"""
PLAYED = "window.tap.context.currentTime"  # seconds
MARKS = f".{specs.HEAR}_marks path"


@pytest.fixture
def run(app: Server, drum_run: Path) -> RunReader:
    """Its original is a loud low tone, all copies are one that is 20 dB softer and higher; both last 3 s."""
    root = Path(shutil.copytree(drum_run, app.runs_dir / "drums"))
    time = np.arange(3 * RATE) / RATE
    for path in Layout(root).previews.glob("*.wav"):
        low = path.name.startswith("reference")
        wave = (0.5 if low else 0.05) * np.sin(2 * np.pi * (ORIGINAL_HZ if low else COPY_HZ) * time)
        if "-sample-" not in path.name:
            path.write_bytes(wave_bytes(wave.astype(np.float32), RATE))
    return RunReader(root)


@pytest.fixture
def bench(app: Server, run: RunReader, browser: Any) -> Iterator[Any]:
    """The page, its bench drawn."""
    context = browser.new_context(viewport={"width": 1400, "height": 1300})
    context.add_init_script(TAP)
    page = context.new_page()
    page.set_default_timeout(SHOWN_MS)
    page.goto(f"{app.url}/listen?run=drums")
    page.locator(".lb-lane[data-side=a] img").wait_for()
    until(lambda: page.inner_text(".lb-clock") == "0.0 s of 3.0 s")
    yield page
    context.close()


def state(page: Any) -> str:
    return str(page.get_attribute(".lb", "data-state"))


def frames(page: Any) -> tuple[np.ndarray, np.ndarray]:
    """:func:`parted`, of what was heard last."""
    return parted(*page.evaluate(HEARD))


def parted(rate: float, wave: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """(level, pitch in Hz) of each 20 ms of ``wave``. A tone's pitch is how often it crosses zero."""
    size = round(rate / 50)
    parts = np.array(wave)[: len(wave) // size * size].reshape(-1, size)
    return np.sqrt((parts**2).mean(1)), np.abs(np.diff(np.sign(parts), axis=1)).sum(1) / 4 * 50


def filled(page: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """The same, once sound has filled it from end to end."""
    level, pitch = frames(page)
    return (level, pitch) if (level > 0.01).all() else None


def both(level: np.ndarray, pitch: np.ndarray) -> bool:
    """Whether a switch lies amid what was heard."""
    heard = {round(one / 440) * 440 for one in pitch}
    return bool((level > 0.01).all()) and {COPY_HZ, ORIGINAL_HZ} <= heard


def pass_by(page: Any) -> None:
    """Until what was heard before has left the measurement: counted in what was played, which a busy machine delays."""
    page.wait_for_function("end => window.tap.context.currentTime > end", arg=page.evaluate(PLAYED) + 0.8)


def settled(page: Any, hz: float) -> bool:
    """Whether nothing but one tone is heard."""
    found = filled(page)
    return found is not None and bool((abs(found[1] - hz) < 0.1 * hz).all())


def test_a_switch_keeps_the_position_leaves_no_gap_and_is_equally_loud(bench: Any) -> None:
    bench.keyboard.press("Space")
    until(lambda: state(bench) == "playing" and settled(bench, COPY_HZ))
    bench.evaluate(CATCHES)
    for side in ("b", "a") * 20:
        bench.keyboard.press(side)
        level, pitch = parted(*until(lambda: bench.evaluate("window.caught")))
        if both(level, pitch):
            break
    assert both(level, pitch), "no switch was caught"
    assert level.min() > 0.6 * np.median(level), "a gap"
    assert level.max() < 1.4 * np.median(level), "one is louder"
    assert "Equally loud: A 0.0 dB, B −20.0 dB." in bench.inner_text(".lb-level")
    bench.keyboard.press("b")
    bench.get_by_role("button", name="Equally loud").click()
    until(lambda: settled(bench, ORIGINAL_HZ) and np.median(frames(bench)[0]) > 0.3)


def test_what_is_pressed_before_its_sounds_are_here_begins_when_they_are(bench: Any) -> None:
    bench.add_init_script(HOLD)
    bench.reload()
    bench.locator(".lb-lane[data-side=a] img").wait_for()
    for _ in range(3):  # to play, not to play, to play
        bench.keyboard.press("Space")
    assert state(bench) == "still"
    bench.evaluate("window.release()")
    until(lambda: state(bench) == "playing" and settled(bench, COPY_HZ))


def test_it_loops_pauses_where_it_stands_and_ends_without_the_loop(bench: Any) -> None:
    play = bench.locator(".lb-play")
    bench.get_by_role("slider", name="Position").fill("2.9")
    play.click()
    bench.wait_for_function(PAUSED_AMID)
    until(lambda: state(bench) == "still")

    def unmoved() -> str:
        before = bench.inner_text(".lb-clock")
        bench.wait_for_timeout(300)
        return before if bench.inner_text(".lb-clock") == before else ""

    assert until(unmoved) != "0.0 s of 3.0 s"
    bench.get_by_role("button", name="Loop").click()
    play.click()  # the rest is short: that it was played is known from where it ends
    until(lambda: state(bench) == "still" and bench.inner_text(".lb-clock") == "0.0 s of 3.0 s")


def test_a_side_has_a_name_without_figures_and_does_not_tell_in_a_blind_test(bench: Any) -> None:
    side = bench.locator(".lb-lane[data-side=a] .lb-sound")
    assert bench.get_by_role("button", name="A Copy", exact=True).get_attribute("aria-pressed") == "true"
    assert str(side.get_attribute("aria-description")).startswith("epoch ")
    bench.get_by_role("button", name="Which do I like?").click()
    bench.get_by_role("button", name="1 The first", exact=True).wait_for()
    assert not side.get_attribute("aria-description"), "it tells which one it is"


def test_who_hears_which_is_x_is_told_that_it_was_no_chance(bench: Any) -> None:
    bench.get_by_role("button", name="Can I tell?").click()
    assert bench.locator(".lb-lane[data-side=x] img").count() == 0
    answer = bench.get_by_role("button", name="X is A")
    assert answer.is_disabled() and bench.inner_text(".lb-ask") == "Listen to X, then say: X is"
    bench.keyboard.press("Space")
    until(lambda: state(bench) == "playing")
    assert answer.is_disabled(), "A alone was heard"
    bench.keyboard.press("x")
    until(answer.is_enabled)
    assert bench.inner_text(".lb-ask") == "X is"
    for answers in range(1, 6):
        right = until(lambda: next((s for s, hz in (("A", COPY_HZ), ("B", ORIGINAL_HZ)) if settled(bench, hz)), None))
        bench.get_by_role("button", name=f"X is {right}").click()
        bench.get_by_text(f"You were right at {answers} of {answers}.").wait_for()
        pass_by(bench)
    chance = "Guessing alone comes as far in 3 of 100 such tests, if you set out for 5 answers"
    assert chance in bench.inner_text(".lb-said")
    assert state(bench) == "playing", "an answer stops nothing"


def test_who_likes_one_blindly_is_told_which_and_how_often(bench: Any) -> None:
    bench.get_by_role("button", name="Which do I like?").click()
    assert bench.locator(".lb-lane img").count() == 0 and "Original" not in bench.inner_text(".lb-lanes")
    answer = bench.get_by_role("button", name="I like the first")
    assert answer.is_disabled() and bench.inner_text(".lb-ask") == "Listen to both, then say: I like"
    bench.keyboard.press("Space")
    until(lambda: state(bench) == "playing")
    for answers in range(1, 5):
        assert answer.is_disabled(), "one of them alone was heard"
        bench.keyboard.press("2")
        until(answer.is_enabled)
        bench.keyboard.press("1")
        first = until(lambda: next((hz for hz in (COPY_HZ, ORIGINAL_HZ) if settled(bench, hz)), None))
        liked = "first" if first == ORIGINAL_HZ else "second"
        bench.get_by_role("button", name=f"I like the {liked}").click()
        bench.get_by_text(f"You chose the original at {answers} of {answers}.").wait_for()
        pass_by(bench)
    bench.get_by_role("button", name="Can I tell?").click()
    assert not bench.inner_text(".lb-said"), "nobody has answered in this test"
    bench.get_by_role("button", name="Which do I like?").click()
    assert bench.inner_text(".lb-said").startswith("You chose the original at 4 of 4.")
    bench.get_by_role("button", name="Which do I like?").click()
    assert not bench.inner_text(".lb-said"), "no test is under way"


def chosen(page: Any) -> float | None:
    """How far right the rule of what is heard stands, in pixels; None while there is none."""
    rule = page.locator(f".{specs.CHOSEN}_marks line, .{specs.CHOSEN}_marks path").first
    box = rule.bounding_box() if rule.count() else None
    return None if box is None else float(box["x"])


def test_a_click_on_a_mark_of_the_curve_plays_that_epoch(app: Server, run: RunReader, open_page: Open) -> None:
    page = open_page(f"{app.url}/run?run=drums")
    marks = page.locator(MARKS)
    marks.first.click()  # once it rests: what comes above the chart while the page builds up moves it
    player = page.locator(".st-key-clicked audio")
    player.wait_for(state="attached")
    until(lambda: player.evaluate("a => a.currentTime > 0"))
    first = player.get_attribute("aria-label") or player.evaluate("a => a.parentElement.innerText")
    count = marks.count()
    marks.last.click()
    until(lambda: player.get_attribute("aria-label") != first and player.evaluate("a => a.currentTime > 0"))
    place = until(lambda: chosen(page))
    again = player.get_attribute("aria-label")
    marks.last.click()  # the same one
    until(lambda: player.get_attribute("aria-label") != again and player.evaluate("a => a.currentTime > 0"))
    assert until(lambda: chosen(page)) == place, "the mark of what is heard stays where it is"
    page.get_by_role("link", name="Compare by ear").click()
    page.locator(".lb-lane[data-side=a] img").wait_for()
    until(lambda: marks.count() == count > 1)
    marks.first.click()
    until(lambda: page.get_attribute(".lb", "data-state") == "playing")
    steps = sorted({one.step for one in run.previews() if one.step})
    until(lambda: f"step={steps[0]}" in page.url)
    place = until(lambda: chosen(page))
    slider = page.get_by_role("slider", name="Epoch").first
    slider.focus()
    slider.press("End")
    until(lambda: (now := chosen(page)) and now > place)


def test_what_plays_goes_on_while_the_slider_moves_and_a_preview_comes(bench: Any, run: RunReader) -> None:
    writer = RunWriter.open(run.root, device="cpu", threads=1, versions={}, resume=True)
    writer.state(State.RUNNING)
    bench.reload()
    bench.locator(".lb-lane[data-side=a] img").wait_for()
    bench.locator(".lb").evaluate("one => one.dataset.same = 'yes'")
    bench.locator(".lb-play").click()
    until(lambda: state(bench) == "playing")
    name = bench.inner_text(".lb-lane[data-side=a]")
    slider = bench.get_by_role("slider", name="Epoch").first  # the page that is left may still stand below the new one
    slider.focus()
    slider.press("Home")
    until(lambda: bench.inner_text(".lb-lane[data-side=a]") != name)
    name = bench.inner_text(".lb-lane[data-side=a]")
    sound = next(path for path in run.layout.previews.glob("*-recon-00.wav"))
    for role in ("recon", "sample"):
        shutil.copy(sound, run.layout.preview(9, 90, role, 0, "wav"))

    def at_the_new_one() -> bool:
        slider.press("End")
        return "step 90" in bench.inner_text(".lb-lane[data-side=a]")

    until(at_the_new_one)
    assert bench.locator(".lb[data-same=yes]").count() and state(bench) == "playing"
    writer.close()


def test_a_name_on_the_bench_is_no_markup(app: Server, run: RunReader, open_page: Open, tmp_path: Path) -> None:
    bait = "<img src=x onerror=alert(1)>.wav"
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / bait).write_bytes(wave_bytes(np.ones(RATE, np.float32) / 9, RATE))
    place, view, dataset = Layout(run.root), run.view(), run.dataset()
    row = dataset.files[0].model_copy(update={"path": bait})
    place.dataset.write_bytes(seal(dataset.model_copy(update={"files": [row]})))
    source = view.run.source.model_copy(update={"path": str(tmp_path / "sounds")})
    place.run.write_bytes(seal(view.run.model_copy(update={"source": source})))
    found = [one.model_copy(update={"file": bait}) for one in view.status.diagnosis]
    place.status.write_bytes(seal(view.status.model_copy(update={"diagnosis": found})))
    annotate(run, name="<img src=y>", remarks={0: "<img src=z>"})
    page = open_page(f"{app.url}/listen?run=drums")
    page.locator(".lb-lane[data-side=a] img").wait_for()
    page.get_by_role("combobox", name="A").click()
    page.get_by_role("option", name="Nearest recording").click()
    page.locator(".lb-lane[data-side=a]").get_by_text("<img src=x onerror=alert(1)>.wav").wait_for()
    page.locator(".lb-lane[data-side=a] svg").wait_for()
    assert page.locator("img[src=x], img[src=y], img[src=z]").count() == 0
