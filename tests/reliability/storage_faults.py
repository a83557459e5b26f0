"""``python -m tests.reliability.storage_faults FOLDER PART PARTS ONE_IN``: the disk refuses; what then; prints JSON.

At each operation one error of four, once; then each error for a while, and each from some operation on for good.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from pathlib import Path

from engine.loop.checkpoint import load_newest
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from tests.reliability.faults import Refusal, Shim
from tests.reliability.sessions import Reference, comparable, damage, fork, prepare, same, session, write_table
from tests.sampling import sample

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES)
LIVES, STORAGE = 0, 74


def refusals(count: int) -> list[Refusal]:
    once = [Refusal(ERRORS[number % 4], number, number + 1) for number in range(count)]
    while_full = [Refusal(number, first, first + 40) for number in ERRORS for first in range(20, count, 60)]
    for_good = [Refusal(number, first, sys.maxsize) for number in ERRORS for first in range(10, count, 50)]
    return once + while_full + for_good


class Refused:
    def __init__(self, folder: Path, part: int, parts: int, one_in: int) -> None:
        prepare()
        self.folder, self.part, self.parts, self.one_in = folder, part, parts, one_in
        self.table = write_table(folder / "table.csv")
        shim = Shim(folder / "whole")
        assert session(self.table, shim.root, shim) == 0
        self.count, self.whole = len(shim.operations), Reference(shim.root)
        self.wrong: list[str] = []
        self.ends = {LIVES: 0, STORAGE: 0}

    def run(self) -> None:
        for refusal in sample(refusals(self.count)[self.part :: self.parts], self.one_in):
            last = "for good" if refusal.last == sys.maxsize else f"to {refusal.last - 1}"
            what = f"{errno.errorcode[refusal.number]} from operation {refusal.first} {last}"
            self.wrong += [f"{what}: {complaint}" for complaint in self._complaints(refusal)]

    def _complaints(self, refusal: Refusal) -> list[str]:
        root = self.folder / f"run-{self.part}"
        shutil.rmtree(root, ignore_errors=True)
        code, said = fork(lambda: session(self.table, root, Shim(root, refusal)))
        if code not in self.ends:
            return [f"ended with {code}: {said}"]
        self.ends[code] += 1
        wrong = []
        if code == STORAGE and ("StorageError: " not in said or "Traceback" in said):
            wrong.append(f"no reason was given: {said}")
        wrong += self._lost(root)
        code, said = fork(lambda: session(self.table, root))
        if code:
            return [*wrong, f"with room again it ended with {code}: {said}"]
        return [*wrong, *self._differs(root)]

    def _lost(self, root: Path) -> list[str]:
        """Every checkpoint that was told of and not pruned since must be there and load."""
        if not root.exists():
            return []
        told = [event["step"] for event in RunReader(root).events().events if event["event"] == "checkpoint"]
        loaded, complaints = load_newest(Layout(root))
        if told and (loaded is None or loaded.step < told[-1]):
            return [f"the checkpoint of step {told[-1]} is lost: {complaints}"]
        return complaints

    def _differs(self, root: Path) -> list[str]:
        """Curves may have gaps, previews and snapshots may be missing; what is there is right."""
        events = comparable(root)
        wrong = [f"event {key} differs" for key, value in events.items() if not same(value, self.whole.events[key])]
        return wrong + self.whole.state_complaints(root) + damage(root)


if __name__ == "__main__":
    refused = Refused(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:]))
    refused.run()
    print(json.dumps({"ends": refused.ends, "wrong": refused.wrong}), flush=True)
    os._exit(0)
