"""Deleting a run directory: only one that no process trains, renamed out of sight before anything in it is removed."""

from __future__ import annotations

import shutil
import sys
import uuid
from pathlib import Path

from engine.errors import RunDirectoryError, StorageError
from engine.rundir.entry import holds_run
from engine.rundir.layout import Layout
from engine.rundir.liveness import refuse_living
from engine.rundir.lock import RunLock, holder_of

PATIENCE_S = 2.0
_DELETES = "being deleted"
_GONE = ".deleted-"  # No run's name begins with a dot: a directory of this name is listed nowhere.


def delete_run(root: Path) -> None:
    """Remove the run in ``root`` for good.

    ``RunDirectoryError`` when a process trains it, or when it holds no run or is a link to one; ``StorageError`` when
    the disk refuses. It is renamed first: a removal that is cut short leaves no half run, and the next one ends it.
    """
    layout = Layout(root)
    nothing = RunDirectoryError(f"{root} holds no run.", "Remove it by hand, if it may go.")
    if root.is_symlink() or not holds_run(layout):
        raise nothing
    refuse_living(layout)
    try:
        # Somebody who deletes it too is faster, or leaves it. Who has only just taken the lock has not yet said
        # that he does.
        lock = RunLock.within(layout.lock, _DELETES, PATIENCE_S, worth=lambda: holder_of(layout.lock) in ("", _DELETES))
    except FileNotFoundError:  # another app was faster
        raise nothing from None
    except OSError as error:
        raise _refused(root, error) from error
    try:
        if sys.platform == "win32":  # where a directory with an open file in it cannot be renamed
            lock.release()
        # A name of its own: one of this name may be on its way out still, a large one for long.
        root.rename(root.with_name(f"{_GONE}{root.name}-{uuid.uuid4().hex[:12]}"))
    except OSError as error:
        raise _refused(root, error) from error
    finally:
        lock.release()
    _sweep(root.parent)


def _refused(root: Path, error: OSError) -> StorageError:
    return StorageError(f"{root} cannot be removed: {error.strerror or error}.", "Check its rights.")


def _sweep(runs_dir: Path) -> None:
    for gone in runs_dir.glob(f"{_GONE}*"):
        shutil.rmtree(gone, ignore_errors=True)
