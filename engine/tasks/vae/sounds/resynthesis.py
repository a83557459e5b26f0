"""A sound made again from grains of the collection, as the model knows it.

Its loudness over time is kept, its colours are the nearest that the collection has. After the mosaics of concatenative
synthesis (Schwarz 2006), in mel spectrograms: grains are cut from what the collection's codes decode to, added over one
another, and the whole is brought back to a wave at once, so that no two waves ever have to meet.

Letters: M mel bands, F frames, S steps of 4 frames, G grains, D latent_dim, L latent frames.
"""

from __future__ import annotations

import numpy as np
import torch

from engine import rng
from engine.audio import finish
from engine.audio.inversion import BEST, FAST
from engine.audio.mel import SILENCE_DB, power_to_db, to_power
from engine.audio.segments import evenly
from engine.tasks.vae.codec import AUDIBLE_DB
from engine.tasks.vae.sounds.collection_codes import MEASURED_FILES, MEASURED_S, collection_codes
from engine.tasks.vae.sounds.generate import LEVEL, Made, SoundGenerator
from engine.tasks.vae.sounds.inputs import Given, open_sound
from engine.tasks.vae.sounds.latent_map import too_far
from engine.tasks.vae.sounds.request import MOST_SECONDS, FromFile, Making, SoundRequest

STEP = 4  # frames; a grain is two steps, and each begins one after the other
HEARD_DB = 45.0  # quieter parts of the collection are no grains: they say more of the floor than of a colour
COLOUR_DB = 50.0
_FILES_AT_ONCE, _PLACES_AT_ONCE = 16, 512


def resynthesise(generator: SoundGenerator, name: str, making: Making, sample_rate: int | None = None) -> Made:
    """The sound called ``name`` (as :func:`open_sound` takes it) in grains of the collection, as long as it is, and
    between two channels where it lies between two; at the model's rate unless another is named.

    making: seed and quality, and not to be in stereo; the rest says nothing here. The same model, sound and seed give
    the same wave. ``DataError`` for a sound that cannot be used or lasts more than ten minutes, and where the
    collection is gone.
    """
    given = open_sound(generator.trained, name, MOST_SECONDS)
    wanted = _spectrum(generator, given)
    answer = mosaic(wanted, grains_of(_collection(generator, making.seed)))
    rough = generator.codec.roughen(answer[None], rng.generator(making.seed, "resynthesis-texture"))
    image = None if making.stereo is False else given.image
    wave = generator.codec.lying(rough, given.samples, image, BEST if making.quality == "best" else FAST)
    if not np.isfinite(wave).all():
        raise too_far()
    rate = sample_rate or generator.rate
    wave = finish.resample(finish.one_shot_edges(wave, generator.rate), generator.rate, rate)
    return Made(finish.level_out(wave, generator.codec.level or LEVEL), rate)


def _spectrum(generator: SoundGenerator, given: Given) -> torch.Tensor:
    """Mel power in dB [M, F] of a sound, floored as the model's is; F whole steps, at least two."""
    codec = generator.codec
    if given.wave is None:
        assert given.code is not None
        db = codec.decode(given.code[None])[0]
    else:
        db = codec.transform(torch.from_numpy(given.wave)[None])[0]
    frames = max(2 * STEP, -(-db.shape[-1] // STEP) * STEP)
    silence = codec.scale.floor
    return torch.nn.functional.pad(db.clamp_min(silence), (0, frames - db.shape[-1]), value=silence)


def _collection(generator: SoundGenerator, seed: int) -> list[torch.Tensor]:
    """What the codes of the collection's sounds decode to: mel power in dB [M, F] each."""
    known = collection_codes(generator.trained)
    if not generator.of_textures:
        return list(torch.cat([generator.codec.decode(codes) for codes in torch.split(known.codes, _FILES_AT_ONCE)]))
    codes = [_texture(generator, path, seed) for path in evenly(known.paths, MEASURED_FILES)]
    return [torch.cat(list(generator.codec.decode(code)), dim=-1) for code in codes]


def _texture(generator: SoundGenerator, path: str, seed: int) -> torch.Tensor:
    """Codes [W, D, L] of a texture's first 20 s; where its file is gone, its mean and what moves around such means."""
    given = open_sound(generator.trained, path)
    if given.wave is None:
        return generator.code(SoundRequest(seed=seed, origin=FromFile(file=path, amount=0)))
    return generator.codec.encode(torch.from_numpy(given.wave[: round(MEASURED_S * generator.rate)]))[0]


def grains_of(sounds: list[torch.Tensor]) -> torch.Tensor:
    """All grains [G, M, 8] of sounds [M, F] that can be heard; ``DataError`` where a model gives none."""
    grains = torch.cat([db.unfold(1, 2 * STEP, STEP).movedim(1, 0) for db in sounds])
    levels = _level(grains).mean(1)
    grains = grains[levels > levels.max() - HEARD_DB]
    if not len(grains):  # a model that decodes to no numbers
        raise too_far()
    return grains


def mosaic(wanted: torch.Tensor, grains: torch.Tensor) -> torch.Tensor:
    """Mel power in dB [M, F]: at each step of ``wanted`` [M, F] the grain of the nearest colour, as loud as it is."""
    top = wanted.amax(1)
    bands = top > top.max() - AUDIBLE_DB  # a telephone's voice says nothing of what lies above it
    known = _colours(grains[:, bands])
    places = wanted.unfold(1, 2 * STEP, STEP).movedim(1, 0)
    parts = torch.split(_colours(places[:, bands]), _PLACES_AT_ONCE)
    nearest = [torch.cdist(part, known).argmin(1) for part in parts]
    laid = _overlapped(grains[torch.cat(nearest)])
    loudness = _level(wanted)
    followed = laid + (loudness - _level(laid))
    return torch.where(loudness > loudness.max() - AUDIBLE_DB, followed, torch.full_like(laid, SILENCE_DB))


def _colours(grains: torch.Tensor) -> torch.Tensor:
    """[G, 2 M]: the bands of each step of grains [G, M, 8], in dB of the grain's own level."""
    steps: torch.Tensor = torch.unflatten(grains, 2, (2, STEP)).mean(3)
    relative: torch.Tensor = steps - _level(steps).mean(1)[:, None, None]
    return relative.clamp_min(-COLOUR_DB).flatten(1)


def _overlapped(grains: torch.Tensor) -> torch.Tensor:
    """Grains [S - 1, M, 8] of one level, each a step after the one before, as mel power in dB [M, 4 S]."""
    weight = torch.sin(torch.pi * (torch.arange(2 * STEP) + 0.5) / (2 * STEP)).square()
    power = to_power(grains - _level(grains).mean(1)[:, None, None]) * weight
    total = power.new_zeros(len(power) + 1, power.shape[1], STEP)
    total[:-1] += power[..., :STEP]
    total[1:] += power[..., STEP:]
    return power_to_db(total.movedim(0, 1).flatten(1))


def _level(db: torch.Tensor) -> torch.Tensor:
    """Level [..., F] of mel power [..., M, F], in dB."""
    return power_to_db(to_power(db).sum(-2))
