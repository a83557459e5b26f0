"""``python -m tests.reliability.crash_points FOLDER PART PARTS ONE_IN [MINUTES]``: die anywhere, resume, compare: JSON.

A program, because forking is for a process without other threads. ``points``: places that were resumed from. ``wrong``:
what was not as it must be, in words; empty when every promise held. A death leaves a directory and nothing else: the
disk in memory lays it out from the operations of one session, so no session need run up to there again. That a session
that really dies there leaves the same is asked of some. Of places that leave the same one, to the bit, one is tried.
With MINUTES the run has that limit, and is planned anew three times.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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

RECOVERIES = 1  # of each part so many first deaths whose recovery is killed as well, at each of its operations
REAL = 16  # of so many deaths one is died by a session of its own
NOTHING: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True)
class Place:
    """A directory that a death or a power cut leaves, and its name in words. death: where a session can die so."""

    words: str
    contents: Mapping[str, bytes]
    folders: frozenset[str]
    death: Death | None = None

    def lay_out(self, root: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        if self.contents or self.folders:
            root.mkdir()
        Disk(folders=set(self.folders)).write(root, self.contents)


class Crashes:
    """The deaths of one part of ``parts``, against one uninterrupted run; of them one in so many is tried."""

    def __init__(self, folder: Path, part: int, parts: int, one_in: int, minutes: int = 0) -> None:
        self.root, self.part, self.parts, self.one_in = folder / f"run-{part}", part, parts, one_in
        self.settings = {"max_minutes": minutes} if minutes else {}
        self.points = 0
        self.wrong: list[str] = []
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
        died = list(deaths(self.operations))
        mine = sample(distinct([*died, *cuts(self.operations)])[self.part :: self.parts], self.one_in)
        for place in mine:
            place.lay_out(self.root)
            self._resume(place.words)
        mine = [place for place in mine if place.death]
        for place in mine[len(mine) // 2 :: REAL]:
            self._really_die(place)
        for place in mine[len(mine) // 2 : -1 : max(1, len(mine) // 2 // RECOVERIES)]:
            self._die_in_recovery(place)  # in the second half of the run: all that recovery does is then in it

    def _resume(self, what: str) -> None:
        self.points += 1
        code, said = fork(lambda: session(self.table, self.root, **self.settings))
        if code:
            self.wrong.append(f"{what}: resuming ended with {code}: {said}")
            return
        self.wrong += [f"{what}: {complaint}" for complaint in self.whole.complaints(self.root)]

    def _really_die(self, place: Place, before: Place | None = None) -> None:
        """A session that dies there, begun in ``before``, leaves what is said to be left, and is resumed like it."""
        assert place.death is not None
        shutil.rmtree(self.root, ignore_errors=True)
        if before is not None:
            before.lay_out(self.root)
        code, said = fork(lambda: session(self.table, self.root, Shim(self.root, place.death), **self.settings))
        if code != (0 if place.death.number == len(self.operations) and before is None else KILLED):
            self.wrong.append(f"{place.words}: ended with {code} instead of dying: {said}")
        if _named(names(self.root)) != _named(place.contents):
            self.wrong.append(f"{place.words}: {_named(names(self.root))} is there, not {_named(place.contents)}")
        self._resume(f"{place.words}, really")

    def _die_in_recovery(self, first: Place) -> None:
        """Die again at the operations of the session that recovers from ``first``."""
        first.lay_out(self.root)
        shim = Shim(self.root)
        assert session(self.table, self.root, shim, **self.settings) == 0
        died = deaths(shim.operations, first.contents, first.folders)
        again = [place for place in distinct(died) if place.death and not place.death.half]
        for place in again[:: self.one_in]:
            place.lay_out(self.root)
            self._resume(f"{first.words}, then {place.words} of the recovery")
        self._really_die(again[len(again) // 2], first)


def deaths(
    operations: list[Operation], contents: Mapping[str, bytes] = NOTHING, folders: frozenset[str] = frozenset()
) -> Iterator[Place]:
    """What is left by one before each operation, and half way through where there is a half. After one is before the
    next.

    contents, folders: what was in the directory when the operations began.
    """
    disk = Disk.holding(contents)
    disk.folders |= folders
    for number, operation in enumerate(operations):
        words = f"operation {number}, {operation.kind} {operation.name}"
        yield Place(f"before {words}", disk.contents(), frozenset(disk.folders), Death(number))
        if operation.kind == "write":
            halfway = disk.contents()
            halfway[operation.name] += operation.detail[: len(operation.detail) // 2]
            yield Place(f"half way through {words}", halfway, frozenset(disk.folders), Death(number, half=True))
        disk.do(operation)
    yield Place("after the last operation", disk.contents(), frozenset(disk.folders), Death(len(operations)))


def cuts(operations: list[Operation]) -> Iterator[Place]:
    """The power goes after a name has moved: what was not flushed is gone, new names of files are kept or gone."""
    disk = Disk()
    for number, operation in enumerate(operations):
        disk.do(operation)
        if operation.kind in ("replace", "unlink", "mkdir"):
            words = f"power cut after operation {number}, {operation.kind} {operation.name}"
            folders = frozenset(disk.folders)
            yield Place(f"{words}, names kept", disk.names_kept(), folders)
            yield Place(f"{words}, names lost", disk.names_lost(), folders)


def distinct(places: Iterable[Place]) -> list[Place]:
    """Without those that leave, to the bit, what one before them left."""
    found: dict[tuple[frozenset[tuple[str, bytes]], frozenset[str]], Place] = {}
    for place in places:
        found.setdefault((frozenset(place.contents.items()), place.folders), place)
    return list(found.values())


def _named(files: Iterable[str]) -> list[str]:
    """Their names, but for what tells one process's temporaries from another's."""
    return sorted(re.sub(r"[\d-]+(?=\.tmp$)", "", name) for name in files)


def _contents(root: Path) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in names(root)}


if __name__ == "__main__":
    crashes = Crashes(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:]))
    crashes.run()
    operations = len(crashes.operations)
    print(json.dumps({"operations": operations, "points": crashes.points, "wrong": crashes.wrong}))
    sys.stdout.flush()
    os._exit(0)
