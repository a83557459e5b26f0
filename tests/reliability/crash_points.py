"""``python -m tests.reliability.crash_points FOLDER PART PARTS ONE_IN [MINUTES]``: die anywhere, resume, compare: JSON.

A program, because forking is for a process without other threads. ``points``: deaths that were tried. ``wrong``: what
was not as it must be, in words; empty when every promise held. A death leaves a directory and nothing else: of places
that leave the same one, to the bit, one is tried. With MINUTES the run has that limit, and is planned anew three times.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.reliability.disk import Disk
from tests.reliability.faults import KILLED, Death, Operation, Shim
from tests.reliability.sessions import (
    NEW_ENDS,
    STEPS,
    Reference,
    fork,
    names,
    plan_by_step,
    prepare,
    session,
    write_table,
)  # fmt: skip
from tests.sampling import sample

RECOVERIES = 2  # first deaths of each part whose recovery is killed as well, at each of its operations


class Crashes:
    """The deaths of one part of ``parts``, against one uninterrupted run; of them one in so many is tried."""

    def __init__(self, folder: Path, part: int, parts: int, one_in: int, minutes: int = 0) -> None:
        self.folder, self.part, self.parts, self.one_in = folder, part, parts, one_in
        self.settings = {"max_minutes": minutes} if minutes else {}
        self.points = 0
        self.wrong: list[str] = []
        self.left_by_cuts: list[tuple[dict[str, bytes], set[str]]] = []
        prepare()
        if minutes:
            plan_by_step()
        self.table = write_table(folder / "table.csv")
        shim = Shim(folder / "whole")
        assert session(self.table, shim.root, shim, **self.settings) == 0
        self.operations = shim.operations
        self.whole = Reference(shim.root, [*NEW_ENDS.values()][-1] if minutes else STEPS)
        if [line["step"] for line in self.whole.plans] != (list(NEW_ENDS) if minutes else []):
            self.wrong.append(f"planned anew otherwise than it was told: {self.whole.plans}")
        if shim.past or Disk.after(self.operations).contents() != _contents(shim.root):
            self.wrong.append(f"the engine writes past the shim: {shim.past}")

    def run(self) -> None:
        mine = sample(list(deaths(self.operations))[self.part :: self.parts], self.one_in)
        for death in mine:
            root = self._died(death)
            self._resume(root, self._words(death, self.operations))
        for death in mine[len(mine) // 2 : -1 : max(1, len(mine) // 2 // RECOVERIES)]:
            self._die_in_recovery(death)
        moved = [number for number, one in enumerate(self.operations, 1) if one.kind in ("replace", "unlink", "mkdir")]
        for cut in sample(moved[self.part :: self.parts], self.one_in):
            self._cut_power(cut)

    def _died(self, death: Death) -> Path:
        """A directory whose session died there."""
        root = self.folder / f"run-{self.part}"
        shutil.rmtree(root, ignore_errors=True)
        self._kill(root, death)
        return root

    def _kill(self, root: Path, death: Death) -> bool:
        """Whether the session got as far as to die."""
        self.points += 1
        code, said = fork(lambda: session(self.table, root, Shim(root, death), **self.settings))
        if code not in (KILLED, 0):
            self.wrong.append(f"{death}: ended with {code} instead of dying: {said}")
        return code == KILLED

    def _resume(self, root: Path, what: str) -> None:
        code, said = fork(lambda: session(self.table, root, **self.settings))
        if code:
            self.wrong.append(f"{what}: resuming ended with {code}: {said}")
            return
        self.wrong += [f"{what}: {complaint}" for complaint in self.whole.complaints(root)]

    def _die_in_recovery(self, first: Death) -> None:
        """Die again at the operations of the session that recovers from ``first``."""
        died = self._died(first)  # in the second half of the run: all that recovery does is then in it
        kept, root = died.with_name(f"died-{self.part}"), died
        shutil.rmtree(kept, ignore_errors=True)
        died.rename(kept)
        shim = Shim(root)
        shutil.copytree(kept, root)
        assert session(self.table, root, shim, **self.settings) == 0
        whole = [death for death in deaths(shim.operations, _contents(kept)) if not death.half]
        for death in whole[:: self.one_in]:
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(kept, root)
            again = f"then before operation {death.number} of the recovery"
            if self._kill(root, death):
                self._resume(root, f"{self._words(first, self.operations)}, {again}")
            elif death.number < len(shim.operations):
                self.wrong.append(f"{self._words(first, self.operations)}, {again}: it was not reached")

    def _cut_power(self, cut: int) -> None:
        """The power goes after ``cut`` operations: what was not flushed is gone, new names of files kept or gone."""
        disk = Disk.after(self.operations[:cut])
        for how, contents in (("names kept", disk.names_kept()), ("names lost", disk.names_lost())):
            if (contents, disk.folders) in self.left_by_cuts:
                continue
            self.left_by_cuts.append((contents, disk.folders))
            self.points += 1
            root = self.folder / f"run-{self.part}"
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            disk.write(root, contents)
            last = self.operations[cut - 1]
            self._resume(root, f"power cut after operation {cut - 1}, {last.kind} {last.name}, {how}")

    @staticmethod
    def _words(death: Death, operations: list[Operation]) -> str:
        if death.number >= len(operations):
            return "after the last operation"
        operation = operations[death.number]
        half = "half way through" if death.half else "before"
        return f"{half} operation {death.number}, {operation.kind} {operation.name}"


def deaths(operations: list[Operation], contents: Mapping[str, bytes] = MappingProxyType({})) -> list[Death]:
    """Before each operation, and half way through where there is a half. After one is before the next.

    Not after what changed nothing in a directory that began with ``contents``: a flush, a file cut where it ended.
    """
    disk, left = Disk.holding(contents), None
    found = []
    for number, operation in enumerate(operations):
        now = disk.contents(), set(disk.folders)
        if now != left:
            found.append(Death(number))
        left = now
        if operation.kind == "write":
            found.append(Death(number, half=True))
        disk.do(operation)
    return [*found, Death(len(operations))]


def _contents(root: Path) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in names(root)}


if __name__ == "__main__":
    crashes = Crashes(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:]))
    crashes.run()
    operations = len(crashes.operations)
    print(json.dumps({"operations": operations, "points": crashes.points, "wrong": crashes.wrong}))
    sys.stdout.flush()
    os._exit(0)
