"""``python -m tests.bench ddp``: how much sooner two processes make an update than one.

ratio: the processor time of an update in one process, against twice that of the busier one of two that share it: what
sharing costs, whatever else the machine does. clock_ratio: the same by the clock, which needs two cores that nothing
else uses. 1 is half the time. Of an update that is long enough to share (a wide model); "short" is the default model.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

import click

from tests.bench.ratios import show
from tests.conftest import ROOT


def updates(channels: int, batch_size: int, steps: int, rounds: int) -> tuple[dict[str, list[dict[str, float]]], int]:
    """What two processes under torchrun found, and how many weights the model has."""
    given = [*map(str, (channels, batch_size, steps, rounds))]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = subprocess.run(
        [*command, "tests.bench.shared_updates", *given],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return found, found.pop("weights")


def ratio(found: dict[str, list[dict[str, float]]], by: str) -> float:
    alone, shared = (statistics.median(one[by] for one in found[name]) for name in ("alone", "shared"))
    return alone / (2 * shared)


@click.command()
@click.option("--channels", default=48, show_default=True, help="Of the wide model.")
@click.option("--batch-size", default=16, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def command(channels: int, batch_size: int, rounds: int) -> None:
    """Compare updates of one process with those that two share, of a wide model and of the default one."""
    parts, facts = {}, {}
    for name, width, steps in (("long", channels, 3), ("short", 16, 20)):
        found, weights = updates(width, batch_size if name == "long" else 8, steps, rounds)
        for how, samples in found.items():
            for by in ("processor", "clock"):
                parts[f"{name} {how} {by}"] = [one[by] for one in samples]
        facts[name] = {"ratio": round(ratio(found, "processor"), 3), "clock_ratio": round(ratio(found, "clock"), 3),
                       "channels": width, "weights": weights}  # fmt: skip
    show("ddp", facts["long"]["ratio"], parts, load=round(os.getloadavg()[0], 1), **facts)


if __name__ == "__main__":
    command()
