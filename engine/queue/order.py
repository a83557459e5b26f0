"""In which order what waits is trained, where somebody changed it: ``order.json`` in a queue's folder.

It lies beside the requests and is none of them, so that neither who begins one nor who takes one out can lose it or
bring it back by a change of order. Written whole, under a lock that its writer's end releases, however it ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from engine.errors import RunDirectoryError, StorageError
from engine.rundir.atomic import replace_bytes
from engine.rundir.encoding import encode
from engine.rundir.liveness import host
from engine.rundir.lock import RunLock
from engine.rundir.protocol import Record
from engine.rundir.reading import read_own, read_record

PATIENCE_S = 5.0


class Order(Record):
    """The requests that waited when it was set, those that are trained first in front. What came later comes after."""

    version: Literal[1] = 1
    ids: tuple[str, ...]


class Turns:
    """The order in the folder of a queue. What is missing or damaged orders nothing: the oldest comes first then."""

    def __init__(self, folder: Path) -> None:
        self.file, self.lock = folder / "order.json", folder / "order.lock"

    def places(self) -> dict[str, int]:
        """The place of each request that was put in an order."""
        order = read_record(self.file, Order)
        return {} if order is None else {name: place for place, name in enumerate(order.ids)}

    def change(self, waiting: Callable[[], Sequence[str]], to: Callable[[list[str]], list[str]]) -> None:
        """Set ``to`` of what waits now. ``RunDirectoryError`` while another process does the same; ``StorageError``."""
        with self._alone():
            ids = tuple(to(list(waiting())))
            try:
                read_own(self.file)  # what refuses to be read now is no order that may be written over
                replace_bytes(self.file, encode(Order(ids=ids), indent=1), durable=True)
            except OSError as error:
                raise StorageError.of(error) from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two that change it at once do so one after the other."""
        try:
            lock = RunLock.within(self.lock, f"pid {os.getpid()}, host {host()}", PATIENCE_S)
        except RunDirectoryError:
            raise RunDirectoryError("Somebody else changes this order just now.", "Try again.") from None
        except OSError as error:
            raise StorageError.of(error) from error
        try:
            yield
        finally:
            lock.release()


def first(ids: Sequence[str]) -> Callable[[list[str]], list[str]]:
    """``ids`` in front of all others, in their order."""
    return lambda waiting: [*ids, *(one for one in waiting if one not in ids)]


def moved(name: str, by: int) -> Callable[[list[str]], list[str]]:
    """``name`` by so many places towards the end, or the front where ``by`` is negative."""

    def change(waiting: list[str]) -> list[str]:
        place = waiting.index(name)
        others = [one for one in waiting if one != name]
        return [*others[: max(0, place + by)], name, *others[max(0, place + by) :]]

    return change
