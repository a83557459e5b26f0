"""Makes the sounds of the keys."""

from __future__ import annotations

import time

import numpy as np

from engine.audio.pitch import clear_pitch
from engine.tasks.vae.play.rendered import Rendered
from engine.tasks.vae.play.request import PlayRequest
from engine.tasks.vae.play.spot import Spot
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.request import Making, SoundRequest


class Renderer:
    """The sound of a slot at a spot, as ``generate`` makes it. seconds: how long each took."""

    def __init__(self, generator: SoundGenerator, request: PlayRequest) -> None:
        self.generator, self.request = generator, request
        self._sound = SoundRequest(**request.model_dump(include=set(Making.model_fields)), loop=generator.of_textures)
        self.seconds: list[float] = []

    def __call__(self, slot: int, spot: Spot) -> Rendered:
        began = time.perf_counter()
        made = self.generator.make(self._sound.model_copy(update={"origin": spot.origin(slot)}))
        pitch = clear_pitch(made.wave, made.sample_rate) if self.request.keys == "chromatic" else None
        wave = made.wave if made.wave.ndim == 2 else np.repeat(made.wave[:, None], 2, axis=1)
        self.seconds.append(time.perf_counter() - began)
        return Rendered(np.ascontiguousarray(wave, np.float32), pitch.note if pitch else None, self._sound.loop)

    def warm_up(self) -> None:
        """Make one sound for nobody: the first takes longer than all others, and says nothing of them."""
        self(0, Spot())
        self.seconds.clear()
