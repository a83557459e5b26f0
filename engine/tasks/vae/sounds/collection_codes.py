"""The codes of a run's collection, also of a run that kept none. Letters: D latent_dim, L latent frames."""

from __future__ import annotations

import torch

from engine.audio.segments import evenly
from engine.errors import DataError
from engine.rundir.record import Side
from engine.tasks.vae.file_codes import FileCodes
from engine.tasks.vae.prior import OneShotPrior
from engine.tasks.vae.sounds.inputs import find_sound, open_sound
from engine.tasks.vae.sounds.load import Trained

MEASURED_FILES = 256
MEASURED_S = 20.0


def collection_codes(trained: Trained) -> FileCodes:
    """Where the collection lies: what the model kept of it, else measured from the files themselves.

    ``DataError`` when the run is of a version that kept nothing, and the files are gone.
    """
    if trained.codec.file_codes is not None:
        return trained.codec.file_codes
    there = [row for row in trained.files if row.split and find_sound(trained, row.path)]
    rows = evenly(there, MEASURED_FILES)
    if not any(row.split == "train" for row in rows):
        raise DataError(
            "The recordings this run learned from are not where they were, and it kept no map of them.",
            f"Put them back at {trained.source}." if trained.source else "Train again to have one.",
        )
    codes = [_measured(trained, row.path) for row in rows]
    sides: list[Side] = [row.split for row in rows if row.split]
    return FileCodes(tuple(row.path for row in rows), tuple(sides), torch.stack(codes))


def _measured(trained: Trained, path: str) -> torch.Tensor:
    """The code [D, L] of a file of the collection, as training keeps it."""
    codec = trained.codec
    wave = open_sound(trained, path).wave
    assert wave is not None
    if not isinstance(codec.prior, OneShotPrior):
        mean, _ = codec.encode(torch.from_numpy(wave[: round(MEASURED_S * codec.config.sample_rate)]))
        return mean[0].mean(-1, keepdim=True)
    frames = codec.prior.frames
    samples = (codec.frames_of(frames + (not codec.model.vector)) - 1) * codec.config.hop_length
    whole = torch.zeros(samples)
    whole[: len(wave)] = torch.from_numpy(wave[:samples])
    mean, _ = codec.encode(whole)
    return mean[0, :, :frames]
