"""The lines of ``sweetspot serve``: what a request may say, read part by part, and how a failure is told."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field, model_validator

from engine.errors import ConfigError, SweetspotError
from engine.home import expanded
from engine.rundir.encoding import too_deep
from engine.settings import Settings
from engine.tasks.vae.sounds.request import AxisNumber, FromPrior, Origin
from engine.validation import validated

LONGEST_CAUSE = 600  # characters: what is quoted of a request may be a megabyte

_Part = TypeVar("_Part", bound=Settings)


class Ask(Settings):
    """What every request may say beside ``op`` and ``id``."""

    checkpoint: str | None = None


class MakeAsk(Ask):
    """What every request for sounds says beside how they are made and written."""

    out: str = Field(min_length=1)
    picture: bool = False


class GenerateAsk(MakeAsk):
    count: int = Field(1, ge=1, le=1000)
    first: int = Field(0, ge=0)


class VaryAsk(GenerateAsk):
    file: str
    amount: float = 0.5


class PointAsk(MakeAsk):
    x: float
    y: float


class MoveAsk(MakeAsk):
    of: Any = Field(default_factory=FromPrior)
    axes: dict[AxisNumber, float]


class AlongAsk(Ask):
    """How far along each of ``axes`` the pictures stand, in standard deviations."""

    of: Any = Field(default_factory=FromPrior)
    axes: list[int] = Field(min_length=1, max_length=16)
    at: list[float] = Field([-2.0, -1.0, 0.0, 1.0, 2.0], min_length=1, max_length=16)


class MorphAsk(MakeAsk):
    first: str
    second: str
    position: float | None = None
    steps: int = Field(5, ge=2, le=100)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.position is not None and "steps" in self.model_fields_set:
            raise ValueError("position names one sound and steps several: give one of them")
        return self


class FileAsk(MakeAsk):
    """Of ``original`` and ``resynthesise``."""

    file: str


class NearestAsk(Ask):
    origin: Origin
    count: int = Field(5, ge=1, le=100)


def checked(kind: type[_Part], values: dict[str, Any]) -> _Part:
    """A request as ``kind``; ``ConfigError`` when it is none."""
    try:
        return validated(kind, values)
    except ConfigError as error:
        raise ConfigError(error.cause, "See docs/serve.md for what can be asked.") from None


def taken(kind: type[_Part], request: dict[str, Any], names: Collection[str] | None = None) -> _Part:
    """The fields of ``kind``, or ``names`` of them, out of ``request``, where they are no longer then; ``ConfigError``
    when they are none."""
    wanted = kind.model_fields if names is None else names
    return checked(kind, {name: request.pop(name) for name in wanted if name in request})


def folder(text: str) -> Path:
    """The folder that a request names, made when it is not there. ``ConfigError`` when it can be none; OSError."""
    try:
        path = expanded(text, strict=True)
        path.mkdir(parents=True, exist_ok=True)
    except ValueError as error:  # a NUL
        raise ConfigError(f"out = {text!r} cannot be a folder: {error}.", "Name another one.") from error
    return path


def parsed(line: bytes) -> dict[str, Any]:
    """The JSON object in one line; ``ConfigError`` when it is none."""
    try:
        request = json.loads(line)
        json.dumps(request, ensure_ascii=False).encode()  # half a surrogate pair is read, and written nowhere
    except UnicodeEncodeError as error:
        raise ConfigError("This line holds half a character.", "Send one JSON object a line, UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"This line is no JSON: {error}.", "Send one JSON object a line, UTF-8.") from error
    if not isinstance(request, dict) or too_deep(request):
        raise ConfigError("This line is no JSON object, or too deep a one.", 'Send {"id": 1, "op": "hello"}.')
    return request


def told(error: SweetspotError) -> dict[str, str]:
    """A failure as an answer has it."""
    cause = error.cause if len(error.cause) <= LONGEST_CAUSE else f"{error.cause[:LONGEST_CAUSE]}…"
    return {"kind": type(error).__name__, "cause": cause, "remedy": error.remedy}
