"""``sweetspot instrument``: a kit out of a real model, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner, Result

from engine.audio.levels import CEILING_DB, from_db, peak, rms
from engine.audio.pitch import clear_pitch
from engine.commands.generate import command as generate
from engine.commands.instrument import command
from engine.errors import ConfigError, DataError, RunDirectoryError, SweetspotError
from engine.rundir.layout import Layout
from engine.tasks.vae.instrument.make import moved, softer
from engine.tasks.vae.instrument.request import Region
from engine.tasks.vae.instrument.request_handler import KitRequestHandler
from engine.tasks.vae.instrument.stars import read_stars
from engine.tasks.vae.instrument.wishes import spread
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FromPrior, Moved, SoundRequest
from tests.audio.files.marks import SamplerMarks, sampler_marks, tempo_marks
from tests.tasks.vae.instrument.players import Note, Sfizz, by_fluidsynth

Engine = Callable[..., Any]


def instrument(run: Path, out: Path, *options: object) -> Result:
    arguments = [run, "--out", out, "--threads", "1", "--quality", "fast", *options]
    return CliRunner().invoke(command, [*map(str, arguments)])


def kit(run: Path, out: Path, *options: object) -> dict[str, Any]:
    """What kit.json says; the kit itself lies unpacked beside the zip."""
    result = instrument(run, out, *options)
    assert result.exit_code == 0, result.exception
    shutil.unpack_archive(out, out.with_suffix(""))
    (sheet,) = out.with_suffix("").glob("*/kit.json")
    found: dict[str, Any] = json.loads(sheet.read_text())
    return found


def refused(run: Path, out: Path, *options: object) -> SweetspotError:
    error = instrument(run, out, *options).exception
    assert isinstance(error, SweetspotError), error
    assert not out.exists() or out.read_bytes() == b"mine"
    return error


def test_a_kit_of_new_sounds_plays_in_real_samplers(drum_run: Path, tmp_path: Path) -> None:
    said = kit(drum_run, tmp_path / "kit.zip", "--sounds", 3, "--choke", "36,37")
    assert [one["keys"] for one in said["instruments"][0]["sounds"]] == [[36, 36], [37, 37], [38, 38]]
    place = tmp_path / "kit" / "kit"
    assert sorted(path.name for path in (place / "samples").iterdir()) == ["kit-001.wav", "kit-002.wav", "kit-003.wav"]
    assert {path.suffix for path in place.iterdir()} >= {".sfz", ".sf2", ".dspreset", ".multisample", ".json"}
    assert Sfizz(place / "kit.sfz").keys == [36, 37, 38]
    with soundfile.SoundFile(place / "samples" / "kit-001.wav") as file:
        assert (file.title, file.comment) == ("kit-001", said["about"])
    for key in (36, 38):
        sample, rate = soundfile.read(place / "samples" / f"kit-{key - 35:03d}.wav")
        seconds = len(sample) / rate + 0.5
        sfizz = Sfizz(place / "kit.sfz").play([Note(key)], seconds)
        fluid = by_fluidsynth(place / "kit.sf2", [Note(key)], seconds)
        assert likeness(sfizz.mean(1), sample) > 0.99
        # It interpolates with four points, which dulls hiss, and is a decibel a second quieter once its key is let go.
        assert likeness(below_6_khz(fluid.mean(1), rate), below_6_khz(sample, rate)) > 0.95


def below_6_khz(wave: np.ndarray, rate: int) -> np.ndarray:
    spectrum = np.fft.rfft(wave)
    spectrum[round(6000 * len(wave) / rate) :] = 0
    return np.fft.irfft(spectrum, len(wave))


def likeness(sound: np.ndarray, sample: np.ndarray) -> float:
    """The highest correlation of a sample with what was played, wherever it begins; 1 is the same to its end."""
    size = 1 << (len(sound) + len(sample)).bit_length()
    product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(sample, size)), size)
    return float(product.max() / np.sqrt(np.square(sound).sum() * np.square(sample).sum()))


@pytest.mark.slow
def test_a_kit_is_the_generated_sounds_and_the_same_bytes_twice(drum_run: Path, tmp_path: Path) -> None:
    options = ("--sounds", 2, "--seed", 3, "--round-robins", 2)
    for place in ("once", "again"):
        (tmp_path / place).mkdir()
        kit(drum_run, tmp_path / place / "kit.zip", *options)
    assert (tmp_path / "once" / "kit.zip").read_bytes() == (tmp_path / "again" / "kit.zip").read_bytes()
    sounds = ["--count", "2", "--seed", "3", "--quality", "fast", "--threads", "1"]
    CliRunner().invoke(generate, [str(drum_run), "--out", str(tmp_path / "sounds"), *sounds])
    for number in (1, 2):
        sample = soundfile.read(tmp_path / "once" / "kit" / "kit" / "samples" / f"kit-00{number}-r1.wav")[0]
        assert np.array_equal(sample, soundfile.read(tmp_path / "sounds" / f"drums-seed3-00{number}.wav")[0])
    other = kit(drum_run, tmp_path / "c.zip", "--sounds", 2, "--seed", 4)
    assert other["request"]["seed"] == 4


def test_variations_differ_less_than_sounds_do(drum_run: Path, tmp_path: Path) -> None:
    kit(drum_run, tmp_path / "kit.zip", "--sounds", 2, "--round-robins", 3)
    place = tmp_path / "kit" / "kit" / "samples"
    first, again, third = (soundfile.read(place / f"kit-001-r{turn}.wav")[0] for turn in (1, 2, 3))
    other = soundfile.read(place / "kit-002-r1.wav")[0]
    assert 1 > likeness(first, again) > likeness(first, other) and not np.array_equal(again, third)


def test_velocity_layers_lead_to_the_sound_itself(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.tasks.vae.sounds.latent_map.STRONG", 0.0)  # what thirty updates taught is never clear
    said = kit(drum_run, tmp_path / "layers.zip", "--sounds", 1, "--velocity-layers", 3)
    kit(drum_run, tmp_path / "plain.zip", "--sounds", 1)
    assert said["instruments"][0]["sounds"][0]["samples"] == [f"layers-001-v{layer}.wav" for layer in (1, 2, 3)]
    place = tmp_path / "layers" / "layers" / "samples"
    soft, middle, loud = (soundfile.read(place / f"layers-001-v{layer}.wav")[0] for layer in (1, 2, 3))
    assert np.array_equal(loud, soundfile.read(tmp_path / "plain" / "plain" / "samples" / "plain-001.wav")[0])
    assert 1 > likeness(middle, loud) > likeness(soft, loud)


def test_all_takes_of_a_key_are_as_long_and_as_loud_as_its_sound(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Velocity alone decides how loud a stroke is: a harder one is no quieter."""
    monkeypatch.setattr("engine.tasks.vae.sounds.latent_map.STRONG", 0.0)
    said = kit(drum_run, tmp_path / "kit.zip", "--sounds", 4, "--velocity-layers", 2, "--round-robins", 2)
    differing = []
    for sound in said["instruments"][0]["sounds"]:
        waves = [soundfile.read(tmp_path / "kit" / "kit" / "samples" / name)[0] for name in sound["samples"]]
        own = waves[2]  # the first turn of the harder layer
        assert {len(wave) for wave in waves} == {len(own)}
        differing += [not np.array_equal(wave, own) for wave in waves]
        for wave in waves:
            louder = 20 * np.log10(rms(wave) / rms(own))
            assert louder < 0.01
            assert louder > -0.01 or peak(wave) == pytest.approx(from_db(CEILING_DB), abs=1e-4), "as its peak allows"
    assert sum(differing) == 3 * 4


