"""The panel Instrument of the page Sounds, over a real run and the real process that makes sounds."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest, local_script_runner

from app.sounds import instrument
from engine.rundir.layout import Layout
from tests.app.conftest import said

Visit = Callable[..., AppTest]
pytestmark = pytest.mark.usefixtures("forked_starts")


@pytest.fixture
def trained(drum_run: Path, runs_dir: Path) -> Path:
    """A copy of a run of drums, in the library."""
    return Path(shutil.copytree(drum_run, runs_dir / "drums"))


def test_one_press_makes_a_kit_to_download(visit: Visit, trained: Path) -> None:
    before = set(trained.rglob("*"))
    app = visit("sounds", run="drums")
    assert app.button(key="make-kit").label == "Instrument with 16 keys" and not app.get("download_button")
    app.number_input(key="kit-keys").set_value(2).run()
    app.button(key="make-kit").click().run()
    assert not app.exception
    _, name, data, answer = app.session_state["kit"]
    assert name.startswith("ten-drums-kit-") and answer["samples"] == 2
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None and "ten-drums/ten-drums.sf2" in archive.namelist()
        assert json.loads(archive.read("ten-drums/kit.json"))["request"]["quality"] == "fast", "as the page makes sounds"
    assert "2 sounds, C2 to C#2" in said(app) and "Seed, length and quality as above: fast now." in said(app)
    assert set(trained.rglob("*")) == before, "nothing of it is kept in the run"


def test_without_a_star_the_panel_says_how_one_comes(visit: Visit, trained: Path) -> None:
    app = visit("sounds", run="drums")
    app.segmented_control(key="kit-source-drums").set_value(instrument.STARRED).run()
    assert "None has a star yet. Give one to what you want on a key." in said(app)
    assert all(button.key != "make-kit" for button in app.button)


def test_starred_sounds_are_the_keys(visit: Visit, trained: Path) -> None:
    app = visit("sounds", run="drums")
    app.number_input(key="count").set_value(2).run()
    app.button(key="make-now").click().run()
    next(one for one in app.button if (one.key or "").startswith("star-")).click().run()
    app.segmented_control(key="kit-source-drums").set_value(instrument.STARRED).run()
    assert app.button(key="make-kit").label == "Instrument with 1 key"
    app.button(key="make-kit").click().run()
    samples = app.session_state["kit"][3]["instruments"][0]["sounds"][0]["samples"]
    assert len(samples) == 1 and samples[0].startswith("001-seed0-")


def test_the_panel_counts_the_stars_that_the_list_shows(
    visit: Visit, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = visit("sounds", run="drums")
    app.number_input(key="count").set_value(1).run()
    app.button(key="make-now").click().run()
    (fragment,) = app._fragment_storage._fragments  # type: ignore[attr-defined]
    # A browser asks for the fragment alone that a button stands in, AppTest for the whole page.
    monkeypatch.setattr(local_script_runner, "RerunData", partial(RerunData, fragment_id=fragment))
    for stars in (1, 0):
        next(one for one in app.button if (one.key or "").startswith("star-")).click().run()
        assert not app.exception, app.exception
        counts = {group.key: group.options[-1] for group in app.get("segmented_control")}
        assert counts["which"] == counts["kit-source-drums"] == f"With a star: {stars}"


def test_what_cannot_be_made_is_said_and_offers_nothing(visit: Visit, trained: Path) -> None:
    app = visit("sounds", run="drums")
    app.number_input(key="kit-keys").set_value(1).run()
    Layout(trained).best.write_bytes(b"damaged")
    app.button(key="make-kit").click().run()
    assert not app.exception and "kit" not in app.session_state
    assert "best.safetensors" in said(app)
