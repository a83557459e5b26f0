"""What one can ask of playing, as values. No torch."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.tasks.vae.sounds.request import SHORTEST, Making

LONGEST_S = 10.0  # of a sound: hundreds of them are kept ready


class PlayRequest(Making):
    """Which sounds lie on which keys, and which controllers move them."""

    keys: Literal["kit", "chromatic"] = Field(
        "kit",
        description="One new sound a key, from C2 up; or one sound over the whole keyboard, in tune where its pitch is "
        "clear.",
    )
    sounds: int = Field(16, ge=1, le=128, description="How many keys of a kit have a sound.")
    controllers: tuple[Annotated[int, Field(ge=0, le=119)], ...] = Field(
        (1, 70, 71, 72, 73, 74),
        max_length=16,
        description="MIDI controllers: the first moves main axis 1 of the map, the second axis 2, and so on.",
    )
    duration_s: float | None = Field(
        None, ge=SHORTEST, le=LONGEST_S, description="Length of each sound in seconds; automatic: as generate makes it."
    )
    quality: Literal["best", "fast"] = Field("fast", description="Care in finding phases; fast takes less time.")

    @model_validator(mode="after")
    def _each_moves_one(self) -> Self:
        twice = [one for one, count in Counter(self.controllers).items() if count > 1]
        if twice:
            raise ValueError(f"controllers names {twice[0]} twice, and a controller moves one axis")
        return self
