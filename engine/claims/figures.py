"""A run's figures in words: metrics with their units, percentages, learning rates."""

from __future__ import annotations

import math

from engine.quantities import counted, plural
from engine.rundir.record import Monitor

DECIMALS = {"dB": 1}  # of units whose figures are all written alike


def minus(shown: str) -> str:
    """A figure as it is written, with a minus in place of the hyphen before it."""
    return f"−{shown[1:]}" if shown.startswith("-") else shown


def percent(fraction: float) -> str:
    return minus(f"{fraction * 100:z.0f} %")


def better(fraction: float, monitor: Monitor) -> str:
    """ "34 % better" or "5 % worse" than the average; of a score what it lacks to 1: "97 % less squared error"."""
    lacks = monitor.nouns.lacks
    more, less = ("worse", "better") if monitor.better == "lower" else (f"more {lacks}", f"less {lacks}")
    return f"{percent(fraction)} {less}" if fraction >= 0 else f"{percent(-fraction)} {more}"


def figure(value: float | None, unit: str = "") -> str:
    """A metric's value with its unit: "9.4 dB", "0.873", "124", "−0.351", "97 %" for fractions; "NaN" stays "NaN"."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinite"
    if unit in DECIMALS:
        return minus(f"{value:z.{DECIMALS[unit]}f} {unit}")
    if unit in ("%", "fraction"):
        return percent(value)
    if abs(value) < 1e-4:
        return f"0 {unit}".strip()
    return minus(f"{value:{'.3f' if 0.001 <= abs(value) < 10 else '.3g'}} {unit}".strip())


def gaps(damaged: int) -> str:
    """What is missing where so many lines of metrics.jsonl cannot be read; "" where all can."""
    if not damaged:
        return ""
    are = plural(damaged, "is", "are")
    lines = counted(damaged, "line")
    return f"{lines} of metrics.jsonl {are} damaged and left out: curves and figures have gaps there."


def amount(value: float, unit: str = "") -> str:
    """A difference with its unit to two digits, so that a small one never reads "0.0 dB": "1.1 dB", "0.042 dB"."""
    if not math.isfinite(value) or abs(value) >= 10:
        return figure(value, unit)
    if unit in ("%", "fraction"):
        return minus(f"{value * 100:.2g} %")
    return minus(f"{value:{'.1f' if abs(value) >= 1 else '.2g'}} {unit}".strip())


def give_or_take(value: float, by: float | None, unit: str = "") -> str:
    """A value and how far it may be off: "4.4 ± 0.6 dB"; without a figure for that, the value alone."""
    shown = figure(value, unit)
    if by is None or not math.isfinite(by):
        return shown
    return f"{shown.removesuffix(' ' + unit)} ± {figure(by, unit)}"


def typed(value: float) -> str:
    """A positive setting to two digits, as one would type it: "0.00025", "0.002", "5e-7"."""
    rounded = float(f"{value:.1e}")
    if 1e-5 <= rounded < 1e6:
        return f"{rounded:.8f}".rstrip("0").rstrip(".")
    mantissa, _, power = f"{rounded:e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
