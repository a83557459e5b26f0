"""A second picture of a sound, fine in time, inferred from its mel spectrogram by a small net that knows no collection.

A spectrogram of 2048 samples blurs an attack over 43 ms. The second picture has a quarter of its window and of its hop,
and 32 Slaney bands from 0 Hz to half the rate. The net is trained once, by ``python -m tests.bench detail``, and
shipped; ``detail.json`` beside it names its digest, licence and data. Letters: B batch, F frames, S = 4 (F - 1) + 1.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import load
from torch import nn

from engine.audio.mel import power_to_db, to_power
from engine.audio.settings import SpectrogramConfig

MEL_BANDS, BANDS, FINER = 128, 32, 4
RANGE_DB = 80.0
WEIGHTS = Path(__file__).with_name("detail.safetensors")
LEARNED_FRAME_S = 2048 / 48_000
MOST_STRETCH = 1.35
_SCALE_DB = 20.0
_CHANNELS, _LAYERS = 32, 4

log = logging.getLogger(__name__)


class DetailNet(nn.Module):
    """Mel power in dB below the sound's loudest bin [B, 128, F] to the second picture on that scale [B, 32, S].

    The first answer sums fours of bands and draws straight lines from frame to frame; convolutions that share their
    weights over bands and time correct it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Conv2d(1, _CHANNELS, (MEL_BANDS // BANDS, 5), stride=(MEL_BANDS // BANDS, 1), padding=(0, 2))
        self.places = nn.Parameter(torch.zeros(_CHANNELS, BANDS, 1))
        layers = (nn.Conv2d(_CHANNELS, _CHANNELS, (3, 5), padding=(1, 2)) for _ in range(_LAYERS))
        self.layers = nn.ModuleList(layers)
        self.out = nn.Conv2d(_CHANNELS, FINER, 1)
        self.offset = nn.Parameter(torch.zeros(BANDS, 1))
        nn.init.zeros_(self.out.weight)

    def forward(self, db: torch.Tensor) -> torch.Tensor:
        db = db.clamp_min(-RANGE_DB)
        x = self.into(db[:, None] / _SCALE_DB + 2) + self.places
        for layer in self.layers:
            x = x + layer(nn.functional.gelu(x))
        of_frames = self.out(nn.functional.gelu(x))  # [B, 4, 32, F]
        correction = of_frames.movedim(1, -1).flatten(-2)[..., : FINER * (db.shape[-1] - 1) + 1]
        answer: torch.Tensor = _first_answer(db) + self.offset + _SCALE_DB * correction
        return answer


def _first_answer(db: torch.Tensor) -> torch.Tensor:
    grouped = power_to_db(to_power(db).view(len(db), BANDS, -1, db.shape[-1]).sum(2))
    return nn.functional.interpolate(grouped, size=FINER * (db.shape[-1] - 1) + 1, mode="linear", align_corners=True)


def fits(config: SpectrogramConfig) -> bool:
    """Whether the net knows such spectrograms: 128 bands of energy from 0 Hz to half the rate, four frames a window,
    frames of 32 to 58 ms.

    It learned those of 42.7 ms at 48 kHz. Other settings are inverted without a second picture.
    """
    stretch = config.n_fft / config.sample_rate / LEARNED_FRAME_S
    whole = (config.f_min, config.top_hz, config.power) == (0.0, config.sample_rate / 2, 2.0)
    same = (
        whole
        and config.n_mels == MEL_BANDS
        and config.n_fft == FINER * config.hop_length
        and config.hop_length % FINER == 0
    )
    return same and 1 / MOST_STRETCH <= stretch <= MOST_STRETCH


def infer(power: torch.Tensor, config: SpectrogramConfig, net: DetailNet | None = None) -> torch.Tensor | None:
    """The second picture [B, 32, S] as power, of mel power [B, 128, F]; None where no net is, or it does not fit.

    net: another one than the shipped.
    """
    if not fits(config) or (net := net or shipped(power.device)) is None:
        return None
    db = power_to_db(power.float())
    loudest = db.amax((1, 2), keepdim=True)
    return to_power(net(db - loudest) + loudest).to(power)


@lru_cache(maxsize=4)
def shipped(device: torch.device) -> DetailNet | None:
    """The net of this package; None, and a sentence in the log once, when its file is missing or damaged."""
    try:
        net = DetailNet()
        net.load_state_dict(_read(WEIGHTS))
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = "missing" if isinstance(error, OSError) else "damaged"
        log.warning("%s is %s: attacks come out softer. Install Sweetspot again.", WEIGHTS, reason)
        return None
    return net.to(device).eval().requires_grad_(False)


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    """``ValueError`` when the file is not the one that its description names."""
    content = path.read_bytes()
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError("its digest is another one")
    return load(content)
