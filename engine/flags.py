"""Command-line options made from a configuration's schema: its descriptions, ranges and choices are written once."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
import click
from pydantic.fields import FieldInfo

from engine.config import Settings


def leaves(model: type[Settings], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every field that is no configuration itself, with its path: ("regularization", "dropout")."""
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, Settings):
            yield from leaves(annotation, (*path, name))
        else:
            yield (*path, name), info


def options(*models: type[Settings]) -> Callable[[Any], Any]:
    """A decorator that gives a click command one option a field, unprefixed, with dashes; unset ones arrive as None."""
    found: dict[str, FieldInfo] = {}
    for model in models:
        for path, info in leaves(model):
            found.setdefault(path[-1], info)

    def decorate(command: Any) -> Any:
        for name, info in reversed(found.items()):
            flag = f"--{name.replace('_', '-')}"
            if info.annotation is bool:
                flag = f"{flag}/--no-{flag[2:]}"
            command = click.option(flag, name, type=_type(info.annotation), default=None, help=_help(info))(command)
        return command

    return decorate


def collect(model: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """The given options that belong to ``model``, nested as it is."""
    nested: dict[str, Any] = {}
    for path, _ in leaves(model):
        value = values.get(path[-1])
        if value is None:
            continue
        place = nested
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return nested


def _type(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Literal:
        return click.Choice([str(choice) for choice in get_args(annotation)])
    return annotation if annotation in (int, float, bool) else str


def _help(info: FieldInfo) -> str:
    signs = {annotated_types.Ge: ("ge", "from"), annotated_types.Gt: ("gt", "above"),
             annotated_types.Le: ("le", "to"), annotated_types.Lt: ("lt", "below")}  # fmt: skip
    bounds = [
        f"{word} {getattr(rule, attribute):g}"
        for rule in info.metadata
        for kind, (attribute, word) in signs.items()
        if isinstance(rule, kind) and abs(getattr(rule, attribute)) < 1e9
    ]
    default = "" if info.default is None else f"default {_plain(info.default)}"
    notes = ", ".join(filter(None, [" ".join(bounds), default]))
    return f"{info.description} [{notes}]" if notes else str(info.description)


def _plain(value: Any) -> str:
    """A default as one would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
