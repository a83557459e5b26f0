"""What one hears of a sound, as figures of its mel spectrogram. Letters: B sounds, M bands, F frames."""

from __future__ import annotations

import torch

from engine.audio.mel import mel_filterbank, power_to_db, to_power
from engine.audio.settings import SpectrogramConfig

_ACTIVE_DB = 30.0
_TONAL_DB = 20.0
_LOWEST_HZ = 20.0


def describe(db: torch.Tensor, config: SpectrogramConfig, floor: float) -> dict[str, torch.Tensor]:
    """Figures [B] of mel power in dB [B, M, F]; what lies at ``floor`` counts as silence.

    loudness: dB. brightness: octaves, centre of the power. noisiness: dB, how flat the spectrum is. attack: seconds to
    the loudest frame. length: seconds within 30 dB of it. pitch: octaves, the strongest band; only where most sounds
    have one that stands out.
    """
    power = _above(floor, db)
    frames = power.sum(1)  # [B, F]
    level = power_to_db(frames)
    active = level > level.amax(1, keepdim=True) - _ACTIVE_DB
    heard = torch.where(active[:, None], power, torch.zeros_like(power)).sum(2) / active.sum(1, keepdim=True)
    octave = _band_octaves(config).to(db)
    frame_s = config.hop_length / config.sample_rate
    found = {
        "loudness": power_to_db(heard.sum(1)),
        "brightness": (heard * octave).sum(1) / heard.sum(1).clamp_min(1e-12),
        "noisiness": power_to_db(heard).clamp_min(floor).mean(1) - power_to_db(heard.mean(1)),
    }
    begun = active.float().argmax(1)
    found["attack"] = (level.argmax(1) - begun).float() * frame_s
    found["length"] = active.sum(1).float() * frame_s
    strongest = power_to_db(heard)
    stands_out = strongest.amax(1) - strongest.clamp_min(floor).mean(1)
    if float(stands_out.median()) > _TONAL_DB:
        found["pitch"] = octave[strongest.argmax(1)]
    return found


def centroid(db: torch.Tensor, config: SpectrogramConfig, floor: float) -> float:
    """The spectral centroid of mel power in dB [M, F], in octaves above 1 Hz: the mean of frequency, by power.

    What lies at ``floor`` counts as silence; of silence alone it is that of 20 Hz. It goes with the same figure of the
    sound's wave (r 0.95 to 0.99 over the variations of three models), as brightness does less (0.77 to 0.93).
    """
    spectrum = _above(floor, db).sum(1)
    hertz = (spectrum @ _band_octaves(config).to(db).exp2()) / spectrum.sum().clamp_min(1e-12)
    return float(hertz.clamp_min(_LOWEST_HZ).log2())


def _above(floor: float, db: torch.Tensor) -> torch.Tensor:
    return torch.where(db > floor + 1.5, to_power(db), torch.zeros_like(db))


def _band_octaves(config: SpectrogramConfig) -> torch.Tensor:
    """The centre of each band [M] in octaves above 1 Hz."""
    bank = mel_filterbank(config)
    frequency = torch.linspace(0, config.sample_rate / 2, len(bank))
    centre = (bank * frequency[:, None]).sum(0) / bank.sum(0).clamp_min(1e-12)
    return centre.clamp_min(_LOWEST_HZ).log2()
