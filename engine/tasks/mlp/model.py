"""The multi-layer perceptron. Letters: B batch, D input_dim, O output_dim, U the widths of all hidden layers added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.layers import LayerConfig
from engine.validation import validated

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": functional.relu,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}


class DynamicMLPModel(nn.Module):
    """Rows [B, D] to logits or numbers [B, O], through the hidden layers that ``config`` describes; none is linear.

    Dropout is no draw of the model's own: ``keep`` [B, U] in 0...1 comes in, so that a step is a function of its
    batch. ``ValueError`` when the dimensions are not filled in; ``ConfigError`` when ``config`` is no configuration.
    """

    def __init__(self, config: MLPConfig | Mapping[str, Any]) -> None:
        super().__init__()
        self.config: MLPConfig = config if isinstance(config, MLPConfig) else validated(MLPConfig, dict(config))
        if self.config.input_dim is None or self.config.output_dim is None:
            raise ValueError("a model needs its input_dim and output_dim")
        widths = [self.config.input_dim, *(layer.units for layer in self.config.layers)]
        self.hidden = nn.ModuleList(
            _Hidden(before, layer) for before, layer in zip(widths, self.config.layers, strict=False)
        )
        self.out = nn.Linear(widths[-1], self.config.output_dim)

    @property
    def width(self) -> int:
        """U: how many draws dropout takes a row."""
        return sum(layer.units for layer in self.config.layers)

    def forward(self, x: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        if keep is None or not self.hidden:
            for layer in self.hidden:
                x = layer(x, None)
        else:
            draws = torch.split(keep, [layer.units for layer in self.config.layers], dim=1)
            for layer, own in zip(self.hidden, draws, strict=True):
                x = layer(x, own)
        output: torch.Tensor = self.out(x)
        return output


class _Hidden(nn.Module):
    def __init__(self, before: int, config: LayerConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(before, config.units)
        self.norm = nn.LayerNorm(config.units) if config.layer_norm else nn.Identity()
        self.activation = ACTIVATIONS[config.activation]
        self.dropout = config.dropout or 0.0

    def forward(self, x: torch.Tensor, draws: torch.Tensor | None) -> torch.Tensor:
        y: torch.Tensor = self.activation(self.norm(self.linear(x)))
        if draws is None or not self.dropout:
            return y
        return y * (draws >= self.dropout) / (1 - self.dropout)
