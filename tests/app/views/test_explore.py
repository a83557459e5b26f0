"""The page Explore over a real run and the real process that makes sounds, and the arithmetic of its map."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.charts import latent_map, specs
from engine.rundir.encoding import seal
from engine.rundir.layout import Layout
from tests.app.conftest import said
from tests.conftest import train_small

Visit = Callable[..., AppTest]
pytestmark = pytest.mark.usefixtures("forked_starts")
POINTS = [
    {"path": "kick.wav", "side": "train", "x": 2.0, "y": -1.0},
    {"path": "hat.wav", "side": "val", "x": -3.0, "y": 1.5},
]


@pytest.mark.slow
def test_places_files_morphs_and_moves_can_be_heard_without_a_mouse(visit: Visit, trained: Path) -> None:
    app = visit("explore", run="drums")
    assert "Nothing heard yet." in said(app) and not app.get("audio")
    app.button(key="place-hear").click().run()
    assert len(app.get("audio")) == 1 and "Nearest:" in said(app)
    assert app.get("audio")[0].proto.autoplay, "a click is a wish to hear"
    app.button(key="file-hear").click().run()
    assert len(app.get("audio")) == 3, "the recording and its copy"
    assert "Original" in said(app) and "Copy" in said(app)
    assert [audio.proto.autoplay for audio in app.get("audio")] == [True, False, False]
    app.slider[0].set_value(2.0).run()
    assert len(app.get("audio")) == 4 and "Moved" in said(app)
    app.button(key="morph-five").click().run()
    assert len(app.get("audio")) == 9 and not app.exception
    star = next(one for one in app.button if (one.key or "").startswith("star-"))
    star.click().run()
    kept = visit("sounds", run="drums")
    counts = kept.segmented_control(key="which").options
    assert counts == ["Kept: 5", "With a star: 1", "From the map: 3"], "a star here is a star there, and a morph stays"


@pytest.mark.slow
def test_a_sound_that_is_put_back_does_not_play_by_itself(visit: Visit, trained: Path) -> None:
    app = visit("explore", run="drums")
    app.button(key="morph-one").click().run()
    assert [audio.proto.autoplay for audio in app.get("audio")] == [True]
    next(one for one in app.button if (one.key or "").startswith("take-out-")).click().run()
    assert not app.get("audio")
    app.button(key="put-back").click().run()
    assert not app.exception and [audio.proto.autoplay for audio in app.get("audio")] == [False]
    app.button(key="morph-one").click().run()
    assert [audio.proto.autoplay for audio in app.get("audio")] == [True], "asked for again it does"


@pytest.mark.slow
def test_a_sound_asked_for_again_is_listed_once_at_the_newest_place_and_plays_again(
    visit: Visit, trained: Path
) -> None:
    def press(key: str) -> list[tuple[str, bool]]:
        app.button(key=key).click().run()
        assert not app.exception, app.exception
        return [(audio.proto.alt, audio.proto.autoplay) for audio in app.get("audio")]

    def identity() -> str:
        return str(app.get("audio")[0].proto.id)

    app = visit("explore", run="drums")
    assert len(press("morph-one")) == 1
    first = identity()
    assert len(press("morph-one")) == 1
    assert identity() != first, "a player of the same identity would stay silent"
    second = identity()
    again = press("morph-one")
    assert again[0][1] and identity() not in (first, second)
    five = press("morph-five")
    assert len(five) == 5 and "50 %" in five[2][0], "the one in the middle was heard before"
    assert [plays for _, plays in five] == [True] + [False] * 4
    assert len(press("file-hear")) == len(press("file-hear")) == 7, "a recording and its copy, too"
    last = press("morph-one")
    assert len(last) == 7 and "50 %" in last[0][0]


def test_only_directions_with_a_name_have_a_slider(visit: Visit, trained: Path) -> None:
    app = visit("explore", run="drums")
    labels = [slider.label for slider in app.slider if (slider.key or "").startswith("axis-")]
    assert labels and all("(" in label and "no one word" not in label for label in labels)
    numbers = [slider.key.split("-")[1] for slider in app.slider if (slider.key or "").startswith("axis-")]
    assert [label.partition(": ")[0] for label in labels] == [f"Direction {number}" for number in numbers]


@pytest.mark.slow
def test_directions_without_a_name_are_strips_of_pictures_each_of_which_can_be_heard(
    visit: Visit, trained: Path
) -> None:
    app = visit("explore", run="drums")
    named = {slider.key.split("-")[1] for slider in app.slider if (slider.key or "").startswith("axis-")}
    stops = [one for one in app.button if (one.key or "").startswith("along-")]
    without = {one.key.split("-")[1] for one in stops}
    assert without and not named & without and len(stops) == 5 * len(without)
    pictures = [image.proto.imgs[0].url for image in app.get("image")]
    assert len(pictures) == len(stops) and len(set(pictures)) == 4 * len(without) + 1, "the middle ones are one sound"
    stops[-1].click().run()
    assert "Moved" in said(app) and [audio.proto.autoplay for audio in app.get("audio")] == [True]
    app.button(key="file-hear").click().run()
    now = [image.proto.imgs[0].url for image in app.get("image")]
    assert not set(pictures) & set(now), "they begin at that file"


def _directions() -> None:
    """Two directions without a name, of a model during whose first answer something is pressed."""
    import base64
    import io
    from types import SimpleNamespace

    import streamlit as st
    from PIL import Image
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

    from app.sounds import directions

    asked = st.session_state.setdefault("asked", [])
    drawn = io.BytesIO()
    Image.new("L", (4, 4)).save(drawn, "PNG")
    png = base64.b64encode(drawn.getvalue()).decode()

    def ask(op: str, axes: list[int], at: list[float], **rest: object) -> dict[str, object]:
        if not asked:
            get_script_run_ctx().script_requests.request_rerun(RerunData())
        asked.append(axes)
        return {"pictures": [{"axis": axis, "at": one, "png": png} for axis in axes for one in at]}

    model = SimpleNamespace(id="drums", facts={"weights": "w"}, checkpoint=None, client=SimpleNamespace(ask=ask))
    axes = [{"number": number, "share": 0.1, "changes": []} for number in (3, 4)]
    directions.show(model, axes, lambda *given, **named: None)


def test_pictures_that_a_press_has_interrupted_are_not_made_again_nor_all_waited_for() -> None:
    app = AppTest.from_function(_directions, default_timeout=120).run()
    assert not app.exception and len(app.get("image")) == 10
    assert app.session_state["asked"] == [[3], [4]]


@pytest.mark.slow
def test_one_sound_has_no_map(visit: Visit, drums: Path, runs_dir: Path, tmp_path: Path) -> None:
    two = tmp_path / "two"
    two.mkdir()
    for path in sorted(drums.iterdir())[:2]:  # one to learn from, one to check with
        shutil.copy(path, two)
    train_small(two, runs_dir / "one", "--max-steps", "2")
    app = visit("explore", run="one")
    assert "There is no map." in said(app) and not app.get("vega_lite_chart")
    assert app.button(key="file-hear") and not [one for one in app.slider if (one.key or "").startswith("axis-")]


@pytest.mark.slow
def test_a_place_far_from_everything_is_warned_of(visit: Visit, trained: Path) -> None:
    app = visit("explore", run="drums")
    app.number_input(key="place-x").set_value(500.0).run()
    app.button(key="place-hear").click().run()
    assert "far from everything learned" in said(app)
    assert "What is heard lies outside the map, at 500.0, 0.0: its mark stands at the edge." in said(app)
    app.number_input(key="place-x").set_value(0.0).run()
    app.button(key="place-hear").click().run()
    assert "outside the map" not in said(app)


@pytest.mark.slow
def test_recordings_that_are_gone_are_heard_as_the_model_knows_them(
    visit: Visit, trained: Path, drums: Path, tmp_path: Path
) -> None:
    record = Layout(trained).run
    moved = record.read_text().replace(str(drums), str(tmp_path / "gone"))
    record.write_bytes(seal(json.loads(moved)))
    app = visit("explore", run="drums")
    app.button(key="file-hear").click().run()
    assert len(app.get("audio")) == 1 and "Original" not in said(app)


@pytest.mark.parametrize(("far", "outside"), [(0.0, False), (0.99, False), (1.01, True), (40.0, True)])
def test_the_mark_of_a_place_outside_the_map_stands_at_its_edge(far: float, outside: bool) -> None:
    """far: of the way from the middle to the edge, in each of the four directions."""
    for axis, (low, high) in enumerate(latent_map.extent(POINTS)):
        for end in (low, high):
            here = [sum(ends) / 2 for ends in latent_map.extent(POINTS)]
            here[axis] += far * (end - here[axis])
            place = here[0], here[1]
            rows = latent_map.map_rows(POINTS, place).to_pylist()
            (mark,) = [(row["x"], row["y"]) for row in rows if row["k"] == "here"]
            assert latent_map.lies_outside(POINTS, place) is outside
            here[axis] = end if outside else here[axis]
            assert mark == pytest.approx(tuple(here))
    layers = [layer["mark"] for layer in specs.map_chart("", "")["layer"] if "'here'" in json.dumps(layer)]
    assert len(layers) == 2 and not any(mark["clip"] for mark in layers), "at the edge it is seen whole"


def test_every_place_has_a_tile_and_files_lie_above() -> None:
    table = latent_map.map_rows(POINTS, (0.0, 0.0))
    rows = [row for row in table.to_pylist() if row["k"] == "tile"]
    (left, right), (low, high) = latent_map.extent(POINTS)
    rng = np.random.default_rng(0)
    for x, y in zip(rng.uniform(left, right, 50), rng.uniform(low, high, 50), strict=True):
        under = [row for row in rows if row["x"] <= x <= row["x2"] and row["y"] <= y <= row["y2"]]
        assert under and abs((under[0]["x"] + under[0]["x2"]) / 2 - x) <= (right - left) / latent_map.ACROSS
    assert [row["t"] for row in rows[-2:]] == ["kick.wav", "hat.wav"]
    for point, row in zip(POINTS, rows[-2:], strict=True):
        assert latent_map.picked({"selection": {"pick": [row]}}, "pick") == (
            point["path"],
            (pytest.approx(point["x"]), pytest.approx(point["y"])),
        )


@pytest.mark.parametrize(
    "state", [None, {}, {"selection": {}}, {"selection": {"pick": []}}, {"selection": {"pick": {}}}]
)
def test_no_tile_is_no_place(state: object) -> None:
    assert latent_map.picked(state, "pick") is None


@pytest.mark.parametrize("points", [[], POINTS[:1], [POINTS[0], POINTS[0]], [POINTS[0], {**POINTS[0], "x": 9.0}]])
def test_a_map_has_room_on_all_sides(points: list[dict[str, object]]) -> None:
    (left, right), (low, high) = latent_map.extent(points)
    assert right > left and high > low
    for point in points:
        assert left < point["x"] < right and low < point["y"] < high  # type: ignore[operator]
    assert latent_map.map_rows(points, None).num_rows > latent_map.ACROSS * latent_map.DOWN


def test_an_axis_is_named_after_what_it_changes_and_how_surely() -> None:
    axis = {"number": 1, "changes": [{"name": "length", "r": -0.81}, {"name": "brightness", "r": 0.64}]}
    assert latent_map.axis_words(axis) == "shorter (strong, 0.81), brighter (clear, 0.64)"
    assert latent_map.axis_title([axis], 1, 0.4, "→") == "shorter, brighter → · 40 % of the differences"
    assert latent_map.axis_title([axis], 1, 0.001, "→") == "", "0 % of the differences are none"
    assert latent_map.axis_title([], 2, 0.1, "↑") == "direction 2 ↑ · 10 % of the differences"
