"""Numbers and dates as people and spreadsheets write them. Columns of texts in, float64 out. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Sign = Literal[".", ","]
MISSING = frozenset(("", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "?", "-"))
_LONGEST_MISSING = max(map(len, MISSING))
LARGEST, SMALLEST_SPREAD = 1e100, 1e-100  # beyond, sums of squares leave what a double holds
YES, NO = ("true", "yes", "y", "t"), ("false", "no", "n", "f")
_DAY_S = 86400.0
_GROUPS: dict[Sign, str] = {".": r",'’\s", ",": r".'’\s"}
_GROUP: dict[Sign, re.Pattern[str]] = {sign: re.compile(f"[{groups}]") for sign, groups in _GROUPS.items()}
_FORM: dict[Sign, str] = {
    sign: rf"[+-]?(?:\d{{1,3}}(?:[{groups}]\d{{3}})+|\d+|(?=[.,]\d))(?:{re.escape(sign)}\d*)?(?:[eE][+-]?\d+)?"
    for sign, groups in _GROUPS.items()
}
_NUMBER: dict[Sign, re.Pattern[str]] = {sign: re.compile(form) for sign, form in _FORM.items()}
_ABSENT = "|".join(map(re.escape, sorted(MISSING, key=len, reverse=True)))
_ALL: dict[Sign, re.Pattern[str]] = {
    sign: re.compile(rf"(?:(?:{form}|{_ABSENT})\0)*(?:{form}|{_ABSENT})", re.IGNORECASE) for sign, form in _FORM.items()
}
# With slashes the file decides which comes first, day or month: see :func:`day_first`.
DATE_FORMATS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y", "%Y-%m")
_TIMES = ("", " %H:%M", " %H:%M:%S")
_SLASHED = re.compile(r"(?:^|\0)(\d{1,2})/(\d{1,2})/\d{4}(?=[ \0]|$)")


def is_missing(text: str) -> bool:
    return len(text) <= _LONGEST_MISSING and text.lower() in MISSING


def number(text: str) -> float | None:
    """A finite decimal number; None for anything else ("1_000" and "nan" too, which Python would take)."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def plain_numbers(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """float64 [N] where all are numbers with a decimal point, missing or infinite; None otherwise. Quick."""
    try:
        values = list(map(float, texts))
    except ValueError:
        try:
            values = list(map(_value, texts))
        except ValueError:
            return None
    return None if "_" in "".join(texts) else np.array(values, dtype=np.float64)


def written_numbers(texts: Sequence[str], sign: Sign) -> NDArray[np.float64] | None:
    """float64 [N] where :func:`grouped` reads all, or they are missing; None otherwise. Quick: all are read at once.

    They are joined by a NUL, which no text of a CSV holds.
    """
    if not texts:
        return np.empty(0)
    joined = "\0".join(texts)
    if _GROUP[sign].search(joined):
        if _ALL[sign].fullmatch(joined) is None:
            return None
        joined = _GROUP[sign].sub("", joined)
    values = plain_numbers(joined.replace(sign, ".").split("\0"))
    if values is None or not all(is_missing(texts[place]) for place in np.flatnonzero(~np.isfinite(values)).tolist()):
        return None
    return values


def _value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        if is_missing(text):
            return math.nan
        raise


def reads(text: str, sign: Sign) -> bool:
    """Whether ``text`` is a number with this decimal sign, its thousands set off or not."""
    return _NUMBER[sign].fullmatch(text) is not None


def grouped(text: str, sign: Sign) -> float | None:
    """A number with its thousands set off by the other sign, spaces or apostrophes: "1.234,5" is 1234.5 for ","."""
    simple = number(text if sign == "." else text.replace(",", ".") if "." not in text else "")
    if simple is not None:
        return simple
    if not reads(text, sign):
        return None
    return number(_GROUP[sign].sub("", text).replace(sign, "."))


def decimal_sign(columns: Sequence[Sequence[str]], delimiter: str) -> Sign:
    """What sets off decimals in a file: what more of its columns that need to know tell; then by its delimiter.

    columns: the different values of each.
    """
    commas = points = undecided = 0
    for texts in columns:
        if alone := _alone(texts):
            commas += alone == ","
            points += alone == "."
            continue
        as_point, as_comma = (sum(reads(text, sign) for text in texts) for sign in (".", ","))
        commas += as_comma > as_point
        points += as_point > as_comma
        undecided += as_point == as_comma > 0
    if commas == points:
        return "," if undecided and delimiter == ";" and not points else "."
    return "," if commas > points else "."


def _alone(texts: Sequence[str]) -> Sign | None:
    """The sign with which all are numbers, where the other does not read all: no need to count those thousands."""
    others: dict[Sign, Sign] = {".": ",", ",": "."}
    for sign, other in others.items():
        if written_numbers(texts, sign) is not None and not all(reads(text, other) for text in texts):
            return sign
    return None


def day_first(columns: Sequence[Sequence[str]]) -> bool:
    """Whether a file's dates with slashes begin with the day: what more of its columns tell that read one way only.

    False, the month, where none does or as many tell otherwise.
    """
    balance = 0
    for texts in columns:
        pairs = [(int(first), int(second)) for first, second in _SLASHED.findall("\0".join(texts))]
        days, months = sum(second <= 12 for _, second in pairs), sum(first <= 12 for first, _ in pairs)
        balance += (days > months) - (months > days)
    return balance > 0


def moments(texts: Sequence[str], days_first: bool) -> tuple[list[float | None], str]:
    """Seconds since 1970 in UTC of dates, None for what is none, and the format most of them have.

    "" is ISO 8601; of the formats that read equally many the first of :data:`DATE_FORMATS` is taken.
    days_first: the file's order, which decides where slashes read both ways.
    """
    different = list(dict.fromkeys(texts))
    best, style = [_unix_time(text, datetime.fromisoformat) for text in different], ""
    dates = sorted(DATE_FORMATS, key=lambda form: form == "%m/%d/%Y") if days_first else DATE_FORMATS
    for form in (date + time for date in dates for time in _TIMES):
        if all(value is not None for value in best):
            break
        # A look at a few first: thousands of tries of every format would take seconds.
        if any(_unix_time(text, _reader(form)) is not None for text in different[:20]):
            found = [_unix_time(text, _reader(form)) for text in different]
            if _count(found) > _count(best):
                best, style = found, form
    known = dict(zip(different, best, strict=True))
    return [known[text] for text in texts], style


def _count(values: Sequence[float | None]) -> int:
    return sum(value is not None for value in values)


def _reader(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form)


def _unix_time(text: str, read: Callable[[str], datetime]) -> float | None:
    if not text[:1].isdigit() or text.isdigit():
        return None
    try:
        value = read(text)
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def date_parts(seconds: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Days since 1970-01-01 (with the time of day as their fraction), month 1...12, day of the week 0 (Monday)...6,
    and hours 0...24 where any has a time of day: float64 [N] each, NaN where ``seconds`` is.
    """
    days = seconds / _DAY_S
    known = ~np.isnan(seconds)
    whole = np.floor(days[known])
    months, weekdays, hours = (np.full(len(seconds), np.nan) for _ in range(3))
    months[known] = whole.astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12 + 1
    weekdays[known] = (whole + 3) % 7
    hours[known] = (days[known] - whole) * 24
    parts = {"days since 1970-01-01": days, "month": months, "day of the week": weekdays}
    return parts | ({"hour": hours} if np.nanmax(hours) > 0 else {})
