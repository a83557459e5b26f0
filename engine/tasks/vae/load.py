"""A run directory's model, ready to use."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.audio.mel import Scale
from engine.config import TrainingConfig, validated
from engine.errors import DataError, RunDirectoryError
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.snapshot import find
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.model import ConvVAE


def load_codec(run_dir: Path, which: str | None) -> Codec:
    """The state called ``which`` (see :func:`engine.snapshot.find`) of a run of sounds, on the CPU.

    ``RunDirectoryError`` or ``DataError`` when there is none or it does not fit.
    """
    record = RunReader(run_dir).run()
    if record is None:
        raise RunDirectoryError(f"{run_dir} holds no run that began to train.", "Name a run's directory.")
    if record.task != "vae":
        raise DataError(f"This run learned a {record.task}, not sounds.", "Name a run that was trained on sounds.")
    config = validated(TrainingConfig, record.config.training)
    task = validated(VAEConfig, record.config.task)
    spectrogram = task.spectrogram
    name, state = find(Layout(run_dir), which)
    chunk = max(spectrogram.n_fft, round(config.chunk_duration_s * spectrogram.sample_rate))
    shape = (spectrogram.n_mels, config.latent_dim, task.channels, task.code, spectrogram.frames(chunk))
    try:
        with torch.device("meta"):  # settings that do not belong to these weights may ask for any amount of memory
            ConvVAE(*shape).load_state_dict(state["average"])
        model = ConvVAE(*shape)
        ceiling = state["task"]["ceiling"]
        model.load_state_dict(state["average"])
        codec = Codec(model.eval().requires_grad_(False), spectrogram, Scale(0.0, 0.0, 1.0), ceiling)
        codec.load_state_dict(state["task"])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunDirectoryError(f"{name} does not fit this run: {error}".splitlines()[0], "Use another one.") from error
    return codec
