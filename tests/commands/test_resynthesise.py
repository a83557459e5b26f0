"""``sweetspot resynthesise``: what comes follows the sound it was given, in the collection's colours, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner, Result

from engine.audio.files.io import read_wave
from engine.audio.files.stream import SoundFile
from engine.commands.generate import command as generate
from engine.commands.resynthesise import command
from engine.errors import ConfigError, DataError, RunDirectoryError, SweetspotError
from engine.tasks.vae.instrument.make import make_kit
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.stars import read_stars
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.inputs import open_sound
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FileRequest, FromGrains, Making, SoundRequest
from engine.tasks.vae.sounds.resynthesis import STEP, grains_of, mosaic, resynthesise
from engine.tasks.vae.sounds.write import deliver
from tests.audio.sounds import chirp
from tests.conftest import DATA, Make

FAST = Making(quality="fast")


@pytest.fixture(scope="session")
def voice(made_once: Callable[[str, Make], Path]) -> Path:
    """Two spoken digits as a telephone hears them, or two chirps where no voice is at hand; a pause between."""
    return made_once("a-voice", _say) / "voice.wav"


def _say(folder: Path) -> None:
    said = [soundfile.read(path)[0] for path in sorted((DATA / "fsdd_jackson").glob("[47]_jackson_3.wav"))]
    pause = np.zeros(2_000)
    first, second = said if len(said) == 2 else (chirp(1, rate=8_000), chirp(2, rate=8_000))
    folder.mkdir()
    soundfile.write(folder / "voice.wav", np.concatenate([first, pause, 0.3 * second]), 8_000)


def call(run: Path, sound: object, out: Path, *options: object) -> Result:
    arguments = [run, sound, "--out", out, "--quality", "fast", "--threads", 1, *options]
    return CliRunner().invoke(command, list(map(str, arguments)))


def refused(run: Path, sound: object, out: Path, *options: object) -> SweetspotError:
    error = call(run, sound, out, *options).exception
    assert isinstance(error, SweetspotError), error
    assert error.exit_code == 2 and error.remedy and "\n" not in str(error)
    return error


def loudness(wave: np.ndarray) -> np.ndarray:
    """In dB by the frame, down to 60 below the loudest."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, 1024)[::512]
    level = 10 * np.log10(np.square(frames).mean(1) + 1e-12)
    return np.maximum(level, level.max() - 60)


def test_what_comes_is_as_long_and_as_loud_as_the_voice_and_the_same_again(
    drum_run: Path, voice: Path, tmp_path: Path
) -> None:
    outs = [tmp_path / "new" / name for name in ("a.wav", "b.wav", "c.wav")]
    for out, seed in zip(outs, (0, 0, 1), strict=True):
        result = call(drum_run, voice, out, "--seed", seed)
        assert result.exit_code == 0 and result.stdout == f"{out}\n", result.exception
    same, again, other = (out.read_bytes() for out in outs)
    assert same == again and same[-100_000:] != other[-100_000:]
    with soundfile.SoundFile(outs[0]) as file:
        assert (file.samplerate, file.subtype, file.channels) == (48_000, "PCM_24", 1)
        assert file.title == "drums, seed 0" and "resynthesis" in file.comment
        wave = file.read()
    heard = soundfile.read(voice)[0]
    assert len(wave) == 6 * len(heard)
    wanted = np.interp(np.arange(len(wave)) / 6, np.arange(len(heard)), heard)
    assert np.corrcoef(loudness(wave), loudness(wanted))[0, 1] > 0.95
    assert 0.05 < np.abs(wave).max() <= 10 ** (-1 / 20)


@pytest.mark.slow
def test_an_exported_model_answers_with_the_same_samples(
    drum_run: Path, drum_model: Path, voice: Path, tmp_path: Path
) -> None:
    waves = []
    for source, out in ((drum_run, tmp_path / "a.flac"), (drum_model, tmp_path / "b.flac")):
        assert call(source, voice, out).exit_code == 0
        waves.append(soundfile.read(out)[0])
    assert np.array_equal(*waves)


