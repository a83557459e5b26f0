"""What ``sweetspot serve`` answers, with instruments among it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import Field

from engine.sharing.deterministic_zip import write_zip
from engine.tasks.vae.instrument.archive import members, sheet
from engine.tasks.vae.instrument.make import make_kit
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.stars import read_stars
from engine.tasks.vae.sounds.server import Answers, Ask, checked, folder


class _Instrument(Ask, InstrumentRequest):
    quality: Any = "fast"
    out: str = Field(min_length=1)
    starred: list[str] = Field(default_factory=list, description="Files of the sounds with a star.")


class KitAnswers(Answers):
    """:class:`Answers` that make instruments too."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.operations["instrument"] = self.instrument

    def instrument(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: _Instrument = checked(_Instrument, request)
        wanted: InstrumentRequest = checked(
            InstrumentRequest, {name: getattr(ask, name) for name in InstrumentRequest.model_fields}
        )
        studio, out = self.studio(ask), folder(ask.out)
        stars = read_stars([Path(path) for path in ask.starred])
        kit = make_kit(studio, wanted, stars, lambda done, total: None)
        parts = (studio.trained.weights, wanted.model_dump_json(), *(star.recipe.sha256 for star in stars))
        name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        path = out / f"{kit.name}-kit-{name}.zip"
        write_zip(path, members(kit, wanted))
        said = sheet(kit, wanted)
        return {
            "state": studio.trained.state,
            "path": str(path),
            "samples": len(kit.samples),
            "instruments": said["instruments"],
            "remarks": said["remarks"],
        }
