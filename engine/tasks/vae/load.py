"""A run directory's model, ready to use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.audio.mel import Scale
from engine.config import TrainingConfig, validated
from engine.errors import DataError, RunDirectoryError
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.schema import FileRow, RunRecord
from engine.snapshot import find
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.model import ConvVAE


@dataclass(frozen=True)
class Trained:
    """A model in use, and whose it is.

    run, uuid: of the run. state: the file it came from. weights: a digest of the weights and of all that was measured
    with them: equal ones make equal sounds. temperature: the run's own. source: the collection's folder, when the run
    names one; it may be gone. files: those that were trained or checked on, as rows of the run's data set.
    """

    codec: Codec
    run: str
    uuid: str
    state: str
    weights: str
    temperature: float
    source: Path | None
    files: tuple[FileRow, ...]


def open_model(place: Path, which: str | None) -> Trained:
    """The state called ``which`` (see :func:`engine.snapshot.find`) of a run of sounds, on the CPU. Reads only.

    ``RunDirectoryError`` or ``DataError`` when there is none or it does not fit.
    """
    reader = RunReader(place)
    record = check_is_of_sounds(place)
    config = validated(TrainingConfig, record.config.training)
    task = validated(VAEConfig, record.config.task)
    name, state = find(Layout(place), which)
    dataset = reader.dataset()
    return Trained(
        codec=build_codec(config, task, name, state),
        run=reader.id,
        uuid=record.uuid,
        state=name,
        weights=digest(state),
        temperature=task.temperature,
        source=Path(record.source.path) if record.source.path else None,
        files=tuple(row for row in dataset.files if row.split) if dataset else (),
    )


def check_is_of_sounds(place: Path) -> RunRecord:
    """What the run is; ``RunDirectoryError`` when there is none, ``DataError`` when it learned something else."""
    record = RunReader(place).run()
    if record is None:
        raise RunDirectoryError(f"{place} holds no run that began to train.", "Name a run's directory.")
    if record.task != "vae":
        raise DataError(
            f"This run trained the task {record.task}, which makes no sounds.", "Name a run that was trained on sounds."
        )
    return record


def load_codec(run_dir: Path, which: str | None) -> Codec:
    """The model of :func:`open_model` alone."""
    return open_model(run_dir, which).codec


def build_codec(config: TrainingConfig, task: VAEConfig, name: str, state: Mapping[str, Any]) -> Codec:
    """A codec from {"average": weights, "task": state}; ``RunDirectoryError`` when they do not fit."""
    spectrogram = task.spectrogram
    chunk = max(spectrogram.n_fft, round(config.chunk_duration_s * spectrogram.sample_rate))
    shape = (spectrogram.n_mels, config.latent_dim, task.channels, task.code, spectrogram.frames(chunk))
    try:
        with torch.device("meta"):  # settings that do not belong to these weights may ask for any amount of memory
            ConvVAE(*shape).load_state_dict(state["average"], assign=True)
        model = ConvVAE(*shape)
        model.load_state_dict(state["average"])
        ceiling = state["task"]["ceiling"]
        codec = Codec(model.eval().requires_grad_(False), spectrogram, Scale(0.0, 0.0, 1.0), ceiling)
        codec.load_state_dict(state["task"])
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunDirectoryError(
            f"{name} does not fit this run, or another version of Sweetspot made it.", "Use another one."
        ) from error
    return codec


def digest(state: Mapping[str, Any]) -> str:
    """Names the model in {"average": weights, "task": state}: equal numbers, equal names, whatever file held them."""
    found = hashlib.sha256()
    _feed(found, {"average": dict(state["average"]), "task": dict(state["task"])})
    return found.hexdigest()


def _feed(found: hashlib._Hash, value: Any) -> None:
    if isinstance(value, dict):
        for name in sorted(value):
            found.update(f"{name}\0".encode())
            _feed(found, value[name])
    elif isinstance(value, torch.Tensor):
        found.update(f"{tuple(value.shape)}\0".encode())
        found.update(value.detach().float().contiguous().numpy().tobytes())
    else:
        found.update(f"{value!r}\0".encode())
