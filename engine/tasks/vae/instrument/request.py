"""What one can ask of an instrument, as values. No torch."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.settings import Settings
from engine.tasks.vae.sounds.request import Making

Key = Annotated[int, Field(ge=0, le=127)]


class Region(Settings):
    """A round part of the map of the collection. x, y: its middle. radius: how far it reaches, in the map's unit."""

    x: float
    y: float
    radius: float = Field(gt=0)


class InstrumentRequest(Making):
    """An instrument: which sounds, on which keys."""

    sounds: int | None = Field(
        None,
        ge=1,
        le=128,
        description="How many; automatic: 16 new ones, or 16 places of a region, else all that there are, at most 128.",
    )
    source: Literal["new", "starred", "places", "region"] = Field(
        "new",
        description="New sounds, those with a star, the places of the collection's own on the map, or places of a "
        "region of it.",
    )
    region: Region | None = Field(
        None, description="A region of the map: sounds from its middle outwards, evenly spread, however many there are."
    )
    first_key: Key | None = Field(
        None, description="The key of the first sound; automatic: C2 (36), lower where more than 92 must fit."
    )
    keys: Literal["kit", "chromatic"] = Field(
        "kit",
        description="One key a sound, from C2 up; or those with a clear pitch each over the whole keyboard, as an "
        "instrument of its own.",
    )
    round_robins: int = Field(1, ge=1, le=16, description="Variations of each sound that take turns.")
    velocity_layers: int = Field(
        1,
        ge=1,
        le=8,
        description="Steps of each sound from soft to loud, along what the map knows of its brightness.",
    )
    choke: tuple[tuple[Key, ...], ...] = Field(
        (), max_length=16, description="Groups of keys that cut one another off, as open and closed hats do."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.source == "region") != (self.region is not None):
            raise ValueError("source is region where there is a region, and nowhere else")
        if any(len(set(keys)) < 2 for keys in self.choke):
            raise ValueError("A choke group needs two different keys at least, which cut one another off")
        in_groups = Counter(key for keys in self.choke for key in set(keys))
        if shared := [key for key, groups in in_groups.items() if groups > 1]:
            raise ValueError(f"Key {min(shared)} is in two choke groups: name it in one")
        return self
