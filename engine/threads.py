"""How many threads one training takes where nobody says."""

from __future__ import annotations

import os

import psutil

MOST_AUTOMATIC_THREADS = 4


def automatic_threads() -> int:
    """The physical cores, at most four: more gained little at these sizes. Processes that torchrun started here share
    the cores."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return max(1, min(MOST_AUTOMATIC_THREADS, cores // int(os.environ.get("LOCAL_WORLD_SIZE") or 1)))
