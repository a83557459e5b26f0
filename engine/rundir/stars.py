"""Which made sounds have a star: stars.json in the folder they lie in, written by every app that shows them.

A star is a wish to keep. So what cannot be read is never taken for "none": who removes sounds or states asks
:func:`starred_names`, which refuses until it is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.rundir.alone import alone
from engine.rundir.atomic import replace_bytes
from engine.rundir.encoding import encode
from engine.rundir.layout import STARS
from engine.rundir.reading import is_there, object_at, unreadable


def starred_names(folder: Path) -> frozenset[str]:
    """The names of the sounds in ``folder`` that have a star, of whoever gave it.

    ``OSError`` where that is not known: stars.json cannot be read, or an earlier one that could not lies beside it.
    """
    if is_there(_damaged(folder)):
        raise unreadable(_damaged(folder))
    return standing_names(folder)


def standing_names(folder: Path) -> frozenset[str]:
    """The names in stars.json as it stands, to show them; ``OSError`` where it cannot be read."""
    found = object_at(folder / STARS).get("starred", [])
    if not isinstance(found, list):
        raise unreadable(folder / STARS)
    return frozenset(name for name in found if isinstance(name, str))


@contextmanager
def while_starred(folder: Path) -> Iterator[frozenset[str]]:
    """As a context: :func:`starred_names`, which nobody changes meanwhile. ``StorageError`` as :func:`alone` says."""
    with alone((folder / STARS).with_suffix(".lock")):
        yield starred_names(folder)


def star(sound: Path, on: bool) -> None:
    """Give a sound its star or take it away; of two who do so at once neither is lost.

    A stars.json of which nothing can be read is put aside as stars.damaged.json. ``OSError`` where the disk refuses;
    ``StorageError`` as :func:`alone` says.
    """
    folder = sound.parent
    with alone((folder / STARS).with_suffix(".lock")):
        there = frozenset(name for name in _standing(folder) if is_there(folder / name)) - {sound.name}
        names = sorted(there | {sound.name} if on else there)
        replace_bytes(folder / STARS, encode({"starred": names}, indent=1), durable=True)


def _standing(folder: Path) -> frozenset[str]:
    try:
        return standing_names(folder)
    except OSError as error:
        if error.errno != unreadable(folder).errno:  # it may be read again: nothing to be put aside
            raise
    (folder / STARS).replace(_damaged(folder))
    return frozenset()


def _damaged(folder: Path) -> Path:
    return (folder / STARS).with_suffix(".damaged.json")
