"""notes.json: what a person says of a run, in a file that no training process reads or writes.

It may come from anybody, as a run may: its texts are cut to what can be shown, and are nothing but text to whoever
shows them. One that is missing or damaged says nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from engine.errors import RunDirectoryError
from engine.rundir.layout import Layout
from engine.rundir.protocol import Record
from engine.rundir.reading import read_record

LONGEST_NAME, LONGEST_TAG, LONGEST_TEXT, LONGEST_REMARK = 100, 30, 4000, 300
MOST_TAGS, MOST_REMARKS = 12, 1000


def _line(text: str, longest: int) -> str:
    """``text`` without line ends, without what cannot be printed, and no longer than that."""
    words = " ".join(text.split())
    return "".join(char for char in words if char.isprintable())[:longest].strip()


def _lines(text: str) -> str:
    lines = (_line(line, LONGEST_TEXT) for line in text.strip().splitlines())
    return "\n".join(lines)[:LONGEST_TEXT].strip()


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Each once, in their order."""
    said = (_line(tag.replace(",", " "), LONGEST_TAG) for tag in tags)
    return tuple(dict.fromkeys(filter(None, said)))[:MOST_TAGS]


def _remarks(remarks: dict[int, str]) -> dict[int, str]:
    """In the order of their updates; the first ones where there are too many."""
    lines = ((step, _line(text, LONGEST_REMARK)) for step, text in sorted(remarks.items()) if step >= 0)
    return dict([(step, text) for step, text in lines if text][:MOST_REMARKS])


def _moments(steps: Iterable[int]) -> tuple[int, ...]:
    """Each update once, in their order; the first ones where there are too many."""
    return tuple(sorted({step for step in steps if step >= 0})[:MOST_REMARKS])


class Notes(Record):
    """What a person calls a run, and says of it. Empty where there is nothing."""

    name: Annotated[str, AfterValidator(lambda text: _line(text, LONGEST_NAME))] = ""
    tags: Annotated[tuple[str, ...], AfterValidator(_tags)] = ()
    text: Annotated[str, AfterValidator(_lines)] = ""
    archived: bool = False
    remarks: Annotated[dict[int, str], AfterValidator(_remarks)] = Field(
        default_factory=dict, description="Words on what previews sound like, by the update they were made after."
    )
    starred: Annotated[tuple[int, ...], AfterValidator(_moments)] = Field(
        (), description="The updates after which previews with a star were made."
    )


def read_notes(layout: Layout) -> Notes:
    """The notes on the run in ``layout``, empty ones where there are none that can be read."""
    with contextlib.suppress(RunDirectoryError):  # a protocol has no place in them, and must hide no run
        return read_record(layout.notes, Notes) or Notes()
    return Notes()
