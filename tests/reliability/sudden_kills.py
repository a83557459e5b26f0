"""``python -m tests.reliability.sudden_kills FOLDER RUNS``: SIGKILL at random moments, the heart a thread: JSON."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import engine.rundir.writer
from engine.rundir.heart import Heart
from tests.reliability.sessions import Reference, end, fork, prepare, session, start, write_table

KILLS = 3  # of one run


def main(folder: Path, runs: int) -> None:
    prepare()
    table = write_table(folder / "table.csv")
    session(table, folder / "first")  # whatever is imported late is imported then
    engine.rundir.writer.Heart = Heart
    began = time.monotonic()
    fork(lambda: session(table, folder / "whole"))
    lasts_s = time.monotonic() - began
    whole, wrong, killed = Reference(folder / "whole"), [], 0
    generator = random.Random(11)
    for number in range(runs):
        root = folder / f"run-{number}"
        for _ in range(KILLS):
            child, said = start(lambda root=root: session(table, root))
            time.sleep(generator.uniform(0, lasts_s))
            os.kill(child, signal.SIGKILL)
            killed += end(child, said)[0] == -signal.SIGKILL
        code, words = fork(lambda root=root: session(table, root))
        wrong += [f"{root.name}: {what}" for what in (whole.complaints(root) if code == 0 else [f"{code}: {words}"])]
    print(json.dumps({"killed": killed, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
    os._exit(0)
