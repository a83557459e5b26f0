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
from engine.tasks.vae.sounds.request import (
    Between,
    FromFile,
    FromGrains,
    FromPrior,
    Making,
    MapPoint,
    Moved,
    Origin,
    SoundRequest,
)

USUAL = 16
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True)
class Wish:
    """A sound to come. request: None for a ``file`` that is taken as it is; loops: whether that one goes round."""

    name: str
    request: SoundRequest | None
    file: Path | None = None
    loops: bool = False


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
        places = [(Path(point.path).stem, MapPoint(x=point.x, y=point.y)) for point in points]
        return [Wish(name, sound.model_copy(update={"origin": place})) for name, place in places]
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


def _starred(generator: SoundGenerator, star: Star) -> Wish:
    """Made again as it was, so that it has variations; its file when another model made it.

    Also when it was made from a file outside the collection: the run may be anybody's, and so may that name. What is
    made of grains has no variations.
    """
    sound = star.recipe.sound
    varies = not isinstance(sound.origin, FromGrains) and all(
        in_collection(generator.trained, name) for name in _files(sound.origin)
    )
    if star.recipe.weights != generator.trained.weights or not varies:
        return Wish(star.name, None, star.path, sound.loop)
    return Wish(star.name, sound.model_copy(update={"loop": generator.of_textures or sound.loop}))


def _files(origin: Origin) -> tuple[str, ...]:
    """The sounds that an origin names."""
    inner = origin.of if isinstance(origin, Moved) else origin
    if isinstance(inner, FromFile):
        return (inner.file,)
    return (inner.first, inner.second) if isinstance(inner, Between) else ()


def read_file(path: Path) -> tuple[np.ndarray, int]:
    try:
        wave, rate = soundfile.read(path, dtype="float32")
    except (soundfile.LibsndfileError, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}.", "Take its star away.") from error
    return wave, rate
