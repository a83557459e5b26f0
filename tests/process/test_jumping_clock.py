"""A clock that is set while a run trains, waits or is shown moves nothing but dates."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from app.panels.actions import _stage
from app.runs.library import Library
from app.sounds.made_sounds import MadeSounds
from engine.audio.files.cache import Cache
from engine.audio.files.io import write_wave
from engine.audio.files.pruning import clear, entries, prune
from engine.process.job import asked_job
from engine.queue.files import Queue
from engine.rundir.protocol import HandledCommand
from engine.rundir.reader import RunReader
from engine.rundir.status import State, Status
from engine.rundir.view import ShownState
from engine.rundir.writer import RunWriter
from engine.sharing.staging import staging
from tests import forkserver
from tests.app.library import record
from tests.conftest import SMALL, until

YEAR_S = 366 * 86_400.0


@pytest.mark.slow
def test_a_run_keeps_its_minutes_its_life_and_its_axis_of_time(drums: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    reader = RunReader(root)
    began = time.monotonic()
    options = ["--run-dir", root, "--max-minutes", "0.1", *SMALL]
    with forkserver.Popen(
        "tests.process.jumping_clock", "train", drums, *options, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        until(lambda: process.poll() is not None or reader.metrics_tail(1, "step"))
        assert reader.view().state in (ShownState.RUNNING, ShownState.COMPLETED), "a moment that jumps is no death"
        assert process.wait(300) == 0, process.stderr.read() if process.stderr else ""
    took, status, events = time.monotonic() - began, reader.status(), reader.events().events
    assert status is not None and status.state is State.COMPLETED and status.eta_s in (None, 0.0)
    assert 0.0 < status.elapsed_s < took, "it counted no days, back or forth"
    axis = [event["elapsed_s"] for event in events]
    assert all(before <= after for before, after in pairwise(axis)) and axis[-1] <= took
    moments = [event["at"] for event in events]
    assert any(after < before - 3_000 for before, after in pairwise(moments)), (
        "the clock was set back, or nothing is shown"
    )


def test_what_is_asked_for_later_waits_longer_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, real = Queue(tmp_path), time.time
    blank = {"config_file": None, "origin": None, "checkpoint": None}
    for number, shift in enumerate((0.0, -86_400.0, 3_600.0, -YEAR_S)):
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        queue.add(asked_job({"max_epochs": 2}, tmp_path, source="iris", name=f"run {number}", **blank), "iris")
    assert [one.request.name for one in queue.to_train()] == [f"run {number}" for number in range(4)]


def test_what_was_trained_later_stands_before_what_was_trained_while_the_clock_was_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    for number, shift in enumerate((0.0, YEAR_S, -86_400.0, 0.0)):
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        with RunWriter.open(tmp_path / f"run-{number}", device="cpu", threads=1, versions={}) as writer:
            writer.write_run(record(f"run {number}"))
    assert [reader.id for reader in Library(tmp_path).readers()] == [f"run-{number}" for number in (3, 2, 1, 0)]


def test_a_sound_that_is_made_now_is_the_newest_beside_those_of_a_clock_that_was_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, real = MadeSounds(tmp_path), time.time
    for number, shift in enumerate((0.0, YEAR_S, -86_400.0, 0.0)):
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        path = tmp_path / f"prior-{number}.wav"
        write_wave(path, np.zeros(4_800, np.float32), 48_000)
        path.with_suffix(".json").write_text('{"sound": {"origin": {"kind": "prior"}}}')
        os.utime(path, (real() + shift,) * 2)
        made.arrived([path])
    assert [sound.path.stem for sound in made.sounds()] == [f"prior-{number}" for number in range(4)]


def test_what_the_cache_holds_from_a_time_to_come_goes_like_the_rest(
    drums: Path,
    tmp_path: Path,
    engine: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SWEETSPOT_CACHE", str(tmp_path / "cache"))
    assert engine("scan", drums).returncode == 0
    cache = Cache(tmp_path / "cache")
    found = entries(cache)
    for entry in found:
        os.utime(entry.path, (time.time() + YEAR_S,) * 2)
    monkeypatch.setenv("SWEETSPOT_CACHE_GB", str(sum(entry.size for entry in found) / 2e9))
    prune(cache)
    assert 0 < len(entries(cache)) < len(found), "those of a clock that was ahead are no reason to keep them all"
    assert clear(cache, 0) > 0 and not entries(cache)


@pytest.mark.parametrize("shift", [-YEAR_S, YEAR_S])
def test_who_takes_in_a_run_loses_nothing_to_a_clock_that_is_set(shift: float, tmp_path: Path) -> None:
    with staging(tmp_path) as mine:
        os.utime(mine, (time.time() + shift,) * 2)
        with staging(tmp_path):
            assert mine.is_dir()
        shutil.rmtree(mine)


@pytest.mark.parametrize("shift", [-86_400.0, 86_400.0])
def test_a_button_says_saved_for_a_moment_by_whatever_clock(shift: float) -> None:
    now = time.time() + shift
    done = HandledCommand(id="a", command="save_now", result="done", reason=None, at=now)
    status = Status(session="s", state=State.RUNNING, commands=[done], updated_at=now + 1)
    assert _stage(status, "save_now") == "done"
    assert _stage(status.model_copy(update={"updated_at": now + 60}), "save_now") == ""
