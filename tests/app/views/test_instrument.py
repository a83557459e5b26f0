"""The panel Instrument of the page Sounds, over a real run and the real process that makes sounds."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest, local_script_runner

from app.sounds import instrument
from engine.rundir.artefacts import manifest_of
from engine.rundir.encoding import seal
from engine.rundir.layout import Layout, manifest
from engine.tasks.vae.instrument.request import InstrumentRequest
from tests import forkserver
from tests.app.conftest import said

Visit = Callable[..., AppTest]
pytestmark = pytest.mark.usefixtures("forked_starts")


def _pressed_meanwhile() -> None:
    """The panel of a model that makes an instrument while something else on the page is pressed."""
    from pathlib import Path
    from types import SimpleNamespace

    import streamlit as st
    from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

    from app.sounds import instrument

    def ask(op: str, out: str, **rest: object) -> dict[str, object]:
        st.session_state["asked"] = True
        path = Path(out) / "kit.zip"
        path.write_bytes(b"zip")
        get_script_run_ctx().script_requests.request_rerun(RerunData())
        return {"path": str(path), "instruments": [], "remarks": []}

    client, made = SimpleNamespace(ask=ask), SimpleNamespace(sounds=list)
    wish = {"seed": 0, "duration_s": None, "temperature": 1.0, "stereo": None, "loop": False}
    instrument.offer(SimpleNamespace(id="drums", checkpoint=None, client=client, made=made), wish)


def test_a_press_meanwhile_does_not_lose_the_instrument() -> None:
    app = AppTest.from_function(_pressed_meanwhile, default_timeout=120).run()
    app.button(key="make-kit").click().run()
    assert not app.exception and app.session_state["asked"] and app.get("download_button")


def wave_in(archive: zipfile.ZipFile) -> np.ndarray:
    """The first sample of a kit."""
    first = min(name for name in archive.namelist() if name.endswith("001.wav"))
    wave: np.ndarray = soundfile.read(io.BytesIO(archive.read(first)))[0]
    return wave


def test_one_press_makes_a_kit_to_download(visit: Visit, trained: Path, tmp_path: Path) -> None:
    before = set(trained.rglob("*"))
    app = visit("sounds", run="drums")
    assert app.button(key="make-kit").label == "Instrument with 16 keys" and not app.get("download_button")
    app.number_input(key="kit-keys-New sounds").set_value(2).run()
    app.button(key="make-kit").click().run()
    assert not app.exception
    name, data, answer, _ = app.session_state["kits"]["drums"]
    assert name.startswith("ten-drums-new-") and answer["samples"] == 2
    stem = name.removesuffix(".zip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None and f"{stem}/{stem}.sf2" in archive.namelist()
        kept = wave_in(archive)
    assert app.get("download_button")[0].proto.label == f"Download {name}"
    assert "2 sounds, C2 to C#2" in said(app)
    assert set(trained.rglob("*")) == before, "nothing of it is kept in the run"
    terminal = forkserver.run("engine", "instrument", trained, "--out", tmp_path / "kit.zip", "--sounds", 1)
    assert terminal.returncode == 0, terminal.stderr
    with zipfile.ZipFile(tmp_path / "kit.zip") as archive:
        assert np.array_equal(wave_in(archive), kept), "as good as from a terminal, and the same"


def test_what_can_be_asked_of_an_instrument_is_asked_in_the_panel(visit: Visit, trained: Path) -> None:
    app = visit("sounds", run="drums")
    app.segmented_control(key="kit-source-drums").set_value(instrument.PLACES).run()
    assert app.number_input(key="kit-keys-Recordings").max == 10, "as many as there are"
    app.number_input(key="kit-keys-Recordings").set_value(1).run()
    assert "1 of 10, evenly chosen." in said(app)
    app.session_state["explored"], app.session_state["here"] = ("drums", ""), (0.5, -0.25)
    app.segmented_control(key="kit-source-drums").set_value(instrument.REGION).run()
    assert [app.number_input(key=f"kit-{name}-drums-0.500--0.250").value for name in "xy"] == [0.5, -0.25]
    app.number_input(key="kit-keys-Around a place").set_value(2).run()
    spans = float(app.number_input(key="kit-radius-drums").help.split()[-1].rstrip("."))
    assert app.number_input(key="kit-radius-drums").value == pytest.approx(spans / 12, rel=0.5)
    app.number_input(key="kit-radius-drums").set_value(1.0).run()
    app.toggle(key="kit-care").set_value(False).run()
    app.number_input(key="kit-turns").set_value(2).run()
    app.number_input(key="kit-layers").set_value(2).run()
    app.text_input(key="kit-choke").set_value("F#2,H2").run()
    assert "Choke group H2 names no key" in said(app) and all(one.key != "make-kit" for one in app.button)
    app.text_input(key="kit-choke").set_value("C3").run()
    assert "Choke group C3 is one key." in said(app) and all(one.key != "make-kit" for one in app.button)
    app.text_input(key="kit-choke").set_value("C3, C#3").run()
    app.text_input(key="kit-first").set_value("c3").run()
    app.button(key="make-kit").click().run()
    assert not app.exception
    with zipfile.ZipFile(io.BytesIO(app.session_state["kits"]["drums"][1])) as archive:
        (sheet,) = (name for name in archive.namelist() if name.endswith("/kit.json"))
        asked = json.loads(archive.read(sheet))["request"]
        sfz = next(archive.read(name) for name in archive.namelist() if name.endswith(".sfz")).decode()
    assert asked["region"] == {"x": 0.5, "y": -0.25, "radius": 1.0} and asked["choke"] == [[48, 49]]
    assert (asked["sounds"], asked["first_key"], asked["round_robins"], asked["velocity_layers"]) == (2, 48, 2, 2)
    assert asked["quality"] == "fast" and sfz.count("group=1 ") == 2 and sfz.count("<region>") == 8
    assert set(asked) == set(InstrumentRequest.model_fields), "no field without a control here"


def test_the_panel_offers_as_many_variations_and_layers_as_can_be_asked_for() -> None:
    fields = InstrumentRequest.model_json_schema()["properties"]
    most = [fields[name]["maximum"] for name in ("round_robins", "velocity_layers")]
    assert most == [instrument.MOST_TURNS, instrument.MOST_LAYERS]


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
    assert "Each as it was made" in said(app) and all(one.key != "kit-care" for one in app.toggle)
    name, data, answer, _ = app.session_state["kits"]["drums"]
    (sample,) = answer["instruments"][0]["sounds"][0]["samples"]
    stem = name.removesuffix(".zip")
    assert stem.startswith("ten-drums-starred-") and sample.startswith(f"{stem}-001-seed0-")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert "quality" not in json.loads(archive.read(f"{stem}/kit.json"))["request"], "its own, in its recipe"
    before = "Made before, with other choices than these:"
    assert before not in said(app)
    app.segmented_control(key="kit-source-drums").set_value(instrument.NEW).run()
    (old,) = app.get("download_button")
    assert before in said(app) and old.proto.label == f"Download {name}" and old.proto.type == "secondary"


def test_the_panel_says_which_of_the_choices_above_it_follows(visit: Visit, trained: Path) -> None:
    app = visit("sounds", run="drums")
    assert "Seed, length, temperature and channels as above." in said(app)
    app.toggle(key="loop").set_value(True).run()
    assert "Seed, length, temperature and channels as above. Loop does not count here" in said(app)
    app.number_input(key="bars").set_value(1).run()
    assert "Seed, temperature and channels as above. Bars and Loop do not count here" in said(app)


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
    app.number_input(key="kit-keys-New sounds").set_value(1).run()
    best, data = Layout(trained).best, b"whole, and no weights"
    before = manifest_of(best)
    assert before is not None
    about = before.model_copy(update={"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    manifest(best).write_bytes(seal(about))  # in place: by this the page does not notice that it was saved anew
    best.write_bytes(data)
    app.button(key="make-kit").click().run()
    assert not app.exception and "kit" not in app.session_state
    assert "best.safetensors" in said(app)
