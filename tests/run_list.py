"""The runs in a directory, as a test looks at them."""

from __future__ import annotations

from pathlib import Path

from engine.rundir.reader import RunReader, run_names, trained_at


def list_runs(runs_dir: Path) -> list[RunReader]:
    """The runs in a directory, the one trained last first. What is no run is passed over."""
    readers = [RunReader(runs_dir / name) for name in run_names(runs_dir)]
    found = [(at, reader.id, reader) for reader in readers if (at := trained_at(reader)) is not None]
    return [reader for _, _, reader in sorted(found, key=lambda one: one[:2], reverse=True)]
