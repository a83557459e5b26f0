"""The convolutional VAE.

Letters: B batch, M mel bands, F frames, D latent_dim, L = ceil(F / 16) latent frames, W channels, R rows of bands.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from engine.errors import ConfigError

STAGES = 4
STRIDE: int = 2**STAGES
LOG_VAR_RANGE = (-12.0, 8.0)


class ChannelNorm(nn.Module):
    """LayerNorm over channels at each place: nothing depends on a sound's length, nor on its neighbours in a batch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.norm(x.permute(0, 2, 3, 1))
        return y.permute(0, 3, 1, 2)


class RowsToCode(nn.Module):
    """Hidden [B, W, R, L] to [B, 2 D, L]: every row gives 2 D / R numbers by the same weights.

    Weights shared by all rows generalise from a few sounds; a learned offset says which row it is.
    """

    def __init__(self, width: int, rows: int, latent_dim: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(1, width, rows, 1))
        self.layer = nn.Conv2d(width, 2 * latent_dim // rows, 1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        code: torch.Tensor = self.layer(hidden + self.offset)
        return code.flatten(1, 2)


class CodeToRows(nn.Module):
    """[B, D, L] back to hidden [B, W, R, L]; the mirror of :class:`RowsToCode`, which also looks one place around."""

    def __init__(self, width: int, rows: int, latent_dim: int) -> None:
        super().__init__()
        self.rows = rows
        self.layer = nn.Conv2d(latent_dim // rows, width, 3, padding=1)
        self.offset = nn.Parameter(nn.init.normal_(torch.empty(1, width, rows, 1), std=0.1))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.layer(torch.unflatten(z, 1, (-1, self.rows)))
        return hidden + self.offset


class ConvVAE(nn.Module):
    """Standardised mel spectrograms [B, 1, M, F] to codes [B, D, L] and back, in one convolutional pass of any length.

    Four stride-2 stages each way. code: "local" keeps the axes of time and frequency, each latent frame (16 frames)
    made of M / 16 rows by the same weights; "temporal" keeps time only; a "vector" ([B, D, 1]) covers exactly
    ``frames`` frames. The last layer starts small and without bias, so that the first answer is the training set's
    mean. ``ConfigError`` when latent_dim is no multiple of the rows of a local code.
    """

    def __init__(self, n_mels: int, latent_dim: int, channels: int, code: str, frames: int) -> None:
        super().__init__()
        if n_mels % STRIDE:
            raise ValueError(f"n_mels must be a multiple of {STRIDE}, not {n_mels}")
        widths = [channels * 2**stage for stage in range(STAGES)]
        self.vector = code == "vector"
        self.latent_dim = latent_dim
        self.latent_frames = math.ceil(frames / STRIDE)
        self.rows = n_mels // STRIDE
        self.encoder = nn.Sequential(*_encoder(widths))
        self.to_code: nn.Module
        self.from_code: nn.Module
        if code == "local":
            _check_divides(latent_dim, self.rows)
            self.to_code = RowsToCode(widths[-1], self.rows, latent_dim)
            self.from_code = CodeToRows(widths[-1], self.rows, latent_dim)
        else:
            columns = self.latent_frames if self.vector else 1
            flat = widths[-1] * self.rows
            self.to_code = nn.Sequential(nn.Flatten(1, 2), nn.Conv1d(flat, 2 * latent_dim, columns))
            spread = nn.ConvTranspose1d(latent_dim, flat, columns)
            self.from_code = nn.Sequential(spread, nn.Unflatten(1, (widths[-1], self.rows)))
        self.decoder = nn.Sequential(*_decoder(widths))
        _start_small(self.decoder[-1])

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, 1, M, F] to mean and log-variance, each [B, D, L]. Time is padded to a multiple of 16 by replication."""
        hidden = self.encoder(pad_time(x, self.latent_frames * STRIDE if self.vector else STRIDE))
        mean, log_var = self.to_code(hidden).chunk(2, dim=1)
        return mean, log_var.clamp(*LOG_VAR_RANGE)

    def decode(self, z: torch.Tensor, frames: int) -> torch.Tensor:
        """Codes [B, D, L] to [B, 1, M, frames]; ``frames`` at most 16 L (times the chunk's length for a vector)."""
        hidden = self.from_code(z)
        decoded: torch.Tensor = self.decoder(hidden.contiguous(memory_format=torch.channels_last))
        return decoded[..., :frames]

    def forward(self, x: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Reconstruction, mean and log-variance; ``noise`` [B, D, L] stands for the draw of the code."""
        mean, log_var = self.encode(x)
        z = mean + noise * torch.exp(0.5 * log_var)
        return self.decode(z, x.shape[-1]), mean, log_var


def _check_divides(latent_dim: int, rows: int) -> None:
    if latent_dim % rows:
        near = max(rows, round(latent_dim / rows) * rows)
        raise ConfigError(
            f"latent_dim must be a multiple of {rows} in a local code, not {latent_dim}.",
            f"Use --latent-dim {near}, or --code temporal.",
        )


@torch.no_grad()
def _start_small(layer: nn.Module) -> None:
    assert isinstance(layer, nn.ConvTranspose2d) and layer.bias is not None
    layer.weight.mul_(0.1)
    layer.bias.zero_()


def pad_time(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """[..., F] lengthened to a multiple by repeating its last frame."""
    missing = -x.shape[-1] % multiple
    return functional.pad(x, (0, missing, 0, 0), mode="replicate") if missing else x


def _encoder(widths: list[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for stage, (before, width) in enumerate(zip([1, *widths], widths, strict=False)):
        layers.append(nn.Conv2d(before, width, 3, stride=2, padding=1))
        if stage:  # a norm right after the first layer takes away the level, which the code must carry
            layers.append(ChannelNorm(width))
        layers.append(nn.SiLU())
    return layers


def _decoder(widths: list[int]) -> list[nn.Module]:
    """Transposed 4x4 convolutions at stride 2: 3x3 kernels leave a checkerboard. No norm before the last layer."""
    layers: list[nn.Module] = [ChannelNorm(widths[-1]), nn.SiLU()]
    for stage, (width, after) in enumerate(zip(widths[::-1], [*widths[-2::-1], 1], strict=True)):
        layers.append(nn.ConvTranspose2d(width, after, 4, stride=2, padding=1))
        if stage < STAGES - 2:
            layers.append(ChannelNorm(after))
        if stage < STAGES - 1:
            layers.append(nn.SiLU())
    return layers
