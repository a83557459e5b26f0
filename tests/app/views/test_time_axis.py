"""Pictures of previews on the time axis over them: what is heard at a moment is seen there."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.look import picture
from app.panels.preview_times import times_s
from engine.audio.settings import SpectrogramConfig
from engine.rundir.layout import Layout
from engine.rundir.record import RunConfig
from engine.tasks.vae.previews import audio_preview
from tests.app.conftest import said
from tests.app.library import write

Visit = Callable[..., AppTest]
CONFIG = SpectrogramConfig()
RATE = CONFIG.sample_rate
ORIGINAL_S, SOUND_S, STROKE_S = 0.9, 2.9, 2.0


def run(root: Path, whole_s: float, sound_s: float, stroke_s: float, **task: object) -> None:
    """A run whose previews are at most ``whole_s`` long: its new sound has one stroke. task: as it is recorded."""
    config = RunConfig(training={"preset": "balanced"}, task={"preview_duration_s": whole_s} | task)
    write(root, name=root.name, config=config)
    files = Layout(root)
    files.previews.mkdir(exist_ok=True)
    for role, seconds, at in (
        ("reference", ORIGINAL_S, 0.5), ("recon", ORIGINAL_S, 0.5), ("sample", sound_s, stroke_s),
    ):  # fmt: skip
        wave = np.zeros(round(seconds * RATE), np.float32)
        wave[round(at * RATE)] = 1.0
        for suffix, data in audio_preview(wave, role, CONFIG, whole_s, 0.01).files.items():
            moment = (0, 0) if role == "reference" else (12, 120)
            files.preview(*moment, role, 0, suffix).write_bytes(data)


def stroke_s(png: bytes | Path, shown_s: float) -> float:
    """Where the picture, which spans ``shown_s``, is brightest."""
    with Image.open(io.BytesIO(png) if isinstance(png, bytes) else png) as drawn:
        bright = np.asarray(drawn.convert("L"), np.float64).sum(0)
    return float((np.flatnonzero(bright > 0.9 * bright.max()).mean() + 0.5) / len(bright) * shown_s)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, float]]:
    """What was drawn on a time axis: its file, and the part of the axis that it spans."""
    found: list[tuple[Path, float]] = []
    show = picture.show

    def watched(path: Path, part: float, alt: str) -> None:
        found.append((path, part))
        show(path, part, alt)

    monkeypatch.setattr(picture, "show", watched)
    return found


@pytest.mark.parametrize(
    ("seconds", "named"),
    [(2.8, [0.0, 0.5, 1.0, 1.5, 2.0, 2.8]), (2.95, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 2.95]),
     (4.0, [0.0, 1.0, 2.0, 3.0, 4.0]),
     (0.05, [0.0, 0.05])],
)  # fmt: skip
def test_no_time_of_an_axis_touches_its_end(seconds: float, named: list[float]) -> None:
    assert times_s(seconds) == pytest.approx(named)


@pytest.mark.parametrize("page", ["run", "listen"])
def test_a_stroke_is_drawn_at_its_time_on_the_axis(
    visit: Visit, runs_dir: Path, shown: list[tuple[Path, float]], page: str
) -> None:
    run(runs_dir / "drums", 4.0, SOUND_S, STROKE_S)
    app = visit(page, run="drums")
    assert not app.exception and f"{SOUND_S} s</span>" in said(app), "the axis is as long as the longest sound"
    at = {path.name.split("-")[-2]: stroke_s(picture.beginning(path, None, 1 / part), SOUND_S) for path, part in shown}
    wanted = {"reference": 0.5, "recon": 0.5, "sample": STROKE_S}
    assert at == {role: pytest.approx(seconds, abs=0.03) for role, seconds in wanted.items()}


def test_on_the_bench_a_picture_says_what_it_spans(visit: Visit, runs_dir: Path) -> None:
    run(runs_dir / "drums", 4.0, SOUND_S, STROKE_S)
    data = json.loads(visit("listen", run="drums").get("bidi_component")[0].proto.json)
    assert data["a"]["duration_s"] < data["a"]["picture_s"] == 4.0, "the playhead stands on what is heard"


def test_an_original_that_is_longer_than_a_new_sound_is_seen_to_its_end(visit: Visit, runs_dir: Path) -> None:
    run(runs_dir / "drums", 4.0, 0.4, 0.2)
    assert f"{ORIGINAL_S} s</span>" in said(visit("run", run="drums")), "not 0.4 s"


def test_an_early_sound_that_does_not_end_is_cut_and_leaves_the_others_to_be_seen(
    visit: Visit, runs_dir: Path, shown: list[tuple[Path, float]]
) -> None:
    root = runs_dir / "drums"
    run(root, 4.0, 1.2, 0.6)
    files = Layout(root)
    for epoch, seconds in ((0, 3.9), (2, 1.7)):  # one before learning, and one that is longer by less than half
        wave = np.full(round(seconds * RATE), 0.5, np.float32)
        for suffix, data in audio_preview(wave, "sample", CONFIG, 4.0, 0.01).files.items():
            files.preview(epoch, epoch * 10, "sample", 0, suffix).write_bytes(data)
    said_of_it = said(visit("run", run="drums"))
    assert "1.7 s</span>" in said_of_it and "3.9 s</span>" not in said_of_it
    assert said_of_it.count("picture: first 1.7 s") == 1, "what is cut says so"
    assert {round(4.0 / part, 1) for _, part in shown} == {1.7}


def test_pictures_of_runs_whose_previews_differ_in_length_stand_on_one_time_axis(
    visit: Visit, runs_dir: Path, shown: list[tuple[Path, float]]
) -> None:
    whole_s = {"a": 4.0, "b": 2.0}
    run(runs_dir / "a", whole_s["a"], SOUND_S, STROKE_S)
    run(runs_dir / "b", whole_s["b"], 1.2, 0.6)
    app = visit("compare", runs="a,b")
    assert not app.exception and len(shown) == 5, "one original, two copies, two new sounds"
    wide = {round(whole_s[path.parts[-3]] / part, 3) for path, part in shown}
    assert wide == {SOUND_S}, "copies of one sound are drawn at one scale"


@pytest.mark.parametrize("said_s", ["4", float("nan"), 0, -1, None, True])
def test_a_run_that_does_not_say_what_its_pictures_span_shows_them_whole(
    visit: Visit, runs_dir: Path, shown: list[tuple[Path, float]], said_s: object
) -> None:
    run(runs_dir / "drums", 4.0, SOUND_S, STROKE_S, preview_duration_s=said_s)
    assert not visit("run", run="drums").exception
    assert shown and all(part == 1.0 for _, part in shown)
