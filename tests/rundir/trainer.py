"""A training process without training, for the tests: owns a run directory and obeys until it is cancelled."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from engine.errors import RunDirectoryError
from engine.rundir.status import State
from engine.rundir.writer import RunWriter


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--at", type=float, default=0.0, help="Unix second at which to enter, for races.")
    parser.add_argument("--hold", type=float, default=600.0, help="Seconds; whoever starts it ends it long before.")
    parser.add_argument("--zombie-child", action="store_true", help="Fork a child that outlives this process.")
    options = parser.parse_args()
    while time.time() < options.at:
        pass
    try:
        writer = RunWriter.open(options.root, device="cpu", threads=1, versions={}, resume=options.resume)
    except RunDirectoryError as error:
        print(f"refused {error}", flush=True)
        return 2
    if options.zombie_child and os.fork() == 0:
        time.sleep(5)
        os._exit(0)
    writer.state(State.RUNNING, phase="train", epoch=1)
    print(f"ready {writer.session.session}", flush=True)
    step, end = 0, time.monotonic() + options.hold
    while not writer.control.cancel and time.monotonic() < end:
        step += 1
        writer.update(step=step, metrics={"train_loss": 1 / step})
        writer.event("step", step=step, epoch=1, train_loss=1 / step)
        for command in writer.control.take_saves():
            writer.done(command.id)
        time.sleep(0.002)
    for command in writer.control.take_cancels():
        writer.done(command.id)
    writer.state(State.CANCELLED if writer.control.cancel else State.COMPLETED)
    writer.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
