"""Encoder and decoder as ``torch.export`` programs: they run without this project's code, on sounds of any length.

Both speak mel power in dB, the form :mod:`engine.audio.mel` defines. Letters: M mel bands, F frames, B batch,
D latent_dim, L latent frames.
"""

from __future__ import annotations

import io

import torch
from torch import nn
from torch.export import Dim, export

from engine.tasks.vae.codec import SHORTEST_FRAMES, Codec
from engine.tasks.vae.model import LOG_VAR_RANGE, STRIDE

MOST_FRAMES = 2**24
MOST_WINDOWS = 4096
_KEPT_META = {"val", "torch_fn"}


class Encoder(nn.Module):
    """Mel power in dB [M, F] to posterior mean and log-variance [1, D, L], as :meth:`Codec.encode`.

    A vector code takes a sound cut into its chunks, [windows, M, 16 L'], and gives [windows, D, 1].
    """

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        model, scale = codec.model, codec.scale
        self.encoder, self.to_code, self.vector = model.encoder, model.to_code, model.vector
        self.floor, self.mean, self.std = scale.floor, scale.mean, scale.std

    def forward(self, db: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = (db.clamp_min(self.floor) - self.mean) / self.std
        if not self.vector:
            frames = torch.sym_max(SHORTEST_FRAMES, x.shape[-1])  # type: ignore[no-untyped-call]
            missing = frames + -frames % STRIDE - x.shape[-1]
            x = nn.functional.pad(x, (0, missing), value=(self.floor - self.mean) / self.std)[None]
        mean, log_var = self.to_code(self.encoder(x[:, None])).chunk(2, dim=1)
        return mean, log_var.clamp(*LOG_VAR_RANGE)


class Decoder(nn.Module):
    """Codes [B, D, L] to mel power in dB [B, M, 16 L] (all frames of its chunk for a vector); :meth:`Codec.decode`."""

    ceiling: torch.Tensor

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        model, self.scale = codec.model, codec.scale
        self.from_code, self.decoder = model.from_code, model.decoder
        self.vector, self.chunk = model.vector, model.latent_frames
        self.register_buffer("ceiling", codec.ceiling.cpu()[:, None].clamp_min(self.scale.floor))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        frames = STRIDE * (self.chunk if self.vector else codes.shape[-1])
        if not self.vector:
            codes = nn.functional.pad(codes, (0, 1), mode="replicate")
        decoded = self.decoder(self.from_code(codes))[:, 0, :, :frames]
        return torch.minimum(self.scale.restore(decoded), self.ceiling)


def encoder_program(codec: Codec) -> bytes:
    """The encoder, serialised: 1 to 2^24 frames, or 1 to 4,096 of a vector's chunks. One codec, one result in bytes."""
    bands = codec.config.n_mels
    if codec.model.vector:
        example = torch.zeros(3, bands, STRIDE * codec.model.latent_frames)
        return _serialise(Encoder(codec).eval(), example, {0: Dim("windows", min=1, max=MOST_WINDOWS)})
    example = torch.zeros(bands, 3 * SHORTEST_FRAMES + 1)
    return _serialise(Encoder(codec).eval(), example, {1: Dim("frames", min=1, max=MOST_FRAMES)})


def decoder_program(codec: Codec) -> bytes:
    """The decoder for a batch of 1 to 4,096, and 1 to 2^20 latent frames where the code has a time axis."""
    model = codec.model
    example = torch.zeros(3, model.latent_dim, 1 if model.vector else 7)
    length = {} if model.vector else {2: Dim("latent_frames", min=1, max=MOST_FRAMES // STRIDE)}
    return _serialise(Decoder(codec).eval(), example, {0: Dim("batch", min=1, max=MOST_WINDOWS), **length})


def _serialise(module: nn.Module, example: torch.Tensor, dynamic: dict[int, Dim]) -> bytes:
    with torch.no_grad():
        program = export(module, (example,), dynamic_shapes=(dynamic,), strict=False)
    for node in program.graph.nodes:  # where each line of source lay: nobody's business, and different everywhere
        node.meta = {name: value for name, value in node.meta.items() if name in _KEPT_META}
    program.example_inputs = None
    out = io.BytesIO()
    torch.export.save(program, out)
    return out.getvalue()
