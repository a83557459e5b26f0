"""Runs that wait for their turn, as the app asks for them. Starts no training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.queue.files import Queue
from engine.queue.sweep import add_all, asked_jobs
from engine.settings import OverfittingPreset

SWEPT, SEEDS = tuple(map(str, OverfittingPreset)), 2


def add(queue: Queue, source: str, name: str, settings: Mapping[str, Any], *, sweep: bool = False) -> int:
    """Put a run at the end, with ``sweep`` one of each preset with each of two seeds; how many.

    settings: by name, also "from" and "checkpoint", as the command line has them. ``SweetspotError`` when one of them
    could not be trained, or the disk refuses.
    """
    own = dict(settings)
    origin, which = own.pop("from", None), own.pop("checkpoint", None)
    jobs = asked_jobs(
        own, queue.runs_dir, SWEPT if sweep else (), SEEDS if sweep else None, source=source, name=name,
        config_file=None, origin=None if origin is None else Path(origin), checkpoint=which,
    )  # fmt: skip
    return len(add_all(queue, jobs, source))


def writable(queue: Queue) -> bool:
    """Whether this user may change it."""
    place = next(place for place in (queue.folder, queue.runs_dir, *queue.runs_dir.parents) if place.exists())
    return os.access(place, os.W_OK | os.X_OK)
