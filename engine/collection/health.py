"""Is this collection fit to train on? Said before anything starts, in sentences for a musician."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
from pydantic import Field

from engine.collection.collection import LEFT_OUT, Collection
from engine.collection.split import assign_sides, split_files
from engine.errors import DataError
from engine.printable import escaped
from engine.quantities import counted, plural
from engine.resolve import get_adaptive_split, preset_for
from engine.rundir.findings import Diagnosis
from engine.rundir.protocol import Record
from engine.rundir.record import FileRow, different_sounds
from engine.settings import OverfittingPreset

FEW_TO_CHECK = 3
SHORT_S = 10.0
NARROW_HZ = 16_000
EVEN_DB = 6.0  # a factor of two: what one would not reach for the fader for
NAMED = 3


class Health(Record):
    """What a scan says. ``files`` are the rows of a run's dataset.json, with the side each used file would take."""

    files: list[FileRow]
    usable: int
    different: int = Field(description="Sounds in them, copies counted once: preset and part held out follow these.")
    skipped: int
    total_duration_s: float = Field(description="Of the usable files.")
    median_duration_s: float | None
    learn: int = Field(description="Files to learn from.")
    check: int = Field(description="Files held out to check with.")
    preset: OverfittingPreset = Field(description="What the preset auto would choose.")
    val_fraction: float
    ready: bool = Field(description="Whether training could begin.")
    findings: list[Diagnosis]


def examine(collection: Collection, val_fraction: float | None = None, split_seed: int = 42) -> Health:
    """The health of a collection (opened with ``minimum=0``). val_fraction: None for the one its size asks for."""
    count, different = len(collection.sounds), different_sounds(collection.rows)
    fraction = val_fraction if val_fraction is not None else get_adaptive_split(different)
    rows, blocker = collection.rows, None
    try:
        rows = assign_sides(collection.rows, split_files(collection.groups, fraction, split_seed))
    except DataError as error:
        blocker = Diagnosis(code="too_few", severity="error", message=str(error))
    durations = [sound.duration_s for sound in collection.sounds]
    sides = [row.split for row in rows]
    findings = [finding for look in _LOOKS if (finding := look(collection, rows))]
    return Health(
        files=rows,
        usable=count,
        different=different,
        skipped=len(rows) - count,
        total_duration_s=sum(durations),
        median_duration_s=float(np.median(durations)) if durations else None,
        learn=sides.count("train"),
        check=sides.count("val"),
        preset=preset_for(different),
        val_fraction=fraction,
        ready=blocker is None,
        findings=[blocker, *findings] if blocker else findings,
    )


def links_sentence(collection: Collection) -> str:
    """Which links to folders above were passed over; "" where there are none."""
    links = [escaped(link) for link in sorted(collection.links_up)]
    if not links:
        return ""
    lead = plural(len(links), "is a link that leads", "are links that lead")
    return f"{_named(links)} {lead} to a folder above: passed over, what lies there is no part of this one."


