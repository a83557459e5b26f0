"""What a task says of the data it can learn from: data sets by name, what lies at a path. Imports no torch.

A task's ``datasets.py`` speaks in these; :mod:`engine.registry` asks all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Description:
    """What is known of a data set before it is loaded. num_classes: 0 unless it is sorted into classes.

    notes: what was decided in reading it, a sentence each; of a table first which column is predicted from how many.
    num_items: rows, to learn from and to check with; 0 where that is not known.
    """

    task_type: str
    num_features: int = 0
    num_classes: int = 0
    notes: tuple[str, ...] = ()
    num_items: int = 0


@dataclass(frozen=True)
class Dataset:
    """A data set by name.

    load: makes it ready and returns it: the folder of its sounds, or a table. defaults: tuned training settings
    (max_epochs, learning_rate, batch_size). task_defaults: the task's own. origin: where it comes from, in words.
    path: of one that lies on this disk by its user's choice. num_items: rows of a table that comes with the project.
    """

    id: str
    description: str
    task: str
    load: Callable[[], Any]
    defaults: dict[str, Any] = field(default_factory=dict)
    task_defaults: dict[str, Any] = field(default_factory=dict)
    task_type: str = "generation"
    num_features: int = 0
    num_classes: int = 0
    num_items: int = 0
    origin: str = ""
    path: Path | None = None
    user: bool = False


@dataclass(frozen=True)
class Claim:
    """A task's word that it can learn from a path. by_option: because an option that only it knows says so."""

    by_option: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """One thing to learn from a path where there are several, in words, and the settings that ask for it."""

    label: str
    settings: Mapping[str, Any] = field(default_factory=dict)
