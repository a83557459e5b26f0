"""Sounds that are ready to be played, by the key and the spot they were made for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from engine.tasks.vae.play.spot import Spot


@dataclass(frozen=True)
class Rendered:
    """A sound in memory. wave: float [T, 2], full scale 1. note: its pitch as a MIDI note, None without a clear one.
    loops: whether it goes round while its key is held."""

    wave: np.ndarray
    note: float | None = None
    loops: bool = False


class RenderedSounds:
    """At most ``most`` of them: what was used least lately goes first. Any thread may ask and put."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._sounds: OrderedDict[tuple[int, Spot], Rendered] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, wish: tuple[int, Spot]) -> bool:
        with self._lock:
            return wish in self._sounds

    def put(self, slot: int, spot: Spot, sound: Rendered) -> None:
        with self._lock:
            self._sounds[slot, spot] = sound
            self._sounds.move_to_end((slot, spot))
            while len(self._sounds) > self.most:
                self._sounds.popitem(last=False)

    def nearest(self, slot: int, spot: Spot) -> tuple[Rendered, bool] | None:
        """The sound of ``slot`` at ``spot``, else nearest to it, of equal ones the latest; and whether it is the very
        one. None where there is none of this slot."""
        with self._lock:
            there = [one for number, one in reversed(self._sounds) if number == slot]
            if not there:
                return None
            found = min(there, key=spot.distance)
            self._sounds.move_to_end((slot, found))
            return self._sounds[slot, found], found == spot
