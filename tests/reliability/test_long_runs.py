"""A run of millions of steps costs its trainer nothing more, and is opened without all of it in memory."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from app.runs import columns, store
from app.runs.columns import Columns, band
from app.runs.store import MetricsStore
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from tests.bench.app import STEPS_PER_EPOCH, FakeTrainer

STEPS = 60_000
MIB = 1 << 20


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Read by several tests and changed by none."""
    trainer = FakeTrainer(tmp_path_factory.mktemp("runs") / "long", STEPS)
    for _ in range(STEPS):
        trainer.advance()
    trainer.writer.close()
    yield trainer.writer.root


def test_a_million_steps_later_the_writer_holds_no_more(tmp_path: Path) -> None:
    """Descriptors, memory and the size of a status at 10,000 steps and at 50,000: a million differ no more."""
    trainer, process, seen = FakeTrainer(tmp_path / "run", STEPS), psutil.Process(), []
    for part in (10_000, 40_000):
        for _ in range(part):
            trainer.advance()
            if trainer.step % 100 == 0:
                trainer.tell()
        status = trainer.writer.layout.status
        gc.collect()  # what earlier tests of this process left
        seen.append((_open_files(process), process.memory_info().rss, status.stat().st_size))
    trainer.writer.close()
    (fds, memory, size), (later_fds, later_memory, later_size) = seen
    assert later_fds <= fds
    assert later_memory - memory < 16 * MIB
    assert abs(later_size - size) < 500  # the memory in use may have come in meanwhile


def _open_files(process: psutil.Process) -> int:
    """The fewest in two seconds: the heart has its status open for a moment, now and then."""
    found = []
    for _ in range(20):
        found.append(process.num_fds())
        time.sleep(0.1)
    return min(found)


@pytest.mark.slow
def test_a_thinned_reading_follows_the_full_one(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Layout(long).metrics
    full = MetricsStore(path)
    full.refresh()
    monkeypatch.setattr(store, "THIN_BYTES", path.stat().st_size // 10)
    thin = MetricsStore(path)
    thin.refresh()
    assert thin.steps.stride == 16 and thin.steps.count == full.steps.count == STEPS
    assert thin.epochs.count == STEPS // STEPS_PER_EPOCH
    assert np.array_equal(thin.epochs.get("val_recon_db"), full.epochs.get("val_recon_db"))
    for name in full.steps.names():
        values, rows = full.steps.get(name), thin.steps.get(name)
        of_row = np.resize(values, (STEPS // 16, 16))
        assert len(rows) == len(of_row) and (of_row == rows[:, None]).any(axis=1).all(), name
    assert thin.steps.last("train_loss") == full.steps.last("train_loss")
    drawn = band(thin.steps.get("train_loss"), 1, STEPS, stride=16)
    exact = band(full.steps.get("train_loss"), 1, STEPS)
    assert abs(np.interp(exact.x, drawn.x, drawn.line) - exact.line)[50:].max() < 0.02


def test_a_thinned_run_goes_on_growing(long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = RunReader(long).lines().lines
    path.write_bytes(b"\n".join(lines[:-500]) + b"\n")
    monkeypatch.setattr(store, "THIN_BYTES", path.stat().st_size // 10)
    growing = MetricsStore(path)
    growing.refresh()
    with path.open("ab") as file:
        file.write(b"\n".join(lines[-500:]) + b"\n")
    growing.refresh()
    assert growing.steps.count == STEPS and growing.epochs.count == STEPS // STEPS_PER_EPOCH
    assert np.isfinite(growing.steps.get("train_loss")).all()


def test_columns_that_grow_without_end_stay_within_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST_ROWS", 1000)
    place = Columns()
    for first in range(1, 10_001, 7):
        index = np.arange(first, min(first + 7, 10_001))
        place.put(index, {"x": index.astype(float)})
        assert place.rows <= 1000 and place.count == index[-1]
        assert np.array_equal(place.get("x"), place.index())
    assert place.stride == 16
    assert place.at("x", np.array([1.0, 17.0, 10_000.0])).tolist() == [16.0, 32.0, 10_000.0]


def test_resuming_reads_the_past_without_holding_it(long: Path) -> None:
    size = Layout(long).metrics.stat().st_size
    tracemalloc.start()
    epochs = sum(1 for _ in RunReader(long).all_of("epoch"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert epochs == STEPS // STEPS_PER_EPOCH
    assert size > 12 * MIB and peak < 6 * MIB
