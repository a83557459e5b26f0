"""The page Listen: one slider for all players, two sides, words on an epoch."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from tests.app.conftest import said
from tests.conftest import until

Visit = Callable[..., AppTest]


@pytest.fixture
def run(drum_run: Path, runs_dir: Path) -> RunReader:
    return RunReader(Path(shutil.copytree(drum_run, runs_dir / "drums")))


def players(app: AppTest) -> list[str]:
    return [one.proto.alt for one in app.get("audio")]


def bench(app: AppTest) -> dict:
    return json.loads(app.get("bidi_component")[0].proto.json)


def steps(run: RunReader) -> list[int]:
    return sorted({one.step for one in run.previews() if one.role != "reference"})


def test_one_slider_moves_every_player_and_the_side_that_follows_it(visit: Visit, run: RunReader) -> None:
    app = visit("listen", run="drums")
    first, last = bench(app), steps(run)[0]
    app.select_slider[0].set_value(str(last)).run()
    assert not app.exception
    assert players(app)[:3] == [
        "Play the original", "Play copy of the original, before learning", "Play new sound, before learning",
    ]  # fmt: skip
    assert bench(app)["a"]["name"] == "Copy, before learning" != first["a"]["name"]
    assert bench(app)["b"] == first["b"], "a side that stays is not sent anew"
    assert app.query_params["step"] in (str(last), [str(last)])


def test_a_link_leads_to_its_moment_and_one_that_is_none_to_the_sweet_spot(visit: Visit, run: RunReader) -> None:
    moment = steps(run)[1]
    assert visit("listen", run="drums", step=str(moment)).select_slider[0].value == str(moment)
    assert visit("listen", run="drums", step="12345").select_slider[0].value in map(str, steps(run))


def test_any_two_stand_against_each_other_also_the_nearest_recording(visit: Visit, run: RunReader) -> None:
    app = visit("listen", run="drums")
    app.selectbox[0].select("recording").run()
    app.selectbox[1].select(f"new@{steps(run)[1]}").run()
    assert not app.exception
    data = bench(app)
    assert data["a"]["name"] == "Nearest recording" and not data["a"]["picture"] and data["b"]["picture"]
    assert min(data["a"]["gain_db"], data["b"]["gain_db"]) < 0 == max(data["a"]["gain_db"], data["b"]["gain_db"])
    assert players(app)[-1].startswith("Play nearest recording, ")
    length = r"any of its new sounds came nearest to: [^<]+, \d\.\d\N{NO-BREAK SPACE}s</div>"
    assert re.search(length, said(app)), "a clock of whole seconds says 0:00 of a short one"


def test_slider_and_sides_stay_when_a_preview_comes(visit: Visit, run: RunReader) -> None:
    moment = steps(run)[1]
    app = visit("listen", run="drums")
    app.select_slider[0].set_value(str(moment)).run()
    app.selectbox[1].select(f"copy@{moment}").run()
    name = next(path for path in run.layout.previews.iterdir() if "-sample-" in path.name and path.suffix == ".wav")
    shutil.copy(name, run.layout.preview(9, 90, "sample", 0, "wav"))
    until(lambda: "90" in app.run().select_slider[0].options or "epoch 9" in " ".join(app.select_slider[0].options))
    assert app.select_slider[0].value == str(moment) and app.selectbox[1].value == f"copy@{moment}"


def test_words_on_an_epoch_are_kept_with_the_notes_and_lead_back_to_it(visit: Visit, run: RunReader) -> None:
    first, second = steps(run)[:2]
    app = visit("listen", run="drums", step=str(first))
    app.text_input[0].set_value("dull <b>kick</b>").run()
    assert json.loads(Layout(run.root).notes.read_text())["remarks"] == {str(first): "dull <b>kick</b>"}
    app.select_slider[0].set_value(str(second)).run()
    assert app.text_input[0].value == ""
    said_of_it = next(one for one in app.button if one.key == f"said-drums-{first}")
    assert "dull" in said_of_it.label and "<b>" not in said_of_it.label
    said_of_it.click().run()
    assert app.select_slider[0].value == str(first) and app.text_input[0].value == "dull <b>kick</b>"
    assert bench(app)["plays"] == 1, "what was chosen is heard"
    app.text_input[0].set_value("").run()
    assert json.loads(Layout(run.root).notes.read_text())["remarks"] == {}


def test_a_run_from_elsewhere_takes_no_words_and_names_no_file_of_this_computer(visit: Visit, run: RunReader) -> None:
    lines = Layout(run.root).sessions.read_text().splitlines()
    elsewhere = dict.fromkeys(("host", "boot_id", "machine_id"), "elsewhere")
    Layout(run.root).sessions.write_text("".join(json.dumps(json.loads(one) | elsewhere) + "\n" for one in lines))
    app = visit("listen", run="drums")
    assert not app.text_input and "only looked at here" in said(app)
    assert "recording" not in app.selectbox[0].options and not any("recording" in one for one in players(app))


def test_a_run_without_sounds_and_no_run_at_all_say_so(visit: Visit, run: RunReader) -> None:
    assert "Choose a run first." in said(visit("listen"))
    assert "Choose a run first." in said(visit("listen", run="../../etc"))
    shutil.rmtree(run.layout.previews)
    assert "It made nothing to hear." in said(visit("listen", run="drums"))


def test_a_sound_that_is_none_is_said_and_the_page_stands(visit: Visit, run: RunReader) -> None:
    for path in run.layout.previews.glob("reference-*.wav"):
        path.write_bytes(b"no sound")
    app = visit("listen", run="drums")
    assert not app.exception and "One of the two cannot be played." in said(app)
    assert not app.get("bidi_component")


def test_a_star_and_words_on_a_preview_stand_beside_it_on_the_runs_page(visit: Visit, run: RunReader) -> None:
    first = steps(run)[1]
    app = visit("listen", run="drums", step=str(first))
    app.button(key=f"star-drums-{first}").click().run()
    app.text_input[0].set_value("the <i>hat</i> is back").run()
    notes = json.loads(Layout(run.root).notes.read_text())
    assert notes["starred"] == [first] and "Take the star" in app.button(key=f"star-drums-{first}").label
    page = visit("run", run="drums")
    text = "".join(one.proto.body for one in page.get("html"))
    assert "“the &lt;i&gt;hat&lt;/i&gt; is back”" in text and text.count('class="ss-star"') == 1
    app.button(key=f"star-drums-{first}").click().run()
    assert json.loads(Layout(run.root).notes.read_text())["starred"] == []
