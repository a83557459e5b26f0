"""The programs of an exported model, beside the model."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch

from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.export.programs import decoder_program, encoder_program
from engine.tasks.vae.sounds.load import build_codec, open_model
from engine.tasks.vae.sounds.model_file import read_model
from tests.conftest import ROOT
from tests.tasks.vae.test_codec import codec as small_codec


@pytest.mark.slow
def test_the_programs_do_what_the_model_does_at_every_length(drum_model: Path) -> None:
    _check_parity(
        open_model(drum_model).codec,
        read_model(drum_model).members["encoder.pt2"],
        read_model(drum_model).members["decoder.pt2"],
    )


@pytest.mark.parametrize("code", ["temporal", "vector"])
@pytest.mark.slow
def test_so_do_those_of_other_codes(code: str, drum_run: Path) -> None:
    from engine.tasks.vae.model import ConvVAE

    torch.manual_seed(0)
    state = {"average": ConvVAE(128, 16, 8, code, 94).state_dict(), "task": small_codec().state_dict()}
    codec = build_codec(VAEConfig(latent_dim=16, channels=8, code=code), "a test", state)
    _check_parity(codec, encoder_program(codec), decoder_program(codec))


def _check_parity(codec, encoder: bytes, decoder: bytes) -> None:
    encode, decode = (torch.export.load(io.BytesIO(data)).module() for data in (encoder, decoder))
    for samples in (1, 5_000, 49_151, 200_000):
        wave = torch.randn(samples, generator=torch.Generator().manual_seed(samples))
        wave /= wave.abs().max()
        mean, log_var = codec.encode(wave)
        db = codec.transform(wave[None])[0]
        if codec.model.vector:  # cut into the chunks that a vector stands for
            unit = 16 * codec.model.latent_frames
            db = torch.nn.functional.pad(db, (0, -db.shape[-1] % unit), value=codec.scale.floor)
            db = db.view(len(db), -1, unit).movedim(1, 0)
        for ours, theirs in zip((mean, log_var), encode(db), strict=True):
            torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(decode(mean), codec.decode(mean), rtol=1e-5, atol=1e-4)


@pytest.mark.slow
def test_the_programs_take_as_much_as_the_page_says_and_no_more(drum_model: Path, vector_run: Path) -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    assert "F up to 2^24" in page and "B up to 4,096 and L up to 2^20" in page and "4,096 at most" in page
    members = read_model(drum_model).members
    assert _most(members["encoder.pt2"]) == {2**24} and _most(members["decoder.pt2"]) == {4096, 2**20}
    codec = open_model(vector_run).codec
    assert _most(encoder_program(codec)) == _most(decoder_program(codec)) == {4096}


def _most(program: bytes) -> set[int]:
    """The upper bounds of what a program takes, by its own account."""
    return {int(one.upper) for one in torch.export.load(io.BytesIO(program)).range_constraints.values()}
