"""Told to end at any moment of its life, a run leaves a checkpoint, the right exit code, no child and no lock."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.rundir.lock import RunLock
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests import forkserver
from tests.conftest import ROOT, SMALL
from tests.test_train_process import comparable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
ROUNDS = 50
STEPS = 10
LINES = 30  # of metrics.jsonl in such a run
HITS = 5  # of one run
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def arguments(source: Path, root: Path) -> list[object]:
    return [source, "--run-dir", root, "--max-steps", STEPS, "--checkpoint-interval", 1, *SMALL]


def start(cache: Path, *arguments: object) -> forkserver.Popen:
    """A trainer with a cache of decoded sounds of its own."""
    environment = os.environ | {"SWEETSPOT_CACHE": str(cache)}
    return forkserver.Popen("engine.train", *arguments, environment=environment, stdout=subprocess.DEVNULL)


def left_over(cache: Path) -> list[psutil.Process]:
    """Decode children: they have the cache among their arguments."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found += [process] if str(cache) in process.cmdline() else []
    return found


def hold(root: Path, cache: Path, code: int, number: signal.Signals, sessions: int) -> None:
    """All that must hold of a run that got signal ``number`` in its session number ``sessions``, whenever it came."""
    reader = RunReader(root)
    if len(reader.sessions()) < sessions:  # it had not begun
        assert code in (128 + number, -number)
        return
    view, status = reader.view(), reader.status()
    assert status is not None and not view.session_may_live
    assert status.state in (State.INTERRUPTED, State.COMPLETED), status
    assert code == (128 + number if status.state is State.INTERRUPTED else 0)
    saved = {found.manifest.step for found in reader.checkpoints() if found.verified and found.manifest}
    assert status.step == 0 or status.step in saved
    _, alive = psutil.wait_procs(left_over(cache), timeout=120)
    assert not alive
    RunLock(reader.layout.lock, "the test").release()
    assert not [path for path in root.rglob("*") if path.name.startswith(".")]


def moments(draw: random.Random) -> Iterator[list[int]]:
    """Of each run the lines at which it is hit, in order: over all runs each line comes equally often."""
    while True:
        lines = draw.sample(range(LINES), LINES)
        for first in range(0, LINES, HITS):
            yield sorted(lines[first : first + HITS])


def wait_for_moment(draw: random.Random, wanted: int, root: Path, process: forkserver.Popen) -> None:
    """Until line ``wanted`` is written, and a little longer; where it is there already, until the next one, or none.

    Counted in lines, not seconds: a busy machine must not move all moments to the beginning or behind the end. Before
    the first update there are few lines and much time.
    """
    metrics = RunReader(root).layout.metrics

    def lines() -> int:
        return metrics.read_bytes().count(b"\n") if metrics.exists() else 0

    begun, deadline = lines(), time.monotonic() + 120
    wanted = max(wanted, begun + draw.randrange(2))
    while lines() < wanted and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(draw.uniform(0, 1.0 if lines() < 3 or lines() == begun else 0.2))


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_signals_at_fifty_moments_of_a_life_leave_what_they_promise(drums: Path, tmp_path: Path) -> None:
    """Hit, resumed and hit again until it is complete, then the next run: reading sounds and resuming are hit too.

    What comes out in the end is, bit for bit, what was never disturbed.
    """
    draw, sounds = random.Random(11), tmp_path / "sounds"
    sounds.mkdir()
    for path in sorted(drums.iterdir())[:4]:
        (sounds / path.name).write_bytes(path.read_bytes())
    assert start(tmp_path / "cache", *arguments(sounds, tmp_path / "whole")).wait() == 0
    whole = comparable(tmp_path / "whole")
    hits = completed = 0
    for number, lines in enumerate(moments(draw)):
        if hits >= ROUNDS:
            break
        root, cache = tmp_path / f"run-{number}", tmp_path / f"cache-{number // 3}"
        hits += live(draw, lines, sounds, root, cache)
        status = RunReader(root).status()
        if status is not None and status.state is State.COMPLETED:
            completed += 1
            assert comparable(root) == whole
    assert completed > ROUNDS // HITS // 2, "most were lost before they had begun"


