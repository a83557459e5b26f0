"""A sound that is being played: at its own pitch or another, once or round and round until its key is let go."""

from __future__ import annotations

import numpy as np
import soxr

from engine.tasks.vae.instrument.model import ATTACK_S, RELEASE_S
from engine.tasks.vae.play.rendered import Rendered

CUT_S = 0.005  # how long one fades that has to make room


class SoundingNote:
    """Hands out ``sound`` piece by piece. ratio: how much faster than it was made (2 is an octave up). gain: a factor.

    Transposed as it is played (soxr's HQ): nothing has to be prepared, and a long sound costs no more than a short one.
    """

    def __init__(self, key: int, sound: Rendered, ratio: float, gain: float, rate: int) -> None:
        self.key, self.sound, self.gain, self.rate = key, sound, gain, rate
        self._at = 0  # the next sample of the sound
        self._age = 0  # samples handed out
        self._left: int | None = None  # samples until the end of its release
        self._slope = 0.0  # what it loses a sample
        self._ready = np.zeros((0, 2), np.float32)
        self._stream = soxr.ResampleStream(ratio * rate, rate, 2, quality="HQ") if abs(ratio - 1) > 1e-6 else None
        self._ratio = ratio
        self._drained = False  # the stream has had all of the sound
        self.ended = False

    def release(self, seconds: float = RELEASE_S) -> None:
        """Fade out from here on, unless it does so faster already."""
        samples = max(1, round(seconds * self.rate))
        if self._left is None or samples < self._left:
            level = 1.0 if self._left is None else self._left * self._slope
            self._left, self._slope = samples, level / samples

    def block(self, frames: int) -> np.ndarray:
        """The next samples [frames or, at the end, fewer, 2]."""
        wave = self._taken(frames) * self.gain
        if self.sound.loops:
            wave *= np.minimum(1.0, (self._age + 1 + np.arange(len(wave))) / (ATTACK_S * self.rate))[:, None]
        if self._left is not None:
            wave = wave[: self._left]
            wave = wave * (self._slope * (self._left - np.arange(len(wave))))[:, None]
            self._left -= len(wave)
        self._age += len(wave)
        self.ended = self.ended or len(wave) < frames or self._left == 0
        return wave.astype(np.float32)

    def _taken(self, frames: int) -> np.ndarray:
        """The next ``frames`` at the pitch it is played at; fewer where the sound ends."""
        if self._stream is None:
            return self._source(frames)
        while len(self._ready) < frames and not self._drained:
            wanted = int((frames - len(self._ready)) * self._ratio) + 1
            piece = self._source(wanted)
            self._drained = len(piece) < wanted
            self._ready = np.concatenate([self._ready, self._stream.resample_chunk(piece, last=self._drained)])
        taken, self._ready = self._ready[:frames], self._ready[frames:]
        return taken

    def _source(self, frames: int) -> np.ndarray:
        """The next ``frames`` of the sound as it was made; of a loop there are always more."""
        wave = self.sound.wave
        if self.sound.loops:
            places = (self._at + np.arange(frames)) % len(wave)
            self._at = (self._at + frames) % len(wave)
            return np.asarray(wave[places])
        piece = wave[self._at : self._at + frames]
        self._at += len(piece)
        return np.asarray(piece)