def test_each_grain_is_answered_by_the_nearest_in_colour_however_loud_it_is(drum_run: Path, drums: Path) -> None:
    """Of recordings that are among the grains comes the recording itself, 20 dB down too; without it, another."""
    codec = open_model(drum_run).codec
    waves = [torch.from_numpy(read_wave(path, 48_000)) for path in sorted(drums.iterdir())[:4]]
    sounds = [codec.transform(wave[None])[0].clamp_min(codec.scale.floor) for wave in waves]
    for number, sound in enumerate(sounds):
        frames = sound.shape[1] // STEP * STEP
        soft = sound[:, :frames] - 20
        heard = soft > soft.max() - 30
        own = (mosaic(soft, grains_of(sounds)) - soft)[heard].abs().mean()
        other = (mosaic(soft, grains_of(sounds[:number] + sounds[number + 1 :])) - soft)[heard].abs().mean()
        assert own < 0.01 and other > 0.1, (own, other)


def test_a_voice_that_ends_at_a_telephones_bands_is_judged_by_those_alone() -> None:
    """The grain that fits below is taken, with its own highs, and not the one that has none either."""
    low = torch.tensor([-20.0, -35.0, -10.0, -30.0])
    voice, silent = torch.cat([low, torch.full((4,), -120.0)]), torch.full((4,), -120.0)
    fits, dull = torch.cat([low, torch.full((4,), -15.0)]), torch.cat([low.flip(0), silent])
    held = [one[:, None].expand(8, 4 * STEP) for one in (voice, fits, dull)]
    assert (mosaic(held[0], grains_of(held[1:]))[4:] > -40).all()


@pytest.mark.parametrize("kind", ["winds", "winds-gone", "vectors"])
def test_textures_and_vectors_answer_too_with_their_recordings_or_without(
    kind: str, wind_run: Path, vector_run: Path, voice: Path
) -> None:
    trained = open_model(vector_run if kind == "vectors" else wind_run)
    generator = SoundGenerator(replace(trained, source=None) if kind == "winds-gone" else trained)
    waves = [resynthesise(generator, str(voice), FAST).wave for _ in range(2)]
    assert np.array_equal(*waves) and np.abs(waves[0]).max() > 0.05


def test_what_generate_refuses_is_refused_in_the_same_words(drum_run: Path, tmp_path: Path) -> None:
    sounds = {name: tmp_path / f"{name}.wav" for name in ("silent", "text", "short", "empty", "gone", "folder")}
    soundfile.write(sounds["silent"], np.zeros(8_000), 8_000)
    soundfile.write(sounds["short"], np.full(3, 0.0), 8_000)
    sounds["text"].write_text("no sound at all")
    sounds["empty"].touch()
    sounds["folder"].mkdir()
    for path in sounds.values():
        options = [str(drum_run), "--from", str(path), "--out", str(tmp_path / "out"), "--threads", "1"]
        theirs = CliRunner().invoke(generate, options).exception
        assert isinstance(theirs, DataError)
        ours = refused(drum_run, path, tmp_path / "out.wav")
        assert (str(ours), ours.remedy) == (str(theirs), theirs.remedy)
    assert not (tmp_path / "out.wav").exists()


def test_more_than_ten_minutes_are_refused(drum_run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.resize(chirp(1, rate=8_000), 601 * 8_000), 8_000)
    error = refused(drum_run, tmp_path / "long.wav", tmp_path / "out.wav")
    assert str(error).endswith("long.wav lasts more than 10 min, the most that is taken. Cut it into pieces.")


def test_ten_minutes_are_taken(drum_run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.resize(chirp(1, rate=8_000), 600 * 8_000), 8_000)
    assert open_sound(open_model(drum_run), str(tmp_path / "long.wav"), 600.0).samples == 600 * 48_000


