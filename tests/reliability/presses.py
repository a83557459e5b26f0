"""``python -m tests.reliability.presses app|worker RUNS_DIR SEED COUNT``: an app or a queue's worker, at random.

It says "ready", begins when it is told to, and prints what came of each press as a line of JSON. A worker trains
nothing: it begins what waits, notes an end, leaves and comes again, until nothing is left and its stdin has ended.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from pathlib import Path

from engine.errors import RunDirectoryError, SweetspotError
from engine.process.job import asked_job
from engine.queue.files import Queue
from engine.queue.request import Outcome
from engine.queue.standing import take_out
from engine.rundir.annotate import annotate
from engine.rundir.reader import RunReader
from engine.rundir.stars import star
from engine.sharing.delete import delete_run


def tell(what: str, name: str) -> None:
    print(json.dumps([what, name]), flush=True)


class App:
    def __init__(self, runs: Path, seed: int) -> None:
        self.runs, self.seed, self.random = runs, seed, random.Random(seed)
        self.queue = Queue(runs)

    def press(self, number: int) -> None:
        name = self.random.choice(["add", "add", "turn", "next", "remove", "note", "star", "delete"])
        try:
            getattr(self, name)(number)
        except SweetspotError as error:
            tell("refused", f"{name}: {error}")

    def add(self, number: int) -> None:
        blank = {"config_file": None, "origin": None, "checkpoint": None}
        job = asked_job({"max_epochs": 2}, self.runs, source="iris", name=f"{self.seed} {number}", **blank)
        tell("added", self.queue.add(job, "iris").id)

    def _waiting(self) -> list[str]:
        return [one.id for one in self.queue.to_train() if one.state == "waiting"]

    def turn(self, number: int) -> None:
        if waiting := self._waiting():
            self.queue.move(self.random.choice(waiting), self.random.choice([-2, -1, 1, 2]))

    def next(self, number: int) -> None:
        self.queue.train_next(self._waiting()[-1:])

    def remove(self, number: int) -> None:
        waiting = [one for one in self.queue.to_train() if one.state == "waiting"]
        for one in waiting[:1]:
            take_out(self.queue, one)
            tell("removed", one.id)

    def note(self, number: int) -> None:
        step = 1000 * self.seed + number
        annotate(RunReader(self.runs / "shared"), remarks={step: "heard"}, starred={step: True})
        tell("noted", str(step))

    def star(self, number: int) -> None:
        sound = self.runs / "shared" / "sounds" / f"{self.seed}-{number}.wav"
        sound.touch()
        star(sound, True)
        tell("starred", sound.name)

    def delete(self, number: int) -> None:
        for root in sorted(self.runs.glob("old-*"))[:1]:
            delete_run(root)
            tell("deleted", root.name)


def train(runs: Path, over: threading.Event) -> None:
    """As a worker that is ended after two requests, again and again."""
    queue = Queue(runs)
    while True:
        ends = over.is_set()
        try:
            with queue.as_worker():
                for one in queue.to_train()[:2]:
                    begun = queue.begin(one) if one.state == "waiting" else one
                    if begun is not None:
                        tell("trained", begun.id)
                        queue.end(begun, Outcome(state="done", ended_at=time.time()))
        except RunDirectoryError as error:
            tell("refused", str(error))
        if ends:
            return
        time.sleep(0.01)


def main(kind: str, runs: Path, seed: int, count: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    if kind == "app":
        app = App(runs, seed)
        for number in range(count):
            app.press(number)
        return
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    train(runs, over)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
