"""Several runs from one wish: each preset with each seed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from engine.config import TrainingConfig
from engine.process.job import Job


def wishes(
    values: dict[str, Any], presets: Sequence[str], seeds: int | None
) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """The settings of each run, and the words that tell it from the others.

    Every preset with the first seed comes first: by the morning there is at least one of each to compare.
    """
    first = values.get("seed")
    first = TrainingConfig.model_fields["seed"].default if first is None else first
    each_seed: Sequence[int | None] = range(first, first + seeds) if seeds else [None]
    each_preset: Sequence[str | None] = presets or [None]
    for seed, preset in product(each_seed, each_preset):
        varied = {"preset": preset, "seed": seed}
        words = (*([preset] if preset else []), *([f"seed {seed}"] if seed is not None else []))
        yield values | {name: value for name, value in varied.items() if value is not None}, words


def named(job: Job, words: tuple[str, ...]) -> Job:
    return replace(job, name=" ".join((job.name, *words)))


def new_sweep(jobs: Sequence[Job]) -> str | None:
    """What the requests for ``jobs`` are to have in common; None for one alone."""
    return uuid.uuid4().hex if len(jobs) > 1 else None
