"""The loss and the weight of its KL part."""

from __future__ import annotations

import pytest
import torch

from engine.tasks.vae.losses import get_kl_weight, vae_loss


def loss(weight: float, free_bits: float = 0.0, error: float = 1.0) -> object:
    x = torch.zeros(4, 1, 128, 94)
    mean, log_var = torch.full((4, 16, 6), 0.5), torch.zeros(4, 16, 6)
    return vae_loss(x, x + error, mean, log_var, kl_weight=weight, free_bits=free_bits, std_db=15.0)


def test_the_loss_is_its_parts() -> None:
    out = loss(0.3)
    assert float(out.loss) == pytest.approx(float(out.recon) + 0.3 * float(out.kl))
    assert float(out.divergence) == pytest.approx(96 * 0.5 * 0.25), "KL itself: nats, summed, no clamp"
    assert float(out.kl) == pytest.approx(float(out.divergence) / (128 * 94 / 8))


def test_free_bits_cost_nothing_and_move_nothing() -> None:
    mean = torch.full((4, 16, 6), 0.1, requires_grad=True)
    x = torch.zeros(4, 1, 128, 94)
    out = vae_loss(x, x, mean, torch.zeros(4, 16, 6), kl_weight=1.0, free_bits=0.05, std_db=15.0)
    out.loss.backward()
    assert mean.grad is not None and float(mean.grad.abs().max()) == 0.0
    assert float(out.divergence) == pytest.approx(96 * 0.005, rel=1e-3)


def test_errors_below_three_decibels_are_not_chased() -> None:
    x = torch.zeros(1, 1, 128, 94)
    gradients = []
    for error in (0.02, 0.04):
        output = (x + error).requires_grad_()
        none = torch.zeros(1, 16, 6)
        vae_loss(x, output, none, none, kl_weight=0.0, free_bits=0.0, std_db=15.0).loss.backward()
        gradients.append(float(output.grad.abs().sum()))
    assert gradients[1] == pytest.approx(2 * gradients[0]), "below the floor the variance is fixed"


def test_the_kl_weight_rises_and_stays() -> None:
    assert [get_kl_weight(step, 100, 0.5) for step in (0, 25, 50, 100)] == [0.0, 0.5, 1.0, 1.0]
    assert get_kl_weight(1, 100, 0.0) == 1.0
