"""The page Sounds over a real run and the real process that makes sounds, and what lies behind it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from app.sounds import made_sounds, relatives
from app.sounds.files import file_name
from app.sounds.made_sounds import MadeSounds
from engine.audio.files.io import write_wave
from engine.claims.headline import best_name
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import Abilities, Monitor
from engine.rundir.stars import starred_names
from engine.rundir.status import State
from tests import forkserver
from tests.app.conftest import said
from tests.app.library import lay_sound, write
from tests.audio.sounds import chirp

Visit = Callable[..., AppTest]
pytestmark = pytest.mark.usefixtures("forked_starts")


def made(root: Path) -> list[str]:
    return sorted(path.name for path in Layout(root).sounds.glob("*.wav"))


def make(app: AppTest, count: int) -> AppTest:
    app.number_input(key="count").set_value(count).run()
    app.button(key="make-now").click().run()
    assert not app.exception, app.exception
    return app


def test_sounds_are_made_and_what_gets_a_star_keeps_it(visit: Visit, trained: Path) -> None:
    app = visit("sounds", run="drums")
    assert "No sounds yet." in said(app) and not app.get("audio")
    assert f"Press “{app.button(key='make-now').label}”" in said(app), "as it is called"
    app = make(app, 2)
    assert len(app.get("audio")) == len(made(trained)) == 2
    assert app.button(key="make-now").label == "Make two more"
    assert all((Layout(trained).sounds / name).with_suffix(".png").is_file() for name in made(trained))
    app = make(app, 1)
    assert len(made(trained)) == 3, "the seed goes on where it stopped"
    assert "New 3" in said(app)
    star = next(one for one in app.button if (one.key or "").startswith("star-"))
    star.click().run()
    again = visit("sounds", run="drums")
    assert [one.label for one in again.button if (one.key or "").startswith("star-")].count("Take its star away") == 1
    again.segmented_control(key="which").set_value("With a star").run()
    assert len(again.get("audio")) == 1


@pytest.mark.slow
def test_variations_and_morphs_are_made_kept_and_named(visit: Visit, trained: Path) -> None:
    app = visit("sounds", run="drums")
    assert all(one.key != "make-relatives" for one in app.button), "closed it costs nothing"
    app.session_state["relatives"] = True
    app.number_input(key="count").set_value(2).run()
    first, second = app.selectbox(key="relatives-Sound-drums").options[:2]
    for label in ("Make two variations",) * 2:
        assert app.button(key="make-relatives").label == label
        app.button(key="make-relatives").click().run()
        assert not app.exception, app.exception
    assert [one for one in ("Variation 1", "Variation 4", f"50 % from {first}") if one not in said(app)] == []
    assert len(app.get("audio")) == len(made(trained)) == 4, "the second press goes on where the first stopped"
    app.slider(key="relatives-amount-drums").set_value(0).run()
    assert app.button(key="make-relatives").label == "Make one variation", "all copies are one"
    app.segmented_control(key="relatives-kind-drums").set_value(relatives.MORPH).run()
    assert app.selectbox(key="relatives-To-drums").value != app.selectbox(key="relatives-From-drums").value
    for unfolded in (False, True):
        app.session_state["relatives"] = unfolded
        app.run()
    assert app.segmented_control(key="relatives-kind-drums").value == relatives.MORPH, "closed it forgets nothing"
    app.button(key="make-relatives").click().run()
    assert f"{first} → {second}" in said(app) and "Morph 0 %" in said(app) and "Morph 100 %" in said(app)
    sounds = MadeSounds(Layout(trained).sounds)
    named = [file_name("Drums, dry", one) for one in sounds.sounds()]
    plain = [one.replace("_", "-") for one in (first, second)]
    assert named[0] == f"drums-dry-001-variation-1-50-{plain[0]}-best-epoch.wav"
    assert named[5] == f"drums-dry-006-morph-100-{'-'.join(plain)}-best-epoch.wav"
    app.segmented_control(key="relatives-kind-drums").set_value(relatives.VARY).run()
    chosen = app.selectbox(key="relatives-Sound-drums")
    assert chosen.options[-1] == f"Variation 1, 50 % from {first}, no. 1", "the newest first, after the recordings"
    chosen.select_index(len(chosen.options) - 1).run()
    app.slider(key="relatives-amount-drums").set_value(20).run()
    app.button(key="make-relatives").click().run()
    assert "20 % from a variation" in said(app)
    assert file_name("d", sounds.sounds()[-1]) == "d-008-variation-2-20-a-variation-best-epoch.wav"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.sounds.made_sounds.MOST_PASSING", 0)
        sounds.prune()
    assert len(made(trained)) == 8, "they pass as little as new ones"


def test_what_explore_made_is_listed_and_said_to_pass(visit: Visit, trained: Path) -> None:
    app = visit("explore", run="drums")
    app.button(key="place-hear").click().run()
    page = visit("sounds", run="drums")
    assert "which" in page.session_state and page.segmented_control(key="which").options == ["From the map: 1"]
    assert "Heard on Explore. The newest 60 of these stay; a star keeps one." in said(page)
    page = make(page, 1)
    assert page.segmented_control(key="which").options == ["Kept: 1", "With a star: 0", "From the map: 1"]
    assert page.segmented_control(key="which").value == "Kept" and len(page.get("audio")) == 1


def test_what_is_new_is_shown_also_where_only_starred_ones_were(visit: Visit, trained: Path) -> None:
    app = make(visit("sounds", run="drums"), 1)
    app.segmented_control(key="which").set_value("With a star").run()
    assert not app.get("audio")
    app = make(app, 1)
    which = app.segmented_control(key="which")
    assert which.value == "Kept" and which.proto.set_value, "the browser is told, too"
    assert len(app.get("audio")) == 2
    which.set_value("With a star").run()
    assert not app.get("audio"), "once, not for good"


def test_no_two_switches_of_the_page_have_one_name(visit: Visit, trained: Path) -> None:
    labels = [one.label for one in visit("sounds", run="drums").toggle]
    assert len(labels) == len(set(labels)) > 2


def test_another_temperature_begins_at_the_first_number_again(visit: Visit, trained: Path) -> None:
    app = make(visit("sounds", run="drums"), 1)
    app.slider(key="temperature-drums").set_value(1.5).run()
    assert app.button(key="make-now").label == "Make one sound"
    app = make(app, 1)
    recipes = [json.loads(path.read_text())["sound"] for path in Layout(trained).sounds.glob("prior*.json")]
    assert [one["origin"]["index"] for one in recipes] == [0, 0]
    assert len({one["temperature"] for one in recipes}) == 2


def test_a_sound_of_ones_own_is_made_of_the_collections_grains_and_kept(
    visit: Visit, trained: Path, tmp_path: Path
) -> None:
    write_wave(tmp_path / "voice.wav", chirp(4, duration_s=1.0), 48_000)
    app = visit("sounds", run="drums")
    assert app.button(key="make-own").disabled and app.button(key="make-own").help == "Drop a sound first."
    app.file_uploader(key="own-file-drums").set_value(("my voice.wav", b"no sound", "audio/wav")).run()
    app.button(key="make-own").click().run()
    assert ">my voice.wav cannot be used" in said(app) and not app.get("audio")
    assert not list((Layout(trained).sounds / "given").rglob("*")), "what is no sound is not kept"
    app.file_uploader(key="own-file-drums").set_value(
        ("my voice.wav", (tmp_path / "voice.wav").read_bytes(), "audio/wav")
    ).run()
    app.button(key="make-own").click().run()
    assert not app.exception and "In grains" in said(app) and "my voice" in said(app)
    (sound,) = MadeSounds(Layout(trained).sounds).sounds()
    assert sound.duration_s == pytest.approx(1.0, abs=0.001) and soundfile.info(sound.given).duration == 1.0
    assert len(app.get("audio")) == 2, "and what it was made of"
    assert file_name("Drums", sound) == "drums-001-in-grains-my-voice-best-epoch.wav"
    app = make(app, 1)
    assert len(app.get("audio")) == 3
    MadeSounds(Layout(trained).sounds).prune()
    again = visit("sounds", run="drums")
    assert "In grains" in said(again) and len(again.get("audio")) == 3
    recipe = sound.path.with_suffix(".json")
    done = forkserver.run("engine", "generate", trained, "--again", recipe, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again" / sound.path.name).read_bytes() == sound.path.read_bytes()
    moved = Layout(trained.rename(tmp_path / "drums"))
    recipe = moved.sounds / recipe.name
    done = forkserver.run("engine", "generate", moved.root, "--again", recipe, "--out", tmp_path / "once more")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "once more" / sound.path.name).read_bytes() == (moved.sounds / sound.path.name).read_bytes()


def test_a_length_in_bars_takes_the_place_of_seconds(visit: Visit, trained: Path) -> None:
    app = visit("sounds", run="drums")
    app.number_input(key="length-drums").set_value(3.0).run()
    app.number_input(key="bars").set_value(1).run()
    assert app.number_input(key="length-drums").disabled
    app.number_input(key="bpm").set_value(240.0).run()
    app = make(app, 1)
    (name,) = made(trained)
    assert name.endswith("-240bpm-1bar.wav") and soundfile.info(Layout(trained).sounds / name).frames == 48_000
    assert app.button(key="make-now").label == "Make one more", "the seed goes on"
    (sound,) = MadeSounds(Layout(trained).sounds).sounds()
    assert file_name("Drums", sound).endswith("-240bpm-1bar.wav")
    assert "1 bar at 240\N{NO-BREAK SPACE}BPM" in said(app)
    assert "<small>best epoch</small>" in said(app) and "<small>1.0 s</small>" in said(app)
    app.number_input(key="bars").set_value(None).run()
    assert app.button(key="make-now").label == "Make one sound", "another wish begins at the first"


@pytest.mark.parametrize("page", ["sounds", "explore"])
def test_the_best_of_a_run_is_called_as_on_its_own_page(visit: Visit, trained: Path, page: str) -> None:
    def best(app: AppTest) -> str:
        return next(one.options[0] for one in app.selectbox if one.label == "Epoch")

    name = best_name(RunReader(trained).status())
    assert best(visit(page, run="drums")).startswith(f"{name.capitalize()}, epoch ")
    status = json.loads(Layout(trained).status.read_text())
    Layout(trained).status.write_text(json.dumps(status | {"state": "running", "phase": "train"}))
    assert best_name(RunReader(trained).status()) == "best so far" != name
    assert best(visit(page, run="drums")).startswith("Best so far, epoch ")


def test_nothing_is_written_into_a_run_that_may_only_be_looked_at(
    visit: Visit, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEETSPOT_DATA", str(tmp_path / "data"))
    sessions = Layout(trained).sessions
    lines = [json.loads(line) | {"host": "x", "boot_id": "y", "machine_id": "z"} for line in sessions.open()]
    sessions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    app = make(visit("sounds", run="drums"), 1)
    next(one for one in app.button if (one.key or "").startswith("star-")).click().run()
    assert len(app.get("audio")) == 1
    write_wave(tmp_path / "mine.wav", chirp(1), 48_000)
    app.file_uploader(key="own-file-drums").set_value(("mine.wav", (tmp_path / "mine.wav").read_bytes(), "audio/wav"))
    app.run().button(key="make-own").click().run()
    assert not app.exception and len(app.get("audio")) == 3
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before
    made_there = sorted(path.name for path in (tmp_path / "data" / "sounds").rglob("*.wav"))
    assert [name.split("-")[0] for name in made_there] == ["mine.wav", "prior", "resynthesis", "resynthesis"]


def test_a_run_of_tables_says_in_its_own_words_that_it_makes_none(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "iris", task="mlp", can=Abilities())
    for page in ("sounds", "explore"):
        words = said(visit(page, run="iris"))
        assert "This run makes no sounds." in words and "its own page shows what" in words
        assert "Name a run" not in words, "that is said on a command line"
    assert all(button.key != "make-sounds" for button in visit("run", run="iris").button)


def test_what_a_run_says_that_it_can_decides_not_its_unit_nor_its_task(visit: Visit, runs_dir: Path) -> None:
    own = Monitor(metric="val_recon_db", reference="train_recon_db", unit="sone")
    write(runs_dir / "loudness", task="ear", monitor=own)
    assert visit("run", run="loudness").button(key="make-sounds").label == "Make sounds"
    assert "makes no sounds" not in said(visit("sounds", run="loudness"))


def test_a_run_that_saved_nothing_says_what_to_wait_for(visit: Visit, runs_dir: Path) -> None:
    live = write(runs_dir / "live", state=State.RUNNING, done=3, close=False)
    assert "Nothing is saved yet." in said(visit("sounds", run="live"))
    live.close()
    write(runs_dir / "ended", done=3)
    assert "Nothing was saved before this run ended." in said(visit("explore", run="ended"))


@pytest.mark.parametrize("strange", ["../../etc", "nothing", "x" * 80])
def test_an_address_leads_to_a_listed_run_or_nowhere(visit: Visit, strange: str) -> None:
    assert "There is no run of this name here" in said(visit("sounds", run=strange))


def test_an_empty_library_says_that_a_model_comes_first(visit: Visit) -> None:
    assert "No model yet." in said(visit("sounds")) and "No model yet." in said(visit("explore"))


def test_a_run_that_can_sound_leads_there_with_one_button(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums")
    assert visit("run", run="drums").button(key="make-sounds").label == "Make sounds"
    write(runs_dir / "young", done=3)
    assert all(button.key != "make-sounds" for button in visit("run", run="young").button)


def test_a_sound_is_removed_with_all_that_is_its_own_and_put_back(visit: Visit, trained: Path) -> None:
    app = make(visit("sounds", run="drums"), 3)
    place = Layout(trained).sounds
    next(one for one in app.button if (one.key or "").startswith("star-")).click().run()
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.suffix != ".lock"}
    newest, order = MadeSounds(place).sounds()[-1], [one.path.name for one in MadeSounds(place).sounds()]
    assert newest.starred
    app.button(key=f"take-out-{trained.name}-Kept-{newest.path.name}").click().run()
    assert not app.exception, app.exception
    assert len(app.get("audio")) == 2 and "Removed: New 3, seed 0." in said(app)
    assert not list(place.glob(f"{newest.path.stem}*")) and not starred_names(place)
    app.button(key="put-back").click().run()
    assert {path.name: path.read_bytes() for path in place.iterdir() if path.suffix != ".lock"} == before
    assert [one.path.name for one in MadeSounds(place).sounds()] == order and "Removed" not in said(app)


def test_a_sound_that_was_removed_is_not_the_next_one_made(visit: Visit, trained: Path) -> None:
    app = make(visit("sounds", run="drums"), 1)
    (first,) = made(trained)
    app.button(key=f"take-out-{trained.name}-Kept-{first}").click().run()
    app = make(app, 1)
    assert made(trained) != [first] and len(made(trained)) == 1
    assert "New 2" in said(app)


def test_the_number_of_a_removed_sound_is_not_given_again_after_a_restart(visit: Visit, trained: Path) -> None:
    app = make(visit("sounds", run="drums"), 2)
    last = MadeSounds(Layout(trained).sounds).sounds()[-1].path.name
    app.button(key=f"take-out-{trained.name}-Kept-{last}").click().run()
    made_sounds.made_sounds_at.clear()  # another process remembers nothing
    app = make(visit("sounds", run="drums"), 1)
    assert [one.origin["index"] for one in MadeSounds(Layout(trained).sounds).sounds()] == [0, 2]
    assert last not in made(trained) and "New 3" in said(app)


@pytest.mark.parametrize(
    "origin",
    [
        {"kind": "file", "file": "a.wav", "amount": 10**400},
        {"kind": "between", "first": "a", "second": "b", "position": 10**400},
        {"kind": "place", "x": 10**400, "y": -(10**400)},
        {"kind": "moved", "axes": {"1": 10**400}, "of": {"kind": "moved", "of": {"kind": "moved"}}},
        {"kind": "prior", "index": 10**400},
        {"kind": "prior", "index": "x"},
        {"kind": "prior", "index": None},
        {"kind": "prior", "index": []},
    ],
    ids=lambda origin: f"{origin['kind']}, {str(next(iter(list(origin.values())[1:])))[:12]}",
)
def test_whatever_a_recipe_says_the_page_stands(visit: Visit, trained: Path, origin: dict[str, Any]) -> None:
    path = lay_sound(Layout(trained).sounds, "prior-0", **origin)
    recipe = json.loads(path.with_suffix(".json").read_bytes())
    recipe["sound"] |= {"temperature": 10**400, "seed": 0}
    path.with_suffix(".json").write_text(json.dumps(recipe))
    app = visit("sounds", run="drums")
    assert len(app.get("audio")) == 1 and any(button.key == "make-now" for button in app.button)


def test_a_state_that_cannot_be_used_leaves_the_choice_of_another(visit: Visit, trained: Path) -> None:
    Layout(trained).best.write_bytes(b"damaged")
    app = visit("sounds", run="drums")
    assert "Damaged, and not offered: best.safetensors." in said(app)
    labels = app.selectbox(key="state-drums").options
    assert labels[0].startswith("Last save") and len(labels) > 1 and not any("Sweet spot" in one for one in labels)
    app.selectbox(key="state-drums").select_index(1).run()
    chosen = app.selectbox(key="state-drums").value
    make(app, 1)
    assert len(made(trained)) == 1
    app.switch_page("views/explore.py")
    app.query_params["run"] = "drums"
    app.run()
    assert app.selectbox(key="state-drums").value == chosen, "the choice goes along to the other page"


def test_a_run_of_which_nothing_is_whole_does_not_claim_that_nothing_was_saved(visit: Visit, trained: Path) -> None:
    place = Layout(trained)
    for path in (*place.checkpoints.glob("*.safetensors"), *place.snapshots.glob("*.safetensors")):
        path.write_bytes(b"damaged")
    app = visit("sounds", run="drums")
    assert "Nothing that was saved is whole." in said(app) and "best.safetensors" in said(app)
    assert all(button.key != "make-now" for button in app.button)


@pytest.fixture
def exported(drum_model: Path, runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An exported model among the runs, and nothing else there."""
    monkeypatch.setenv("SWEETSPOT_DATA", str(tmp_path / "data"))
    return Path(shutil.copy(drum_model, runs_dir / "of_drums.zip"))


