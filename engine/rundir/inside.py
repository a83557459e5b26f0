"""Run directories from strangers: no link in one leads a reader or a writer out of it, and no file is read without end.

A run writes no links, pipes or devices. Whatever of that kind lies in its directory was put there by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.rundir.layout import Layout

MOST_BYTES = 4 << 20  # of a status, run, manifest or list of sessions: a thousand times what a long run needs
MOST_DATASET_BYTES = 64 << 20  # a row for each of a hundred thousand files


def own_file(path: Path) -> bool:
    """Whether ``path`` is a regular file of its own directory: not a pipe, and no link that leads out."""
    try:
        return path.is_file() and (
            not path.is_symlink() or path.resolve().is_relative_to(path.parent.resolve(strict=True))
        )
    except (OSError, RuntimeError):  # a link that leads back to itself
        return False


def read_own(path: Path, most: int = MOST_BYTES) -> bytes | None:
    """The bytes of an :func:`own_file`; None when it is none or longer than ``most``. Raises OSError."""
    if not own_file(path) or path.stat().st_size > most:
        return None
    with path.open("rb") as file:
        data = file.read(most + 1)
    return data if len(data) <= most else None


def links(place: Layout) -> Iterator[Path]:
    """The names of a run directory that are links, where a run would write through them."""
    named = (
        place.run, place.dataset, place.sessions, place.lock, place.status, place.metrics, place.plans, place.control,
        place.log, place.checkpoints, place.snapshots, place.previews,
    )  # fmt: skip
    return (path for path in named if path.is_symlink())
