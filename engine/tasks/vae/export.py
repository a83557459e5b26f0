"""A run's model as a file of its own."""

from __future__ import annotations

from pathlib import Path

import torch

from engine import __version__
from engine.audio.mel import mel_filterbank
from engine.errors import DataError
from engine.rundir.artefacts import Artefact
from engine.rundir.reader import RunReader
from engine.snapshot import serialise_snapshot
from engine.tasks.vae.load import open_model
from engine.tasks.vae.model_file import DECODER, ENCODER, WEIGHTS, ModelManifest, write_model
from engine.tasks.vae.programs import decoder_program, encoder_program


def export_model(run_dir: Path, which: str | None, out: Path, licence: str = "", notes: str = "") -> ModelManifest:
    """Write the state ``which`` (see :func:`engine.snapshot.find`) of a run of sounds to ``out``; what it says of it.

    The same state and words give the same bytes. ``RunDirectoryError`` or ``DataError`` when there is no such state.
    """
    if run_dir.is_file():
        raise DataError(f"{run_dir.name} is an exported model already.", "Name the run it came from.")
    model = open_model(run_dir, which)
    reader = RunReader(run_dir)
    record = reader.run()
    assert record is not None, "open_model has read it"
    moment = _artefact(reader, model.state).manifest
    manifest = ModelManifest(
        run=model.run,
        uuid=model.uuid,
        checkpoint=model.state,
        epoch=moment.epoch if moment else None,
        step=moment.step if moment else None,
        fingerprint=record.fingerprint,
        num_train_files=record.num_train_files,
        licence=licence,
        notes=notes,
        versions={"sweetspot": __version__, "torch": str(torch.__version__)},
    )
    codec = model.codec
    state = codec.state_dict() | {"mel_bank": mel_filterbank(codec.config)}
    members = {
        WEIGHTS: serialise_snapshot(codec.model, state, half=False),
        ENCODER: encoder_program(codec),
        DECODER: decoder_program(codec),
    }
    scale = codec.scale
    config = {
        "training": model.config.model_dump(mode="json"),
        "task": model.task.model_dump(mode="json"),
        "scale": {"ref": scale.ref, "mean": scale.mean, "std": scale.std, "floor": scale.floor},
        "prior": state.get("prior", {}).get("kind"),
    }
    write_model(out, manifest, config, members)
    return manifest


def _artefact(reader: RunReader, name: str) -> Artefact:
    return next(one for one in (*reader.checkpoints(), *reader.snapshots()) if one.path.name == name)