@pytest.mark.slow
def test_an_exported_model_makes_sounds_and_has_its_map(visit: Visit, exported: Path, tmp_path: Path) -> None:
    app = visit("sounds")
    assert not app.exception, app.exception
    assert "of_drums" in said(app) and "the one state that was exported" in said(app)
    app = make(app, 1)
    assert len(app.get("audio")) == 1
    assert len(list((tmp_path / "data" / "sounds").rglob("*.wav"))) == 1, "the user's own data, not the library"
    mapped = visit("explore", run=exported.name)
    assert not mapped.exception and "of_drums" in said(mapped)


def test_a_damaged_model_says_so_and_another_archive_is_none(visit: Visit, exported: Path) -> None:
    data = bytearray(exported.read_bytes())
    data[len(data) // 2] ^= 1
    exported.write_bytes(data)
    app = visit("sounds", run=exported.name)
    assert not app.exception and not app.get("audio")
    assert "of_drums.zip is damaged" in said(app)
    with zipfile.ZipFile(exported.with_name("photos.zip"), "w") as archive:
        archive.writestr("a.txt", "no model")
    unknown = bytearray(exported.with_name("photos.zip").read_bytes())
    unknown[unknown.index(b"PK\x01\x02") + 6] = 99  # it says that it needs a later reader of archives
    exported.with_name("later.zip").write_bytes(unknown)
    for name in ("photos.zip", "later.zip"):
        assert "No such run" in said(visit("sounds", run=name))
