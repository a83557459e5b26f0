"""What ``sweetspot serve`` answers: one warm model, asked over and over. The protocol is in docs/serve.md."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, StorageError, SweetspotError
from engine.rundir.reader import RunReader
from engine.tasks.vae.prior import OneShotPrior
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.inputs import find_sound
from engine.tasks.vae.sounds.pictures import Copy, depict, foretell, given_copy, original
from engine.tasks.vae.sounds.request import (
    Between,
    FileRequest,
    FromFile,
    FromGrains,
    FromPrior,
    MapPoint,
    Moved,
    Origin,
    SoundRequest,
    Treatment,
)
from engine.tasks.vae.sounds.warm_models import WarmModels
from engine.tasks.vae.sounds.wire import (
    AlongAsk,
    Ask,
    FileAsk,
    GenerateAsk,
    MakeAsk,
    MorphAsk,
    MoveAsk,
    NearestAsk,
    PointAsk,
    VaryAsk,
    checked,
    folder,
    parsed,
    taken,
    told,
)
from engine.tasks.vae.sounds.write import PROGRAM, deliver, fingerprint

PROTOCOL = 1

Request = dict[str, Any]
Answer = dict[str, Any]


class RequestHandler:
    """Answers requests about one run; keeps the last four models warm."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.models = WarmModels(path)

    def operations(self) -> dict[str, Callable[[Request], Answer]]:
        """What a request may name as ``op``."""
        return {
            "hello": self.hello,
            "generate": self.generate,
            "vary": self.vary,
            "map": self.map,
            "place": self.at_place,
            "axes": self.axes,
            "move": self.move,
            "morph": self.morph,
            "along": self.along,
            "original": self.original,
            "resynthesise": self.resynthesise,
            "nearest": self.nearest,
        }

    def answer(self, line: bytes) -> Answer:
        """The answer to one line. A failure is an answer too: with its cause and its remedy."""
        number: Any = None
        try:
            request = parsed(line)
            number = request.pop("id", None)
            name = request.pop("op", None)
            operations = self.operations()
            operation = operations.get(name) if isinstance(name, str) else None
            if operation is None:
                known = ", ".join(operations)
                raise ConfigError(f"There is no operation {name!r}.", f"Use one of {known}.")
            return {"id": number, "ok": True, **operation(request)}
        except SweetspotError as error:
            return {"id": number, "ok": False, "error": told(error)}
        except OSError as error:
            return {"id": number, "ok": False, "error": told(StorageError.of(error))}
        except Exception as error:  # noqa: BLE001 - whatever one request trips over, the next one is answered
            traceback.print_exc()
            unforeseen = SweetspotError(f"This failed: {type(error).__name__}: {error}.", "Ask for something else.")
            return {"id": number, "ok": False, "error": told(unforeseen)}

    def hello(self, request: Request) -> Answer:
        ask = checked(Ask, request)
        states = _states(self.path)
        greeting: Answer = {"protocol": PROTOCOL, "program": PROGRAM, "checkpoints": states}
        if not states and not self.path.is_file():
            return {**greeting, "run": RunReader(self.path).id, "model": None}
        generator = self._generator(ask)
        codec, prior = generator.codec, generator.prior
        seconds = None
        if isinstance(prior, OneShotPrior):
            seconds = round((codec.frames_of(prior.frames) - 1) * generator.hop / generator.rate, 3)
        model = {
            "state": generator.trained.state,
            "weights": generator.trained.weights,
            "kind": "textures" if generator.of_textures else "one-shots",
            "latent_dim": codec.model.latent_dim,
            "sample_rate": generator.rate,
            "longest_s": seconds,
            "temperature": generator.trained.temperature,
        }
        return {**greeting, "run": generator.trained.run, "model": model}

    def generate(self, request: Request) -> Answer:
        sound, file = _how(request)
        ask = checked(GenerateAsk, request)
        origins = [FromPrior(index=index) for index in range(ask.first, ask.first + ask.count)]
        return self._make(ask, sound, file, origins)

    def vary(self, request: Request) -> Answer:
        sound, file = _how(request)
        ask = checked(VaryAsk, request)
        indices = range(ask.first, ask.first + ask.count)
        origins = [checked(FromFile, {"file": ask.file, "amount": ask.amount, "index": index}) for index in indices]
        return self._make(ask, sound, file, origins)

    def at_place(self, request: Request) -> Answer:
        sound, file = _how(request)
        ask = checked(PointAsk, request)
        return self._make(ask, sound, file, [MapPoint(x=ask.x, y=ask.y)])

    def move(self, request: Request) -> Answer:
        sound, file = _how(request)
        ask = checked(MoveAsk, request)
        return self._make(ask, sound, file, [checked(Moved, {"of": ask.of, "axes": ask.axes})])

    def morph(self, request: Request) -> Answer:
        sound, file = _how(request)
        ask = checked(MorphAsk, request)
        positions = [step / (ask.steps - 1) for step in range(ask.steps)] if ask.position is None else [ask.position]
        ends = {"first": ask.first, "second": ask.second}
        return self._make(ask, sound, file, [checked(Between, {**ends, "position": one}) for one in positions])

    def along(self, request: Request) -> Answer:
        sound = taken(Treatment, request)
        ask = checked(AlongAsk, request)
        places = [(axis, at) for axis in ask.axes for at in ask.at]
        wishes = [sound.of(checked(Moved, {"of": ask.of, "axes": {axis: at}})) for axis, at in places]
        pictures = foretell(self._generator(ask), wishes)
        return {
            "pictures": [
                {
                    "axis": axis,
                    "at": at,
                    "duration_s": round(picture.duration_s, 4),
                    "png": base64.b64encode(picture.png).decode(),
                }
                for (axis, at), picture in zip(places, pictures, strict=True)
            ]
        }

    def map(self, request: Request) -> Answer:
        generator = self._generator(checked(Ask, request))
        points = [
            {**asdict(point), "file": _text(find_sound(generator.trained, point.path))}
            for point in generator.map.points()
        ]
        return {
            "points": points,
            "share": generator.map.share[:2],
            "files": len(generator.trained.files),
            "state": generator.trained.state,
        }

    def axes(self, request: Request) -> Answer:
        generator = self._generator(checked(Ask, request))
        return {
            "axes": [
                {
                    "number": axis.number,
                    "share": axis.share,
                    "changes": [{"name": name, "r": strength} for name, strength in axis.changes],
                }
                for axis in generator.map.axes
            ]
        }

    def nearest(self, request: Request) -> Answer:
        sound = taken(Treatment, request)
        ask = checked(NearestAsk, request)
        generator = self._generator(ask)
        code = generator.code(sound.of(ask.origin))
        x, y = generator.map.where(code)
        return {
            "x": x,
            "y": y,
            "nearest": [asdict(near) for near in generator.map.nearest(code, ask.count)],
            "remarks": generator.map.remarks(code),
        }

    def original(self, request: Request) -> Answer:
        ask = checked(FileAsk, request)
        generator, out = self._generator(ask), folder(ask.out)
        return self._heard(original(generator.trained, ask.file, out), generator, ask.picture)

    def resynthesise(self, request: Request) -> Answer:
        request.setdefault("quality", "fast")
        how, file = taken(Treatment, request, ("seed", "quality", "stereo")), taken(FileRequest, request)
        ask = checked(FileAsk, request)
        answer = self._make(ask, how, file, [FromGrains(file=ask.file)])
        beside = self._given(ask, Path(answer["sounds"][0]["path"]))
        return {**answer, "given": beside}

    def _given(self, ask: FileAsk, made: Path) -> dict[str, Any] | None:
        """The sound that was given, to hear beside the one that was made of it; None when its file is gone."""
        generator = self._generator(ask)
        copy = given_copy(generator.trained, ask.file, made.with_name(f"{made.stem}-given.wav"))
        return None if copy is None else self._heard(copy, generator, ask.picture)

    def _heard(self, copy: Copy, generator: SoundGenerator, picture: bool) -> dict[str, Any]:
        drawn = {"picture": str(depict(copy.path, generator.codec.config))} if picture else {}
        return {"path": str(copy.path), "duration_s": round(copy.duration_s, 4), "whole": copy.whole, **drawn}

    def _make(self, ask: MakeAsk, how: Treatment, file: FileRequest, origins: Sequence[Origin | FromGrains]) -> Answer:
        generator, out = self._generator(ask), folder(ask.out)
        return {
            "state": generator.trained.state,
            "sounds": [self._one(generator, how.of(origin), file, out, ask.picture) for origin in origins],
        }

    def _one(
        self, generator: SoundGenerator, sound: SoundRequest, file: FileRequest, out: Path, picture: bool
    ) -> dict[str, Any]:
        """One sound, under a name of its own; one that was made before lies there and is made over, bit for bit."""
        name = f"{sound.origin.kind}-{fingerprint(generator.trained, sound, file)[:16]}{sound.in_name}"
        written = deliver(generator, sound, file, out, name)
        drawn = {"picture": str(depict(written.path, generator.codec.config))} if picture else {}
        return {
            "path": str(written.path),
            "recipe": str(written.recipe),
            "duration_s": round(written.duration_s, 4),
            "sample_rate": written.sample_rate,
            "origin": sound.origin.model_dump(),
            "remarks": list(written.remarks),
            **drawn,
        }

    def _generator(self, ask: Ask) -> SoundGenerator:
        return self.models.generator(ask.checkpoint)


def _how(request: Request) -> tuple[Treatment, FileRequest]:
    """How the sounds of a request are made and written, taken out of it."""
    request.setdefault("quality", "fast")  # who asks here waits for the answer
    return taken(Treatment, request), taken(FileRequest, request)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _states(path: Path) -> list[dict[str, Any]]:
    """What can be named as ``checkpoint``."""
    return [
        {"name": one.name, "file": one.path.name, "epoch": one.epoch, "step": one.step}
        for one in RunReader(path).saved_states()
    ]
