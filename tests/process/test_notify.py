"""A command of the user's own hears of a run, and can do it no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from engine.claims.kinds import say
from engine.process.notify import Notices
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.schema import Evidence, State, SweetRange
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.audio.sounds import Write
from tests.conftest import ROOT, until
from tests.queue.test_queue import HEAR, heard, table


def train(tmp_path: Path, root: Path, command: str, *more: object) -> subprocess.CompletedProcess[str]:
    source = table(tmp_path / "table.csv")
    options = ("--target", "kind", "--max-epochs", 2, "--threads", 1, "--notify", command, *more)
    return forkserver.run("engine.train", source, "--run-dir", root, *options)


def test_the_end_of_a_run_is_told_with_its_facts_and_what_is_printed_is_in_its_log(tmp_path: Path) -> None:
    root = tmp_path / "run"
    facts = 'echo "$SWEETSPOT_EVENT $SWEETSPOT_RUN $SWEETSPOT_EPOCH $SWEETSPOT_STEP $SWEETSPOT_BEST_EPOCH"; exit 7'
    assert train(tmp_path, root, facts).returncode == 0
    status = RunReader(root).status()
    assert status is not None and status.best is not None
    expected = f"done {root} 2 {status.step} {status.best.epoch}\n"
    said = until(lambda: "exit code 7" in (text := Layout(root).log.read_text()) and text)
    assert said == f"{expected}The command of --notify ended with exit code 7.\n"


def test_a_failure_is_told_with_its_reason(write: Write, folder: Path, tmp_path: Path) -> None:
    write("alone.wav", 1)
    root = tmp_path / "run"
    assert forkserver.run("engine.train", folder, "--run-dir", root, "--notify", HEAR).returncode == 2
    (line,) = until(lambda: heard(root))
    error = RunReader(root).status().error
    assert line == f"failed: {error.cause} {error.remedy}" and "usable" in line


def test_nobody_waits_for_a_command_that_hangs(tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert train(tmp_path, root, 'echo $$ > "$SWEETSPOT_RUN/../pid"; exec sleep 600').returncode == 0
    pid = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    assert psutil.pid_exists(pid), "the training ended, the command goes on"
    os.kill(pid, signal.SIGKILL)


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    command = f"sleep 600 & echo $! > {tmp_path / 'pid'}; wait"
    done = subprocess.run(
        [sys.executable, "-m", "engine.process.limited", "0.5", command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "still ran after 0.5 s and was ended" in done.stdout
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def opened(root: Path, *, resume: bool = False) -> RunWriter:
    return RunWriter.open(root, device="cpu", threads=1, versions={}, resume=resume)


def worse(writer: RunWriter) -> None:
    found = SweetRange(best=4, first=3, last=5, files=4, certain=True, behind=True)
    evidence = Evidence(epoch=9, sweet_range=found, now=1.0, smoothed=1.0)
    past, repeats = say("past", "Past the sweet range."), say("repeats", "It repeats kick.wav.")
    writer.update(evidence=evidence, diagnosis=[past, repeats])


def test_each_turn_for_the_worse_is_told_once_in_a_runs_life(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with opened(root) as writer:
        notices = Notices(HEAR, writer)
        notices.epoch()
        worse(writer)
        notices.epoch()
        notices.epoch()
        until(lambda: len(heard(root)) == 2)
        writer.state(State.INTERRUPTED)
        notices.ended()
    until(lambda: len(heard(root)) == 3)
    with opened(root, resume=True) as writer:
        again = Notices(HEAR, writer)
        worse(writer)
        again.epoch()
        writer.state(State.COMPLETED)
        again.ended()
    assert sorted(until(lambda: len(heard(root)) == 4 and heard(root))) == [
        "done: All 0 steps are done.",
        "memorising: It repeats kick.wav.",
        "past: Past the sweet range.",
        "stopped: Stopped in epoch 0, step 0.",
    ]


def test_nothing_is_told_of_a_range_that_the_verdict_finds_too_early_to_judge(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with opened(root) as writer:
        worse(writer)
        writer.update(diagnosis=[say("too_early", "Too early to tell.")])
        notices = Notices(HEAR, writer)
        notices.epoch()
        writer.update(diagnosis=[say("past", "Past the sweet range.")])
        notices.epoch()
        assert until(lambda: heard(root)) == ["past: Past the sweet range."]
