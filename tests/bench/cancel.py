"""``python -m tests.bench cancel``: how many updates a training still makes once it knows that it is to end.

ratio: the most updates between the acknowledgement of a cancel and the end. A trainer that is at an update finishes
it, so one is the least that can be promised. The time from the command to the acknowledgement stands beside it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from engine.rundir import control
from engine.rundir.reader import RunReader
from tests.bench.ratios import show
from tests.conftest import ROOT


def cancelled(root: Path) -> tuple[int, float, float]:
    """A training of the demo, told to end: updates after it heard, seconds until it did, seconds of an update."""
    command = [sys.executable, "-m", "engine.train", "demo", "--run-dir", str(root), "--threads", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        reader = RunReader(root)
        while (status := reader.status()) is None or status.step < 20:
            assert process.poll() is None, "it ended before it was told to"
            time.sleep(0.05)
        sent = control.send(root, "cancel")
        assert process.wait(120) == 0
    (heard,) = (event for event in reader.all_of("control") if event["result"] == "acknowledged")
    steps = list(reader.all_of("step"))
    after = sum(event["elapsed_s"] > heard["elapsed_s"] for event in steps)
    return after, heard["at"] - sent.issued_at, sorted(event["step_time_s"] for event in steps)[len(steps) // 2]


@click.command()
@click.option("--rounds", default=5, show_default=True)
def command(rounds: int) -> None:
    """Cancel real trainings and count."""
    with tempfile.TemporaryDirectory() as place:
        found = [cancelled(Path(place) / str(number)) for number in range(rounds)]
    updates, waits, steps = zip(*found, strict=True)
    show("cancel", max(updates), {"until it is heard": waits, "an update": steps}, updates_after=list(updates))