@pytest.mark.parametrize("header", ["true", "lies"])
def test_of_hours_of_silence_no_more_than_ten_minutes_are_decoded(
    header: str, drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a megabyte as FLAC; a WAV that says how long it is is not decoded at all."""
    path = tmp_path / ("long.wav" if header == "true" else "long.flac")
    soundfile.write(path, np.zeros(2 * 3_600 * 8_000, np.int16), 8_000)
    if header == "lies":  # of no length, as a recorder that streams leaves it: 36 bits of the first block
        data = bytearray(path.read_bytes())
        data[21], data[22:26] = data[21] & 0xF0, bytes(4)
        path.write_bytes(data)
    decoded: list[SoundFile] = []
    monkeypatch.setattr(SoundFile, "close", lambda one: decoded.append(one))
    heard = SoundFile.blocks
    monkeypatch.setattr(SoundFile, "blocks", lambda one: (decoded.append(one), heard(one))[1])
    error = refused(drum_run, path, tmp_path / "out.wav")
    assert "lasts more than 10 min" in str(error)
    assert {one.frames for one in decoded} == {0 if header == "true" else 601 * 8_000}


def test_other_sounds_that_are_given_are_bounded_as_well(drum_run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.resize(chirp(1, rate=8_000), 601 * 8_000), 8_000)
    options = ["--from", str(tmp_path / "long.wav"), "--out", str(tmp_path / "out"), "--threads", "1"]
    error = CliRunner().invoke(generate, [str(drum_run), *options]).exception
    assert isinstance(error, DataError) and "lasts more than 10 min" in str(error)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("out.mp3", (), "names no format"),
        ("out", (), "names no format"),
        ("mine.wav", (), "is there already"),
        ("out.wav", ("--seed", -1), "seed = -1"),
        ("out.wav", ("--checkpoint", "epoch-999"), "epoch 999"),
    ],
)
def test_silly_wishes_get_one_sentence(
    name: str, options: tuple[object, ...], said: str, drum_run: Path, voice: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.wav").write_bytes(b"mine")
    error = refused(drum_run, voice, tmp_path / name, *options)
    assert isinstance(error, ConfigError | DataError | RunDirectoryError) and said in str(error)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.wav"]
    assert (tmp_path / "mine.wav").read_bytes() == b"mine"


def test_a_folder_without_a_run_is_refused(voice: Path, tmp_path: Path) -> None:
    assert "holds no run" in str(refused(tmp_path / "nothing", voice, tmp_path / "out.wav"))


def test_a_run_that_names_files_outside_its_collection_reads_none_of_them(
    wind_run: Path, voice: Path, tmp_path: Path
) -> None:
    """A texture's file is opened by the name that the run gives: it leads into the collection or nowhere."""
    trained = replace(open_model(wind_run), source=tmp_path / "sounds")
    known = trained.codec.file_codes
    assert known is not None
    (tmp_path / "sounds").mkdir()
    paths = (str(tmp_path / "diary.wav"), "../diary.wav", *known.paths[2:])
    trained.codec.file_codes = replace(known, paths=paths)
    before = resynthesise(SoundGenerator(trained), str(voice), FAST).wave
    (tmp_path / "diary.wav").write_text("no sound: whoever opens it says so")
    assert np.array_equal(resynthesise(SoundGenerator(trained), str(voice), FAST).wave, before)


def test_one_with_a_star_goes_on_a_key_as_it_is(drum_run: Path, drums: Path, tmp_path: Path) -> None:
    """It has no code to vary, also where it was made of a sound of the collection."""
    generator = SoundGenerator(open_model(drum_run))
    wanted = SoundRequest(quality="fast", origin=FromGrains(file=min(drums.iterdir()).name))
    deliver(generator, wanted, FileRequest(), tmp_path, "kept")
    stars = read_stars([tmp_path / "kept.wav"])
    request = InstrumentRequest(source="starred", round_robins=2)
    kit = make_kit(generator, "drums", request, stars, lambda done, total: None)
    (sample,) = kit.samples.values()
    assert np.array_equal(sample.wave, soundfile.read(tmp_path / "kept.wav", dtype="float32")[0])