def _skipped(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    skipped = sum(row.verdict == "skipped" and row.reason != LEFT_OUT for row in rows)
    if not skipped:
        return None
    severity = "warning" if 2 * skipped > len(rows) else "info"
    message = f"{skipped} of {counted(len(rows), 'file')} cannot be used."
    if skipped == len(rows):
        message = f"None of {skipped} files can be used." if skipped > 1 else "The only file cannot be used."
    return Diagnosis(code="skipped", severity=severity, message=message)


def _runs(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    count = collection.runs_inside
    if not count:
        return None
    what = "1 folder of a run lies" if count == 1 else f"{count} folders of runs lie"
    message = f"{what} inside: passed over, the sounds in there are previews."
    return Diagnosis(code="runs_inside", severity="info", message=message)


def _links(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    message = links_sentence(collection)
    return Diagnosis(code="links_up", severity="info", message=message) if message else None


def _noted(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    noted = [row for row in rows if row.verdict == "used_with_note"]
    if not noted:
        return None
    names = _named([escaped(row.path) for row in noted])
    said = f" ({noted[0].reason})." if len(noted) == 1 else ". The table has the notes."
    message = f"{counted(len(noted), 'file')} used with a note: {names}{said}"
    return Diagnosis(code="noted", severity="info", message=message)


def _few_to_check(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    held_out = [row for row in rows if row.split == "val"]
    check = different_sounds(held_out)
    if not 0 < check < FEW_TO_CHECK:
        return None
    files, sounds = counted(len(held_out), "file"), counted(check, "sound")
    only = f"Only {files if check == len(held_out) else f'{sounds}, in {files},'} to check with"
    message = f"{only}: the validation curve says little. Trust your ears, or add sounds."
    return Diagnosis(code="few_to_check", severity="warning", message=message)


def _short(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    total = sum(sound.duration_s for sound in collection.sounds)
    if not collection.sounds or total >= SHORT_S:
        return None
    message = f"Only {total:.1f} s of sound in all: the model will soon know it by heart. More sounds help most."
    return Diagnosis(code="short", severity="warning", message=message)


def _same(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    copies = sum(row.same_as is not None for row in rows)
    if not copies:
        return None
    names = _named([f"{escaped(row.path)} repeats {escaped(row.same_as)}" for row in rows if row.same_as is not None])
    repeat = "repeats" if copies == 1 else "repeat"
    message = (
        f"{counted(copies, 'file')} {repeat} the sound of another: {names}. Each stays on the side of what it repeats."
    )
    return Diagnosis(code="same_sounds", severity="info", message=message)


_FAULTS: dict[str, tuple[Literal["warning", "info"], str, str, str]] = {
    "clipped": (
        "warning",
        "is clipped",
        "are clipped",
        "The model learns the crackle too: take the originals, or leave them out.",
    ),
    "offset": ("warning", "has a constant offset", "have a constant offset", "Remove it with a high-pass at 20 Hz."),
    "hum": ("warning", "hums", "hum", "The model learns the mains too: filter its lines out, or record again."),
    "silent_channel": (
        "info",
        "has a silent channel",
        "have a silent channel",
        "All channels are mixed to one, so it comes out softer: keep only the channels that sound if that matters.",
    ),
    "same_channels": ("info", "is mono in several channels", "are mono in several channels", "Nothing is lost."),
    "silent_edges": (
        "info",
        "has long silence at its edges",
        "have long silence at their edges",
        "Cut it, or the model learns silence.",
    ),
}


SHORTLY = {
    "clipped": "clipped",
    "offset": "offset",
    "hum": "hum",
    "silent_channel": "silent channel",
    "same_channels": "mono",
    "silent_edges": "long silence",
}


def _faults(code: str, collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    """What is wrong with recordings that are used all the same, by name."""
    severity, one, several, remedy = _FAULTS[code]
    found = [
        f"{escaped(row.path)} ({fault.words})"
        for row in rows
        if row.verdict != "skipped"
        for fault in row.faults
        if fault.code == code
    ]
    if not found:
        return None
    message = f"{counted(len(found), 'file')} {one if len(found) == 1 else several}: {_named(found)}. {remedy}"
    return Diagnosis(code=code, severity=severity, message=message)


def _named(found: Sequence[str]) -> str:
    """The first few, and how many more: the table has all."""
    return ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")


def _levels(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    peaks = [sound.peak_db for sound in collection.sounds]
    if len(peaks) < 2:
        return None
    spread = max(peaks) - min(peaks)
    if spread <= EVEN_DB:
        return Diagnosis(code="levels_even", severity="good", message=f"Levels are even, within {spread:.0f} dB.")
    message = f"Peaks lie {spread:.0f} dB apart. Each sound is brought to full level for training, so none is lost."
    return Diagnosis(code="levels_apart", severity="info", message=message)


def _narrow(collection: Collection, rows: Sequence[FileRow]) -> Diagnosis | None:
    rates = [row.sample_rate for row in rows if row.verdict != "skipped" and row.sample_rate]
    narrow = [rate for rate in rates if rate <= NARROW_HZ]
    if not narrow or 2 * len(narrow) < len(rates):
        return None
    top = f"{max(narrow) / 2000:g} kHz"
    dark = f"{counted(len(narrow), 'file')} of {len(rates)} hold nothing above {top}"
    message = f"{dark}: what the model makes will be as dark."
    return Diagnosis(code="narrow", severity="info", message=message)


_LOOKS: tuple[Callable[[Collection, Sequence[FileRow]], Diagnosis | None], ...] = (
    _skipped,
    _runs,
    _links,
    _noted,
    _few_to_check,
    _short,
    _same,
    *(partial(_faults, code) for code in _FAULTS),
    _levels,
    _narrow,
)
