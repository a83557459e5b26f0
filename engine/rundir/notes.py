"""notes.json: what a person says of a run, in a file that no training process reads or writes.

It may come from anybody, as a run may: its texts are cut to what can be shown, and are nothing but text to whoever
shows them. One that is missing or damaged has nothing to show, and what of it is damaged takes nothing else with it.
Which previews have a star is another matter: states are removed by it, and not known is not none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from engine.errors import next_step
from engine.rundir.layout import Layout
from engine.rundir.protocol import Record
from engine.rundir.reading import is_there, object_at, read_object, unreadable

LONGEST_NAME, LONGEST_TAG, LONGEST_TEXT, LONGEST_REMARK = 100, 30, 4000, 300
MOST_TAGS, MOST_REMARKS = 12, 1000
_UPDATE = re.compile(r"[0-9]{1,12}")  # a second each: 30,000 years


def _line(text: str, longest: int) -> str:
    """``text`` without line ends, without what cannot be printed, and no longer than that."""
    words = " ".join(text.split())
    return "".join(char for char in words if char.isprintable())[:longest].strip()


def _lines(text: str) -> str:
    lines = (_line(line, LONGEST_TEXT) for line in text.strip().splitlines())
    return "\n".join(lines)[:LONGEST_TEXT].strip()


def _words(tags: Any) -> Any:
    """Those that are words: what else a file holds is no tag."""
    return [tag for tag in tags if _is_text(tag)] if isinstance(tags, list | tuple) else tags


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Each once, in their order."""
    said = (_line(tag.replace(",", " "), LONGEST_TAG) for tag in tags)
    return tuple(dict.fromkeys(filter(None, said)))[:MOST_TAGS]


def _placed(remarks: Any) -> Any:
    """Those that are words at the number of an update; what else a file holds is none of them."""
    if not isinstance(remarks, dict):
        return remarks
    return {step: text for step, text in remarks.items() if _is_update(step) and _is_text(text)}


def _updates(steps: Any) -> Any:
    """Those that are numbers of updates; what else a file holds is none."""
    return [step for step in steps if _is_update(step)] if isinstance(steps, list | tuple) else steps


def _is_text(value: object) -> bool:
    """Whether it is text that can be written: JSON can name half a character."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_update(step: object) -> bool:
    """Whether it is the number of an update, which as a key of JSON is a text."""
    return not isinstance(step, bool) and isinstance(step, int | str) and _UPDATE.fullmatch(str(step)) is not None


def _remarks(remarks: dict[int, str]) -> dict[int, str]:
    """In the order of their updates; the first ones where there are too many."""
    lines = ((step, _line(text, LONGEST_REMARK)) for step, text in sorted(remarks.items()))
    return dict([(step, text) for step, text in lines if text][:MOST_REMARKS])


def _moments(steps: Iterable[int]) -> tuple[int, ...]:
    """Each update once, in their order; the first ones where there are too many."""
    return tuple(sorted(set(steps))[:MOST_REMARKS])


class Notes(Record):
    """What a person calls a run, and says of it. Empty where there is nothing."""

    name: Annotated[str, AfterValidator(lambda text: _line(text, LONGEST_NAME))] = ""
    tags: Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_tags)] = ()
    text: Annotated[str, AfterValidator(_lines)] = ""
    archived: bool = False
    remarks: Annotated[dict[int, str], BeforeValidator(_placed), AfterValidator(_remarks)] = Field(
        default_factory=dict, description="Words on what previews sound like, by the update they were made after."
    )
    starred: Annotated[tuple[int, ...], BeforeValidator(_updates), AfterValidator(_moments)] = Field(
        (), description="The updates after which previews with a star were made."
    )


def read_notes(layout: Layout) -> Notes:
    """The notes on the run in ``layout``, empty ones where there are none that can be read."""
    return notes_in(read_object(layout.notes))


def starred_moments(layout: Layout) -> tuple[int, ...]:
    """The updates whose previews have a star.

    ``OSError`` where that is not known: the notes cannot be read, or earlier ones that could not lie beside them.
    """
    if is_there(layout.damaged_notes):
        raise unreadable(layout.damaged_notes)
    values = object_at(layout.notes)
    if not names_stars(values):
        raise unreadable(layout.notes)
    return notes_in(values).starred


def names_stars(values: dict[str, Any]) -> bool:
    """Whether ``values`` tell which previews have a star, be it none."""
    return isinstance(values.get("starred", ()), list | tuple)


def notes_doubt(layout: Layout) -> str:
    """Why it is not known what a person said of the run, what that holds up, and the remedy; "" where it is known."""
    try:
        starred_moments(layout)
    except OSError as error:
        what = Path(error.filename).name if error.filename else layout.notes.name
        return (
            f"{what} cannot be read: {error.strerror or error}. Whatever it holds, wishes to keep too, is not "
            f"shown, and no snapshot is removed while it is so. {next_step(error)}."
        )
    return ""


def notes_in(values: dict[str, Any]) -> Notes:
    """What of ``values`` are notes; a field that is none is empty."""
    kept: dict[str, Any] = {}
    for name in Notes.model_fields.keys() & values.keys():
        try:
            kept[name] = getattr(Notes.model_validate({name: values[name]}), name)
        except ValidationError:
            continue
    return Notes(**kept)
