"""What one can ask of an instrument, as values. No torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.tasks.vae.sounds.request import Making

Key = Annotated[int, Field(ge=0, le=127)]


class InstrumentRequest(Making):
    """An instrument: which sounds, on which keys."""

    sounds: int | None = Field(
        None, ge=1, le=128, description="How many; automatic: 16 new ones, else all that there are, at most 128."
    )
    source: Literal["new", "starred", "places"] = Field(
        "new", description="New sounds, those with a star, or the places of the collection's own on the map."
    )
    keys: Literal["kit", "chromatic"] = Field(
        "kit",
        description="One key a sound, from C2 up; or those with a clear pitch each over the whole keyboard, as an "
        "instrument of its own.",
    )
    round_robins: int = Field(1, ge=1, le=16, description="Variations of each sound that take turns.")
    velocity_layers: int = Field(
        1, ge=1, le=8, description="Steps of each sound from soft to loud, along what the map knows of its brightness."
    )
    choke: tuple[tuple[Key, ...], ...] = Field(
        (), max_length=16, description="Groups of keys that cut one another off, as open and closed hats do."
    )
