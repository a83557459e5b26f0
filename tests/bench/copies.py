"""How copies of sounds begin and what they sound like, beside what inversion alone makes of the same sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from engine.audio.inversion import BEST
from engine.tasks.vae.codec import Codec
from tests.bench import visqol
from tests.bench.attack import compare, led_in
from tests.bench.inversion import Inverse, from_mel
from tests.bench.scoring import RATE
from tests.bench.two_sample import LONGEST_S


def attack_scores(
    codec: Codec, sounds: Sequence[np.ndarray], listen: bool = False
) -> dict[str, list[dict[str, float]]]:
    """How copies of sounds [T] of peak 1 begin, and what inversion alone makes of them: see :mod:`tests.bench.attack`.

    50 ms of silence before each sound, and 3 s of it. listen: also what :mod:`tests.bench.visqol` hears, and the same
    without a second picture.
    """
    waves = [led_in(wave[: round(LONGEST_S * RATE)]).astype(np.float32) for wave in sounds]
    soft = replace(codec, sharp_attacks=False)
    ways: dict[str, Inverse] = {
        "attack": partial(codec.reconstruct, quality=BEST),
        "inversion_attack": from_mel(codec.config, BEST),
    }
    if listen:
        ways["soft_attack"] = partial(soft.reconstruct, quality=BEST)
        ways["soft_inversion_attack"] = from_mel(codec.config, BEST, sharp=False)
    return {name: [_compared(wave, way(wave), listen) for wave in waves] for name, way in ways.items()}


def _compared(original: np.ndarray, other: np.ndarray, listen: bool) -> dict[str, float]:
    found = compare(original, other)
    return found | {"visqol": visqol.quality(original, other)} if listen else found
