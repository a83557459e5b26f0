"""New sounds of a stereo collection lie between two channels as its recordings do; those of a mono one do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.audio.stereo import BANDS, MONO, StereoImage, StereoMeter
from engine.commands.export import command as export_command
from engine.tasks.vae.sounds.generate import Studio
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FromFile, FromPrior, SoundRequest
from engine.tasks.vae.stereo_images import check_images, collection_images, image_near
from tests.conftest import train_small

LEFT = StereoImage((0.6,) * BANDS, (0.3,) * BANDS)
RIGHT = StereoImage((-0.6,) * BANDS, (0.3,) * BANDS)


def test_a_collection_is_in_stereo_when_half_of_it_is() -> None:
    assert collection_images([None, None, LEFT]) is None
    found = collection_images([None, LEFT])
    assert found is not None and torch.equal(found[0], torch.zeros(2, BANDS))


def test_a_sounds_own_code_gives_its_own_image_and_a_place_between_two_a_mean() -> None:
    codes = torch.tensor([[0.0, 0.0], [4.0, 0.0], [100.0, 5.0]])[:, None]
    images = torch.tensor([(one.pan, one.width) for one in (LEFT, RIGHT, MONO)])
    np.testing.assert_allclose(image_near(codes[1], codes, images).pan, RIGHT.pan, atol=1e-6)
    between = image_near(torch.tensor([[2.0, 0.0]]), codes, images)
    np.testing.assert_allclose(between.pan, 0, atol=1e-6)
    np.testing.assert_allclose(between.width, 0.3, atol=1e-3)
    near_one = image_near(torch.tensor([[1.0, 0.0]]), codes, images)
    assert 0.59 < near_one.pan[0] < 0.6
    np.testing.assert_allclose(image_near(codes[1, :, :1], codes, images).pan, RIGHT.pan, atol=1e-6)
    np.testing.assert_allclose(image_near(codes[0], codes[:1], images[:1]).pan, LEFT.pan, atol=1e-6)


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="stereo images of shape"):
        check_images(torch.zeros(3, BANDS), 3)


def test_a_state_with_fewer_images_than_learned_sounds_is_refused(drum_run: Path) -> None:
    codec = open_model(drum_run, None).codec
    codes = codec.file_codes
    assert codes is not None
    learned, state = int(codes.learned.sum()), codec.state_dict()
    codec.load_state_dict({**state, "images": torch.zeros(learned, 2, BANDS)})
    with pytest.raises(ValueError, match=f"for {learned} sounds"):
        codec.load_state_dict({**state, "images": torch.zeros(1, 2, BANDS)})
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
    mono = Studio(trained)
    codes = mono.map.file_codes
    assert mono.make(SoundRequest(quality="fast")).wave.ndim == 1
    images = collection_images([LEFT] * int(codes.learned.sum()))
    wide = Studio(replace(trained, codec=replace(trained.codec, images=images)))
    for request in (SoundRequest(quality="fast"), SoundRequest(quality="fast", origin=FromFile(file=codes.paths[0]))):
        both = wide.make(request).wave
        assert both.shape[1] == 2 and np.median(seen(both).pan) > 0.4
        alone = wide.make(request.model_copy(update={"stereo": False})).wave
        middle = both.mean(1)
        assert alone.ndim == 1
        np.testing.assert_allclose(middle / np.abs(middle).max(), alone / np.abs(alone).max(), atol=1e-4)


@pytest.mark.slow
def test_a_stereo_collection_comes_out_as_it_was_recorded(drums: Path, tmp_path: Path) -> None:
    """Drums laid to the left, through a training process and an exported model."""
    from click.testing import CliRunner

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
        Studio(open_model(place)).make(SoundRequest(origin=FromPrior())).wave for place in (run, out)
    )
    assert np.array_equal(from_run, from_file)
    level = np.sqrt(np.square(from_run).mean(0))
    assert 20 * np.log10(level[0] / level[1]) == pytest.approx(12, abs=1)
