"""New one-shots begin and end as one recording does, not as the median of all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import rng
from engine.audio.files.io import write_wave
from engine.audio.mel import Scale
from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.collection.collection import open_collection
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.dataset import AudioTrainingDataset
from engine.tasks.vae.edges import PARTS, Edges, onset_levels
from engine.tasks.vae.fitting import Fitting, sound_shapes
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.prior import TexturePrior
from engine.tasks.vae.residual import ONSET_FRAMES
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FromFile, FromPrior, MapPoint, Moved, SoundRequest
from tests.tasks.vae.test_codec import codec

FLOOR = -80.0
RATE = 48_000
LEVEL_DB = 18.0  # that of a band where a stroke begins


def two_sounds() -> tuple[torch.Tensor, torch.Tensor]:
    """Of two recordings of a decoder that makes both alike, the first clicks in the lowest quarter of the bands, the
    second is bowed and begins 30 dB softer: [2, 128, 8] in dB, recorded and decoded."""
    decoded = torch.full((2, 128, ONSET_FRAMES), -30.0)
    recorded = decoded.clone()
    recorded[0, :32, 0] += 9
    recorded[1, :, :5] -= 30
    return recorded, decoded


def test_a_sound_begins_as_the_recording_it_is_given() -> None:
    recorded, decoded = two_sounds()
    edges = Edges.measure(torch.tensor([20.0, 60.0]), recorded, decoded)
    assert edges.ends.tolist() == [20, 60] and edges.onsets.shape == (2, PARTS, ONSET_FRAMES)
    db = torch.full((3, 128, 20), -30.0)
    db[:, 100] = FLOOR
    begun = edges.begun(db, [1, 0, 1], FLOOR)
    torch.testing.assert_close(begun[1, :32, 0], db[1, :32, 0] + 9)
    torch.testing.assert_close(begun[1, 32:], db[1, 32:])
    torch.testing.assert_close(begun[0, :100, :4], db[0, :100, :4] - 12, msg="no softer than that")
    assert torch.equal(begun[0], begun[2]) and torch.equal(begun[:, 100], db[:, 100]), "silence stays silence"
    assert torch.equal(begun[..., 5:], db[..., 5:])
    assert torch.equal(edges.begun(db[..., :3], [1, 0, 1], FLOOR), begun[..., :3])


def test_what_is_measured_fades_out_into_what_is_decoded() -> None:
    decoded = torch.full((1, 128, ONSET_FRAMES), -30.0)
    onset = Edges.measure(torch.zeros(1), decoded + 10, decoded).onsets[0, 0]
    torch.testing.assert_close(onset, torch.tensor([10.0, 10, 10, 10, 8, 6, 4, 2]))


def test_edges_come_back_from_a_state_and_no_others_do(drum_run: Path) -> None:
    ours = open_model(drum_run).codec
    assert ours.edges is not None and ours.prior is not None
    state, sounds = ours.state_dict(), len(ours.prior.means)
    back = replace(ours, edges=None)
    back.load_state_dict(state)
    assert back.edges is not None
    assert torch.equal(back.edges.onsets, ours.edges.onsets) and torch.equal(back.edges.ends, ours.edges.ends)
    fewer = {"ends": ours.edges.ends[1:], "onsets": ours.edges.onsets}
    with pytest.raises(ValueError, match=f"for {sounds} sounds"):
        back.load_state_dict({**state, "edges": fewer})


def test_a_run_of_an_older_version_begins_and_ends_as_it_did(drum_run: Path) -> None:
    trained = open_model(drum_run)
    state = {name: value for name, value in trained.codec.state_dict().items() if name != "edges"}
    older = replace(trained.codec)
    older.load_state_dict(state)
    assert older.edges is None
    new, old = (SoundGenerator(replace(trained, codec=one)) for one in (trained.codec, older))
    request = SoundRequest(quality="fast")
    db, _ = old._struck(old.codes.of(request))
    assert torch.equal(db, older.struck(older.decode(old.code(request)))[0])
    assert not torch.equal(db, new._struck(new.codes.of(request))[0])
    assert old.make(request).wave.any()


@pytest.fixture
def clicks_and_bows(drum_run: Path) -> SoundGenerator:
    """New sounds beside every other recording begin 10 dB louder and end early."""
    trained = open_model(drum_run)
    assert trained.codec.prior is not None
    odd = torch.arange(len(trained.codec.prior.means)) % 2
    onsets = 10.0 * odd[:, None, None] * torch.ones(PARTS, ONSET_FRAMES)
    # A model of thirty updates swells from beginning to end; upside down its sounds die away.
    scale = replace(trained.codec.scale, std=-trained.codec.scale.std)
    edges = Edges(torch.where(odd == 1, 0.5, 60.0), onsets)
    return SoundGenerator(replace(trained, codec=replace(trained.codec, edges=edges, scale=scale)))


@pytest.mark.parametrize("moved", [False, True])
def test_a_new_sound_begins_and_ends_as_the_recording_it_was_drawn_nearest_to(
    moved: bool, clicks_and_bows: SoundGenerator
) -> None:
    ours, seen = clicks_and_bows, set()
    for index in range(8):
        origin = FromPrior(index=index)
        request = SoundRequest(origin=Moved(of=origin, axes={1: 0.2}) if moved else origin)
        code = ours.codes.of(request)
        assert code.beside is not None
        db, samples = ours._struck(code)
        plain = ours.codec.struck(ours._decoded(code)[None])[0]
        odd = code.beside % 2
        louder = (db - plain)[plain > ours.codec.scale.floor + 6]
        assert float(louder.max()) == pytest.approx(10 * odd, abs=1e-4)
        assert samples == ours._audible(db, 0.5 if odd else 60.0)
        seen.add(odd)
    assert seen == {0, 1}


def test_what_was_not_drawn_begins_as_most_recordings_do(clicks_and_bows: SoundGenerator) -> None:
    ours = clicks_and_bows
    for origin in (FromFile(file=ours.map.points()[0].path, amount=0.5), MapPoint(x=0, y=0)):
        code = ours.codes.of(SoundRequest(origin=origin))
        assert torch.equal(ours._struck(code)[0], ours.codec.struck(ours._decoded(code)[None])[0])


def test_so_does_a_new_sound_of_a_preview(clicks_and_bows: SoundGenerator) -> None:
    ours = clicks_and_bows.codec
    codes, beside = ours.sample_codes(6, 40, 0, 0.85)
    db, plain = (one.sounding(codes, 40, beside) for one in (ours, replace(ours, edges=None)))
    assert {sound % 2 for sound in beside} == {0, 1}
    for one, before, sound in zip(db, plain, beside, strict=True):
        heard = before[:, 0] > ours.scale.floor + 6
        torch.testing.assert_close(one[heard, 0], before[heard, 0] + 10 * (sound % 2))
    assert torch.equal(ours.sample_db(6, 40, 0, 0.85), ours.roughen(db, rng.generator(0, "sample-texture")))


def strokes(folder: Path) -> tuple[Fitting, AudioTrainingDataset]:
    """Of four learned strokes, the last two are cut off 25 dB below their loudest."""
    draws = np.random.default_rng(0)
    for number in range(6):
        fall = 10 ** (-np.linspace(0, 25 if number in (2, 3) else 80, 24_000) / 20)
        write_wave(folder / f"{number}.wav", (0.2 * fall * draws.standard_normal(24_000)).astype(np.float32), RATE)
    sounds = open_collection(folder, DecodeSettings()).sounds
    train, val = (AudioTrainingDataset(part, SpectrogramConfig(), 1.0) for part in (sounds[:4], sounds[4:]))
    return Fitting(train, val, VAEConfig(kind="one-shots"), sound_shapes(train, lambda: None)), train


def fitted(fitting: Fitting) -> Codec:
    ours = replace(codec(), scale=Scale(40.0, LEVEL_DB, 10.0))
    ours.prior, ours.file_codes = fitting.fit(ours)
    return ours


def test_each_learned_sound_is_measured_beside_what_its_own_code_is_decoded_to(tmp_path: Path) -> None:
    fitting, train = strokes(tmp_path)
    ours = fitted(fitting)
    edges = fitting.edges(ours)
    assert edges is not None and ours.prior is not None
    np.testing.assert_allclose(edges.ends, [60, 60, 25, 25], atol=3)
    recorded = torch.stack([ours.transform(train.whole(sound)[None])[0] for sound in range(4)])
    decoded = ours.decode(ours.prior.means)
    levels = [onset_levels(db.clamp_min(ours.scale.floor)) for db in (recorded, decoded)]
    expected = (levels[0] - levels[1])[..., :4].clamp(-12, 12)
    torch.testing.assert_close(edges.onsets[..., :4], expected, atol=1e-3, rtol=1e-4)
    assert 1 < float(expected.abs().mean()) < 12, "what is expected is not the limit alone"


def test_textures_and_codes_of_one_vector_have_no_edges(tmp_path: Path) -> None:
    fitting, _ = strokes(tmp_path)
    ours = fitted(fitting)
    of_textures = TexturePrior(torch.zeros(32, 16), torch.eye(16), torch.zeros(4, 16))
    assert fitting.edges(replace(ours, prior=of_textures)) is None
    assert fitting.edges(replace(ours, model=ConvVAE(128, 16, 8, "vector", 94).eval())) is None
