"""Which sounds an instrument is made of: new ones, those with a star, the collection's own places, or a region's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from engine.audio.segments import evenly
from engine.errors import DataError
from engine.piano_keys import KEYS
from engine.tasks.vae.instrument.request import InstrumentRequest, Region
from engine.tasks.vae.instrument.stars import Star
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.inputs import in_collection
from engine.tasks.vae.sounds.latent_map import Point
from engine.tasks.vae.sounds.request import (
    HIGHEST_RATE,
    LOWEST_RATE,
    MOST_SECONDS,
    Between,
    FromFile,
    FromGrains,
    FromPrior,
    Making,
    MapPoint,
    Moved,
    Origin,
    Recipe,
    SoundRequest,
)

USUAL = 16
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True)
class Wish:
    """A sound to come. request: how it is made, or was made of which the ``file`` is taken as it is; ``why`` so."""

    name: str
    request: SoundRequest
    file: Path | None = None
    why: str = ""


def wishes_for(generator: SoundGenerator, request: InstrumentRequest, stars: Sequence[Star]) -> list[Wish]:
    """The sounds to make, in the order of their keys. ``DataError`` when none has a star, or there is no map."""
    most = request.sounds or KEYS
    if request.source == "starred":
        if not stars:
            raise DataError("No sound has a star.", "Give one to what you want to keep, on the page Sounds.")
        return [_starred(generator, star) for star in evenly(stars, most)]
    sound = SoundRequest(**request.model_dump(include=set(Making.model_fields)), loop=generator.of_textures)
    if request.source == "places":
        points = evenly(generator.map.points(), most)
        return [Wish(Path(one.path).stem, sound.model_copy(update={"origin": _own(generator, one)})) for one in points]
    count = request.sounds or USUAL
    if request.region is not None:
        spots = spread(request.region, count)
        return [Wish("", sound.model_copy(update={"origin": spot})) for spot in spots]
    return [Wish("", sound.model_copy(update={"origin": FromPrior(index=index)})) for index in range(count)]


def spread(region: Region, count: int) -> Iterator[MapPoint]:
    """``count`` places all over a region, the first in its middle, each farther out: a sunflower's (Vogel 1979)."""
    for number in range(count):
        far, turned = region.radius * math.sqrt(number / count), number * _GOLDEN_ANGLE
        yield MapPoint(x=region.x + far * math.cos(turned), y=region.y + far * math.sin(turned))


def _own(generator: SoundGenerator, point: Point) -> FromFile | MapPoint:
    """A recording as the model knows it: a one-shot to its end, where new ones are no longer than the model's codes; a
    texture as its place sounds for as long as is asked for."""
    return MapPoint(x=point.x, y=point.y) if generator.of_textures else FromFile(file=point.path, amount=0)


def _starred(generator: SoundGenerator, star: Star) -> Wish:
    """Made again as it was, so that it has variations; else its file."""
    sound = star.recipe.sound
    why = _as_it_is(generator, star.recipe)
    if why:
        return Wish(star.name, sound, star.path, why)
    return Wish(star.name, sound.model_copy(update={"loop": generator.of_textures or sound.loop}))


def _as_it_is(generator: SoundGenerator, recipe: Recipe) -> str:
    """Why a sound with a star is not made again: what it is, in words; empty where it is.

    A file outside the collection is not looked for: the run may be anybody's, and so may that name. What is made of
    grains has no variations.
    """
    origin = recipe.sound.origin
    if recipe.weights != generator.trained.weights:
        return "of another state of the model"
    if isinstance(origin, FromGrains):
        return "made of grains"
    known = all(in_collection(generator.trained, name) for name in _files(origin))
    return "" if known else "of a file outside the collection"


def _files(origin: Origin) -> tuple[str, ...]:
    """The sounds that an origin names."""
    inner = origin.of if isinstance(origin, Moved) else origin
    if isinstance(inner, FromFile):
        return (inner.file,)
    return (inner.first, inner.second) if isinstance(inner, Between) else ()


def read_file(path: Path) -> tuple[np.ndarray, int]:
    """A made sound [T] or [T, 2] and its rate; ``DataError`` for what this program would not have made: the run may be
    anybody's."""
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            if file.channels <= 2 and LOWEST_RATE <= rate <= HIGHEST_RATE and 0 < file.frames <= MOST_SECONDS * rate:
                wave: np.ndarray = file.read(dtype="float32")
                if np.isfinite(wave).all():
                    return wave, rate
    except (soundfile.LibsndfileError, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}.", "Take its star away.") from error
    raise DataError(f"{path} is no sound that was made here.", "Take its star away.")
