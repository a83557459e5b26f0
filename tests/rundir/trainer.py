"""A training process without training, for the tests: owns a run directory and obeys until it is cancelled."""

from __future__ import annotations

import argparse
import os
import signal
import threading
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
    parser.add_argument("--stand-still", action="store_true", help="Stop once begun, between two beats of the heart.")
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
    if options.stand_still:
        stand_still(writer)
    step, end = 0, time.monotonic() + options.hold
    while writer.hold.lost is None and not writer.control.cancel and time.monotonic() < end:
        step += 1
        writer.update(step=step, metrics={"train_loss": 1 / step})
        writer.event("step", step=step, epoch=1, train_loss=1 / step)
        for command in writer.control.take_saves():
            writer.done(command.id)
        time.sleep(0.002)
    for command in writer.control.take_cancels():
        writer.done(command.id)
    ended = State.CANCELLED if writer.control.cancel else State.COMPLETED
    writer.state(ended if writer.hold.lost is None else State.FAILED)
    writer.close()
    return 0 if writer.hold.lost is None else writer.hold.lost.exit_code


def stand_still(writer: RunWriter) -> None:
    """SIGSTOP at a moment when no thread has looked at the directory and is about to write. What this process does
    first when it goes on is what it did last: append an event."""
    between, awake = threading.Event(), threading.Event()
    poll = writer._heart.poll

    def wait() -> None:
        between.set()
        awake.wait()
        poll()

    writer._heart.poll = wait
    between.wait()
    os.kill(os.getpid(), signal.SIGSTOP)
    writer.event("step", step=1, epoch=1, train_loss=1.0)
    awake.set()


if __name__ == "__main__":
    raise SystemExit(main())
