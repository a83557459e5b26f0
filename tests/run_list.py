"""The runs in a directory, as a test looks at them."""

from __future__ import annotations

from pathlib import Path

from engine.rundir.order import trained_last_first
from engine.rundir.reader import RunReader, last_session, run_names


def list_runs(runs_dir: Path) -> list[RunReader]:
    """The runs in a directory, the one trained last first. What is no run is passed over."""
    readers = {name: RunReader(runs_dir / name) for name in run_names(runs_dir)}
    found = {name: last_session(reader) for name, reader in readers.items() if reader.exists}
    return [readers[name] for name in trained_last_first(found)]
