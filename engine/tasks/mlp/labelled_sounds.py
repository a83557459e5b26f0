"""A labelled folder of sounds as a table: each file decoded once, described by the front end that a VAE hears by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from engine.audio.mel import AudioSpectrogram
from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.collection.collection import Collection, Sound, open_collection
from engine.collection.health import links_sentence
from engine.errors import DataError
from engine.quantities import counted
from engine.rundir.record import FileRow
from engine.task import OpenContext
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.features import features_of
from engine.tasks.mlp.labels import FEATURE_NAMES, read_labels
from engine.tasks.mlp.table import MIN_ROWS, Table, choose_kind, encode_target


def read_sounds(folder: Path, config: MLPConfig, context: OpenContext, device: torch.device) -> Table:
    """One row a labelled file. Files that cannot be read, or have no label, are skipped with their reason."""
    assert config.labels is not None
    labels, target = read_labels(folder, config.labels, config.target)
    collection = open_collection(folder, DecodeSettings(), context.report, context.check, warn=context.warn)
    if passed_over := links_sentence(collection):
        context.warn(passed_over)
    sounds = [sound for sound in collection.sounds if sound.path in labels]
    if len(sounds) < MIN_ROWS:
        raise DataError(
            f"{counted(len(collection.rows), 'file')} found, {len(sounds)} of them usable and labelled: "
            f"at least {MIN_ROWS} are needed.",
            "Label more sounds: in sub-folders, one a class, or in a CSV of file and label.",
        )
    texts = [labels[sound.path] for sound in sounds]
    values, classes = encode_target(texts, choose_kind(texts, config.task_type), target)
    return Table(
        features=_describe(sounds, context, device),
        target=values,
        feature_names=FEATURE_NAMES,
        target_name=target,
        class_names=classes,
        groups=tuple(sound.group for sound in sounds),
        files=_rows(collection, labels),
        row_files=tuple(sound.path for sound in sounds),
    )


def _describe(sounds: list[Sound], context: OpenContext, device: torch.device) -> np.ndarray:
    transform = AudioSpectrogram(SpectrogramConfig()).to(device)
    rows: list[np.ndarray] = []
    for sound in sounds:
        context.check()
        context.report("prepare", len(rows), len(sounds))
        wave = torch.from_numpy(np.array(sound.pcm())).to(device).float() / 32767
        rows.append(features_of(wave, transform))
    return np.stack(rows)


def _rows(collection: Collection, labels: dict[str, str]) -> list[FileRow]:
    return [
        row
        if row.verdict == "skipped" or row.path in labels
        else row.model_copy(update={"verdict": "skipped", "reason": "has no label"})
        for row in collection.rows
    ]
