"""What a request is decoded from, on small runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.audio.files.io import read_wave, write_wave
from engine.audio.levels import amplitude_to_db, beginning, rms
from engine.tasks.vae.model import STRIDE
from engine.tasks.vae.previews import sample_wave
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import Between, FromFile, FromPrior, MapPoint, Moved, SoundRequest
from tests.sampling import later


@pytest.fixture(scope="module")
def strokes(drum_run: Path) -> SoundGenerator:
    return SoundGenerator(open_model(drum_run, None))


@pytest.fixture(scope="module")
def winds(wind_run: Path) -> SoundGenerator:
    return SoundGenerator(open_model(wind_run, None))


def test_every_index_and_every_seed_is_a_code_of_its_own(strokes: SoundGenerator, winds: SoundGenerator) -> None:
    for generator in (strokes, winds):
        codes = [
            generator.code(SoundRequest(origin=FromPrior(index=index), seed=seed))
            for index, seed in ((0, 0), (1, 0), (0, 1), (1, 1))
        ]
        assert len({code.numpy().tobytes() for code in codes}) == 4
        assert torch.equal(codes[1], generator.code(SoundRequest(origin=FromPrior(index=1))))


def test_temperature_zero_is_a_place_of_the_seeds_own_and_spread_grows_with_it(strokes: SoundGenerator) -> None:
    place = strokes.code(SoundRequest(temperature=0))
    assert not torch.equal(place, strokes.code(SoundRequest(temperature=0, seed=9)))
    some, more = (strokes.code(SoundRequest(temperature=t)) - place for t in (0.5, 1.0))
    torch.testing.assert_close(more, 2 * some, atol=1e-4, rtol=1e-4)


def test_a_longer_texture_begins_like_a_shorter_one(winds: SoundGenerator) -> None:
    short, long = (winds.code(SoundRequest(duration_s=seconds)) for seconds in (2, 6))
    torch.testing.assert_close(long[..., : short.shape[-1]], short)
    assert long.shape[-1] > 2.5 * short.shape[-1]


def test_a_variation_keeps_what_its_amount_leaves(strokes: SoundGenerator) -> None:
    path = strokes.map.points()[0].path
    own, near, far = (strokes.code(SoundRequest(origin=FromFile(file=path, amount=amount))) for amount in (0, 0.2, 0.9))
    assert float((near - own).norm()) < float((far - own).norm())
    whole = strokes.code(SoundRequest(origin=FromFile(file=path, amount=1)))
    fresh = strokes.code(SoundRequest(origin=FromPrior(index=0)))
    torch.testing.assert_close(whole, fresh[..., : whole.shape[-1]], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_a_morph_is_a_straight_line_between_strokes(strokes: SoundGenerator) -> None:
    first, second = (point.path for point in strokes.map.points()[:2])
    ends = [strokes.code(SoundRequest(origin=Between(first=first, second=second, position=p))) for p in (0, 1)]
    middle = strokes.code(SoundRequest(origin=Between(first=first, second=second, position=0.5)))
    torch.testing.assert_close(middle, (ends[0] + ends[1]) / 2, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_a_morph_of_textures_keeps_moving_half_way(winds: SoundGenerator) -> None:
    spread = []
    for place in (0.0, 0.5, 1.0):
        origin = Between(first="wind-0.wav", second="wind-5.wav", position=place)
        spread.append(float(winds.code(SoundRequest(origin=origin)).std(-1).mean()))
    assert spread[1] > 0.6 * min(spread[0], spread[2])


def test_a_new_one_shot_keeps_its_attack(strokes: SoundGenerator) -> None:
    request = SoundRequest()
    db, samples = strokes._struck(strokes.codes.of(request))
    raw = strokes._voice(db[:, : samples // strokes.hop + 2 * STRIDE], request, 0)
    _keeps_its_attack(strokes.make(request).wave, raw)


def test_so_do_the_one_shots_of_a_preview(strokes: SoundGenerator) -> None:
    codec, samples = strokes.codec, 4 * strokes.rate
    wave = sample_wave(codec, samples, 0, 0.85, 0)
    count = round(samples / (codec.frames_of(strokes.prior.frames) * strokes.hop))  # type: ignore[union-attr]
    cell = samples // count
    raw = codec.to_wave(codec.sample_db(count, codec.config.frames(cell), 0, 0.85), cell)
    for made, unfinished in zip(wave[: count * cell].reshape(count, cell), raw, strict=True):
        _keeps_its_attack(made, unfinished)


def _keeps_its_attack(made: np.ndarray, raw: np.ndarray) -> None:
    """``made`` is ``raw`` at another level, and begins at zero with little less.

    A model of thirty updates is loud from its first sample on: a quarter of a millisecond is 0.5 dB of five, a fade of
    five 4 dB.
    """
    first, middle = slice(0, 240), slice(240, 900)  # the shortest sound is released from 960 on
    gain = rms(made[middle]) / rms(raw[middle])
    assert made[0] == 0.0
    assert amplitude_to_db(gain * rms(raw[first])) - amplitude_to_db(rms(made[first])) < 1


def test_what_follows_a_stroke_that_died_away_is_left_out(strokes: SoundGenerator) -> None:
    db = torch.full((128, 96), strokes.codec.scale.floor)
    db[20:40, :30] = strokes.codec.scale.ref
    db[20:40, 60:80] = strokes.codec.scale.ref - 40
    samples = strokes._audible(db, 60)
    assert 30 * 512 <= samples <= 33 * 512
    db[20:40, 30:60] = strokes.codec.scale.ref - 50  # it never died
    assert strokes._audible(db, 60) >= 80 * 512


def test_new_sounds_end_as_far_down_as_most_recordings_do_and_a_given_one_where_it_ended(
    strokes: SoundGenerator,
) -> None:
    file = FromFile(file=strokes.map.points()[0].path, amount=0)
    lengths = {}
    # A model of thirty updates swells from beginning to end; upside down its sounds die away.
    scale = replace(strokes.codec.scale, std=-strokes.codec.scale.std)
    for end_db in (0.5, 60.0):
        codec = replace(strokes.codec, scale=scale, end_db=end_db, edges=None)
        generator = SoundGenerator(replace(strokes.trained, codec=codec))
        origins = [file, *(FromPrior(index=index) for index in range(4))]
        made = [generator.make(SoundRequest(origin=origin, quality="fast")).wave for origin in origins]
        lengths[end_db] = [len(wave) for wave in made]
    assert sum(lengths[0.5][1:]) < sum(lengths[60.0][1:])
    assert lengths[0.5][0] == lengths[60.0][0]


@pytest.mark.slow
def test_a_given_stroke_is_heard_from_its_beginning_and_keeps_the_silence_before_it(
    strokes: SoundGenerator, drums: Path, tmp_path: Path
) -> None:
    rate, silence = strokes.rate, 3000
    path = sorted(drums.iterdir())[0]
    wave = read_wave(path, rate)
    later = tmp_path / "later.wav"
    first = beginning(wave)
    write_wave(later, np.pad(wave[first:], (silence, 0)), rate, "FLOAT")
    write_wave(at_once := tmp_path / "at-once.wav", wave[first:], rate, "FLOAT")
    made = {}
    for name in (at_once, later):
        for duration_s in (None, 0.2):
            origin = FromFile(file=str(name), amount=0)
            made[name, duration_s] = strokes.make(SoundRequest(origin=origin, duration_s=duration_s, quality="fast"))
    both = [made[name, None].wave for name in (at_once, later)]
    assert len(both[1]) == len(both[0]) + silence and not both[1][:silence].any()
    gain = rms(both[0]) / rms(both[1][silence:])
    np.testing.assert_allclose(gain * both[1][silence:], both[0], atol=1e-5)
    cut = made[later, 0.2].wave
    assert len(cut) == round(0.2 * rate) and not cut[:silence].any() and cut[silence:].any()
    origins = [
        Between(first=str(one), second=str(two), position=0.5) for one, two in ((at_once, later), (later, later))
    ]
    half, whole = (strokes.make(SoundRequest(origin=origin, quality="fast")).wave for origin in origins)
    assert len(whole) - len(half) == silence // 2


def test_a_given_sound_of_the_collection_lies_where_the_map_has_it_and_is_decoded_from_a_nearer_code(
    strokes: SoundGenerator, winds: SoundGenerator
) -> None:
    # Looked for by the code that fits it, a recording's neighbours, and so its stereo image, would be others'.
    for generator in (strokes, winds):
        own = generator.map.points()[0].path
        request = SoundRequest(origin=FromFile(file=own, amount=0))
        code = generator.codes.of(request)
        assert torch.equal(generator.code(request), code.place) and code.values.shape == code.place.shape
        apart, by_fit = (generator.map.nearest(one)[0].distance for one in (code.place, code.values))
        assert apart < 0.1 and apart < by_fit / 2


def test_a_new_sound_neither_shares_its_roughness_nor_repeats(strokes: SoundGenerator) -> None:
    first, second = (
        strokes.make(SoundRequest(origin=FromPrior(index=index), temperature=0, quality="fast")).wave
        for index in (0, 1)
    )
    samples = min(len(first), len(second))
    assert not np.allclose(first[:samples], second[:samples])


@pytest.mark.parametrize("kind", ["drum_run", *later("wind_run", "vector_run")])
def test_every_kind_of_model_makes_every_kind_of_sound(kind: str, request: pytest.FixtureRequest) -> None:
    generator = SoundGenerator(open_model(request.getfixturevalue(kind), None))
    first, *_, last = generator.map.points()
    origins = [
        FromPrior(index=1),
        FromFile(file=first.path, amount=0.5),
        Between(first=first.path, second=last.path, position=0.5),
        MapPoint(x=(first.x + last.x) / 2, y=(first.y + last.y) / 2),
        Moved(of=FromFile(file=last.path, amount=0.2), axes={1: -1.0}),
    ]
    sounds = []
    for origin in origins:
        wish = SoundRequest(origin=origin, duration_s=1.5, quality="fast", stereo=origin is origins[0])
        wave = generator.make(wish).wave
        assert len(wave) == 72_000 and np.isfinite(wave).all(), origin
        assert 0.02 < np.abs(wave).max() <= 10 ** (-1 / 20) + 1e-4, origin
        sounds.append(wave.tobytes())
    assert len(set(sounds)) == len(origins)
    code = generator.code(SoundRequest(origin=FromFile(file=first.path, amount=0)))
    assert generator.map.nearest(code)[0].path == first.path and generator.map.where(code) != (0.0, 0.0)
    assert generator.map.remarks(code) == [] and generator.map.axes
