"""A trained model of sounds, ready to use: from a run directory or from an exported model.zip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch

from engine.audio.mel import Scale
from engine.config import TrainingConfig, validated
from engine.errors import DataError, RunDirectoryError
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.snapshot import find, parse_snapshot
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.model_file import WEIGHTS, read_model


@dataclass(frozen=True)
class Model:
    """A codec and where it comes from: name and uuid of its run, and the state's name (``best.pt``)."""

    codec: Codec
    config: TrainingConfig
    task: VAEConfig
    run: str
    uuid: str
    state: str


def open_model(path: Path, which: str | None = None) -> Model:
    """The model in ``path``, on the CPU: a run directory (``which`` as in :func:`engine.snapshot.find`) or a model.zip.

    ``RunDirectoryError`` or ``DataError`` when there is none, it does not fit, or a model.zip was not left as it was.
    """
    return _from_file(path, which) if path.is_file() else _from_run(path, which)


def load_codec(path: Path, which: str | None) -> Codec:
    """The codec of :func:`open_model`."""
    return open_model(path, which).codec


def _from_run(run_dir: Path, which: str | None) -> Model:
    record = RunReader(run_dir).run()
    if record is None:
        raise RunDirectoryError(
            f"{run_dir} holds no run that began to train.", "Name a run's directory or an exported model."
        )
    if record.task != "vae":
        raise DataError(f"This run learned a {record.task}, not sounds.", "Name a run that was trained on sounds.")
    config = validated(TrainingConfig, record.config.training)
    task = validated(VAEConfig, record.config.task)
    name, state = find(Layout(run_dir), which)
    return Model(_codec(config, task, name, state), config, task, record.name, record.uuid, name)


def _from_file(path: Path, which: str | None) -> Model:
    if which is not None:
        raise DataError(f"{path.name} holds one state of a run, not {which}.", "Leave --checkpoint out.")
    file = read_model(path)
    config = validated(TrainingConfig, file.config.get("training", {}))
    task = validated(VAEConfig, file.config.get("task", {}))
    try:
        state = parse_snapshot(file.members[WEIGHTS])
    except (KeyError, ValueError, safetensors.SafetensorError) as error:
        raise DataError(f"{path.name} is damaged: its weights cannot be read.", "Use another copy of it.") from error
    made = file.manifest
    return Model(_codec(config, task, path.name, state), config, task, made.run, made.uuid, made.checkpoint)


def _codec(config: TrainingConfig, task: VAEConfig, name: str, state: Mapping[str, Any]) -> Codec:
    spectrogram = task.spectrogram
    chunk = max(spectrogram.n_fft, round(config.chunk_duration_s * spectrogram.sample_rate))
    shape = (spectrogram.n_mels, config.latent_dim, task.channels, task.code, spectrogram.frames(chunk))
    try:
        with torch.device("meta"):  # settings that do not belong to these weights may ask for any amount of memory
            ConvVAE(*shape).load_state_dict(state["average"], assign=True)
        model = ConvVAE(*shape)
        model.load_state_dict(state["average"])
        # A checkpoint's weights lie as training left them; one layout for all, or a copy would differ in its last bits.
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        codec = Codec(model.eval().requires_grad_(False), spectrogram, Scale(0.0, 0.0, 1.0), state["task"]["ceiling"])
        codec.load_state_dict(state["task"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunDirectoryError(f"{name} does not fit this run: {error}".splitlines()[0], "Use another one.") from error
    return codec
