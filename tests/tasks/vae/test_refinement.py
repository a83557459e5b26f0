"""A given sound's code is fitted to it."""

from __future__ import annotations

import pytest
import torch

from engine.audio.mel import Scale, to_power
from engine.tasks.vae import refinement
from engine.tasks.vae.model import STRIDE, ConvVAE
from engine.tasks.vae.refinement import AROUND, Refined, begun_as, refined
from engine.tasks.vae.residual import coloured

SCALE = Scale(0.0, -40.0, 20.0)
NO_SHADES = torch.zeros(0, 128)


def unchanged(db: torch.Tensor) -> torch.Tensor:
    return db


def network() -> ConvVAE:
    torch.manual_seed(0)
    model = ConvVAE(128, 16, 8, "local", 94).eval()
    torch.nn.init.normal_(model.decoder[-1].weight, std=0.2)  # type: ignore[arg-type]
    return model


@pytest.mark.slow
def test_a_code_comes_nearer_to_what_it_is_to_say_and_the_weights_stay() -> None:
    model = network()
    before = [weight.detach().clone() for weight in model.parameters()]
    wanted = torch.randn(1, 16, 6, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():  # as sounds are made
        x, begin = model.decode(wanted, 96), torch.zeros_like(wanted)
        found = refined(model, SCALE, x, begin, NO_SHADES, unchanged).code
        far, near = ((model.decode(code, 96) - x).square().mean() for code in (begin, found))
    assert near < 0.5 * far
    assert torch.equal(found, refined(model, SCALE, x, begin, NO_SHADES, unchanged).code) and not begin.any()
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
    assert all(weight.grad is None for weight in model.parameters())


class Flat(ConvVAE):
    """Every band of a frame as loud as its code says."""

    def decode(self, z: torch.Tensor, frames: int) -> torch.Tensor:
        return z[:, :1, None, :frames].expand(-1, -1, 128, -1)


def test_what_is_loud_counts_beside_the_mean_of_decibels() -> None:
    # The mean of its decibels is quieter than noise is.
    noise = torch.randn(1, 1, 128, 96, generator=torch.Generator().manual_seed(2)) / 2
    begin = torch.zeros(1, 16, 96)
    begin[:, 0] = noise.mean((1, 2))
    found = refined(Flat(128, 16, 8, "local", 94), SCALE, noise, begin, NO_SHADES, unchanged).code
    assert 0.2 < float((found - begin)[:, 0].mean()) * SCALE.std < 4.0


def lined(frames: int = 96) -> torch.Tensor:
    """A line in band 40, 30 dB above the others, standardised: it dies away, and flat frames cannot say it."""
    db = torch.full((1, 1, 128, frames), -40.0) - torch.linspace(0, 20, frames)
    db[:, :, 40] += 30
    return (db - SCALE.mean) / SCALE.std


def fitted(x: torch.Tensor, shades: torch.Tensor) -> Refined:
    return refined(Flat(128, 16, 8, "local", 94), SCALE, x, torch.zeros(1, 16, x.shape[-1]), shades, unchanged)


def test_a_line_that_the_decoder_cannot_say_is_in_the_colour() -> None:
    x = lined()
    found = fitted(x, 5 * torch.eye(128))
    db = (x * SCALE.std + SCALE.mean)[0, 0]
    plain = (found.code[0, :1] * SCALE.std + SCALE.mean).expand(128, -1)
    assert float(found.colour[40] - found.colour[60]) > 20
    assert spectral_convergence(coloured(plain, found.colour, SCALE.floor), db) < 0.25
    alone = fitted(x, NO_SHADES)
    assert spectral_convergence((alone.code[0, :1] * SCALE.std + SCALE.mean).expand(128, -1), db) > 0.5
    assert not alone.colour.any()


def test_silence_after_a_sound_changes_neither_its_code_nor_its_colour() -> None:
    x = lined()
    silence = (SCALE.floor - SCALE.mean) / SCALE.std
    longer = torch.nn.functional.pad(x, (0, 300), value=silence)
    begin = torch.cat([torch.zeros(1, 16, 96), torch.full((1, 16, 300), silence)], dim=-1)
    shades = 5 * torch.eye(128)
    short, long = fitted(x, shades), refined(Flat(128, 16, 8, "local", 94), SCALE, longer, begin, shades, unchanged)
    torch.testing.assert_close(long.colour, short.colour, atol=0.01, rtol=0.01)
    torch.testing.assert_close(long.code[:, 0, :96], short.code[:, 0], atol=0.01, rtol=0.01)


def test_a_code_counts_on_how_its_beginning_is_struck() -> None:
    x = torch.full((1, 1, 128, 96), 1.0)
    begin = torch.full((1, 16, 96), 1.0)
    harder = torch.nn.functional.pad(torch.full((2,), 6.0), (0, 94))
    model = Flat(128, 16, 8, "local", 94)
    found = refined(model, SCALE, x, begin, NO_SHADES, lambda db: db + harder).code[0, 0] * SCALE.std
    assert 4 < float(found[2:].mean() - found[:2].mean()) < 8


def test_a_copy_begins_as_loud_as_its_original_in_each_quarter_of_the_bands() -> None:
    wanted = torch.full((1, 128, 20), -20.0)
    wanted[:, :32, 0] -= 25
    wanted[:, 96:, 1] += 30
    db = torch.full((1, 128, 20), -20.0) + torch.linspace(-4, 4, 128)[:, None]
    db[:, 40] = SCALE.floor
    found = begun_as(db, wanted, SCALE.floor)
    levels = [to_power(one.unflatten(1, (4, 32))).sum(2).log10() * 10 for one in (found, wanted)]
    torch.testing.assert_close(levels[0][0, :, 0], levels[1][0, :, 0], atol=0.3, rtol=0)
    assert float((found - db)[0, 100, 1]) == 12, "no louder than that"
    assert torch.equal(found[..., 8:], db[..., 8:]) and torch.equal(found[:, 40], db[:, 40]), "silence stays silence"
    assert torch.equal(begun_as(db[..., :3], wanted[..., :3], SCALE.floor), found[..., :3])


@pytest.mark.slow
def test_a_long_sound_is_fitted_in_parts_to_what_it_is_fitted_to_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model, latent_frames = network(), 37
    wanted = torch.randn(1, 16, latent_frames, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        x = model.decode(wanted, 16 * latent_frames - 5)
    harder = torch.full((6,), 6.0)

    def struck(db: torch.Tensor) -> torch.Tensor:
        return db + torch.nn.functional.pad(harder, (0, db.shape[-1] - len(harder)))

    def found() -> Refined:
        return refined(model, SCALE, x, torch.zeros_like(wanted), 5 * torch.eye(128), struck)

    whole = found()
    for part in (8, 12, 36):
        monkeypatch.setattr(refinement, "PART", part)
        parts = found()
        torch.testing.assert_close(parts.code, whole.code, atol=1e-3, rtol=0)
        torch.testing.assert_close(parts.colour, whole.colour, atol=1e-3, rtol=0)


@pytest.mark.parametrize("code", ["local", "temporal"])
def test_a_frame_depends_on_no_latent_frame_farther_off_than_parts_look(code: str) -> None:
    torch.manual_seed(0)
    model = ConvVAE(128, 16, 8, code, 94).eval()
    z = torch.randn(1, 16, 16, requires_grad=True)
    for frame in range(8 * STRIDE, 9 * STRIDE):
        (gradient,) = torch.autograd.grad(model.decode(z, 16 * STRIDE)[..., frame].sum(), z)
        reached = gradient[0].any(0).nonzero().flatten()
        assert int(reached.min()) >= 8 - AROUND and int(reached.max()) <= 8 + AROUND


def spectral_convergence(db: torch.Tensor, wanted: torch.Tensor) -> float:
    found, magnitudes = to_power(db / 2), to_power(wanted / 2)
    return float((found - magnitudes).norm() / magnitudes.norm())
