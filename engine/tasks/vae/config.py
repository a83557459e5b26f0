"""What only the sound model needs to know. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.collection.phases import PHASES
from engine.config import TaskConfig
from engine.rundir.record import Abilities, FileRow, Nouns
from engine.settings import OverfittingPreset, Presets
from engine.tasks.vae.nouns import SOUNDS


class VAEConfig(TaskConfig):
    """The convolutional VAE over mel spectrograms, and how its sounds are read."""

    can: ClassVar[Abilities] = Abilities(make_sounds=True, reconstruct=True, export=True)
    nouns: ClassVar[Nouns] = SOUNDS
    measured_by: ClassVar[tuple[str, ...]] = ("spectrogram",)
    phases: ClassVar[Mapping[str, str]] = PHASES | {"prepare": "setting up the model"}
    need_measured: ClassVar[bool] = True
    sections: ClassVar[dict[str, str]] = {
        "latent_dim": "The model of sounds",
        "chunk_duration_s": "What it makes of your sounds",
        "kind": "What it lets you hear",
    }
    # The fewer sounds, the longer the code may form before it is held together.
    presets: ClassVar[Presets] = {
        OverfittingPreset.CONSERVATIVE: {"kl_warmup_fraction": 0.5},
        OverfittingPreset.BALANCED: {"kl_warmup_fraction": 0.3},
        OverfittingPreset.AGGRESSIVE: {"kl_warmup_fraction": 0.2},
    }

    latent_dim: int = Field(
        32,
        ge=1,
        le=1024,
        title="Detail it notes",
        description="How much the model notes of each moment of a sound: more copies closer, and its new sounds "
        "vary less.",
    )
    channels: int = Field(
        16,
        ge=8,
        le=128,
        multiple_of=8,
        title="Width of the network",
        description="How much the model can tell apart: wider takes longer, and within the same minutes came out "
        "worse on small collections.",
    )
    code: Literal["local", "temporal", "vector"] = Field(
        "local",
        title="Form of its notes",
        description="What its notes keep apart: local time and pitch, temporal only time, vector is one note for "
        "a whole chunk.",
    )
    kl_warmup_fraction: float = Field(
        0.3,
        ge=0,
        le=1,
        title="Part of the run to note freely",
        description="Part of the run in which its notes may grow freely: longer copies closer, shorter makes new "
        "sounds surer.",
    )
    free_bits: float = Field(
        0.05,
        ge=0,
        le=5,
        title="Detail at no cost",
        description="Detail that its notes may hold at no cost, in nats a number: more keeps detail, less makes "
        "new sounds surer.",
    )
    chunk_duration_s: float = Field(
        1.0,
        ge=0.1,
        le=30,
        title="Length of a chunk, seconds",
        description="How much of a sound it hears at once while it learns, in seconds: longer follows slow "
        "changes, shorter makes more pieces to learn from.",
    )
    min_duration_s: float = Field(
        0.1,
        ge=0.02,
        le=60,
        title="Shortest sound, seconds",
        description=DecodeSettings.model_fields["min_duration_s"].description,
    )
    exclude: tuple[str, ...] = Field(
        (),
        max_length=10_000,
        title="Left out",
        description="A file to leave out, by its path below the folder; once for each file.",
    )
    augment_strength: float = Field(
        1.0,
        ge=0,
        le=3,
        title="Strength of the variations",
        description="How far the variants of your sounds go from them in pitch, speed, noise and volume: more "
        "makes learning by heart harder; 0 turns them off.",
    )
    spectrogram: SpectrogramConfig = Field(default_factory=SpectrogramConfig)
    kind: Literal["auto", "one-shots", "textures"] = Field(
        "auto",
        title="Strokes or textures",
        description="Strokes that die away, or sounds that go on: decides how new ones are drawn; automatic: by "
        "where their energy lies.",
    )
    preview_duration_s: float = Field(
        4.0,
        ge=0.5,
        le=30,
        title="Length of a preview, seconds",
        description="How long a preview is at most, in seconds; new one-shots end where they have died away.",
    )
    temperature: float = Field(
        0.85,
        ge=0,
        le=2,
        title="Temperature",
        description="How far new sounds stray from what was learnt: less is safer and more alike, more is more "
        "varied and odder.",
    )
    sharp_attacks: bool = Field(
        True,
        title="Sharp attacks",
        description="Place each stroke more finely than a picture of it can: attacks are struck, not brushed; "
        "off: softer, in less time.",
    )

    @property
    def decode(self) -> DecodeSettings:
        return DecodeSettings(sample_rate=self.spectrogram.sample_rate, min_duration_s=self.min_duration_s)

    def num_items(self, files: Sequence[FileRow]) -> int:
        """Chunks in the files to learn from, as training cuts them, at least 1."""
        lengths = [row.duration_s or 0.0 for row in files if row.split == "train"]
        return max(1, sum(max(1, math.ceil(round(length / self.chunk_duration_s, 4))) for length in lengths))
