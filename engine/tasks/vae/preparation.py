"""What is measured of a collection before the first update: scale, fixed spectrograms, index of windows.

A pure function of the sounds of both sides and of how they are transformed, so it is kept in the cache and computed
once. Letters: N sounds or chunks, M mel bands, F frames.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version

import torch
from safetensors.torch import load, save

from engine.audio.files.memo import memo_key, programs, recall
from engine.audio.mel import RANGE_DB, AudioSpectrogram, Scale
from engine.audio.window_index import WindowIndex
from engine.task import OpenContext
from engine.tasks.vae.copying import CopyingMeter
from engine.tasks.vae.dataset import AudioTrainingDataset, evaluation_db, measure, sweep
from engine.tasks.vae.fitting import sound_shapes


@dataclass(frozen=True)
class Preparation:
    """loudest [N], ceiling [M]: see :class:`~engine.tasks.vae.dataset.Sweep`.

    db [N, M, F]: the fixed chunks of either side. shapes [4, N]: see :func:`~engine.tasks.vae.fitting.sound_shapes`.
    numbers [4]: the scale's three, and how far held-out sounds are from what is learned. cells, starts, ends: the
    index.
    """

    train_loudest: torch.Tensor
    val_loudest: torch.Tensor
    ceiling: torch.Tensor
    train_db: torch.Tensor
    val_db: torch.Tensor
    shapes: torch.Tensor
    numbers: torch.Tensor
    cells: torch.Tensor
    starts: torch.Tensor
    ends: torch.Tensor

    @property
    def scale(self) -> Scale:
        ref, mean, std, _ = self.numbers.tolist()
        return Scale(ref, mean, std)

    def meter(self, train: AudioTrainingDataset, transform: AudioSpectrogram) -> CopyingMeter:
        index = _new_index(train)
        index.load_state({"cells": self.cells, "starts": self.starts, "ends": self.ends})
        meter = CopyingMeter(train, transform, index, self.scale.floor)
        meter.held_out_db = float(self.numbers[3])
        return meter


def prepare(
    train: AudioTrainingDataset, val: AudioTrainingDataset, transform: AudioSpectrogram, context: OpenContext
) -> Preparation:
    """From the cache where it holds this very preparation, else computed and kept there."""

    def compute() -> bytes:
        tensors = asdict(_compute(train, val, transform, context))
        return save({name: tensor.contiguous() for name, tensor in tensors.items()})

    def damaged() -> None:
        context.warn("What the cache held of this collection's spectrograms was damaged and has been computed again.")

    return Preparation(**load(recall(train.sounds[0].cache, _key(train, val, transform), compute, damaged)))


def _key(train: AudioTrainingDataset, val: AudioTrainingDataset, transform: AudioSpectrogram) -> str:
    """All that the numbers depend on, to their last bit: another processor or library may add in another order."""
    device = transform.window.device
    computer = [str(device), torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()]
    if device.type == "cuda":
        computer.append(torch.cuda.get_device_name(device))
    sides = [[(sound.digest, sound.num_samples, sound.group) for sound in side.sounds] for side in (train, val)]
    versions = [version("torch"), version("numpy"), programs("audio/*.py", "tasks/vae/*.py")]
    return memo_key("preparation", versions, computer, train.spectrogram.model_dump(), train.chunk_samples, sides)


def _new_index(train: AudioTrainingDataset) -> WindowIndex:
    return WindowIndex(train.frames, train.spectrogram.full_scale_db - RANGE_DB)


def _compute(
    train: AudioTrainingDataset, val: AudioTrainingDataset, transform: AudioSpectrogram, context: OpenContext
) -> Preparation:
    index = _new_index(train)
    found = sweep(train, transform, index, context.check, partial(context.report, "prepare"))
    val_loudest = sweep(val, transform, check=context.check).loudest
    scale = measure(train, transform, float(found.ceiling.max()))
    train_db, val_db = evaluation_db(train, transform), evaluation_db(val, transform)
    context.check()
    meter = CopyingMeter(train, transform, index, scale.floor)
    meter.hear(val_db)
    return Preparation(
        train_loudest=found.loudest,
        val_loudest=val_loudest,
        ceiling=found.ceiling,
        train_db=train_db,
        val_db=val_db,
        shapes=sound_shapes(train, context.check),
        numbers=torch.tensor([scale.ref, scale.mean, scale.std, meter.held_out_db], dtype=torch.float64),
        **index.state(),
    )
