"""``python -m tests.bench protocol``: how fast the promises of docs/reliability.md are kept.

When a killed trainer is seen as crashed and its lock is free, how long a command waits for its answer in each phase of
a real training, and what a run of millions of steps costs who writes and who reads it. The last line printed is JSON.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import psutil

from app.runs.store import MetricsStore
from engine.errors import RunDirectoryError, SweetspotError
from engine.rundir import control
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.view import ShownState
from engine.rundir.writer import RunWriter
from tests.bench.app import STEPS_PER_EPOCH, FakeTrainer
from tests.conftest import ROOT

KILLS = 10
ASK_EVERY_S = 0.1
WRITTEN = 500_000  # through the writer; the rest of a longer run repeats what it wrote
# A training that also says, on stderr, when it enters which phase: a status is written twice a second at most.
TRAINS = """
import sys, time
from engine.rundir.writer import RunWriter
update, last = RunWriter.update, [""]
def told(self, **fields):
    phase = fields.get("phase", last[0])
    if phase != last[0]:
        last[0] = phase
        print(time.time(), phase, file=sys.stderr, flush=True)
    update(self, **fields)
RunWriter.update = told
import engine.train
engine.train.main()
"""


def kills(place: Path) -> dict[str, float]:
    """Seconds from a kill until a viewer that looks all the time says crashed, and until the lock can be had."""
    seen, free = [], []
    for number in range(KILLS):
        root = place / f"killed-{number}"
        argv = [sys.executable, "-m", "tests.rundir.trainer", str(root)]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as trainer:
            assert trainer.stdout is not None and trainer.stdout.readline()
            reader = RunReader(root)
            trainer.kill()
            began = time.monotonic()
            while reader.view().state is not ShownState.CRASHED:
                time.sleep(0.001)
            seen.append(time.monotonic() - began)
            free.append(_taken_over(root, began))
    return {"crashed_seen_max_s": round(max(seen), 3), "lock_free_max_s": round(max(free), 3)}


def _taken_over(root: Path, began: float) -> float:
    while True:
        try:
            RunWriter.open(root, device="cpu", threads=1, versions={}, resume=True).close()
            return time.monotonic() - began
        except RunDirectoryError:
            time.sleep(0.001)


def answers(place: Path, minutes: float) -> dict[str, dict[str, float]]:
    """Seconds from a command to its acknowledgement, by the phase it came in, over a training of the demo."""
    root, log = place / "demo", place / "phases.txt"
    options = ["demo", "--run-dir", root, "--max-minutes", minutes, "--preview-interval", 1, "--checkpoint-interval", 1]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINS, *map(str, options)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=file
        )
    while not RunReader(root).sessions() and process.poll() is None:
        time.sleep(0.01)
    sent = {}
    while process.poll() is None:
        try:
            asked = control.send(root, "save_now")
        except SweetspotError:  # it ended
            break
        sent[asked.id] = asked.issued_at
        time.sleep(ASK_EVERY_S)
    process.wait()
    events = [event for event in RunReader(root).all_of("control") if event["result"] == "acknowledged"]
    lines = [line.split() for line in log.read_text().splitlines()]
    moments = [(float(words[0]), words[1]) for words in lines if len(words) == 2 and words[0][:1].isdigit()]
    waits: dict[str, list[float]] = {}
    for event in events:
        at = sent.get(event["id"])
        phase = next((name for moment, name in reversed(moments) if at is not None and moment <= at), None)
        if phase is not None and at is not None:
            waits.setdefault(phase, []).append(event["at"] - at)
    return {
        phase: {"count": len(found), "median_s": round(statistics.median(found), 3), "max_s": round(max(found), 3)}
        for phase, found in waits.items()
    }


def long_run(place: Path, steps: int) -> dict[str, Any]:
    """What the writer takes for a step and holds at the end, and how long the app's store takes to have it all."""
    trainer, process = FakeTrainer(place / "long", steps), psutil.Process()
    through_writer = min(steps, WRITTEN)
    marks, slowest = [], 0.0
    began = time.process_time()
    for number in range(1, through_writer + 1):
        trainer.advance()
        if number % STEPS_PER_EPOCH == 0:
            told = time.monotonic()
            trainer.tell()
            slowest = max(slowest, time.monotonic() - told)
        if number in (through_writer // 5, through_writer):
            marks.append((process.num_fds(), process.memory_info().rss))
    cpu = time.process_time() - began
    trainer.writer.close()
    path = Layout(trainer.writer.root).metrics
    _lengthen(path, through_writer, steps)
    before = process.memory_info().rss
    began_s = time.monotonic()
    store = MetricsStore(path)
    store.refresh()
    opened = time.monotonic() - began_s
    assert store.steps.count == steps
    return {
        "steps": steps,
        "megabytes": round(path.stat().st_size / 1e6),
        "write_us_per_step": round(cpu / through_writer * 1e6, 1),
        "writer_grew_mb": round((marks[1][1] - marks[0][1]) / 1e6, 1),
        "writer_descriptors": [marks[0][0], marks[1][0]],
        "status_update_max_ms": round(slowest * 1e3, 2),
        "store_open_s": round(opened, 2),
        "store_mb": round((process.memory_info().rss - before) / 1e6),
        "drawn_one_step_in": store.steps.stride,
    }


def _lengthen(path: Path, written: int, steps: int) -> None:
    """Go on as the writer would have: the last epoch again and again, its steps and epochs renumbered."""
    tail = path.read_bytes().split(b"\n")[-2 * STEPS_PER_EPOCH :]
    rows = [json.loads(line) for line in tail if line]
    step_row = next(row for row in rows if row["event"] == "step")
    epoch_row = next(row for row in rows if row["event"] == "epoch")
    step_text, epoch_text = (json.dumps(row, separators=(",", ":")) for row in (step_row, epoch_row))
    pieces = step_text.split(f'"step":{step_row["step"]}'), epoch_text.split(f'"step":{epoch_row["step"]}')
    with path.open("a") as file:
        for first in range(written + 1, steps + 1, STEPS_PER_EPOCH):
            last = min(first + STEPS_PER_EPOCH - 1, steps)
            epoch = -(-last // STEPS_PER_EPOCH)
            head, rest = pieces[0]
            head = head.replace(f'"epoch":{step_row["epoch"]}', f'"epoch":{epoch}')
            lines = [f'{head}"step":{step}{rest}\n' for step in range(first, last + 1)]
            head, rest = pieces[1]
            head = head.replace(f'"epoch":{epoch_row["epoch"]}', f'"epoch":{epoch}')
            file.writelines(itertools.chain(lines, [f'{head}"step":{last}{rest}\n']))


@click.command()
@click.option("--steps", default=10_000_000, show_default=True, help="Steps of the long run (250 bytes each).")
@click.option("--minutes", default=0.7, show_default=True, help="Length of the training that is asked.")
def command(steps: int, minutes: float) -> None:
    """Measure how fast promises are kept, and print one JSON line last."""
    with tempfile.TemporaryDirectory() as place:
        figures: dict[str, Any] = kills(Path(place))
        figures["acknowledged"] = answers(Path(place), minutes)
        figures |= long_run(Path(place), steps)
    click.echo(json.dumps(figures))
