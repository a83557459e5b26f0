"""A sweep as it is asked for and put into the queue: one run, or each preset with each seed. No torch."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, TypedDict, Unpack

from engine.config import TrainingConfig
from engine.process.job import Job, asked_job
from engine.queue.files import Queue, Queued
from engine.queue.start_check import check_start


class Beginnings(TypedDict):
    """Where the runs of a wish come from, as :func:`~engine.process.job.asked_job` takes it."""

    source: str | None
    name: str | None
    config_file: Path | None
    origin: Path | None
    checkpoint: str | None


def asked_jobs(
    values: dict[str, Any], runs_dir: Path, presets: Sequence[str], seeds: int | None, **begins: Unpack[Beginnings]
) -> list[Job]:
    """The run that ``values`` ask for, or one of each of ``presets`` with each of ``seeds``; never empty.

    ``SweetspotError`` when one of them could not be trained, also for its device and for the weights it begins with.
    """
    found = [_named(asked_job(wish, runs_dir, **begins), varied) for wish, varied in _wishes(values, presets, seeds)]
    check_start(found[0])  # all have the same device and begin with the same weights
    return found


def add_all(queue: Queue, jobs: Sequence[Job], source: str | None) -> list[Queued]:
    """Put ``jobs``, all found good, at the end; several are known as one sweep. ``StorageError`` by the disk."""
    together = uuid.uuid4().hex if len(jobs) > 1 else None
    return [queue.add(job, source, together) for job in jobs]


def _wishes(
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


def _named(job: Job, words: tuple[str, ...]) -> Job:
    return replace(job, name=" ".join((job.name, *words)))
