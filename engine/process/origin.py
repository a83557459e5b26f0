"""The weights that a new run begins from: those of a moment of another run, and what it knows of its sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config import TrainingConfig
from engine.errors import DataError
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow, Parent, Side

DIVIDING = ("val_fraction", "split_seed")  # what decides on which side a row of a table is


@dataclass(frozen=True)
class Origin:
    """Which moment of which run: best, last, step-N, epoch-N or a file's own name; None: best, else last."""

    root: Path
    which: str | None = None

    def load(self) -> Beginning:
        """Read and verified. ``RunDirectoryError``, ``DataError`` when there is no such state.

        ``DataError`` too when nothing says any more which files it learned from: they might check what they taught.
        """
        from engine.loop.snapshot import find

        reader = RunReader(self.root)
        record = reader.require_run()
        name, state = find(Layout(self.root), self.which)
        parent = Parent(run=reader.id, uuid=record.uuid, checkpoint=name)
        return Beginning(parent, state, known_sides(reader), record.fingerprint, record.config.training)


@dataclass(frozen=True)
class Beginning:
    """Averaged weights and the task's state of another run's moment, and on which side each of its files was."""

    parent: Parent
    state: dict[str, Any]
    sides: Mapping[str, Side]
    fingerprint: str
    training: Mapping[str, Any]

    def check(self, rows: Sequence[FileRow], fingerprint: str, config: TrainingConfig) -> None:
        """``DataError`` when what the weights were learned from would now check them.

        The other way round is no harm: a recording that joins two of the old ones makes them copies of one sound, of
        which one was learned, and all are learned from then. A task that keeps no files apart (a table) goes on with
        the very same data alone, divided by the very same settings; config: those of the new run, resolved.
        """
        crossed = [row.path for row in rows if row.split == "val" and self.sides.get(row.path) == "train"]
        divided = [name for name in DIVIDING if getattr(config, name) != self.training.get(name)]
        if crossed:
            raise self._misjudged(f"{crossed[0]} would change sides")
        if any(row.split for row in rows):
            return
        if fingerprint != self.fingerprint:
            raise self._misjudged("its data is another")
        if divided:
            raise self._misjudged("its rows would change sides", f"the {' and '.join(divided)}")

    def _misjudged(self, what: str, kept: str = "the data") -> DataError:
        run = self.parent.run
        return DataError(
            f"These weights cannot be judged here: {what}, and {run} would check what it learned from.",
            f"Begin from it with {kept} it had, or begin without it.",
        )


def known_sides(reader: RunReader) -> dict[str, Side]:
    """On which side each used file of a run is; none of a table. ``DataError`` when its dataset.json does not say."""
    record = reader.dataset()
    if record is None:
        what = "is damaged" if reader.layout.dataset.exists() else "is gone"
        raise DataError(
            f"{reader.layout.dataset} {what}: nothing says which files these weights were learned from.",
            "Put it back from a copy of the run, or start a new run without these weights.",
        )
    return {row.path: row.split for row in record.files if row.split is not None}
