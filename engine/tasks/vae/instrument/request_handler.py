"""What ``sweetspot serve`` answers, with instruments among it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import Field

from engine.errors import ConfigError
from engine.sharing.deterministic_zip import write_zip
from engine.tasks.vae.instrument.kit_zip import members, sheet
from engine.tasks.vae.instrument.make import make_kit
from engine.tasks.vae.instrument.naming import file_stem
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.stars import read_stars
from engine.tasks.vae.sounds.load import name_of
from engine.tasks.vae.sounds.server import Answer, Request, RequestHandler
from engine.tasks.vae.sounds.wire import Ask, checked, folder, taken
from engine.tasks.vae.sounds.write import PROGRAM

_LETTERS = 6  # that tell two kits of one run apart, in the names of all their files


class _InstrumentAsk(Ask):
    out: str = Field(min_length=1)
    starred: list[str] = Field(default_factory=list, description="Files of the sounds with a star.")


class KitRequestHandler(RequestHandler):
    """:class:`RequestHandler` that makes instruments too."""

    def operations(self) -> dict[str, Callable[[Request], Answer]]:
        return super().operations() | {"instrument": self.instrument}

    def instrument(self, request: Request) -> Answer:
        request.setdefault("quality", "fast")
        wanted = taken(InstrumentRequest, request)
        ask = checked(_InstrumentAsk, request)
        if ask.starred and wanted.source != "starred":
            raise ConfigError(
                f"starred says nothing beside the source {wanted.source}.", "Leave it out, or name source starred."
            )
        generator, out = self.models.generator(ask.checkpoint), folder(ask.out)
        stars = read_stars([Path(path) for path in ask.starred])
        threads = str(torch.get_num_threads())
        parts = (
            PROGRAM,
            generator.trained.weights,
            threads,
            wanted.model_dump_json(),
            *(star.recipe.sha256 for star in stars),
        )
        own = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_LETTERS]
        kit = make_kit(generator, file_stem(name_of(self.path), f"-{wanted.source}-{own}"), wanted, stars, _untold)
        path = out / f"{kit.name}.zip"
        write_zip(path, members(kit, wanted))
        contents = sheet(kit, wanted)
        return {
            "state": generator.trained.state,
            "path": str(path),
            "samples": len(kit.samples),
            "instruments": contents["instruments"],
            "remarks": contents["remarks"],
        }


def _untold(done: int, total: int) -> None:
    """Who asked hears when all of it is there."""
