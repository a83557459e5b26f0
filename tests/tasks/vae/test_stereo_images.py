"""New sounds of a stereo collection lie between two channels as its recordings do; those of a mono one do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from engine import rng
from engine.audio.levels import CEILING_DB, active_rms, amplitude_to_db, peak
from engine.audio.stereo import BANDS, MONO, StereoImage, StereoMeter, laid_out
from engine.commands.export import command as export_command
from engine.commands.reconstruct import command as reconstruct_command
from engine.rundir.reader import RunReader
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.prior import nearer
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import build_codec, open_model
from engine.tasks.vae.sounds.request import FromFile, FromPrior, Making, Moved, SoundRequest
from engine.tasks.vae.sounds.resynthesis import resynthesise
from engine.tasks.vae.stereo_images import check_images, collection_images, image_near, image_of
from tests.conftest import train_small

LEFT = StereoImage((0.6,) * BANDS, (0.3,) * BANDS, 0.6708)
RIGHT = replace(LEFT, pan=(-0.6,) * BANDS)


def test_a_collection_is_in_stereo_when_half_of_it_is() -> None:
    assert collection_images([None, None, LEFT]) is None
    found = collection_images([None, LEFT])
    assert found is not None and not found[0].any()


def test_a_model_of_mono_and_stereo_recordings_can_be_opened(drum_run: Path) -> None:
    """It is refused where any number of it is not finite."""
    codec = open_model(drum_run, None).codec
    assert codec.file_codes is not None
    learned = int(codec.file_codes.learned.sum())
    mixed = replace(codec, images=collection_images([LEFT] * (learned - 1) + [None]))
    task = VAEConfig.model_validate(RunReader(drum_run).require_run("").config.task)
    found = build_codec(task, "best", {"average": codec.model.state_dict(), "task": mixed.state_dict()})
    assert found.image_of(0) is not None and found.image_of(learned - 1) == MONO


def test_a_sounds_own_code_gives_its_own_image_and_a_place_between_two_a_mean() -> None:
    codes = torch.tensor([[0.0, 0.0], [4.0, 0.0], [100.0, 5.0]])[:, None]
    images = collection_images([LEFT, RIGHT, MONO])
    assert images is not None
    np.testing.assert_allclose(image_near(codes[1], codes, images).pan, RIGHT.pan, atol=1e-6)
    between = image_near(torch.tensor([[2.0, 0.0]]), codes, images)
    np.testing.assert_allclose(between.pan, 0, atol=1e-6)
    np.testing.assert_allclose(between.width, 0.3, atol=1e-3)
    near_one = image_near(torch.tensor([[1.0, 0.0]]), codes, images)
    assert 0.59 < near_one.pan[0] < 0.6
    np.testing.assert_allclose(image_near(codes[1, :, :1], codes, images).pan, RIGHT.pan, atol=1e-6)
    np.testing.assert_allclose(image_near(codes[0], codes[:1], images[:1]).pan, LEFT.pan, atol=1e-6)


def test_the_image_of_each_sound_comes_back() -> None:
    wide = replace(LEFT, side=0.5)
    images = collection_images([LEFT, wide])
    assert images is not None
    for sound, expected in enumerate((LEFT, wide)):
        found = image_of(images, sound)
        np.testing.assert_allclose([*found.pan, *found.width], [*expected.pan, *expected.width], atol=1e-6)
        assert found.side == pytest.approx(expected.side)


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="stereo images of shape"):
        check_images(torch.zeros(3, 2, BANDS), 3)


def test_a_state_with_fewer_images_than_learned_sounds_is_refused(drum_run: Path) -> None:
    codec = open_model(drum_run, None).codec
    codes = codec.file_codes
    assert codes is not None
    learned, state = int(codes.learned.sum()), codec.state_dict()
    codec.load_state_dict({**state, "images": torch.zeros(learned, 2 * BANDS + 1)})
    with pytest.raises(ValueError, match=f"for {learned} sounds"):
        codec.load_state_dict({**state, "images": torch.zeros(1, 2 * BANDS + 1)})
    fewer = {**codes.state_dict(), "codes": codes.codes[1:]}
    with pytest.raises(ValueError, match="codes of shape"):
        codec.load_state_dict({**state, "file_codes": fewer})


def seen(wave: np.ndarray) -> StereoImage:
    meter = StereoMeter(48_000)
    meter.add(wave)
    image = meter.image()
    assert image is not None
    return image


def test_sounds_are_in_stereo_where_the_model_says_so_unless_asked_otherwise(drum_run: Path) -> None:
    trained = open_model(drum_run, None)
    mono = SoundGenerator(trained)
    codes = mono.map.file_codes
    assert mono.make(SoundRequest(quality="fast")).wave.ndim == 1
    images = collection_images([LEFT] * int(codes.learned.sum()))
    wide = SoundGenerator(replace(trained, codec=replace(trained.codec, images=images)))
    for request in (SoundRequest(quality="fast"), SoundRequest(quality="fast", origin=FromFile(file=codes.paths[0]))):
        both = wide.make(request).wave
        assert both.shape[1] == 2 and np.median(seen(both).pan) > 0.4
        alone = wide.make(request.model_copy(update={"stereo": False})).wave
        middle = both.mean(1)
        assert alone.ndim == 1
        np.testing.assert_allclose(middle / np.abs(middle).max(), alone / np.abs(alone).max(), atol=1e-4)


@pytest.mark.parametrize("moved", [False, True])
def test_a_variation_lies_as_the_sound_that_it_varies(moved: bool, drum_run: Path, drums: Path, tmp_path: Path) -> None:
    """One that the run has never had, laid to the right, where all that it learned lies to the left."""
    mono, rate = soundfile.read(sorted(drums.iterdir())[0], dtype="float32")
    other = np.random.default_rng(0).permutation(mono)
    given = tmp_path / "given.wav"
    soundfile.write(given, laid_out(mono, other, RIGHT, rate) / 4, rate, subtype="FLOAT")
    trained = open_model(drum_run, None)
    learned = int(SoundGenerator(trained).map.file_codes.learned.sum())
    images = collection_images([LEFT] * learned)
    generator = SoundGenerator(replace(trained, codec=replace(trained.codec, images=images)))
    origin = FromFile(file=str(given), amount=0.3)
    wish = SoundRequest(quality="fast", origin=Moved(of=origin, axes={1: 0.2}) if moved else origin)
    assert np.median(seen(generator.make(wish).wave).pan) < -0.4


@pytest.mark.slow
def test_a_new_sound_lies_as_one_recording_does_never_half_way_between_mono_and_wide(drum_run: Path) -> None:
    trained = open_model(drum_run, None)
    learned = int(SoundGenerator(trained).map.file_codes.learned.sum())
    images = collection_images([LEFT if sound % 2 else None for sound in range(1, learned + 1)])
    generator = SoundGenerator(replace(trained, codec=replace(trained.codec, images=images)))
    found, expected = [], []
    for index in range(8):
        wave = generator.make(SoundRequest(origin=FromPrior(index=index), quality="fast")).wave
        found.append(left_db(wave) > 5)
        picks = rng.generator(0, "generate-place", index).random((1, 3), dtype=np.float32)
        expected.append(int(nearer(learned, torch.from_numpy(picks))) % 2 == 0)
    assert found == expected, "as the recording that it was drawn nearest to"
    assert 0 < sum(found) < 8, "some lie as the one, some as the other"


def test_previews_lie_as_the_recordings_do_each_as_often_as_any_other(drum_run: Path) -> None:
    codec = open_model(drum_run, None).codec
    assert codec.prior is not None
    learned = len(codec.prior.means)
    _, beside = codec.sample_codes(400, 96, 0, 0.85)
    counts = np.bincount(beside, minlength=learned)
    assert counts.min() > 200 / learned and counts.max() < 800 / learned, counts


def test_a_copy_lies_as_its_original_does_and_one_of_a_mono_sound_does_not(
    drum_run: Path, drums: Path, tmp_path: Path
) -> None:
    """Real drums laid to the left, and wide, through the command; its middle is the copy of the middle."""
    mono, rate = soundfile.read(sorted(drums.iterdir())[0], dtype="float32")
    other = np.random.default_rng(0).permutation(mono)
    soundfile.write(tmp_path / "wide.wav", laid_out(mono, other, LEFT, rate) / 4, rate, subtype="FLOAT")
    soundfile.write(tmp_path / "mono.wav", mono / 4, rate, subtype="FLOAT")
    out = tmp_path / "out"
    given = [str(tmp_path / f"{name}.wav") for name in ("wide", "mono")]
    done = CliRunner().invoke(reconstruct_command, [str(drum_run), *given, "--out", str(out)])
    assert done.exit_code == 0, done.exception
    waves = {path.stem: soundfile.read(path, dtype="float32")[0] for path in out.iterdir()}
    original, copy = seen(waves["wide.orig"]), seen(waves["wide.recon"])
    assert np.median(copy.pan) == pytest.approx(np.median(original.pan), abs=0.05)
    assert np.median(copy.width) == pytest.approx(np.median(original.width), abs=0.05)
    assert waves["mono.recon"].shape == waves["mono.orig"].shape == (len(waves["wide.recon"]),)
    np.testing.assert_allclose(waves["wide.recon"].mean(1), waves["mono.recon"], atol=2e-3)
    grains = resynthesise(SoundGenerator(open_model(drum_run, None)), given[0], Making(quality="fast")).wave
    assert np.median(seen(grains).pan) == pytest.approx(np.median(original.pan), abs=0.05)


@pytest.mark.slow
def test_a_stereo_collection_comes_out_as_it_was_recorded(drums: Path, tmp_path: Path) -> None:
    """Drums laid to the left, through a training process, its previews and an exported model."""
    (tmp_path / "wide").mkdir()
    for path in drums.iterdir():
        wave, rate = soundfile.read(path, dtype="float32")
        both = np.stack([wave * 1.6, wave * 0.4], axis=1) / 2
        soundfile.write((tmp_path / "wide" / path.name).with_suffix(".wav"), both, rate, subtype="FLOAT")
    run = train_small(tmp_path / "wide", tmp_path / "run")
    out = tmp_path / "model.zip"
    done = CliRunner().invoke(export_command, [str(run), "--out", str(out)])
    assert done.exit_code == 0, done.exception
    from_run, from_file = (
        SoundGenerator(open_model(place)).make(SoundRequest(origin=FromPrior())).wave for place in (run, out)
    )
    assert np.array_equal(from_run, from_file)
    assert left_db(from_run) == pytest.approx(12, abs=1)
    previews = {path.name: soundfile.read(path)[0] for path in (run / "previews").glob("*.wav")}
    assert len(previews) >= 5
    for name, wave in previews.items():
        assert left_db(wave) == pytest.approx(12, abs=1), name
    levels = {name: active_rms(wave.mean(1)) for name, wave in previews.items()}
    for name, level in levels.items():
        forbidden = "sample" in name and amplitude_to_db(peak(previews[name])) > CEILING_DB - 0.01
        assert forbidden or level > max(levels.values()) / 1.02, f"{name} is quieter, and its peak does not forbid it"


def left_db(wave: np.ndarray) -> float:
    """By how much the left channel of a wave [T, 2] is louder."""
    left, right = np.square(wave).sum(0)
    return float(10 * np.log10(left / right))
