from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import ConfigError
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.model import DynamicMLPModel


def model(layers: Any, **more: Any) -> DynamicMLPModel:
    torch.manual_seed(0)
    return DynamicMLPModel({"input_dim": 5, "output_dim": 3, "task_type": "classification", "layers": layers, **more})


def test_its_layers_are_what_the_configuration_says() -> None:
    built = model([{"units": 7, "layer_norm": True}, {"units": 4, "activation": "tanh"}])
    shapes = [tuple(layer.weight.shape) for layer in built.modules() if isinstance(layer, nn.Linear)]
    assert shapes == [(7, 5), (4, 7), (3, 4)]
    assert [type(layer.norm) for layer in built.hidden] == [nn.LayerNorm, nn.Identity]
    assert built(torch.randn(2, 5)).shape == (2, 3)


@pytest.mark.parametrize("text", ["", "none", "[]"])
def test_without_hidden_layers_it_is_linear(text: str) -> None:
    built = model(text)
    x = torch.randn(4, 5)
    torch.testing.assert_close(built(x), x @ built.out.weight.T + built.out.bias)


def test_layers_may_be_typed_as_widths() -> None:
    assert [layer.units for layer in MLPConfig.model_validate({"layers": "64, 32"}).layers] == [64, 32]


@pytest.mark.parametrize("layers", ["wide", "64,0", [{"units": 8, "colour": 1}], [{"activation": "loud"}]])
def test_a_layer_that_cannot_be_is_refused(layers: Any) -> None:
    with pytest.raises(ConfigError):
        model(layers)


def test_a_model_without_dimensions_is_refused() -> None:
    with pytest.raises(ValueError, match="input_dim"):
        DynamicMLPModel(MLPConfig())


def test_dropout_masks_what_its_draws_say_and_keeps_the_mean() -> None:
    built = model([{"units": 400, "activation": "identity", "dropout": 0.25}])
    x, keep = torch.randn(1, 5), torch.rand(1, built.width)
    hidden = built.hidden[0]
    plain, masked = hidden(x, None), hidden(x, keep)
    assert torch.equal(masked == 0, keep < 0.25)
    torch.testing.assert_close(masked[keep >= 0.25], plain[keep >= 0.25] / 0.75)
    assert torch.equal(built(x, keep), built(x, keep)), "no draw of its own"


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu", "tanh", "identity"])
def test_every_activation_trains(activation: str) -> None:
    built = model([{"units": 8, "activation": activation}])
    built(torch.randn(16, 5)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in built.parameters())
