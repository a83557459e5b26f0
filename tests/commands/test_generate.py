"""``sweetspot generate``: what lies in the directory afterwards, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from engine.audio.levels import active_rms, amplitude_to_db, peak
from engine.audio.pitch import clear_pitch
from engine.commands.generate import command
from engine.errors import ConfigError, DataError, RunDirectoryError, SweetspotError
from engine.rundir.layout import Layout, manifest
from engine.rundir.reader import RunReader
from engine.tasks.vae.sounds.load import open_model
from tests.audio.files.marks import sampler_marks, tempo_marks
from tests.conftest import ROOT, SMALL
from tests.rundir.conftest import open_writer


def generate(run: Path, out: Path, *options: object) -> Result:
    arguments = [run, "--out", out, "--threads", "1", *([] if "--quality" in options else ["--quality", "fast"])]
    return CliRunner().invoke(command, [*map(str, arguments), *map(str, options)])


def made(run: Path, out: Path, *options: object) -> list[Path]:
    result = generate(run, out, *options)
    assert result.exit_code == 0, result.exception
    return [Path(line) for line in result.stdout.splitlines()]


def refused(run: Path, out: Path, *options: object) -> SweetspotError:
    error = generate(run, out, *options).exception
    assert isinstance(error, SweetspotError), error
    return error


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_exactly_the_sounds_and_their_recipes_lie_in_the_directory(drum_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sounds"
    made(drum_run, out, "--count", 3, "--duration", 0.5)
    stems = [f"drums-seed0-00{number}" for number in (1, 2, 3)]
    assert names(out) == {f"{stem}.{kind}" for stem in stems for kind in ("wav", "json")}
    for stem in stems:
        info = soundfile.info(out / f"{stem}.wav")
        assert (info.frames, info.samplerate, info.channels, info.subtype) == (24_000, 48_000, 1, "PCM_24")


@pytest.mark.slow
def test_to_make_a_sound_imports_no_compiler(drum_run: Path, tmp_path: Path) -> None:
    """It takes a second, as much as all else that is imported."""
    arguments = ["generate", drum_run, "--out", tmp_path / "new", "--count", 1, "--quality", "fast", "--threads", 1]
    command = [sys.executable, "-X", "importtime", "-m", "engine", *map(str, arguments)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stderr
    imported = set(re.findall(r"\| +(\S+)$", told, re.MULTILINE))
    assert "torch.nn" in imported and "torch._dynamo" not in imported


def test_a_seed_gives_the_same_bytes_however_many_sounds_are_made(drum_run: Path, tmp_path: Path) -> None:
    few = made(drum_run, tmp_path / "few", "--count", 2, "--seed", 7)
    many = made(drum_run, tmp_path / "many", "--count", 4, "--seed", 7)
    for path in few:
        for kind in (".wav", ".json"):
            assert path.with_suffix(kind).read_bytes() == (tmp_path / "many" / path.name).with_suffix(kind).read_bytes()
    assert len({path.read_bytes() for path in many}) == 4
    other = made(drum_run, tmp_path / "other", "--count", 1, "--seed", 8)[0]
    assert other.read_bytes()[200:] != few[0].read_bytes()[200:]


@pytest.mark.parametrize(
    ("options", "subtype", "rate"),
    [
        (("--format", "wav", "--bit-depth", 16, "--sample-rate", 44_100), "PCM_16", 44_100),
        (("--format", "wav", "--bit-depth", 32), "FLOAT", 48_000),
        (("--format", "flac", "--sample-rate", 96_000), "PCM_24", 96_000),
        (("--format", "ogg"), "VORBIS", 48_000),
    ],
)
def test_formats_rates_and_depths_are_read_back_as_asked_for(
    options: tuple[object, ...], subtype: str, rate: int, drum_run: Path, tmp_path: Path
) -> None:
    first, again = (
        made(drum_run, tmp_path / name, "--count", 1, "--duration", 0.4, "--seed", 3, *options)[0] for name in "ab"
    )
    if subtype == "VORBIS":  # its library draws a serial number for each stream
        assert np.array_equal(soundfile.read(first)[0], soundfile.read(again)[0])
    else:
        assert first.read_bytes() == again.read_bytes()
    with soundfile.SoundFile(first) as file:
        assert (file.subtype, file.samplerate, file.frames) == (subtype, rate, round(0.4 * rate))
        assert file.title == "drums, seed 3, sound 1"
        run = RunReader(drum_run).run()
        assert run is not None and run.uuid in file.comment and "seed 3" in file.comment
        assert not file.date
        wave = file.read()
    assert 0.05 < np.abs(wave).max() <= 10 ** (-1 / 20) * (1.02 if subtype == "VORBIS" else 1.0)


@pytest.mark.slow
def test_levels_are_even_and_safe_and_edges_silent(drum_run: Path, tmp_path: Path) -> None:
    level = open_model(drum_run).codec.level
    assert level
    for path in made(drum_run, tmp_path / "out", "--count", 6, "--temperature", 1):
        wave = soundfile.read(path)[0]
        assert amplitude_to_db(peak(wave)) <= -0.999
        assert abs(wave[0]) < 1e-4 and abs(wave[-1]) < 1e-4
        assert np.abs(wave[-48:]).max() < 0.01
        quieter_db = amplitude_to_db(level) - amplitude_to_db(active_rms(wave))
        forbidden = quieter_db > 0 and amplitude_to_db(peak(wave)) > -1.001
        assert forbidden or quieter_db == pytest.approx(0, abs=0.05), "quieter only where the peak forbids"


def test_longer_than_a_one_shot_is_followed_by_silence_and_said(drum_run: Path, tmp_path: Path) -> None:
    result = generate(drum_run, tmp_path, "--count", 1, "--duration", 12)
    wave = soundfile.read(tmp_path / "drums-seed0-001.wav")[0]
    assert len(wave) == 12 * 48_000
    assert not wave[-48_000:].any() and "silence follows" in result.stderr


@pytest.mark.slow
def test_a_texture_is_of_any_length_and_begins_like_a_shorter_one(wind_run: Path, tmp_path: Path) -> None:
    long = soundfile.read(made(wind_run, tmp_path / "long", "--count", 1, "--duration", 7)[0])[0]
    assert len(long) == 7 * 48_000
    seconds = np.sqrt(np.square(long).reshape(7, -1).mean(1))
    assert seconds.min() > seconds.max() / 8


def test_a_loop_has_no_seam(wind_run: Path, drum_run: Path, tmp_path: Path) -> None:
    for run, seconds in ((wind_run, 1.5), (drum_run, 0.25)):
        for rate in (48_000, 44_100):
            options = ("--count", 2, "--duration", seconds, "--loop", "--sample-rate", rate)
            for path in made(run, tmp_path / f"{run.name}-{rate}", *options):
                wave = soundfile.read(path)[0]
                assert len(wave) == round(seconds * rate)
                twice = np.concatenate([wave, wave])
                bend = np.abs(np.diff(twice, 2))  # a click is a sudden bend
                seam = bend[len(wave) - 3 : len(wave) + 1].max()
                assert seam <= 1.2 * np.quantile(np.abs(np.diff(wave, 2)), 0.999)
                assert b"smpl" in path.read_bytes()[-400:]
    steady = soundfile.read(tmp_path / "winds-48000" / "winds-seed0-001.wav")[0]
    parts = np.sqrt(np.square(np.roll(steady, 6_000)).reshape(6, -1).mean(1))
    assert parts[0] > parts[1:].min() / 2  # not faded out at its edges


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_a_loop_in_time_is_so_long_to_the_sample_and_says_it(
    wind_run: Path, drum_run: Path, rate: int, tmp_path: Path
) -> None:
    for run in (wind_run, drum_run):
        options = ("--count", 1, "--bars", 1, "--bpm", 137.5, "--beats-per-bar", 3, "--sample-rate", rate)
        (path,) = made(run, tmp_path / run.name, *options)
        assert path.name == f"{run.name}-seed0-001-137.5bpm-1bar-of-3.wav"
        samples = round(3 * 60 / 137.5 * rate)  # 62,836.36 and 57,730.91
        wave = soundfile.read(path)[0]
        assert len(wave) == samples
        bend = np.abs(np.diff(np.concatenate([wave, wave]), 2))
        assert bend[samples - 3 : samples + 1].max() <= 1.2 * np.quantile(np.abs(np.diff(wave, 2)), 0.999)
        marks, tempo = sampler_marks(path), tempo_marks(path)
        assert marks is not None and marks.loop == (0, samples)
        assert tempo is not None and (tempo.bpm, tempo.beats, tempo.metre, tempo.loops) == (137.5, 3, (3, 4), True)
        found = clear_pitch(wave, rate)
        assert (marks.root, tempo.root) == ((found.key, found.key) if found else (60, -1))
        with soundfile.SoundFile(path) as file:
            assert file.title.endswith(", 137.5 bpm, 3 beats in 3/4")
        again = CliRunner().invoke(
            command, [str(run), "--out", str(tmp_path / "again"), "--again", str(path.with_suffix(".json"))]
        )
        assert again.exit_code == 0 and not again.stderr
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_loop_in_time_has_its_tempo_in_the_name_of_any_format(drum_run: Path, tmp_path: Path) -> None:
    options = ("--count", 1, "--bars", 2, "--bpm", 240, "--format", "flac")
    (path,) = made(drum_run, tmp_path, *options)
    assert path.name == "drums-seed0-001-240bpm-2bars.flac" and soundfile.info(path).frames == 2 * 48_000
    assert json.loads(path.with_suffix(".json").read_bytes())["sound"]["loop"]


def test_stereo_is_wide_and_its_sum_is_the_mono_sound(drum_run: Path, wind_run: Path, tmp_path: Path) -> None:
    for run in (drum_run, wind_run):
        common = ("--count", 1, "--duration", 0.5, "--bit-depth", 32)
        mono = soundfile.read(made(run, tmp_path / f"mono-{run.name}", *common)[0])[0]
        both = soundfile.read(made(run, tmp_path / f"stereo-{run.name}", *common, "--stereo")[0])[0]
        summed = both.mean(1)
        gain = float(summed @ mono / (mono @ mono))
        assert np.abs(summed - gain * mono).max() < 1e-5
        assert 0.2 < np.corrcoef(both.T)[0, 1] < 0.9


def test_a_variation_of_nothing_is_the_sound_and_more_goes_away_from_it(
    drum_run: Path, drums: Path, tmp_path: Path
) -> None:
    given = sorted(drums.iterdir())[0]
    waves = {}
    for amount in (0, 0.4, 1):
        options = ("--from", given, "--amount", amount, "--count", 2)
        waves[amount] = [soundfile.read(path)[0] for path in made(drum_run, tmp_path / str(amount), *options)]
    assert np.array_equal(*waves[0]) and not np.array_equal(*waves[0.4])
    named = made(drum_run, tmp_path / "named", "--from", given.name, "--amount", 0, "--count", 1)[0]
    assert np.array_equal(soundfile.read(named)[0], waves[0][0])


@pytest.mark.slow
def test_a_morph_begins_at_one_sound_and_ends_at_the_other(drum_run: Path, drums: Path, tmp_path: Path) -> None:
    first, second = sorted(drums.iterdir())[:2]
    way = [soundfile.read(path)[0] for path in made(drum_run, tmp_path, "--between", first, second, "--steps", 3)]
    back = [soundfile.read(p)[0] for p in made(drum_run, tmp_path, "--between", second, first, "--steps", 3)]
    assert len(way) == 3
    for there, here in zip(way, reversed(back), strict=True):
        assert np.abs(there - here).max() < 1e-3
    assert not np.array_equal(way[0][:4800], way[2][:4800])


@pytest.mark.slow
def test_textures_vary_and_morph_too(wind_run: Path, tmp_path: Path) -> None:
    varied = made(wind_run, tmp_path, "--from", "wind-1.wav", "--amount", 1, "--count", 1, "--duration", 5)[0]
    assert soundfile.info(varied).frames == 5 * 48_000
    assert len(made(wind_run, tmp_path, "--between", "wind-0.wav", "wind-5.wav", "--steps", 2, "--duration", 1)) == 2


@pytest.mark.slow
def test_a_recipe_makes_its_sound_again(drum_run: Path, tmp_path: Path) -> None:
    options = ("--count", 2, "--stereo", "--loop", "--duration", 0.4, "--temperature", 0.5, "--checkpoint", "last")
    sound = made(drum_run, tmp_path / "first", *options, "--format", "flac")[1]
    recipe = sound.with_suffix(".json")
    arguments = [str(drum_run), "--out", str(tmp_path / "again"), "--again", str(recipe)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0 and not result.stderr
    again = tmp_path / "again" / sound.name
    assert again.read_bytes() == sound.read_bytes()
    assert again.with_suffix(".json").read_bytes() == recipe.read_bytes()
    for option in ("--seed", "--threads"):
        both = CliRunner().invoke(command, [*arguments, option, "1"])
        assert isinstance(both.exception, ConfigError) and f"{option} says nothing" in str(both.exception)
    recipe.write_text(recipe.read_text().replace('"recipe": 1', '"recipe": 2'))
    assert isinstance(CliRunner().invoke(command, arguments).exception, DataError)


def test_a_recipe_finds_the_runs_own_sounds_after_the_run_was_moved(
    drum_run: Path, drums: Path, tmp_path: Path
) -> None:
    """By the whole path that recipes hold, where that is gone; no other file that was named is looked for."""
    before, after = tmp_path / "before" / "drums", tmp_path / "after" / "drums"
    shutil.copytree(drum_run, before)
    first, second, *_ = sorted(drums.iterdir())
    sounds = Layout(before).sounds
    given, own = sounds / "given" / f"{7:016x}" / "a voice.wav", sounds / f"prior-{8:016x}-120bpm-1bar.wav"
    for sound, place in ((first, given), (second, own), (first, sounds / "mine.wav")):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sound, place)
    (morph, *_) = made(before, sounds, "--between", given, own, "--steps", 2)
    (varied,) = made(before, sounds, "--from", sounds / "mine.wav", "--count", 1)
    after.parent.mkdir()
    before.rename(after)

    def again(sound: Path) -> Result:
        recipe = Layout(after).sounds / sound.with_suffix(".json").name
        return CliRunner().invoke(command, [str(after), "--out", str(tmp_path / "again"), "--again", str(recipe)])

    result = again(morph)
    assert result.exit_code == 0 and not result.stderr, result.exception
    assert (tmp_path / "again" / morph.name).read_bytes() == (Layout(after).sounds / morph.name).read_bytes()
    assert f"There is no sound {sounds / 'mine.wav'}" in str(again(varied).exception)
    (Layout(after).sounds / given.relative_to(sounds)).unlink()
    (tmp_path / "again" / morph.name).unlink()
    (tmp_path / "again" / morph.with_suffix(".json").name).unlink()
    assert f"There is no sound {given}" in str(again(morph).exception)


def test_of_several_recipes_nothing_is_made_when_one_would_overwrite(drum_run: Path, tmp_path: Path) -> None:
    recipes = [sound.with_suffix(".json") for sound in made(drum_run, tmp_path / "first", "--count", 2)]
    out = tmp_path / "again"
    out.mkdir()
    (out / recipes[1].with_suffix(".wav").name).write_bytes(b"mine")
    arguments = [str(drum_run), "--out", str(out), *(part for path in recipes for part in ("--again", str(path)))]
    said = CliRunner().invoke(command, arguments).exception
    assert isinstance(said, DataError) and "would be overwritten" in str(said)
    assert [path.read_bytes() for path in out.iterdir()] == [b"mine"]
    twin = tmp_path / recipes[0].name
    twin.write_bytes(recipes[0].read_bytes())
    both = [str(drum_run), "--out", str(tmp_path / "b"), "--again", str(recipes[0]), "--again", str(twin)]
    assert "Several recipes are called" in str(CliRunner().invoke(command, both).exception)
    assert not (tmp_path / "b").exists()


def test_a_recipe_of_a_model_that_moved_on_is_refused(drum_run: Path, tmp_path: Path) -> None:
    sound = made(drum_run, tmp_path, "--count", 1)[0]
    recipe = sound.with_suffix(".json")
    facts = json.loads(recipe.read_text())
    recipe.write_text(json.dumps({**facts, "weights": "0" * 64}))
    result = CliRunner().invoke(command, [str(drum_run), "--out", str(tmp_path / "x"), "--again", str(recipe)])
    assert isinstance(result.exception, RunDirectoryError) and "training went on" in str(result.exception)
    assert not (tmp_path / "x").exists()


def test_every_snapshot_makes_sounds(drum_run: Path, tmp_path: Path) -> None:
    shot = RunReader(drum_run).snapshots()[-1]
    assert shot.manifest is not None
    paths = made(drum_run, tmp_path, "--count", 1, "--checkpoint", f"epoch-{shot.manifest.epoch}")
    assert json.loads(paths[0].with_suffix(".json").read_text())["state"] == shot.path.name


def test_nothing_is_overwritten(drum_run: Path, tmp_path: Path) -> None:
    made(drum_run, tmp_path, "--count", 1)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    error = refused(drum_run, tmp_path, "--count", 2)
    assert "would be overwritten" in str(error)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    made(drum_run, tmp_path, "--count", 1, "--seed", 1)
    (tmp_path / "file").write_text("")
    assert "is a file" in str(refused(drum_run, tmp_path / "file", "--count", 1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "flac", "--bit-depth", 32), "FLAC holds 16 or 24 bits"),
        (("--format", "ogg", "--bit-depth", 16), "OGG has no bit depth"),
        (("--bit-depth", 20), "bit_depth = 20"),
        (("--duration", 0), "duration_s = 0"),
        (("--duration", "nan"), "duration_s"),
        (("--bars", 2), "A length in bars takes both bars and bpm"),
        (("--bpm", 120), "A length in bars takes both bars and bpm"),
        (("--beats-per-bar", 3), "beats_per_bar says nothing without bars and bpm"),
        (("--bars", 2, "--bpm", 120, "--duration", 2), "leaves no other one in seconds"),
        (("--bars", 256, "--bpm", 20), "256 bars at 20 bpm are 3072 s; from 0.05 to 600 can be made"),
        (("--bars", 0, "--bpm", 120), "bars = 0"),
        (("--bars", 1, "--bpm", "nan"), "bpm"),
        (("--temperature", -1), "temperature = -1"),
        (("--seed", -1), "seed = -1"),
        (("--amount", 0.5), "--amount says nothing"),
        (("--steps", 3), "--steps says nothing"),
        (("--between", "a", "b", "--count", 3), "--count says nothing beside --between"),
        (("--from", "nothing.wav"), "There is no sound nothing.wav"),
        (("--checkpoint", "epoch-999"), "weights of epoch 999 were not kept"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    options: tuple[object, ...], said: str, drum_run: Path, tmp_path: Path
) -> None:
    assert said in str(refused(drum_run, tmp_path / "out", *options))
    assert not (tmp_path / "out").exists() or not names(tmp_path / "out")


def test_runs_without_sounds_are_refused(tmp_path: Path) -> None:
    assert "holds no run" in str(refused(tmp_path / "nothing", tmp_path / "out"))
    with open_writer(tmp_path / "tables"):
        pass
    error = refused(tmp_path / "tables", tmp_path / "out")
    assert isinstance(error, RunDirectoryError | DataError)


@pytest.mark.slow
def test_it_works_while_a_process_trains(
    drums: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run = tmp_path / "drums"
    trainer = start("train", drums, "--run-dir", run, "--max-steps", 5000, "--checkpoint-interval", 1, *SMALL)
    layout = Layout(run)
    deadline = time.monotonic() + 120
    while not manifest(layout.best).is_file() and trainer.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(made(run, tmp_path / "out", "--count", 1)) == 1
    assert trainer.poll() is None


def test_it_only_reads_the_run(drum_run: Path, tmp_path: Path) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in drum_run.rglob("*")}

    before = state()
    made(drum_run, tmp_path / "out", "--count", 1)
    assert state() == before
