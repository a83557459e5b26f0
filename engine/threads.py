"""How many threads one training takes where nobody says."""

from __future__ import annotations

import os

import psutil

MOST_AUTOMATIC_THREADS = 4


def automatic_threads() -> int:
    """The physical cores, at most four: more gained little at these sizes."""
    return min(MOST_AUTOMATIC_THREADS, psutil.cpu_count(logical=False) or os.cpu_count() or 1)
