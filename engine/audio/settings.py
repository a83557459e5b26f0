"""How sound is read and turned into mel spectrograms. Values only, stored with every run and checkpoint."""

from __future__ import annotations

import math
from typing import ClassVar, Self

from pydantic import Field, model_validator

from engine.settings import Settings


class SpectrogramConfig(Settings):
    """Mel spectrogram: ``n_mels`` bands from ``f_min`` to ``f_max`` over frames of ``n_fft``, ``hop_length`` apart."""

    sections: ClassVar[dict[str, str]] = {"sample_rate": "How it hears"}

    sample_rate: int = Field(
        48_000,
        ge=8_000,
        le=192_000,
        title="Sample rate, Hz",
        description="Samples a second inside the model, in Hz: it hears and makes nothing above half of it.",
    )
    n_fft: int = Field(
        2048,
        ge=256,
        le=8192,
        title="Length of a frame, samples",
        description="Length of a spectrogram frame in samples: longer tells near pitches apart, shorter near moments.",
    )
    hop_length: int = Field(
        512,
        ge=64,
        le=4096,
        title="Step between frames, samples",
        description="Samples from one frame to the next: fewer are finer in time, and slower.",
    )
    n_mels: int = Field(
        128,
        ge=16,
        le=256,
        title="Bands of frequency",
        description="Bands from the lowest to the highest frequency: more are finer in pitch, and slower.",
    )
    f_min: float = Field(
        0.0,
        ge=0,
        title="Lowest frequency, Hz",
        description="Where the lowest band begins, in Hz; what lies below is not learnt.",
    )
    f_max: float | None = Field(
        None,
        gt=0,
        title="Highest frequency, Hz",
        description="Where the highest band ends, in Hz; automatic: half the sample rate.",
    )
    power: float = Field(
        2.0,
        ge=0.5,
        le=4,
        title="What a band adds up",
        description="How a band adds up what it hears: 2 adds energies, so that the loudest decides; 1 adds "
        "amplitudes, so that what is soft counts more.",
    )

    @model_validator(mode="after")
    def _bands_have_bins(self) -> Self:
        """Each band needs a frequency to add up."""
        if self.top_hz > self.sample_rate / 2:
            raise ValueError(
                f"f_max = {self.top_hz:g} Hz lies above half the sample rate: at most {self.sample_rate / 2:g}"
            )
        if self.f_min >= self.top_hz:
            raise ValueError(f"f_min = {self.f_min:g} Hz must lie below f_max = {self.top_hz:g} Hz")
        bins = int((self.top_hz - self.f_min) * self.n_fft / self.sample_rate)
        if bins < self.n_mels:
            raise ValueError(
                f"From {self.f_min:g} to {self.top_hz:g} Hz a frame of {self.n_fft} samples has {bins} frequencies, "
                f"too few for {self.n_mels} bands: widen the range, or choose fewer bands or a longer frame"
            )
        return self

    @property
    def top_hz(self) -> float:
        """Where the highest band ends."""
        return self.sample_rate / 2 if self.f_max is None else self.f_max

    @property
    def full_scale_db(self) -> float:
        """Power in dB of a bin that a sine of peak 1 meets in its middle."""
        return 20 * math.log10(self.n_fft / 4)

    def frames(self, samples: int) -> int:
        """Frames of a centred transform of ``samples`` samples."""
        return samples // self.hop_length + 1


class DecodeSettings(Settings):
    """What decides how a file is read and judged; part of the cache's key."""

    sample_rate: int = Field(48_000, ge=8_000, le=192_000, description="Rate that every sound is resampled to, in Hz.")
    min_duration_s: float = Field(
        0.1, ge=0.02, le=60, description="Shorter sounds, from 0.01 s on, get silence up to this, in seconds."
    )
