"""What a training run can be told. Values only: no torch, no paths, no Python names.

A configuration keeps which fields were set by its user (pydantic's ``model_fields_set``); :mod:`engine.resolve` fills
the others, once. A run stores the resolved one, which sets them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from engine.rundir.record import Abilities, FileRow, Nouns
from engine.settings import OverfittingPreset, Presets, Settings

SHORT_RUN_EPOCHS = 50
MOST_UPDATES = 10**9  # no run gets there: stands in for a length in minutes that was not measured yet


class TaskConfig(Settings):
    """Base of what only one task has a use for: each task has one class of these, in its ``config.py``.

    can: what its models are good for; every run keeps it in run.json. nouns: what its data is called, before a run has
    told it, in sentences and on cards. measured_by: the settings, by name, that an error
    is measured by: runs that differ in one cannot be compared by their figures. phases: what is done before the first
    update, in words, by the phase that ``OpenContext.report`` is given. need_measured: whether
    :func:`engine.run_length.automatic_steps` was measured on data like its own.
    """

    can: ClassVar[Abilities] = Abilities()
    nouns: ClassVar[Nouns] = Nouns()
    measured_by: ClassVar[tuple[str, ...]] = ()
    phases: ClassVar[Mapping[str, str]] = {}
    need_measured: ClassVar[bool] = False

    def num_items(self, files: Sequence[FileRow]) -> int:
        """Training items in ``files``, as far as their rows tell: one for each file to learn from, at least 1."""
        return max(1, sum(row.split == "train" for row in files))

    def adapted(self, training: TrainingConfig) -> TrainingConfig:
        """``training``, not resolved, with what this task fixes where its user said nothing."""
        return training

    def asked(self, training: TrainingConfig) -> Self:
        """Of a run's stored settings those that its user may have asked for: open again what follows from its data.

        training: the stored settings of the same run.
        """
        return self


class RegularizationConfig(Settings):
    """What keeps a model from memorising. Unset fields follow the preset."""

    sections: ClassVar[dict[str, str]] = {"dropout": "Against memorising"}

    dropout: float = Field(
        0.01,
        ge=0,
        lt=1,
        title="Part of the input that is hidden",
        description="Part of what the model is shown that is masked while it learns: more makes learning by heart "
        "harder, and its copies less close.",
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=1,
        title="Pull towards small weights",
        description="How strongly the model is pulled towards the simple: more makes learning by heart harder, "
        "and detail too.",
    )
    augmentation_expansion: int = Field(
        10,
        ge=1,
        le=100,
        title="Variants of each item",
        description="Most variants of each item that an epoch learns from: more keep a small collection from "
        "being learnt by heart, and take longer; fewer when there are many items.",
    )
    gradient_clip_norm: float = Field(
        1.0,
        gt=0,
        title="Largest step of learning",
        description="No update may go farther: less keeps an odd item from throwing the learning off, more learns "
        "sooner.",
    )


# Measured, see docs/model.md: one learning rate was best on every set, and masking 0.1 of the input already cost 0.2 to
# 0.5 dB on sounds held out, so the first draft's 0.4, 0.2 and 0.1 became 0.02, 0.01 and 0 in the same order.
_PRESETS: Presets = {
    OverfittingPreset.CONSERVATIVE: {
        "max_epochs": 100,
        "regularization": {
            "dropout": 0.02,
            "weight_decay": 0.05,
            "augmentation_expansion": 15,
            "gradient_clip_norm": 0.5,
        },
    },
    OverfittingPreset.BALANCED: {
        "max_epochs": 200,
        "regularization": {
            "dropout": 0.01,
            "weight_decay": 0.01,
            "augmentation_expansion": 10,
            "gradient_clip_norm": 1.0,
        },
    },
    OverfittingPreset.AGGRESSIVE: {
        "max_epochs": 500,
        "regularization": {
            "dropout": 0.0,
            "weight_decay": 0.001,
            "augmentation_expansion": 5,
            "gradient_clip_norm": 5.0,
        },
    },
}


class TrainingConfig(Settings):
    """How to train, whatever is learned. Unset fields follow the preset; None means "automatic"."""

    presets: ClassVar[Presets] = _PRESETS

    sections: ClassVar[dict[str, str]] = {
        "preset": "How long, and how guarded",
        "learning_rate": "How it learns",
        "val_fraction": "What it learns from",
        "checkpoint_interval": "What is kept",
        "device": "Computer and chance",
    }

    preset: Literal["auto", "conservative", "balanced", "aggressive"] = Field(
        "auto",
        title="Guard against memorising",
        description="How strongly it is kept from learning your data by heart: the lighter, the closer its "
        "copies; auto takes it from how much there is to learn from.",
    )
    max_epochs: int | None = Field(
        200,
        ge=1,
        le=MOST_UPDATES,
        title="Most epochs",
        description="Most epochs. Set by you, each is a pass over the data; a preset's only divides the run.",
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        le=MOST_UPDATES,
        title="Most updates",
        description="Most updates, each a small step of learning; automatic: what such a collection needs. All "
        "that changes during a run shortens with it.",
    )
    max_minutes: float | None = Field(
        None,
        gt=0,
        title="Most minutes",
        description="Minutes by the run's own clock, everything included but the seconds in which the program starts "
        "and ends; of them training has half at least. Planned anew as the pace moves.",
    )
    stop_after_sweet_spot: bool = Field(
        False,
        title="End after the sweet spot",
        description="End the run once three or more held-out items, told apart one by one, agree that the sweet range "
        "lies behind, or, from its half on, once two fifths of its epochs brought nothing notable; never with one or "
        "two, which cannot tell.",
    )
    learning_rate: float = Field(
        2e-3,
        gt=0,
        title="Learning rate",
        description="How far an update goes at most: more learns sooner and may fall apart, less is surer and "
        "takes longer. It falls to nothing at the end.",
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        le=1024,
        title="Items in an update",
        description="Items that an update learns from: more make it calmer and slower, fewer rougher and quicker; "
        "automatic: 8, fewer when few.",
    )
    regularization: RegularizationConfig = Field(default_factory=RegularizationConfig)
    val_fraction: float | None = Field(
        None,
        gt=0,
        lt=1,
        title="Part held out to check with",
        description="Part of the data held out to check with: more finds the sweet spot surer and leaves less to "
        "learn from; automatic: by how much there is.",
    )
    checkpoint_interval: int = Field(
        10,
        ge=1,
        title="Epochs between saves",
        description="Epochs from one save to the next, from where a run can go on; the first after 20 s, then at "
        "least one every 5 minutes.",
    )
    max_checkpoints: int = Field(
        3,
        ge=1,
        title="Saves that are kept",
        description="Newest saves kept, beside the best; older ones are removed.",
    )
    preview_interval: int = Field(
        5,
        ge=1,
        title="Epochs between previews",
        description="Epochs from one preview to the next: fewer let you follow it closer, and take time and room on "
        "the disk. Set by you, it is obeyed whatever they cost.",
    )
    preview_interval_short: int = Field(
        2,
        ge=1,
        title="Epochs between previews, short runs",
        description="The same in runs shorter than 50 epochs.",
    )
    preview_share: float | None = Field(
        None,
        gt=0,
        le=1,
        title="Part of the time for previews",
        description="Most of a run's time that previews may take: where they cost more, fewer come, close together at "
        "first and eight moments at least; automatic: 0.02, or 1 (no bound) where you set the epochs between them. Of "
        "a run held to minutes those that would take more than a tenth of the time left are left out, but for the "
        "last.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        title="Computes on",
        description="What computes: auto, cpu, cuda, cuda:N or mps; auto takes a graphics card where there is one.",
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=256,
        title="Processor threads",
        description="Processor threads; part of the run: with another number it comes out a little different.",
    )
    num_workers: int = Field(
        0, ge=0, le=0, title="Loading processes", description="Always 0: the data is read once, and kept ready."
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**63,
        title="Seed",
        description="Where all chance but the division begins: another number makes another model of the same "
        "data and settings.",
    )
    split_seed: int = Field(
        42,
        ge=0,
        lt=2**63,
        title="Seed of the division",
        description="Where chance begins in dividing the data into what is learnt and what checks: another number "
        "holds out others.",
    )


def preset_values(model: type[Settings], path: Sequence[str]) -> list[Any]:
    """What conservative, balanced and aggressive set the field at ``path`` to; empty where no preset names it."""
    found = []
    for values in model.presets.values():
        place: Any = values
        for part in path:
            place = place.get(part) if isinstance(place, Mapping) else None
        found.append(place)
    return found if any(value is not None for value in found) else []


def get_effective_preview_interval(config: TrainingConfig, total_epochs: int | None = None) -> int:
    """Epochs between previews: the short interval in runs shorter than 50 epochs.

    total_epochs: those that are planned; without them the most that ``config`` allows.
    """
    epochs = total_epochs or config.max_epochs or math.inf
    return config.preview_interval_short if epochs < SHORT_RUN_EPOCHS else config.preview_interval
