"""The collection as a map. The laws of the map on codes made up; that a real run has one, on a real run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.audio.mel import Scale
from engine.audio.settings import SpectrogramConfig
from engine.errors import ConfigError, DataError
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.file_codes import FileCodes
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.prior import OneShotPrior
from engine.tasks.vae.sounds.collection_codes import collection_codes
from engine.tasks.vae.sounds.descriptors import describe
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.latent_map import LatentMap, fitted
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FromFile, FromPrior, MapPoint, Moved, SoundRequest


def made_up(count: int = 12, held_out: int = 2, seed: int = 0) -> LatentMap:
    torch.manual_seed(seed)
    network = ConvVAE(128, 16, 8, "local", 94).eval().requires_grad_(False)
    codes = torch.randn(count, 16, 6) * torch.linspace(3, 0.1, 16)[:, None]
    prior = OneShotPrior.fit(codes, torch.full_like(codes, 0.01))
    codec = Codec(network, SpectrogramConfig(), Scale(0.0, -40.0, 20.0), torch.full((128,), 100.0), prior)
    sides = ["train"] * (count - held_out) + ["val"] * held_out
    file_codes = FileCodes(tuple(f"{number}.wav" for number in range(count)), tuple(sides), codes)  # type: ignore[arg-type]
    return LatentMap(codec, file_codes)


def test_the_map_is_the_same_however_the_codes_come_in_or_are_turned() -> None:
    ours, again = made_up(), made_up()
    assert ours.points() == again.points()
    turned = LatentMap(ours.codec, replace(ours.file_codes, codes=-ours.file_codes.codes))
    for point, other in zip(ours.points(), turned.points(), strict=True):
        assert (abs(point.x), abs(point.y)) == pytest.approx((abs(other.x), abs(other.y)), abs=1e-4)


def test_held_out_sounds_are_placed_and_not_fitted() -> None:
    ours = made_up()
    without = LatentMap(
        ours.codec, FileCodes(ours.file_codes.paths[:10], ours.file_codes.sides[:10], ours.file_codes.codes[:10])
    )
    for point, other in zip(ours.points(), without.points(), strict=False):
        assert (point.x, point.y) == pytest.approx((other.x, other.y), abs=1e-5)


def test_a_files_point_gives_that_files_code_and_a_place_between_gives_neither() -> None:
    ours = made_up()
    for point, code in zip(ours.points(), ours.file_codes.codes, strict=True):
        torch.testing.assert_close(ours.code_at(point.x, point.y), code, atol=1e-3, rtol=1e-3)
        assert ours.where(code[None]) == pytest.approx((point.x, point.y), abs=1e-4)
    first, second = ours.points()[:2]
    between = ours.code_at((first.x + second.x) / 2, (first.y + second.y) / 2)
    assert ours.where(between[None]) == pytest.approx(((first.x + second.x) / 2, (first.y + second.y) / 2), abs=1e-2)


def test_only_places_far_from_everything_learned_are_warned_of() -> None:
    ours = made_up()
    for point in ours.points()[:10]:
        assert ours.remarks(ours.code_at(point.x, point.y)[None]) == []
    assert "far from everything" in ours.remarks(ours.code_at(200, 0)[None])[0]
    # What lies across all directions of the collection is what the model takes for noise.
    near = ours.nearest(ours.file_codes.codes[3][None])
    assert (near[0].path, near[0].distance) == ("3.wav", 0.0) and near[1].distance > 0.5


def test_a_place_a_little_too_far_is_not_said_to_lie_as_far_as_new_sounds_do() -> None:
    ours = made_up()
    code = ours.code_at(200, 0)[None]
    distance = float(ours._distances(ours._learned, ours._summary(code)).min())
    ours.__dict__["_reach"] = distance - 1e-3
    far, reach = map(float, re.findall(r"\d+\.\d+", ours.remarks(code)[0]))
    assert far > reach


def test_moving_along_an_axis_moves_along_that_axis_alone() -> None:
    ours = made_up()
    start = ours.file_codes.codes[0]
    x, y = ours.where(start[None])
    moved = ours.where((start + ours.move({1: 1.5}, 6))[None])
    spread = np.std([point.x for point in ours.points()[:10]], ddof=1)
    assert moved == pytest.approx((x + 1.5 * spread, y), abs=1e-4)
    with pytest.raises(ConfigError, match="no axis 7"):
        ours.move({7: 1.0}, 6)


def test_two_sounds_have_a_map_too() -> None:
    ours = made_up(2, 1)
    first = ours.points()[0]
    assert (first.x, first.y) == pytest.approx((0, 0), abs=1e-6)
    assert torch.isfinite(ours.code_at(1.0, 1.0)).all() and ours.axes


def test_a_code_is_cut_or_held_to_a_length() -> None:
    code = torch.arange(6.0).view(1, 2, 3)
    assert torch.equal(fitted(code, 2), code[..., :2])
    assert fitted(code, 5)[0, 0].tolist() == [0, 1, 2, 2, 2]


def test_descriptors_tell_sounds_apart() -> None:
    config = SpectrogramConfig()
    silence = torch.full((2, 128, 96), -80.0)

    def with_bands(low: int, high: int, frames: slice) -> torch.Tensor:
        db = silence[:1].clone()
        db[:, low:high, frames] = -10.0
        return db

    low, high = with_bands(10, 12, slice(0, 20)), with_bands(90, 92, slice(0, 80))
    figures = describe(torch.cat([low, high]), config, -80.0)
    for name in ("brightness", "length", "pitch"):
        assert figures[name][1] > figures[name][0], name
    wide = describe(torch.cat([low, with_bands(10, 120, slice(0, 20))]), config, -80.0)
    assert wide["noisiness"][1] > wide["noisiness"][0] + 10 and wide["loudness"][1] > wide["loudness"][0]
    swelling = low.clone()
    swelling[:, 10:12, :20] += torch.linspace(-25, 0, 20)
    attack = describe(torch.cat([low, swelling]), config, -80.0)["attack"]
    assert attack[0] == 0 and attack[1] > 0.15


def test_an_axis_is_named_only_after_what_it_changes() -> None:
    ours = made_up()
    for axis in ours.axes:
        assert all(0.6 <= abs(strength) <= 1 for _, strength in axis.changes)
    assert sum(axis.share for axis in ours.axes) <= 1.001
    assert [axis.share for axis in ours.axes] == sorted((axis.share for axis in ours.axes), reverse=True)


def test_a_run_without_its_files_keeps_its_map_and_knows_their_sounds(drum_run: Path, tmp_path: Path) -> None:
    trained = replace(open_model(drum_run, None), source=tmp_path / "gone")
    assert trained.codec.file_codes is not None
    generator = SoundGenerator(trained)
    point = generator.map.points()[1]
    kept = generator.make(SoundRequest(origin=FromFile(file=point.path, amount=0), quality="fast"))
    assert np.abs(kept.wave).max() > 0.05
    older = replace(trained, codec=replace(trained.codec, file_codes=None))
    with pytest.raises(DataError, match="not where they were"):
        collection_codes(older)


def test_a_run_of_an_older_version_is_measured_from_its_files(drum_run: Path, wind_run: Path) -> None:
    for run in (drum_run, wind_run):
        trained = open_model(run, None)
        assert trained.codec.file_codes is not None
        measured = collection_codes(replace(trained, codec=replace(trained.codec, file_codes=None, level=None)))
        order = [measured.paths.index(path) for path in trained.codec.file_codes.paths]
        torch.testing.assert_close(measured.codes[order], trained.codec.file_codes.codes, atol=2e-2, rtol=1e-2)
        assert tuple(measured.sides[place] for place in order) == trained.codec.file_codes.sides


@pytest.mark.slow
def test_places_and_moves_of_textures_go_on_for_as_long_as_asked(wind_run: Path) -> None:
    generator = SoundGenerator(open_model(wind_run, None))
    point = generator.map.points()[0]
    place = MapPoint(x=point.x, y=point.y)
    for origin in (place, Moved(of=FromPrior(index=2), axes={1: 1.0})):
        made = generator.make(SoundRequest(origin=origin, duration_s=6, quality="fast"))
        assert len(made.wave) == 6 * 48_000
        assert np.sqrt(np.square(made.wave[-48_000:]).mean()) > 0.01