@pytest.mark.parametrize("held", ["MOST_VARIED_DB", "MOST_VARIED_OCTAVES"])
def test_a_variation_that_would_be_another_sound_takes_smaller_steps(
    held: str, drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may differ by neither too many decibels nor too many octaves of its spectral centroid."""
    make = "engine.tasks.vae.instrument.make"
    monkeypatch.setattr(f"{make}.VARIED", 2.0)  # thirty updates taught no sharp turn
    alike = []
    for name, most in (("free", np.inf), ("held", 0.0)):
        for bound in ("MOST_VARIED_DB", "MOST_VARIED_OCTAVES"):
            monkeypatch.setattr(f"{make}.{bound}", most if bound == held else np.inf)
        kit(drum_run, tmp_path / f"{name}.zip", "--sounds", 1, "--round-robins", 2)
        place = tmp_path / name / name / "samples"
        first, again = (soundfile.read(place / f"{name}-001-r{turn}.wav")[0] for turn in (1, 2))
        alike.append(likeness(first, again))
    assert alike[0] < alike[1] < 1


def test_a_sound_is_looked_at_once_for_all_its_variations_and_a_step_halved_four_times_at_most(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []
    look = SoundGenerator.spectrogram

    def noted(generator: SoundGenerator, request: SoundRequest) -> np.ndarray:
        looked.append(request.origin)
        return look(generator, request)

    monkeypatch.setattr(SoundGenerator, "spectrogram", noted)
    monkeypatch.setattr("engine.tasks.vae.instrument.make.MOST_VARIED_DB", -1.0)
    kit(drum_run, tmp_path / "kit.zip", "--sounds", 1, "--round-robins", 3)
    own, *steps = looked
    assert len(steps) == 2 * (1 + 4) and own == FromPrior(index=0)
    first, last = steps[0].axes, steps[4].axes
    assert last == pytest.approx({axis: step / 16 for axis, step in first.items()})


def test_what_is_said_of_samples_is_said_of_as_many_as_there_are(drum_run: Path, tmp_path: Path) -> None:
    """Of each kind of remark alone; a sound that is its own first sample counts once."""
    options = ("--region", 300, 300, 1, "--sounds", 1, "--round-robins", 2, "--duration", 9)
    said = kit(drum_run, tmp_path / "kit.zip", *options)
    far, longer = said["remarks"]
    assert far.startswith("Of 2 samples, the first: This place is far from everything learned: ")
    assert longer.startswith("Of 2 samples: One-shots are as long as those of the collection")
    said = kit(drum_run, tmp_path / "one.zip", *options[:-4])
    assert [remark.partition(":")[0] for remark in said["remarks"]] == ["Of one sample"]


def test_the_way_to_a_duller_sound_leads_there(drum_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.tasks.vae.sounds.latent_map.STRONG", 0.0)
    codes = SoundGenerator(open_model(drum_run)).map
    scores, figures = codes._probes
    way = softer(codes)
    assert sum(part**2 for part in way.values()) == pytest.approx(1)
    along = scores[:, : codes.count].double() @ torch.tensor(list(way.values()), dtype=torch.double)
    dull = figures["brightness"][along.argsort()[-16:]].mean()
    assert dull < figures["brightness"][along.argsort()[:16]].mean()


def test_where_no_way_is_known_velocity_changes_the_level_alone_and_that_is_said(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.tasks.vae.sounds.latent_map.STRONG", 1.1)
    said = kit(drum_run, tmp_path / "kit.zip", "--sounds", 1, "--velocity-layers", 3)
    assert said["instruments"][0]["sounds"][0]["samples"] == ["kit-001.wav"]
    assert any("velocity changes the level and nothing else" in remark for remark in said["remarks"])


def test_a_region_of_the_map_is_a_kit_from_its_middle_outwards(drum_run: Path, tmp_path: Path) -> None:
    (place, *_) = SoundGenerator(open_model(drum_run)).map.points()
    kit(drum_run, tmp_path / "wide.zip", "--region", place.x, place.y, 3, "--sounds", 3, "--first-key", "C1")
    said = kit(drum_run, tmp_path / "small.zip", "--region", place.x, place.y, 1e-6, "--sounds", 3)
    assert [one["keys"] for one in said["instruments"][0]["sounds"]] == [[36, 36], [37, 37], [38, 38]]
    wide, small = (
        [soundfile.read(tmp_path / name / name / "samples" / f"{name}-00{number}.wav")[0] for number in (1, 2, 3)]
        for name in ("wide", "small")
    )
    assert np.array_equal(wide[0], small[0]), "the middle, whatever the radius"
    assert likeness(small[0], small[2]) > likeness(wide[0], wide[2]), "farther out it is another sound"
    sheet = json.loads((tmp_path / "wide" / "wide" / "kit.json").read_text())
    assert [one["names"] for one in sheet["instruments"][0]["sounds"]] == ["C1", "C#1", "D1"]
    assert sheet["request"]["region"] == {"x": place.x, "y": place.y, "radius": 3.0}


def test_places_of_a_region_lie_evenly_over_it() -> None:
    spots = list(spread(Region(x=3.0, y=-1.0, radius=2.0), 100))
    far = np.array([np.hypot(spot.x - 3.0, spot.y + 1.0) for spot in spots])
    assert far[0] == 0 and (np.diff(far) > 0).all() and far[-1] < 2.0
    for inside in (0.25, 0.5, 0.75):
        assert abs(np.mean(far < 2.0 * inside**0.5) - inside) <= 0.02, "as many as its area"
    quarters = [(spot.x > 3.0, spot.y > -1.0) for spot in spots[1:]]
    assert all(20 <= quarters.count(one) <= 30 for one in set(quarters)) and len(set(quarters)) == 4


def test_two_kits_of_one_run_lie_side_by_side(drum_run: Path, tmp_path: Path) -> None:
    """Unpacked where the other lies, neither writes over it; and a sample says which kit it is of."""
    for name in ("soft.zip", "Drums, très dry.zip"):
        assert instrument(drum_run, tmp_path / name, "--sounds", 1).exit_code == 0
        shutil.unpack_archive(tmp_path / name, tmp_path / "both")
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"soft", "Drums-tres-dry"}
    named = [path.name for path in (tmp_path / "both").rglob("*") if path.is_file() and path.name != "kit.json"]
    assert len(named) == len(set(named)) == 10
    assert {name.partition("-0")[0].partition(".")[0] for name in named} == {"soft", "Drums-tres-dry"}


def test_two_kits_of_a_run_with_a_long_name_take_two_names(drum_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(drum_run, tmp_path / "drums"))
    Layout(run).notes.write_text(json.dumps({"name": "drums of a long evening " * 4}))
    handler, out = KitRequestHandler(run), tmp_path / "kits"
    for seed in (0, 9):
        asked = {"op": "instrument", "out": str(out), "sounds": 1, "seed": seed}
        assert handler.answer(json.dumps(asked).encode())["ok"]
    first, second = sorted(path.stem for path in out.iterdir())
    assert first.startswith("drums-of-a-long-evening-drums") and len(first) == len(second) == 64


def test_stars_beside_another_source_are_refused(drum_run: Path, tmp_path: Path) -> None:
    asked = {"op": "instrument", "out": str(tmp_path / "kits"), "source": "places", "starred": ["/tmp/a.wav"]}
    answer = KitRequestHandler(drum_run).answer(json.dumps(asked).encode())
    assert not answer["ok"] and answer["error"]["cause"] == "starred says nothing beside the source places."
    assert not (tmp_path / "kits").exists()


def test_moves_add_up_and_stay_within_reach() -> None:
    here = FromPrior(index=3)
    assert moved(here, {}) == here and moved(here, {1: 0.0}) == here
    there = moved(moved(here, {1: 0.5, 2: -1.0}), {1: 0.25, 2: -9.0})
    assert there == Moved(of=here, axes={1: 0.75, 2: -4.0})


def test_textures_loop_on_their_keys(wind_run: Path, tmp_path: Path) -> None:
    kit(wind_run, tmp_path / "kit.zip", "--sounds", 2, "--duration", 0.7)
    place = tmp_path / "kit" / "kit"
    info = soundfile.info(place / "samples" / "kit-001.wav")
    assert info.frames == round(0.7 * info.samplerate)
    assert f"loop_start=0 loop_end={info.frames - 1}" in (place / "kit.sfz").read_text()
    sound = Sfizz(place / "kit.sfz").play([Note(36, held=2.5)], 3.5)
    assert np.abs(sound[96_000:115_000]).max() > 0.3 * np.abs(sound[:48_000]).max(), "it goes on past its end"
    assert np.abs(sound[-4_800:]).max() < 0.01 * np.abs(sound).max()
    assert "ampeg_attack=0.005" in (place / "kit.sfz").read_text(), "it begins anywhere in its sound"


def test_a_loop_of_strokes_keeps_its_first_one(starred: Path, tmp_path: Path) -> None:
    recipe = Layout(starred).sounds / "again-0.json"
    said = json.loads(recipe.read_text())
    recipe.write_text(json.dumps({**said, "sound": {**said["sound"], "loop": True, "duration_s": 0.5}}))
    kit(starred, tmp_path / "kit.zip", "--starred", "--sounds", 1)
    assert "ampeg_attack=0.00025" in (tmp_path / "kit" / "kit" / "kit.sfz").read_text()


@pytest.mark.slow
def test_the_places_of_the_collection_are_a_kit_under_their_names(drum_run: Path, drums: Path, tmp_path: Path) -> None:
    said = kit(drum_run, tmp_path / "kit.zip", "--places")
    names = [Path(one["samples"][0]).stem.split("-", 2)[2] for one in said["instruments"][0]["sounds"]]
    assert sorted(names) == sorted(path.stem.replace("_", "-") for path in drums.iterdir())
    for path in drums.iterdir():  # one is longer than what the model makes anew
        (made,) = (tmp_path / "kit").rglob(f"*-{path.stem.replace('_', '-')}*.wav")
        assert soundfile.info(made).duration == pytest.approx(soundfile.info(path).duration, abs=0.3), path.name
    few = kit(drum_run, tmp_path / "few.zip", "--places", "--sounds", 4)
    assert len(few["instruments"][0]["sounds"]) == 4


@pytest.fixture
def starred(drum_run: Path, tmp_path: Path) -> Path:
    """A copy of a run with three sounds, of which two have a star; one of these another model made.

    And three more with a star: the first again under another name, one made from a file of the reader's own, and one
    made of grains.
    """
    run = Path(shutil.copytree(drum_run, tmp_path / "drums"))
    options = ["--count", "3", "--quality", "fast", "--threads", "1"]
    assert CliRunner().invoke(generate, [str(run), "--out", str(Layout(run).sounds), *options]).exit_code == 0
    recipe = Layout(run).sounds / "drums-seed0-003.json"
    recipe.write_text(json.dumps({**json.loads(recipe.read_text()), "weights": "0" * 64}))
    first = Layout(run).sounds / "drums-seed0-001.wav"
    own = {"origin": {"kind": "file", "file": str(tmp_path / "diary.wav"), "amount": 0.0}}
    grains = {"origin": {"kind": "resynthesis", "file": "kick.wav"}}
    for number, sound in enumerate(({}, own, grains)):
        again = Layout(run).sounds / f"again-{number}.wav"
        shutil.copy(first, again)
        said = json.loads(first.with_suffix(".json").read_text())
        again.with_suffix(".json").write_text(json.dumps({**said, "sound": {**said["sound"], **sound}}))
    names = [
        "drums-seed0-001.wav",
        "drums-seed0-003.wav",
        "../../secret.wav",
        "gone.wav",
        7,
        "again-0.wav",
        "again-1.wav",
        "again-2.wav",
    ]
    Layout(run).stars.write_text(json.dumps({"starred": names}))
    return run


def test_starred_sounds_are_a_kit_and_those_of_another_state_come_as_they_are(starred: Path, tmp_path: Path) -> None:
    said = kit(starred, tmp_path / "kit.zip", "--starred", "--round-robins", 2)
    samples = [one["samples"] for one in said["instruments"][0]["sounds"]]
    assert samples == [
        ["kit-001-seed0-1-r1.wav", "kit-001-seed0-1-r2.wav"],
        ["kit-002-file.wav"],
        ["kit-003-resynthesis.wav"],
        ["kit-004-seed0-1-r1.wav", "kit-004-seed0-1-r2.wav"],
        ["kit-005-seed0-3.wav"],
    ]
    keys = [one["keys"] for one in said["instruments"][0]["sounds"]]
    assert keys == [[key, key] for key in range(36, 41)], "two of one name are two sounds"
    assert (
        "3 of them come as they are, without variations and layers: one of a file outside the collection, one made of "
        "grains, one of another state of the model." in said["remarks"]
    )
    for sample, sound in (("001-seed0-1-r1", "001"), ("005-seed0-3", "003")):
        taken = soundfile.read(tmp_path / "kit" / "kit" / "samples" / f"kit-{sample}.wav")[0]
        assert np.array_equal(taken, soundfile.read(Layout(starred).sounds / f"drums-seed0-{sound}.wav")[0])


@pytest.mark.parametrize("weights", [{}, {"weights": "0" * 64}], ids=["made again", "as it is"])
def test_a_star_in_bars_keeps_its_tempo(weights: dict[str, str], starred: Path, tmp_path: Path) -> None:
    recipe = Layout(starred).sounds / "again-0.json"
    said = json.loads(recipe.read_text())
    recipe.write_text(json.dumps({**said, **weights, "sound": {**said["sound"], "bars": 1, "bpm": 240, "loop": True}}))
    kit(starred, tmp_path / "kit.zip", "--starred", "--sounds", 1)
    found = tempo_marks(tmp_path / "kit" / "kit" / "samples" / "kit-001-seed0-1.wav")
    assert found is not None and (found.beats, found.bpm, found.loops) == (4, 240.0, True)


def test_a_copy_of_a_run_makes_the_same_kit_of_its_stars(starred: Path, tmp_path: Path) -> None:
    """Whenever its files were written there: a recipe says number and seed, and its kit the threads that made it."""
    made = []
    for turn in (1, -1):
        for number, path in enumerate(sorted(Layout(starred).sounds.iterdir())):
            os.utime(path, (1_000 + turn * number, 1_000 + turn * number))
        out = tmp_path / str(turn) / "kit.zip"
        out.parent.mkdir()
        assert kit(starred, out, "--starred")["threads"] == 1
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_a_kit_of_stars_claims_nothing_that_they_keep_of_their_own(starred: Path, tmp_path: Path) -> None:
    options = ("--sounds", 1, "--duration", 0.5, "--temperature", 0.1, "--stereo")
    own = {"duration_s", "temperature", "quality", "stereo"}
    assert own & kit(starred, tmp_path / "kit.zip", "--starred", *options)["request"].keys() == set()
    new = kit(starred, tmp_path / "new.zip", *options)["request"]
    assert {name: new[name] for name in own} == {
        "duration_s": 0.5, "temperature": 0.1, "quality": "fast", "stereo": True,
    }  # fmt: skip


def test_a_kit_of_other_weights_or_threads_has_another_name(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their bytes differ: one kit would be taken for the other, and lie where that does."""
    handler, out = KitRequestHandler(drum_run), tmp_path / "kits"
    generator = handler.models.generator("best")
    asked = json.dumps({"op": "instrument", "out": str(out), "sounds": 1, "checkpoint": "best"}).encode()
    threads, own = torch.get_num_threads(), generator.trained
    for number, weights in ((threads, own.weights), (threads + 1, own.weights), (threads, "0" * 64)):
        monkeypatch.setattr("engine.tasks.vae.instrument.request_handler.torch.get_num_threads", lambda n=number: n)
        monkeypatch.setattr(generator, "trained", replace(own, weights=weights))
        assert handler.answer(asked)["ok"]
    assert len(list(out.iterdir())) == 3


def test_kits_of_other_stars_have_other_names(starred: Path, tmp_path: Path) -> None:
    handler, out = KitRequestHandler(starred), tmp_path / "kits"
    for name in ("again-0", "drums-seed0-003"):
        recipe = Layout(starred).sounds / f"{name}.json"
        recipe.write_text(json.dumps({**json.loads(recipe.read_text()), "sha256": name}))
        asked = {"op": "instrument", "out": str(out), "source": "starred", "starred": [str(recipe.with_suffix(".wav"))]}
        assert handler.answer(json.dumps(asked).encode())["ok"]
    assert len(list(out.iterdir())) == 2


def test_stars_are_in_the_order_of_their_seeds_and_numbers(starred: Path) -> None:
    folder = Layout(starred).sounds
    recipe = json.loads((folder / "again-0.json").read_text())
    for name, seed, index in (("a", 1, 0), ("b", 0, 11), ("c", 0, 2)):
        shutil.copy(folder / "again-0.wav", folder / f"{name}.wav")
        sound = {**recipe["sound"], "seed": seed, "origin": {"kind": "prior", "index": index}}
        (folder / f"{name}.json").write_text(json.dumps({**recipe, "sound": sound}))
    assert [star.name for star in read_stars([folder / f"{name}.wav" for name in "abc"])] == [
        "seed0-3",
        "seed0-12",
        "seed1-1",
    ]


def test_a_sample_with_a_clear_pitch_says_its_root_note(starred: Path, tmp_path: Path) -> None:
    """A sound of another state is taken as it is: here a tone of A2, 110 Hz, 12 cents above."""
    rate = 48_000
    tone = 0.3 * np.sin(2 * np.pi * 110.77 * np.arange(rate) / rate)
    soundfile.write(Layout(starred).sounds / "drums-seed0-003.wav", tone, rate)
    said = kit(starred, tmp_path / "kit.zip", "--starred")
    samples = tmp_path / "kit" / "kit" / "samples"
    told = said["pitches"].pop("kit-005-seed0-3.wav")
    assert told == {"hz": pytest.approx(110.77, abs=0.01), "note": pytest.approx(45.12, abs=0.01), "confidence": 1.0}
    for name in {path.name for path in samples.iterdir()} - {"kit-005-seed0-3.wav"}:
        found = clear_pitch(*soundfile.read(samples / name))
        assert said["pitches"].get(name, {}).get("confidence") == (found and pytest.approx(found.confidence, abs=0.01))
    assert sampler_marks(samples / "kit-005-seed0-3.wav") == SamplerMarks(45, None)
    other, rate = soundfile.read(samples / "kit-001-seed0-1.wav")
    found = clear_pitch(other, rate)
    assert sampler_marks(samples / "kit-001-seed0-1.wav") == (SamplerMarks(found.key, None) if found else None)


@pytest.mark.slow
def test_an_exported_model_makes_the_same_kit(drum_run: Path, drum_model: Path, tmp_path: Path) -> None:
    for name, source in (("a.zip", drum_run), ("b.zip", drum_model)):
        kit(source, tmp_path / name, "--sounds", 1)
    with zipfile.ZipFile(tmp_path / "a.zip") as one, zipfile.ZipFile(tmp_path / "b.zip") as other:
        waves = [
            archive.read(f"{name}/samples/{name}-001.wav")[44:50_000] for archive, name in ((one, "a"), (other, "b"))
        ]
    assert waves[0] == waves[1]
    error = refused(drum_model, tmp_path / "c.zip", "--starred")
    assert isinstance(error, DataError) and "knows no stars" in str(error)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sounds", 0), "sounds = 0"),
        (("--sounds", 129), "sounds = 129"),
        (("--round-robins", 17), "round_robins = 17"),
        (("--velocity-layers", -1), "velocity_layers = -1"),
        (("--sounds", 128, "--round-robins", 16), "2048 samples"),
        (("--sounds", 4, "--round-robins", 2, "--duration", 500), "more than 1 hour of sound"),
        (("--choke", "hat,36"), "names no key"),
        (("--choke", "36,200"), "--choke 200 names no key"),
        (("--first-key", "H2"), "--first-key H2 names no key"),
        (("--first-key", "F#9"), "16 sounds from key 126"),
        (("--region", 0, 0, 0), "region.radius = 0"),
        (("--region", 0, 0, 1, "--places"), "--places says nothing beside --region"),
        (("--starred", "--places"), "--starred says nothing beside --places"),
        (("--places", "--starred"), "--starred says nothing beside --places"),
        (("--starred", "--places", "--region", 0, 0, 1), "--starred and --places say nothing beside --region"),
        (("--sounds", 2, "--choke", "60,61"), "Key 60 plays no sound"),
        (("--keys", "chromatic", "--choke", "30,36"), "Key 30 plays no sound"),
        (("--choke", "36,37", "--choke", "38,36"), "Key 36 is in two choke groups: name it in one."),
        (("--choke", "36,36"), "A choke group needs two different keys"),
        (("--temperature", "nan"), "temperature = nan"),
        (("--starred",), "No sound has a star"),
        (("--checkpoint", "epoch-999"), "epoch 999"),
    ],
)
def test_silly_wishes_get_one_sentence_before_a_sound_is_made(
    options: tuple[object, ...], said: str, drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(SoundGenerator, "make")
    error = refused(drum_run, tmp_path / "kit.zip", *options)
    assert isinstance(error, ConfigError | DataError) and error.exit_code == 2
    assert said in str(error) and error.remedy and "\n" not in str(error)


def test_a_kit_is_no_longer_than_an_hour_also_where_no_length_was_asked_for(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.tasks.vae.instrument.make.MOST_S", 0.3)
    error = refused(drum_run, tmp_path / "kit.zip", "--sounds", 16)
    assert isinstance(error, ConfigError) and "of sound; an instrument has no more" in str(error)


def test_what_is_there_is_not_overwritten_and_a_place_that_takes_nothing_is_said(
    drum_run: Path, tmp_path: Path, engine: Engine
) -> None:
    out = tmp_path / "kit.zip"
    out.write_bytes(b"mine")
    assert "is there already" in str(refused(drum_run, out))
    assert "is there already" in str(instrument(drum_run, tmp_path).exception)
    result = engine("instrument", drum_run, "--out", out / "inside.zip")
    assert result.returncode == 74 and "cannot be written" in result.stderr and "Traceback" not in result.stderr


def test_what_makes_no_sounds_is_refused(tmp_path: Path, engine: Engine) -> None:
    table = tmp_path / "table"
    assert engine("train", "iris", "--run-dir", table, "--max-steps", "2", "--threads", "1").returncode == 0
    error = refused(table, tmp_path / "kit.zip")
    assert isinstance(error, DataError) and "This run makes no sounds" in str(error)
    assert isinstance(refused(tmp_path / "nowhere", tmp_path / "kit.zip"), RunDirectoryError)


def test_a_run_without_a_model_yet_is_told_so(drum_run: Path, tmp_path: Path) -> None:
    young = Path(shutil.copytree(drum_run, tmp_path / "young"))
    for folder in (Layout(young).checkpoints, Layout(young).snapshots):
        shutil.rmtree(folder)
    error = refused(young, tmp_path / "kit.zip")
    assert error.exit_code == 2 and error.remedy
