"""Writing notes on a run, whether it trains or not: only on one that is ours to write to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import RunDirectoryError, StorageError, next_step
from engine.rundir.alone import alone
from engine.rundir.atomic import replace_bytes
from engine.rundir.encoding import as_written, encode
from engine.rundir.layout import Layout
from engine.rundir.notes import Notes, names_stars, notes_in
from engine.rundir.reader import RunReader
from engine.rundir.reading import read_own
from engine.rundir.view import RunView


def annotate(
    reader: RunReader,
    *,
    remarks: Mapping[int, str] | None = None,
    starred: Mapping[int, bool] | None = None,
    **changes: Any,
) -> Notes:
    """Change fields of a run's :class:`Notes` and leave the others as they are; all of them as they stand now.

    remarks: by update; those at other updates stay, and an empty one goes. starred: whether an update's previews have
    a star; others keep theirs. Of two who write at once, in one process or two, neither is lost. A notes.json of which
    nothing can be read, or not which have a star, is put aside as notes.damaged.json.
    ``RunDirectoryError`` when the run can only be looked at, or another version wrote it; ``StorageError`` when the
    disk refuses, also to read what was there.
    """
    refused = refusal(reader.view(), reader.root)
    if refused is not None:
        raise refused
    try:
        with alone(reader.layout.notes_lock):
            before = _standing(reader.layout)
            stars = {**dict.fromkeys(before.starred, True), **(starred or {})}
            said = {
                "remarks": {**before.remarks, **(remarks or {})},
                "starred": tuple(step for step, on in stars.items() if on),
            }
            notes = Notes.model_validate(before.model_dump() | changes | said)
            replace_bytes(reader.layout.notes, encode(notes, indent=1), durable=True)
    except OSError as error:
        what, why = error.filename or reader.layout.notes, (error.strerror or str(error)).lower()
        raise StorageError(
            f"The notes on {reader.root} cannot be written: {what}: {why}.", f"{next_step(error)}."
        ) from error
    return notes


def _standing(layout: Layout) -> Notes:
    """The notes as they are; a file that says nothing, or not which have a star, is put aside first. ``OSError``."""
    raw = read_own(layout.notes)
    values = {} if raw is None else as_written(raw)
    if values is None or not names_stars(values) or (raw is None and layout.notes.is_file()):
        layout.notes.replace(layout.damaged_notes)
    return notes_in(values or {})


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
