"""Decoding many files in a child process that may hang or burst without harm.

Every sound is read once, by :mod:`engine.audio.files.decode_worker`, into the cache. This side hands out jobs, watches
that each file gets on, and starts a new child when one had to be ended; the file it was at is skipped with its reason.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.audio.files.cache import Cache, Facts, refused
from engine.audio.files.decode_process import DecodeProcess
from engine.errors import SweetspotError

log = logging.getLogger(__name__)

DEADLINE_S = 20.0  # without a sign of progress on one file
_START_S = 60.0  # until a new child says its first word: a cold disk loads the libraries slowly
_POLL_S = 0.1
_MAX_THREADS = 8


@dataclass(frozen=True)
class DecodeJob:
    """One file to decode into the cache entry ``key``."""

    path: Path
    key: str


def decode_files(
    jobs: Sequence[DecodeJob],
    cache: Cache,
    sample_rate: int,
    report: Callable[[int], None],
    check: Callable[[], None],
    deadline_s: float = DEADLINE_S,
) -> list[Facts]:
    """Decode every job; facts in the same order.

    report: called with the number finished. check: called at least every 0.1 s; what it raises ends the child and
    passes through. deadline_s: time a file may take without progress. Raises StorageError when the cache cannot be
    written, SweetspotError when no child starts.
    """
    facts: dict[int, Facts] = {}
    crowd = deque(range(len(jobs)))
    suspects: deque[int] = deque()  # were open when a child burst: one at a time, to find which of them it was
    idle_children = 0
    while crowd or suspects:
        alone = bool(suspects)
        waiting = suspects if alone else crowd
        threads = 1 if alone else min(_MAX_THREADS, usable_cpus(), len(waiting))
        before = len(facts)
        with DecodeProcess(cache, sample_rate, threads) as child:
            shift = _Shift(child, jobs, waiting, at_once=1 if alone else 2 * threads, deadline_s=deadline_s)
            for index, found in shift.results(check):
                facts[index] = found
                report(len(facts))
            last_words = child.last_words()
        for index in shift.open if alone else ():
            log.warning("The decoder broke on %r: %s", jobs[index].path, last_words)
            facts[index] = Facts(failure="breaks the decoder: reading it ends the process", lasting=False)
            report(len(facts))
        if not alone:
            suspects.extend(shift.open)
        idle_children = idle_children + 1 if len(facts) == before and not shift.open else 0
        if idle_children == 3:
            raise SweetspotError(f"The decoder does not run: {last_words}", "Reinstall soundfile and soxr.")
    return [facts[index] for index in range(len(jobs))]


class _Shift:
    """What one child was given, and what came of it.

    open: jobs begun and not finished when it went away; none when all is done or it was ended for hanging.
    """

    def __init__(
        self, child: DecodeProcess, jobs: Sequence[DecodeJob], waiting: deque[int], at_once: int, deadline_s: float
    ) -> None:
        self.open: dict[int, float] = {}  # job: when it last gave a sign
        self._given: deque[int] = deque()  # handed out and not begun
        self._child, self._jobs, self._waiting = child, jobs, waiting
        self._at_once, self._deadline_s = at_once, deadline_s
        self._first_word_by = time.monotonic() + _START_S

    def results(self, check: Callable[[], None]) -> Iterator[tuple[int, Facts]]:
        """(job, facts) as they come, until nothing waits or the child is gone; untouched jobs wait again after."""
        while True:
            check()
            self._hand_out()
            if not self.open and not self._given:
                return
            answer = self._child.receive(_POLL_S)
            overdue = self._overdue()
            if answer is None or overdue or (not answer and time.monotonic() > self._first_word_by):
                break
            if answer and (result := self._take(answer)):
                yield result
        self._waiting.extendleft(reversed(self._given))
        if answer is None or not overdue:
            return
        for index in overdue:
            del self.open[index]
            reason = f"hangs: no progress in decoding it for {self._deadline_s:.0f} s"
            yield index, Facts(failure=reason, lasting=False)
        self._waiting.extendleft(self.open)
        self.open.clear()

    def _hand_out(self) -> None:
        while self._waiting and len(self.open) + len(self._given) < self._at_once:
            index = self._waiting.popleft()
            self._given.append(index)
            self._child.send(index, self._jobs[index].path, self._jobs[index].key)

    def _overdue(self) -> list[int]:
        limit = time.monotonic() - self._deadline_s
        return [index for index, sign in self.open.items() if sign < limit]

    def _take(self, answer: dict[str, object]) -> tuple[int, Facts] | None:
        self._first_word_by = float("inf")
        event, index = answer["event"], answer.get("id")
        if event == "storage":
            raise refused(self._child.cache, OSError(answer["errno"], answer["reason"]))
        assert isinstance(index, int)
        if event == "done":
            del self.open[index]
            return index, Facts.from_record(answer["facts"])
        if event == "begin":
            self._given.remove(index)
        self.open[index] = time.monotonic()
        return None


def usable_cpus() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
