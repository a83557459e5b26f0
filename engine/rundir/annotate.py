"""Writing notes on a run, whether it trains or not: only on one that is ours to write to."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from engine.errors import RunDirectoryError, StorageError
from engine.rundir.atomic import replace_bytes
from engine.rundir.encoding import encode
from engine.rundir.notes import Notes, read_notes
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView

_writing = threading.Lock()  # two tabs of one app


def annotate(reader: RunReader, **changes: Any) -> Notes:
    """Change fields of a run's :class:`Notes` and leave the others as they are; all of them as they stand now.

    ``RunDirectoryError`` when the run can only be looked at, or another version wrote it; ``StorageError`` when the
    disk refuses.
    """
    refused = refusal(reader.view(), reader.root)
    if refused is not None:
        raise refused
    with _writing:
        notes = Notes.model_validate(read_notes(reader.layout).model_dump() | changes)
        try:
            replace_bytes(reader.layout.notes, encode(notes, indent=1), durable=True)
        except OSError as error:
            raise StorageError(
                f"The notes on {reader.root} cannot be written: {error.strerror or error}.", "Make room."
            ) from error
    return notes


def refusal(view: RunView, root: Path) -> RunDirectoryError | None:
    """Why nothing may be written to the run in ``root``; None where it may."""
    if not view.read_only:
        return None
    if not os.access(root, os.W_OK):
        return RunDirectoryError(
            f"{root} may not be written to by you: it takes no name, tags or note.", "Check its rights."
        )
    return RunDirectoryError(
        f"{root} was trained on another computer and is only looked at here: it takes no name, tags or note.",
        "Write to it where it was trained.",
    )
