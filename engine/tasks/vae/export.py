"""A run's model as a file of its own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch

from engine import __version__
from engine.audio.mel import mel_filterbank
from engine.errors import DataError
from engine.rundir.artefacts import Artefact
from engine.rundir.encoding import encode
from engine.rundir.reader import RunReader
from engine.rundir.schema import RunRecord
from engine.snapshot import serialise_snapshot
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.explore import CodeMap
from engine.tasks.vae.load import Trained, open_model
from engine.tasks.vae.model_file import (
    DECODER,
    ENCODER,
    MAP,
    MEL_BANK,
    WEIGHTS,
    ModelConfig,
    ModelManifest,
    write_model,
)
from engine.tasks.vae.programs import decoder_program, encoder_program


def export_model(run_dir: Path, which: str | None, out: Path, licence: str = "", notes: str = "") -> ModelManifest:
    """Write the state ``which`` (see :func:`engine.snapshot.find`) of a run of sounds to ``out``; what it says of it.

    The same state and words give the same bytes. ``RunDirectoryError`` or ``DataError`` when there is no such state.
    """
    if run_dir.is_file():
        raise DataError(f"{run_dir.name} is an exported model already.", "Name the run it came from.")
    trained = open_model(run_dir, which)
    reader = RunReader(run_dir)
    record = reader.run()
    assert record is not None, "open_model has read it"
    moment = _artefact(reader, trained.state).manifest
    manifest = ModelManifest(
        run=trained.run,
        uuid=trained.uuid,
        checkpoint=trained.state,
        epoch=moment.epoch if moment else None,
        step=moment.step if moment else None,
        fingerprint=record.fingerprint,
        num_train_files=record.num_train_files,
        licence=licence,
        notes=notes,
        versions={"sweetspot": __version__, "torch": str(torch.__version__)},
    )
    write_model(out, manifest, _config(trained, record), _members(trained.codec))
    return manifest


def _config(trained: Trained, record: RunRecord) -> ModelConfig:
    scale = trained.codec.scale
    return ModelConfig(
        training=record.config.training,
        task=record.config.task,
        scale={"ref": scale.ref, "mean": scale.mean, "std": scale.std, "floor": scale.floor},
        prior=trained.codec.state_dict().get("prior", {}).get("kind"),
        files=list(trained.files),
    )


def _members(codec: Codec) -> dict[str, bytes]:
    bank = io.BytesIO()
    np.save(bank, mel_filterbank(codec.config).numpy())
    members = {
        WEIGHTS: serialise_snapshot(codec.model, codec.state_dict(), half=False),
        ENCODER: encoder_program(codec),
        DECODER: decoder_program(codec),
        MEL_BANK: bank.getvalue(),
    }
    if codec.atlas is not None:
        points = [vars(point) for point in CodeMap(codec, codec.atlas).points()]
        members[MAP] = encode({"points": points}, indent=1)
    return members


def _artefact(reader: RunReader, name: str) -> Artefact:
    return next(one for one in (*reader.checkpoints(), *reader.snapshots()) if one.path.name == name)
