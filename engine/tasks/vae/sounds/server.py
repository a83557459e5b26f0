"""What ``sweetspot serve`` answers: one warm model, asked over and over. The protocol is in docs/serve.md."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field

from engine.config import Settings
from engine.errors import ConfigError, StorageError, SweetspotError
from engine.home import expanded
from engine.rundir.reader import RunReader
from engine.tasks.vae.prior import OneShotPrior
from engine.tasks.vae.sounds.generate import Studio
from engine.tasks.vae.sounds.inputs import find_sound
from engine.tasks.vae.sounds.load import open_model, traces
from engine.tasks.vae.sounds.pictures import depict, original
from engine.tasks.vae.sounds.request import (
    Between,
    FileRequest,
    FromFile,
    FromPrior,
    MapPoint,
    Moved,
    Origin,
    SoundRequest,
    Treatment,
)
from engine.tasks.vae.sounds.write import PROGRAM, deliver, fingerprint
from engine.validation import validated

PROTOCOL = 1
MOST_MODELS = 4
LONGEST_CAUSE = 600  # characters: what is quoted of a request may be a megabyte


class Ask(Settings):
    """What every request may say beside ``op`` and ``id``."""

    checkpoint: str | None = None


class _Make(Ask, Treatment, FileRequest):
    """Every request for sounds."""

    quality: Any = "fast"
    out: str = Field(min_length=1)
    picture: bool = False


class _Generate(_Make):
    count: int = Field(1, ge=1, le=1000)
    first: int = Field(0, ge=0)


class _Vary(_Generate):
    file: str
    amount: float = 0.5


class _AtPoint(_Make):
    x: float
    y: float


class _Move(_Make):
    of: Any = Field(default_factory=FromPrior)
    axes: dict[int, float]


class _Morph(_Make):
    first: str
    second: str
    position: float | None = None
    steps: int = Field(5, ge=2, le=100)


class _Original(Ask):
    file: str
    out: str = Field(min_length=1)
    picture: bool = False


class _Nearest(Ask, Treatment):
    origin: Origin
    count: int = Field(5, ge=1, le=100)


class Answers:
    """Answers requests about one run; keeps the last four models warm."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._studios: OrderedDict[str, Studio] = OrderedDict()  # by the digest of their weights
        self._asked: dict[str | None, str] = {}  # what a name of a state stood for when _seen was so
        self._seen: object = None
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "hello": self.hello,
            "generate": self.generate,
            "vary": self.vary,
            "map": self.map,
            "place": self.at_place,
            "axes": self.axes,
            "move": self.move,
            "morph": self.morph,
            "original": self.original,
            "nearest": self.nearest,
        }

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to one line. A failure is an answer too: with its cause and its remedy."""
        number: Any = None
        try:
            request = _parsed(line)
            number = request.pop("id", None)
            name = request.pop("op", None)
            operation = self.operations.get(name) if isinstance(name, str) else None
            if operation is None:
                known = ", ".join(self.operations)
                raise ConfigError(f"There is no operation {name!r}.", f"Use one of {known}.")
            return {"id": number, "ok": True, **operation(request)}
        except SweetspotError as error:
            return {"id": number, "ok": False, "error": told(error)}
        except OSError as error:
            return {"id": number, "ok": False, "error": told(StorageError.of(error))}

    def hello(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: Ask = checked(Ask, request)
        states = _states(self.place)
        found: dict[str, Any] = {"protocol": PROTOCOL, "program": PROGRAM, "checkpoints": states}
        if not states and not self.place.is_file():
            return {**found, "run": RunReader(self.place).id, "model": None}
        studio = self.studio(ask)
        codec, prior = studio.codec, studio.prior
        seconds = None
        if isinstance(prior, OneShotPrior):
            seconds = round((codec.frames_of(prior.frames) - 1) * studio.hop / studio.rate, 3)
        model = {
            "state": studio.trained.state,
            "weights": studio.trained.weights,
            "kind": "textures" if studio.of_textures else "one-shots",
            "latent_dim": codec.model.latent_dim,
            "sample_rate": studio.rate,
            "longest_s": seconds,
            "temperature": studio.trained.temperature,
        }
        return {**found, "run": studio.trained.run, "model": model}

    def generate(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: _Generate = checked(_Generate, request)
        origins = [FromPrior(index=index) for index in range(ask.first, ask.first + ask.count)]
        return self._made(ask, origins)

    def vary(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: _Vary = checked(_Vary, request)
        indices = range(ask.first, ask.first + ask.count)
        return self._made(ask, [_as(FromFile, file=ask.file, amount=ask.amount, index=index) for index in indices])

    def at_place(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: _AtPoint = checked(_AtPoint, request)
        return self._made(ask, [MapPoint(x=ask.x, y=ask.y)])

    def move(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: _Move = checked(_Move, request)
        return self._made(ask, [_as(Moved, of=ask.of, axes=ask.axes)])

    def morph(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: _Morph = checked(_Morph, request)
        places = [step / (ask.steps - 1) for step in range(ask.steps)] if ask.position is None else [ask.position]
        return self._made(ask, [_as(Between, first=ask.first, second=ask.second, position=place) for place in places])

    def map(self, request: dict[str, Any]) -> dict[str, Any]:
        studio = self.studio(checked(Ask, request))
        points = [
            {**asdict(point), "file": _text(find_sound(studio.trained, point.path))} for point in studio.map.points()
        ]
        return {
            "points": points,
            "share": studio.map.share[:2],
            "files": len(studio.trained.files),
            "state": studio.trained.state,
        }

    def axes(self, request: dict[str, Any]) -> dict[str, Any]:
        studio = self.studio(checked(Ask, request))
        return {
            "axes": [
                {
                    "number": axis.number,
                    "share": axis.share,
                    "changes": [{"name": name, "r": strength} for name, strength in axis.changes],
                }
                for axis in studio.map.axes
            ]
        }

    def nearest(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: _Nearest = checked(_Nearest, request)
        studio = self.studio(ask)
        code = studio.code(_sound(ask, ask.origin))
        x, y = studio.map.where(code)
        return {
            "x": x,
            "y": y,
            "nearest": [asdict(near) for near in studio.map.nearest(code, ask.count)],
            "remarks": studio.map.remarks(code),
        }

    def original(self, request: dict[str, Any]) -> dict[str, Any]:
        ask: _Original = checked(_Original, request)
        studio, out = self.studio(ask), folder(ask.out)
        found = original(studio.trained, ask.file, out)
        picture = {"picture": str(depict(found.path, studio.codec.config))} if ask.picture else {}
        return {
            "path": str(found.path),
            "duration_s": round(found.duration_s, 4),
            "whole": found.whole,
            **picture,
        }

    def _made(self, ask: _Make, origins: list[Any]) -> dict[str, Any]:
        studio, out = self.studio(ask), folder(ask.out)
        file: FileRequest = checked(FileRequest, {name: getattr(ask, name) for name in FileRequest.model_fields})
        return {
            "state": studio.trained.state,
            "sounds": [self._one(studio, _sound(ask, origin), file, out, ask.picture) for origin in origins],
        }

    def _one(self, studio: Studio, sound: SoundRequest, file: FileRequest, out: Path, picture: bool) -> dict[str, Any]:
        """One sound, under a name of its own; one that was made before lies there and is made over, bit for bit."""
        name = f"{sound.origin.kind}-{fingerprint(studio.trained, sound, file)[:16]}{sound.in_name}"
        done = deliver(studio, sound, file, out, name)
        drawn = {"picture": str(depict(done.path, studio.codec.config))} if picture else {}
        return {
            "path": str(done.path),
            "recipe": str(done.recipe),
            "duration_s": round(done.duration_s, 4),
            "sample_rate": done.sample_rate,
            "origin": sound.origin.model_dump(),
            "remarks": list(done.remarks),
            **drawn,
        }

    def studio(self, ask: Ask) -> Studio:
        """The model that is asked for; its files are read again only when one of them changed."""
        seen = traces(self.place)  # before the files are read: what changes meanwhile is seen the next time
        if seen != self._seen:
            self._asked.clear()
            self._seen = seen
        studio = self._studios.pop(self._asked.get(ask.checkpoint, ""), None)
        if studio is None:
            trained = open_model(self.place, ask.checkpoint)
            studio = self._studios.pop(trained.weights, None) or Studio(trained)
        weights = studio.trained.weights
        self._studios[weights], self._asked[ask.checkpoint] = studio, weights
        while len(self._studios) > MOST_MODELS:
            self._studios.popitem(last=False)
        return studio


def _sound(ask: Treatment, origin: Any) -> SoundRequest:
    values = {name: getattr(ask, name) for name in Treatment.model_fields}
    sound: SoundRequest = checked(SoundRequest, {**values, "origin": origin})
    return sound


def _as(kind: type[Settings], **values: Any) -> Any:
    return checked(kind, values)


def checked(kind: type[Settings], values: dict[str, Any]) -> Any:
    """A request as ``kind``; ``ConfigError`` when it is none."""
    try:
        return validated(kind, values)
    except ConfigError as error:
        raise ConfigError(error.cause, "See docs/serve.md for what can be asked.") from None


def folder(text: str) -> Path:
    """The folder that a request names, made when it is not there. ``ConfigError`` when it can be none; OSError."""
    try:
        place = expanded(text)
        place.mkdir(parents=True, exist_ok=True)
    except ValueError as error:  # a NUL
        raise ConfigError(f"out = {text!r} cannot be a folder: {error}.", "Name another one.") from error
    return place


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        json.dumps(request, ensure_ascii=False).encode()  # half a surrogate pair is read, and written nowhere
    except UnicodeEncodeError as error:
        raise ConfigError("This line holds half a character.", "Send one JSON object a line, UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"This line is no JSON: {error}.", "Send one JSON object a line, UTF-8.") from error
    if not isinstance(request, dict):
        raise ConfigError("This line is no JSON object.", 'Send {"id": 1, "op": "hello"}.')
    return request


def told(error: SweetspotError) -> dict[str, str]:
    """A failure as an answer has it."""
    cause = error.cause if len(error.cause) <= LONGEST_CAUSE else f"{error.cause[:LONGEST_CAUSE]}…"
    return {"kind": type(error).__name__, "cause": cause, "remedy": error.remedy}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _states(place: Path) -> list[dict[str, Any]]:
    """What can be named as ``checkpoint``."""
    return [
        {"name": one.name, "file": one.path.name, "epoch": one.epoch, "step": one.step}
        for one in RunReader(place).saved_states()
    ]
