"""``python -m tests.bench cancel``: how many updates a training still makes once it knows that it is to end, and how
long its process is there.

ratio: the most updates between the acknowledgement of a cancel and the end. A trainer that is at an update finishes
it, so one is the least that can be promised. Beside it from the command to the acknowledgement, to the last word of the
run and to the end of the process, with the processor time of that, which no other load moves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import psutil

from engine.rundir import control
from engine.rundir.reader import RunReader
from tests.bench.ratios import show
from tests.conftest import ROOT


@dataclass(frozen=True)
class Ended:
    """updates: after it heard. From the command on, in seconds: heard, said (its last state), gone (its process); cpu:
    its processor time until then. step_s: of an update."""

    updates: int
    heard: float
    said: float
    gone: float
    cpu: float
    step_s: float


def cancelled(root: Path) -> Ended:
    """A training of the demo, told to end."""
    command = [sys.executable, "-m", "engine.train", "demo", "--run-dir", str(root), "--threads", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        reader = RunReader(root)
        while (status := reader.status()) is None or status.step < 20:
            assert process.poll() is None, "it ended before it was told to"
            time.sleep(0.05)
        before = psutil.Process(process.pid).cpu_times()
        sent = control.send(root, "cancel")
        _, code, used = os.wait4(process.pid, 0)
        gone, process.returncode = time.time(), os.waitstatus_to_exitcode(code)
    assert process.returncode == 0
    (heard,) = (event for event in reader.all_of("control") if event["result"] == "acknowledged")
    (said,) = (event for event in reader.all_of("state") if event["state"] == "cancelled")
    steps = list(reader.all_of("step"))
    after = sum(event["elapsed_s"] > heard["elapsed_s"] for event in steps)
    cpu = used.ru_utime + used.ru_stime - before.user - before.system
    middle = sorted(event["step_time_s"] for event in steps)[len(steps) // 2]
    since = sent.issued_at
    return Ended(after, heard["at"] - since, said["at"] - since, gone - since, cpu, middle)


@click.command()
@click.option("--rounds", default=5, show_default=True)
def command(rounds: int) -> None:
    """Cancel real trainings and count."""
    with tempfile.TemporaryDirectory() as place:
        found = [cancelled(Path(place) / str(number)) for number in range(rounds)]
    samples = {
        "until it is heard": [one.heard for one in found],
        "until it says so": [one.said for one in found],
        "until it is gone": [one.gone for one in found],
        "of that, processor": [one.cpu for one in found],
        "an update": [one.step_s for one in found],
    }
    updates = [one.updates for one in found]
    show("cancel", max(updates), samples, updates_after=updates, load=os.getloadavg()[0])