def live(draw: random.Random, lines: list[int], sounds: Path, root: Path, cache: Path) -> int:
    """A run that is hit at each of ``lines``, resumed each time, and at last left alone; how often it was hit."""
    hits, sessions = 0, 1
    process = start(cache, *arguments(sounds, root))
    for wanted in [*lines, None]:
        number = draw.choice(SIGNALS)
        if wanted is not None:
            wait_for_moment(draw, wanted, root, process)
            if process.poll() is None:
                process.send_signal(number)
                hits += 1
        hold(root, cache, process.wait(), number, sessions)
        status = RunReader(root).status()
        if status is None or RunReader(root).run() is None or status.state is State.COMPLETED:
            break
        sessions = len(RunReader(root).sessions()) + 1
        process = start(cache, "--resume", root)
    return hits


def test_a_second_ctrl_c_leaves_at_once() -> None:
    """Whatever it is at: this one would sleep on."""
    code = (
        "import time; from engine.process.signals import HELD_OFF_S, SignalFlag\n"
        "flag = SignalFlag(); flag.install(); print('ready', flush=True)\n"
        "while not flag.received: time.sleep(0.01)\n"
        "time.sleep(HELD_OFF_S); print('asked', flush=True); time.sleep(500); print('woken', flush=True)"
    )
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "asked\n", "the first press ends nothing by itself"
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
        assert process.stdout.read() == ""


@pytest.mark.slow
def test_two_presses_of_ctrl_c_in_one_breath_still_leave_a_checkpoint(drums: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    command = ("engine.train", *arguments(drums, root), "--max-steps", "100000")
    with forkserver.Popen(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        reader = RunReader(root)
        while not reader.metrics_tail(1, "step"):
            assert process.poll() is None
            time.sleep(0.02)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 130
    status = reader.status()
    assert status is not None and status.state is State.INTERRUPTED
    assert f"saved: all up to step {status.step}," in said and f"sweetspot train --resume {root}\n" in said
    assert status.step in [found.manifest.step for found in reader.checkpoints() if found.verified and found.manifest]


@pytest.mark.slow
def test_under_nohup_a_run_outlives_its_terminal(drums: Path, tmp_path: Path) -> None:
    """What the terminal says when it closes was ignored on purpose; to be told to end still ends it."""
    root = tmp_path / "run"
    argv = ["nohup", sys.executable, "-m", "engine.train", *map(str, arguments(drums, root)), "--max-steps", "100000"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        reader = RunReader(root)
        for number in (signal.SIGHUP, signal.SIGTERM):
            seen = len(reader.metrics_tail(1000, "step"))
            while len(reader.metrics_tail(1000, "step")) < seen + 3:  # one that ends takes one more step at most
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(number)
        assert process.wait(120) == 128 + signal.SIGTERM
    status = reader.status()
    assert status is not None and status.state is State.INTERRUPTED


def heed_signals() -> None:
    """Whoever runs the tests in the background may have had some ignored, and children inherit that."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_it_still_imports_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Before there is a run there is nothing to save: the system's own way to end, or ours if it has got that far."""
    root = tmp_path / "run"
    argv = [sys.executable, "-m", "engine.train", "demo", "--run-dir", str(root)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "preexec_fn": heed_signals}
    with subprocess.Popen(argv, cwd=ROOT, **options) as process:
        time.sleep(0.02 + 0.1 * SIGNALS.index(number))
        said, presses = None, 0
        while said is None:
            process.send_signal(number)
            presses += 1
            with contextlib.suppress(subprocess.TimeoutExpired):
                said, _ = process.communicate(timeout=120)
    # Python drops a KeyboardInterrupt that falls into a callback of an import, and says so: who sees it presses again.
    assert presses == 1 or (number is signal.SIGINT and "Exception ignored in" in said)
    ends = {-number, 128 + number}
    if number is signal.SIGINT and "KeyboardInterrupt" in said:
        ends.add(1)  # Python's own way while it sets itself up
    assert process.returncode in ends, said
    if root.exists():
        status = RunReader(root).status()
        assert status is not None and status.state is State.INTERRUPTED
