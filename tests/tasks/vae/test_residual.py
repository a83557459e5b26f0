"""What new sounds get beside the decoder's mean: as rough as recordings, and no rougher."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine import rng
from engine.audio.mel import SILENCE_DB, AudioSpectrogram
from engine.audio.settings import SpectrogramConfig
from engine.tasks.vae.residual import Residual, coloured, white_noise_db

TRANSFORM = AudioSpectrogram(SpectrogramConfig())
CHUNKS, FRAMES = 6, 120


def recordings(offsets: np.ndarray | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Hissing recordings [6, 128, 120] in dB below one another's loudest, and the mean a decoder makes of them."""
    db = white_noise_db(rng.generator(5, "recordings"), CHUNKS, FRAMES, TRANSFORM)
    mean = db.mean((0, 2), keepdim=True).expand_as(db)
    return (db if offsets is None else db + torch.from_numpy(offsets)[:, None, None].float()), mean


def measured(db: torch.Tensor, mean: torch.Tensor) -> Residual:
    everywhere, begins = torch.ones_like(db, dtype=torch.bool), torch.ones(CHUNKS, dtype=torch.bool)
    return Residual.measure(db, mean, everywhere, torch.arange(CHUNKS), begins, TRANSFORM, float(db.min()))


def roughness(db: torch.Tensor) -> list[float]:
    """Mean |difference| from frame to frame, and first and second over bands; without the bands that few bins share."""
    db = db[:, 24:]
    return [float(part.abs().mean()) for part in (db.diff(dim=2), db.diff(dim=1), db.diff(dim=1, n=2))]


def test_a_mean_picture_becomes_as_rough_as_the_recordings_were_over_time_and_over_bands() -> None:
    # Noise that knows nothing of its neighbours is a third too rough over bands when it is right over time.
    db, mean = recordings()
    residual = measured(db, mean)
    rough = mean + residual.draw(mean, TRANSFORM, rng.generator(0, "draws"))
    np.testing.assert_allclose(roughness(rough), roughness(db), rtol=0.1)
    assert roughness(mean)[0] == 0


def test_a_line_keeps_its_level_where_noise_gets_its_grain() -> None:
    db, mean = recordings()
    picture = mean - 30
    picture[:, 60] += 60
    rough = picture + measured(db, mean).draw(picture, TRANSFORM, rng.generator(0, "draws"))
    assert float(rough[:, 60].diff(dim=1).abs().mean()) < 0.1
    assert float(rough[:, 80].diff(dim=1).abs().mean()) > 1


def test_a_colour_stays_through_a_sound_and_has_the_recorded_spread() -> None:
    offsets = np.array([-9.0, -6.0, -3.0, 3.0, 6.0, 9.0])
    db, mean = recordings(offsets)
    many = mean[:1].expand(300, -1, -1)[..., :40]
    drawn = measured(db, mean).draw(many, TRANSFORM, rng.generator(0, "draws"))
    halves = drawn[:, :, :20].mean((1, 2)), drawn[:, :, 20:].mean((1, 2))
    assert float(torch.cat(halves).std()) == pytest.approx(float(np.sqrt(np.square(offsets).mean())), rel=0.15)
    assert float((halves[0] - halves[1]).abs().max()) < 1


def test_the_shades_of_a_colour_have_the_recorded_covariance_of_near_bands_alone() -> None:
    # From six sounds all bands seem to go together.
    residual = measured(*recordings(np.array([-9.0, -6.0, -3.0, 3.0, 6.0, 9.0])))
    recorded, shades = residual.colours.T @ residual.colours, residual.shades()
    found = shades.T @ shades
    torch.testing.assert_close(found.diagonal(), recorded.diagonal(), atol=0.1, rtol=0.01)
    assert float((found / recorded)[50, 52]) > 0.8 and float(recorded[50, 90]) > 30
    assert abs(float(found[50, 90])) < 0.01


def test_a_colour_is_heard_where_there_is_sound() -> None:
    db, colour = torch.tensor([[-75.0, -73.0], [-20.0, -79.0]]), torch.tensor([3.0, -4.0])
    assert coloured(db, colour, -80.0).tolist() == [[-75.0, -70.0], [-24.0, -79.0]]


def test_one_shots_are_struck_as_hard_as_recordings_are() -> None:
    db, mean = recordings()
    soft = mean.clone()
    soft[..., :2] -= torch.tensor([6.0, 3.0])
    struck = measured(db, soft).struck(soft)
    assert float((struck - mean)[..., :2].mean((0, 1)).abs().max()) < 1
    torch.testing.assert_close(struck[..., 8:], soft[..., 8:])
    assert measured(db, soft).struck(soft[..., :3]).shape[-1] == 3


def test_the_hiss_below_the_floor_is_that_of_the_frames_that_sound() -> None:
    db = white_noise_db(rng.generator(5, "recordings"), CHUNKS, FRAMES, TRANSFORM) - 20
    db[:, 60] += 120
    db[..., 90:] = SILENCE_DB
    db[..., 80:90] -= 90
    everywhere, begins = torch.ones_like(db, dtype=torch.bool), torch.ones(CHUNKS, dtype=torch.bool)
    floor = float(db.max()) - 80
    found = Residual.measure(db, db, everywhere, torch.arange(CHUNKS), begins, TRANSFORM, floor)
    others = torch.arange(128) != 60
    torch.testing.assert_close(found.hiss[others], torch.full((127,), 0.1), atol=0, rtol=0.1)
    assert float(found.hiss[60]) < 1e-6, "never seen below the floor"


def test_a_longer_picture_is_roughened_like_a_shorter_one_and_each_seed_otherwise() -> None:
    db, mean = recordings()
    residual = measured(db, mean)
    short, long = (residual.draw(mean[:1, :, :frames], TRANSFORM, rng.generator(3, "draws")) for frames in (30, FRAMES))
    torch.testing.assert_close(long[..., :30], short)
    assert not torch.allclose(short, residual.draw(mean[:1, :, :30], TRANSFORM, rng.generator(4, "draws")))


def test_a_residual_comes_back_from_its_state_and_no_other_does() -> None:
    residual = measured(*recordings())
    state = residual.state_dict()
    assert torch.equal(Residual.load(state).colours, residual.colours)
    with pytest.raises(ValueError, match="shapes"):
        Residual.load(state | {"colours": torch.zeros(3, 64)})
