"""Notes and controllers in, samples out. Knows neither MIDI nor OSC, no device and no clock but the one it is given."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

import numpy as np

from engine.errors import ConfigError
from engine.piano_keys import KEYS
from engine.tasks.vae.play.keyboard import Keyboard, gain
from engine.tasks.vae.play.rendered import Rendered
from engine.tasks.vae.play.sounding_note import CUT_S, SoundingNote
from engine.tasks.vae.play.spot import Spot

HEADROOM = 0.5  # two of the loudest sounds at once stay below full scale
MOST_SOUNDING = 64
MOST_HELD = 4 * MOST_SOUNDING  # with those that fade out: of a flood of notes the first are never heard
_KEPT_TIMES = 10_000

Find = Callable[[int, Spot], tuple[Rendered, bool] | None]
Aim = Callable[[Spot, int], None]


class Player:
    """Plays what is ready.

    axes: how many main axes the map has. find: a slot's sound for a spot, and whether it is the very one of that spot;
    None: there is none. aim: told where sounds are wanted from now on, and the axis that was moved (negative:
    downwards). Any thread may send events. :meth:`block` belongs to the one that hands samples out; it waits for none.
    """

    def __init__(
        self,
        keyboard: Keyboard,
        rate: int,
        axes: int,
        find: Find,
        aim: Aim,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.keyboard, self.rate, self.axes = keyboard, rate, axes
        self.find, self.aim, self.clock = find, aim, clock
        self.spot = Spot()
        self.notes = self.nearby = self.missing = self.clipped = 0
        self.silent: Counter[int] = Counter()  # notes on keys without a sound, by key
        self.waits_s: deque[float] = deque(maxlen=_KEPT_TIMES)  # from a note to its first samples
        self._playing: list[SoundingNote] = []
        self._events: deque[tuple[Callable[[], None], float | None]] = deque()
        self._moving = threading.Lock()

    def begin(self) -> None:
        """Forget the notes that came until now: nothing could be heard yet. Where controllers stand is kept."""
        self._events.clear()
        self.notes = self.nearby = self.missing = 0
        self.silent.clear()

    def note_on(self, key: int, velocity: int) -> None:
        """Play ``key`` (0 to 127) at ``velocity`` (1 to 127; 0 lets it go, as MIDI has it)."""
        if velocity == 0:
            self.note_off(key)
            return
        asked = self.clock()
        slot = self.keyboard.slot(key)
        if slot is None:
            self.silent[key] += 1
            return
        self.notes += 1
        found = self.find(slot, self.spot)
        if found is None:
            self.missing += 1
            return
        sound, exact = found
        self.nearby += not exact
        note = SoundingNote(key, sound, self.keyboard.ratio(key, sound.note), gain(velocity), self.rate)
        self._events.append((lambda: self._start(note), asked))

    def note_off(self, key: int) -> None:
        """Let ``key`` go: what loops fades out, a one-shot plays to its end."""
        self._events.append((lambda: self._release(key), None))

    def keys_off(self) -> None:
        """Let every key go, as at the end of a file."""
        for key in range(KEYS):
            self.note_off(key)

    def all_off(self) -> None:
        """Silence in a moment, one-shots too."""
        self._events.append((self._cut, None))

    def move(self, axis: int, deviations: float) -> None:
        """Take sounds from ``deviations`` along main ``axis`` from now on; those that sound stay as they are.

        ``ConfigError`` when there is no such axis.
        """
        if not 1 <= axis <= self.axes:
            raise ConfigError(f"There is no axis {axis}.", f"Name one of 1 to {self.axes}.")
        with self._moving:
            before, self.spot = self.spot, self.spot.moved(axis, deviations)
            if self.spot != before:
                up = dict(self.spot.steps).get(axis, 0) > dict(before.steps).get(axis, 0)
                self.aim(self.spot, axis if up else -axis)

    def place(self, x: float, y: float) -> None:
        """Take the sound from this place of the map from now on, moved as it is; ``ConfigError`` with a kit."""
        if self.keyboard.keys == "kit":
            raise ConfigError("The keys of a kit have sounds of their own, no one place.", "Use --keys chromatic.")
        with self._moving:
            self.spot = Spot((x, y), self.spot.steps)
            self.aim(self.spot, 0)

    @property
    def sounding(self) -> bool:
        return bool(self._playing or self._events)

    def block(self, frames: int) -> np.ndarray:
        """The next samples [frames, 2] as float32 within full scale."""
        asked = self._begin()
        out = np.zeros((frames, 2), np.float32)
        for note in self._playing:
            part = note.block(frames)
            out[: len(part)] += part
        self._playing = [note for note in self._playing if not note.ended]
        out *= HEADROOM
        self.clipped += bool(np.abs(out).max(initial=0.0) > 1)
        now = self.clock()
        self.waits_s.extend(now - at for at in asked)
        return np.clip(out, -1.0, 1.0)

    def _begin(self) -> list[float]:
        """Do what was asked for since the last block; when its notes were."""
        asked = []
        for _ in range(len(self._events)):  # those that come meanwhile are for the next block
            event, at = self._events.popleft()
            event()
            asked += [at] if at is not None else []
        return asked

    def _start(self, note: SoundingNote) -> None:
        if note.sound.loops:
            self._release(note.key)
        self._playing.append(note)
        if len(self._playing) > MOST_SOUNDING:  # this one pushes one out, as each before it did
            self._playing[-MOST_SOUNDING - 1].release(CUT_S)
            del self._playing[:-MOST_HELD]

    def _release(self, key: int) -> None:
        for note in self._playing:
            if note.key == key and note.sound.loops:
                note.release()

    def _cut(self) -> None:
        for note in self._playing:
            note.release(CUT_S)
