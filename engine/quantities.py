"""Counts, lengths of time and sizes in words. Pure functions; every sentence of the program takes them from here."""

from __future__ import annotations

import math

MOST_DECIMALS = 9  # beyond, two figures differ by how they were computed
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def number(value: int) -> str:
    """2970 as "2,970"."""
    return f"{value:,}"


def small(value: int) -> str:
    """Up to twelve in letters, then in figures."""
    return _SMALL[value] if 0 <= value < len(_SMALL) else number(value)


def counted(value: int, one: str, many: str | None = None) -> str:
    """1 -> "1 sound", 3 -> "3 sounds"."""
    return f"{number(value)} {plural(value, one, many)}"


def plural(value: float, one: str, many: str | None = None) -> str:
    """The word that stands after ``value``: "sound" after 1, "sounds" after any other."""
    return one if value == 1 else many or f"{one}s"


def apart(first: float, second: float, decimals: int) -> tuple[str, str]:
    """Two figures that a sentence compares, with as many decimals as tell them apart, ``decimals`` at least and nine at
    most: 1.24 and 1.22 as they stand here, never both as "1.2"."""
    most = MOST_DECIMALS if first != second else decimals
    each = ((f"{first:z.{digits}f}", f"{second:z.{digits}f}") for digits in range(decimals, most + 1))
    return next((written for written in each if written[0] != written[1]), (f"{first:z.{decimals}f}",) * 2)


def duration(seconds: float | None) -> str:
    """A length of time, as coarse as one would say it: "40 s", "1 min 35 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 1:
        return "under 1 s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:
        return " ".join(f"{count} {unit}" for count, unit in ((minutes, "min"), (rest, "s")) if count)
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def long_duration(seconds: float) -> str:
    """The same in a sentence: "a moment", "40 seconds", "1 minute 35 seconds", "3 hours 20 minutes". It is finite."""
    if seconds < 1:
        return "a moment"
    words = {"s": "second", "min": "minute", "h": "hour", "d": "day"}
    parts = duration(seconds).split()
    return " ".join(counted(int(n), words[unit]) for n, unit in zip(parts[::2], parts[1::2], strict=True))


def sound_length(seconds: float) -> str:
    """How long sounds are: "0.04 s", "14.2 s", "3 min 20 s", "1 h 12 min"."""
    if 0 < seconds < 0.095:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def about(seconds: float) -> str:
    """An estimated time, no finer than it can be known: "about 40 seconds", "about 1.5 minutes", from five minutes on
    "about 7 minutes", "about 2.5 hours"."""
    if seconds < 55:
        return f"about {counted(max(5, 5 * round(seconds / 5)), 'second')}"
    minutes = seconds / 60
    if minutes < 90:
        near = round(2 * minutes) / 2 if minutes < 5 else round(minutes)
        return f"about {near:g} {plural(near, 'minute')}"
    return f"about {minutes / 60:.1f} hours"


def size(count: float) -> str:
    """Bytes in the unit one would say: "840 KB", "12.4 MB", "3.1 GB"."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit != "MB" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
