"""One hidden layer as a value. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.settings import Settings


class LayerConfig(Settings):
    """A hidden layer: a linear map, then normalisation, activation and dropout as told."""

    units: int = Field(64, ge=1, le=4096, description="Width.")
    activation: Literal["relu", "silu", "gelu", "tanh", "identity"] = Field("silu", description="Nonlinearity.")
    dropout: float | None = Field(None, ge=0, lt=1, description="Fraction masked in training; by default the run's.")
    layer_norm: bool = Field(False, description="Normalise the layer's values of each row before the nonlinearity.")

    def __str__(self) -> str:
        """As one would type it: the width alone, where the rest is usual."""
        usual = self == LayerConfig(units=self.units)
        return str(self.units) if usual else self.model_dump_json(exclude_defaults=True)
