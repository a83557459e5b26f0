"""What only the sound model needs to know. No torch."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.config import Settings


class VAEConfig(Settings):
    """The convolutional VAE over mel spectrograms, and how its sounds are read."""

    sections: ClassVar[dict[str, str]] = {"spectrogram": "Sounds"}

    spectrogram: SpectrogramConfig = Field(default_factory=SpectrogramConfig)
    min_duration_s: float = Field(
        0.1, ge=0.02, le=60, description=DecodeSettings.model_fields["min_duration_s"].description
    )
    channels: int = Field(
        16, ge=8, le=128, multiple_of=8, description="Width of the first stage; each of the next three doubles it."
    )
    code: Literal["local", "temporal", "vector"] = Field(
        "local", description="A code that keeps time and frequency apart, only time, or one vector for a whole chunk."
    )
    kind: Literal["auto", "one-shots", "textures"] = Field(
        "auto",
        description="Strokes that die away, or sounds that go on: decides how new ones are drawn; automatic: by "
        "where their energy lies.",
    )
    augment_strength: float = Field(
        1.0, ge=0, le=3, description="Scale of the variations in pitch, speed, noise and volume; 0 turns them off."
    )
    preview_duration_s: float = Field(4.0, ge=0.5, le=30, description="Length of a preview in seconds.")
    temperature: float = Field(0.85, ge=0, le=2, description="Spread of generated sounds around what was learned.")

    @property
    def decode(self) -> DecodeSettings:
        return DecodeSettings(sample_rate=self.spectrogram.sample_rate, min_duration_s=self.min_duration_s)
