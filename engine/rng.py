"""Random draws as a pure function of (seed, stream, counter).

Nothing to save is nothing to lose: a resumed run asks for the draws of step 1,234 and gets the ones it would have got.
A hash keeps neighbours apart: ``seed + index`` makes seed 1 at index 2 equal seed 2 at index 1, and torch's CPU
generator uses 32 bits of its seed.
"""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, stream: str, *counter: int) -> np.random.Generator:
    """A fresh generator for one named stream at one moment; equal arguments give equal draws on every machine.

    seed: any integer from 0. stream: what the draws are for ("order", "latent"). counter: step, index and so on.
    """
    text = "\0".join((stream, str(seed), *map(str, counter)))
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
