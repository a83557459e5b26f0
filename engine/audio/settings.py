"""How sound is read and turned into mel spectrograms. Values only, stored with every run and checkpoint."""

from __future__ import annotations

import math

from pydantic import Field

from engine.config import Settings


class SpectrogramConfig(Settings):
    """Mel spectrogram: ``n_mels`` bands from 0 Hz to Nyquist over frames of ``n_fft`` samples, ``hop_length`` apart."""

    sample_rate: int = Field(48_000, ge=8_000, le=192_000, description="Samples a second inside the model, in Hz.")
    n_fft: int = Field(2048, ge=256, le=8192, description="Length of a spectrogram frame in samples.")
    hop_length: int = Field(512, ge=64, le=4096, description="Samples from one spectrogram frame to the next.")
    n_mels: int = Field(128, ge=16, le=256, description="Mel bands from 0 Hz to half the sample rate.")

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
