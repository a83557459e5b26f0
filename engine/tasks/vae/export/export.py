"""A run's model as a file of its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine import __version__
from engine.audio.mel import mel_filterbank
from engine.errors import DataError
from engine.loop.snapshot import find, serialise_snapshot
from engine.rundir.encoding import encode
from engine.rundir.entry import check_name
from engine.rundir.protocol import Manifest
from engine.rundir.reader import RunReader
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.export.programs import decoder_program, encoder_program
from engine.tasks.vae.sounds.latent_map import LatentMap
from engine.tasks.vae.sounds.load import build_codec, check_can
from engine.tasks.vae.sounds.model_file import (
    DECODER,
    ENCODER,
    MAP,
    MEL_BANK,
    WEIGHTS,
    ModelConfig,
    ModelManifest,
    write_model,
)
from engine.validation import validated


def export_model(run_dir: Path, which: str | None, out: Path, licence: str = "", notes: str = "") -> ModelManifest:
    """Write the state ``which`` (see :func:`engine.loop.snapshot.find`) of a run of sounds to ``out``; what it says of
    it.

    The same state and words give the same bytes. ``RunDirectoryError`` or ``DataError`` when there is no such state, or
    the directory's name is none that a run may have.
    """
    if run_dir.is_file():
        raise DataError(f"{run_dir.name} is a file.", "Name a run's directory; an exported model is one already.")
    record = check_can(run_dir, "export")
    reader = RunReader(run_dir)
    check_name(reader.layout)
    name, state = find(reader.layout, which)
    codec = build_codec(validated(VAEConfig, record.config.task), name, state)
    moment = _manifest_of(reader, name)
    manifest = ModelManifest(
        run=reader.id,
        uuid=record.uuid,
        checkpoint=name,
        epoch=moment.epoch if moment else None,
        step=moment.step if moment else None,
        fingerprint=record.fingerprint,
        num_train_files=record.num_train_files,
        licence=licence,
        notes=notes,
        versions={"sweetspot": __version__, "torch": str(torch.__version__)},
    )
    dataset = reader.dataset()
    scale = codec.scale
    config = ModelConfig(
        training=record.config.training,
        task=record.config.task,
        scale={"ref": scale.ref, "mean": scale.mean, "std": scale.std, "floor": scale.floor},
        prior=state["task"].get("prior", {}).get("kind"),
        files=[row for row in dataset.files if row.split] if dataset else [],
    )
    write_model(out, manifest, config, _members(codec, state["task"]))
    return manifest


def _members(codec: Codec, task: dict[str, Any]) -> dict[str, bytes]:
    bank = io.BytesIO()
    np.save(bank, mel_filterbank(codec.config).numpy())
    members = {
        WEIGHTS: serialise_snapshot(codec.model, task, half=False),
        ENCODER: encoder_program(codec),
        DECODER: decoder_program(codec),
        MEL_BANK: bank.getvalue(),
    }
    if codec.file_codes is not None:
        points = [vars(point) for point in LatentMap(codec, codec.file_codes).points()]
        members[MAP] = encode({"points": points}, indent=1)
    return members


def _manifest_of(reader: RunReader, name: str) -> Manifest | None:
    """The manifest of the checkpoint or snapshot called ``name``."""
    found = (*reader.checkpoints(), *reader.snapshots())
    return next((one.manifest for one in found if one.path.name == name), None)
