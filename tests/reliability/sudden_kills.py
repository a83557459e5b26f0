"""``python -m tests.reliability.sudden_kills FOLDER RUNS``: SIGKILL at random moments, the heart a thread: JSON."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import engine.rundir.writer
from engine.rundir.heart import Heart
from engine.rundir.layout import Layout
from tests.reliability.sessions import Reference, end, fork, prepare, session, start, write_table

KILLS = 3  # of one run
LINES = 29  # of metrics.jsonl in such a run


def main(folder: Path, runs: int) -> None:
    prepare()
    table = write_table(folder / "table.csv")
    session(table, folder / "first")  # whatever is imported late is imported then
    engine.rundir.writer.Heart = Heart
    fork(lambda: session(table, folder / "whole"))
    whole, wrong, killed = Reference(folder / "whole"), [], 0
    draw = random.Random(11)
    for number in range(runs):
        root = folder / f"run-{number}"
        for _ in range(KILLS):
            child, said = start(lambda root=root: session(table, root))
            wait_for_moment(draw, Layout(root).metrics, said)
            os.kill(child, signal.SIGKILL)
            killed += end(child, said)[0] == -signal.SIGKILL
        code, words = fork(lambda root=root: session(table, root))
        wrong += [f"{root.name}: {what}" for what in (whole.complaints(root) if code == 0 else [f"{code}: {words}"])]
    print(json.dumps({"killed": killed, "wrong": wrong}), flush=True)


def wait_for_moment(draw: random.Random, metrics: Path, said: int) -> None:
    """Until a line is written that is drawn among those to come, and a little longer, or the session is over.

    Counted in lines, not seconds: a busy machine must not move all moments to the beginning or behind the end.
    """

    def lines() -> int:
        return metrics.read_bytes().count(b"\n") if metrics.exists() else 0

    wanted = draw.randrange(min(lines(), LINES - 1), LINES)
    while lines() < wanted and not select.select([said], [], [], 0)[0]:
        time.sleep(0.001)
    time.sleep(draw.uniform(0, 0.01))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
    os._exit(0)
