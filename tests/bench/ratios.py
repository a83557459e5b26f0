"""How the benches of cost measure and what they print: the same work side by side in one run, as a ratio.

Processor time and not the clock's, for a shared machine: of this process with its threads, or of one that it waits
for. Variants take turns, so that a machine that becomes slower does so for all of them.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from tests.conftest import ROOT

Samples = Mapping[str, Sequence[float]]


def cpu_s(work: Callable[[], object], times: int = 1) -> float:
    """Seconds of processor time that ``work`` takes in this process, of so many times the mean."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def child_cpu_s(arguments: Sequence[object], cache: Path | None = None) -> float:
    """Seconds of processor time that Python with ``arguments`` takes, its children too; it must end well."""
    before = _children_s()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"SWEETSPOT_CACHE": str(cache)} if cache else {})}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def alternate(variants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each of ``variants`` measures, ``rounds`` times in turn."""
    found: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, measured in variants.items():
            found[name].append(measured())
    return found


def median(samples: Samples, name: str) -> float:
    return statistics.median(samples[name])


def show(name: str, ratio: float, samples: Samples, **more: object) -> None:
    """A table of the parts in milliseconds, then one line of JSON: name, ratio, parts in seconds, and ``more``."""
    click.echo("{:<24}{:>15}{:>15}  of".format(name, "minimum", "median"))
    for part, values in samples.items():
        least, middle = (f"{1e3 * value:,.3f} ms" for value in (min(values), statistics.median(values)))
        click.echo(f"  {part:<22}{least:>15}{middle:>15}  {len(values)}")
    parts = {
        part: {"minimum_s": round(min(values), 7), "median_s": round(statistics.median(values), 7)}
        for part, values in samples.items()
    }
    click.echo(json.dumps({"name": name, "ratio": round(ratio, 5), "parts": parts, **more}))
