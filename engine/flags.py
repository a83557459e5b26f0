"""Command-line options made from a configuration's schema: its descriptions, ranges and choices are written once."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
import click
from pydantic.fields import FieldInfo

from engine.config import preset_values
from engine.errors import SweetspotError
from engine.printable import escaped
from engine.settings import Settings

_TYPED = f"{__name__}.typed"


def leaves(model: type[Settings], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every field that is no configuration itself, with its path: ("regularization", "dropout")."""
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, Settings):
            yield from leaves(annotation, (*path, name))
        else:
            yield (*path, name), info


class WholeRange(click.IntRange):
    """A whole number in a range."""

    name = "integer"  # or what is none would be called "not a valid integer range"


class FiniteRange(click.FloatRange):
    """A float in a range. NaN is in none: every comparison that would find it outside is false."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{found} is no number to work with.", param, ctx)
        return found


@dataclass(frozen=True)
class Fitting:
    """models: whose settings have a meaning for a source of this ``kind``: folder, file or dataset."""

    models: frozenset[type[Settings]]
    kind: str


class Setting(click.Option):
    """An option made from a field. section: the heading under which the help shows it. models: whose field it is.
    only: the kinds of source that it is for, all where there are none. decides: it has a task of its models learn from
    what others would."""

    def __init__(
        self,
        *names: Any,
        section: str,
        models: frozenset[type[Settings]],
        only: Sequence[str] = (),
        decides: bool = False,
        **attributes: Any,
    ) -> None:
        super().__init__(*names, **attributes)
        self.section = section
        self.models = models
        self.only, self.decides = only, decides

    def fits(self, source: Fitting) -> bool:
        """Whether it says something beside this source."""
        return (source.kind in self.only or not self.only) and (self.decides or bool(self.models & source.models))


class Sectioned(click.Command):
    """A command whose help shows its own options first, then the settings by what they are for.

    fitting: of the argument ``source`` and the names of the options beside it, which settings fit it. With
    a source on the line, ``--help`` shows only those; all of them when it raises SweetspotError.
    """

    def __init__(self, *given: Any, fitting: Callable[[str, set[str]], Fitting], **attributes: Any) -> None:
        super().__init__(*given, **attributes)
        self._fitting = fitting

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = list(args)  # --help is answered before anything else is parsed
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        source, fitting = self._asked_about(ctx)
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if isinstance(param, Setting) and fitting is not None and not param.fits(fitting):
                continue
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)) is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for title in sections:
            with formatter.section(title):
                formatter.write_dl(sections[title])
        if fitting is not None:
            formatter.write(
                f'\nThese fit {escaped(source)}. "{ctx.command_path} --help" shows those of every kind of source.\n'
            )

    def _asked_about(self, ctx: click.Context) -> tuple[str, Fitting | None]:
        """The source on the line and what fits it; None where there is no source, or none that is known."""
        try:
            typed, _, _ = self.make_parser(ctx).parse_args(list(ctx.meta.get(_TYPED, ())))
            source = typed.get("source")
            return (source, self._fitting(source, set(typed))) if isinstance(source, str) else ("", None)
        except (click.UsageError, SweetspotError):
            return "", None


def sectioned(model: type[Settings]) -> dict[tuple[str, ...], str]:
    """The section of every field that :func:`leaves` finds."""
    found: dict[tuple[str, ...], str] = {}
    section = "Settings"
    for name, info in model.model_fields.items():
        section = model.sections.get(name, section)
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, Settings):
            within = sectioned(annotation)
            found |= {(name, *path): title if annotation.sections else section for path, title in within.items()}
        else:
            found[name,] = section
    return found


def options(*models: type[Settings]) -> Callable[[Any], Any]:
    """A decorator that gives a click command one option a field, unprefixed, with dashes; unset ones arrive as None."""
    found: dict[str, tuple[FieldInfo, str, str]] = {}
    owners: dict[str, set[type[Settings]]] = {}
    for model in models:
        sections = sectioned(model)
        for path, info in leaves(model):
            found.setdefault(path[-1], (info, sections[path], _help(info, preset_values(model, path))))
            owners.setdefault(path[-1], set()).add(model)

    def decorate(command: Any) -> Any:
        for name, (info, section, text) in reversed(found.items()):
            flag = f"--{name.replace('_', '-')}"
            if info.annotation is bool:
                flag = f"{flag}/--no-{flag[2:]}"
            several = info.annotation == tuple[str, ...]
            about = {"type": _type(info.annotation), "default": None, "help": text, "section": section}
            about["models"] = frozenset(owners[name])
            about |= info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            about |= {"multiple": True, "callback": lambda context, option, given: given or None} if several else {}
            command = click.option(flag, name, cls=Setting, **about)(command)
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


def _help(info: FieldInfo, by_preset: list[Any]) -> str:
    """by_preset: what the presets, the strongest guard first, put in the place of the field's own default."""
    signs = {annotated_types.Ge: ("ge", "from"), annotated_types.Gt: ("gt", "above"),
             annotated_types.Le: ("le", "to"), annotated_types.Lt: ("lt", "below")}  # fmt: skip
    bounds = [
        f"{word} {getattr(rule, attribute):g}"
        for rule in info.metadata
        for kind, (attribute, word) in signs.items()
        if isinstance(rule, kind) and abs(getattr(rule, attribute)) < 1e9
    ]
    default = "" if info.default in (None, ()) else f"default {_plain(info.default)}"
    if by_preset:
        default = f"by preset: {' / '.join(f'{value:g}' for value in by_preset)}"
    notes = ", ".join(filter(None, [" ".join(bounds), default]))
    return f"{info.description} [{notes}]" if notes else str(info.description)


def _plain(value: Any) -> str:
    """A default as one would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
