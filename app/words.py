"""What the app says: figures, moments and states in words. Pure functions, no Streamlit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.metrics import FAIR_QUALITY, GOOD_QUALITY, LEARNED_SOMETHING, better_than_baseline, quality
from engine.rundir.schema import Best, RunRecord, Status

FEW_CHECKING = 10
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def number(value: int) -> str:
    """2970 as "2,970"."""
    return f"{value:,}"


def small(value: int) -> str:
    """Up to twelve in letters, then in figures."""
    return _SMALL[value] if 0 <= value < len(_SMALL) else number(value)


def counted(value: int, one: str, many: str | None = None) -> str:
    """1 -> "1 sound", 3 -> "3 sounds"."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """A length of time, as coarse as one would say it: "40 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def long_duration(seconds: float) -> str:
    """The same in a sentence: "40 seconds", "12 minutes", "3 hours 20 minutes"."""
    words = {"s": "second", "min": "minute", "h": "hour", "d": "day"}
    parts = duration(seconds).removeprefix("under ").split()
    said = [counted(int(n), words[unit]) for n, unit in zip(parts[::2], parts[1::2], strict=True) if n.isdigit()]
    return " ".join(said) or "a moment"


def sound_length(seconds: float) -> str:
    """How long sounds are: "14.2 s", "3 min 20 s", "1 h 12 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def moment(at: float, now: float) -> str:
    """When, seen from ``now`` (both Unix seconds): "14:20", "yesterday 18:02", "Tuesday 09:15", "12 Nov 16:20"."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    clock = f"{then:%H:%M}"
    days = (today.date() - then.date()).days
    if days == 0:
        return clock
    if days == 1:
        return f"yesterday {clock}"
    if 1 < days < 7:
        return f"{then:%A} {clock}"
    day = f"{then.day} {then:%b}"
    return f"{day} {clock}" if then.year == today.year else f"{day} {then.year}"


def ends_near(left_s: float, now: float) -> str:
    """When something that takes ``left_s`` more is done: "14:20", to five minutes when it is far away."""
    end = datetime.fromtimestamp(now) + timedelta(seconds=left_s)
    if left_s > 1800:
        end += timedelta(minutes=2.5)
        end = end.replace(minute=end.minute // 5 * 5)
    days = (end.date() - datetime.fromtimestamp(now).date()).days
    day = {0: "", 1: "tomorrow "}.get(days, f"{end.day} {end:%b} ")
    return f"{day}{end:%H:%M}"


def size(count: float) -> str:
    """Bytes in the unit one would say: "840 KB", "12.4 MB", "3.1 GB"."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit != "MB" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def figure(value: float | None, unit: str = "") -> str:
    """A metric's value with its unit: "9.4 dB", "0.873", "124", "97 %" for fractions; "NaN" stays "NaN"."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinite"
    if unit == "dB":
        return f"{value:.1f} dB"
    if unit in ("%", "fraction"):
        return f"{value * 100:.0f} %"
    if abs(value) < 1e-4:
        return f"0 {unit}".strip()
    return f"{value:.3f} {unit}".strip() if 0.001 <= abs(value) < 10 else f"{value:.3g} {unit}".strip()


def give_or_take(value: float, error: float, unit: str = "") -> str:
    """A value with its standard error: "4.4 ± 0.6 dB"; without one that is known, the value alone."""
    shown = figure(value, unit)
    return f"{shown.removesuffix(' ' + unit)} ± {figure(error, unit)}" if math.isfinite(error) else shown


def percent(fraction: float) -> str:
    return f"{fraction * 100:.0f} %"


def better(fraction: float) -> str:
    """ "34 % better" or "5 % worse" than the average."""
    return f"{percent(fraction)} better" if fraction >= 0 else f"{percent(-fraction)} worse"


def quality_of(status: Status, run: RunRecord) -> tuple[float | None, str, str]:
    """(quality or None, its words, its colour). Grey while nothing is learnt: such a model has no gap either."""
    gap, gain = status.overfitting_gap, better_than_average(status, run)
    if gap is None or sweet_spot(status, run) is None or (gain is not None and gain < LEARNED_SOMETHING):
        return None, "too early to tell", "gray"
    return judged(quality(gap), memorises(status))


def memorises(status: Status) -> bool:
    """Whether new items come out worse by now while its own still improve, as the engine judges it."""
    return any(found.code == "memorising" for found in status.diagnosis)


def judged(value: float, worsens: bool) -> tuple[float, str, str]:
    """A quality from 0 to 1 with its words and its colour.

    worsens: whether new items come out worse by now. Until they do, a gap is only that: its own come out better.
    """
    if value >= GOOD_QUALITY:
        return value, "healthy", "green"
    far = value < FAIR_QUALITY
    if worsens:
        return (value, "memorising", "red") if far else (value, "begins to memorise", "yellow")
    return value, f"knows its own {'far ' if far else ''}better", "yellow"


def better_than_average(status: Status, run: RunRecord) -> float | None:
    """The fraction by which the monitored error lies below the best constant answer's, now; None without either."""
    value = status.metrics.get(run.monitor.metric)
    return None if value is None else better_than_baseline(value, baseline(status, run), run.monitor.better)


def best_better_than_average(status: Status, run: RunRecord) -> float | None:
    """The same where it was best."""
    if status.best is None:
        return None
    return better_than_baseline(status.best.raw, baseline(status, run), run.monitor.better)


def sweet_spot(status: Status | None, run: RunRecord | None) -> Best | None:
    """Where it was best, once there are two epochs to choose from: the only one there is is no spot yet.

    Nor is the best of a run that has come out worse than the best constant answer all along.
    """
    best = status.best if status else None
    if status is None or best is None or (best.epoch == 1 and status.epoch <= 2):
        return None
    gain = best_better_than_average(status, run) if run else None
    return None if gain is not None and gain < 0 else best


def uncertain(run: RunRecord) -> str | None:
    """The metric that says how sure the monitored one is, where so few files check that it matters."""
    return run.monitor.standard_error if run.num_val_files < FEW_CHECKING else None


def baseline(status: Status | None, run: RunRecord) -> float | None:
    """What the best constant answer scores."""
    said = status.baseline_db if status else None
    return said if said is not None else run.monitor.baseline_db


def where(status: Status, live: bool) -> str:
    """Where it stands: "Epoch *45* of 100 · step *2,970* of 6,600 · 5.1 steps a second · 10 minutes so far"."""
    parts = [f"Epoch *{status.epoch}*" + (f" of {number(status.total_epochs)}" if status.total_epochs else "")]
    parts.append(f"step *{number(status.step)}*" + (f" of {number(status.total_steps)}" if status.total_steps else ""))
    if live and status.steps_per_s:
        parts.append(pace(status.steps_per_s))
    parts.append(f"{long_duration(status.elapsed_s)} so far" if live else long_duration(status.elapsed_s))
    return " · ".join(parts)


def pace(steps_per_s: float) -> str:
    """ "5.1 steps a second", or "1 step in 3.2 seconds" when it is slow."""
    if steps_per_s >= 1:
        return f"{steps_per_s:.1f} steps a second"
    return f"1 step in {1 / steps_per_s:.1f} seconds"


PHASES = {
    "scan": "looking for sounds",
    "decode": "reading sounds",
    "prepare": "setting up the model",
    "train": "learning",
    "validate": "checking on sounds it never learns",
    "preview": "making sounds to listen to",
    "save": "saving",
}


def phase(status: Status) -> str:
    """What it is busy with: "reading sounds 12 of 40"."""
    said = PHASES.get(status.phase, status.phase or "starting")
    progress = status.progress
    return f"{said} {number(progress.done)} of {number(progress.total)}" if progress and progress.total else said


@dataclass(frozen=True)
class Nouns:
    """What this run's data is called. Decibels mean sound; anything else stays general."""

    item: str
    items: str
    main: str
    unit_line: str
    error: str
    gain: str
    held_out: str
    made: str
    prefer: str
    panel: str
    one: str
    compare: str
    more: str


_SOUND = Nouns(
    item="sound",
    items="sounds",
    main="How well it copies sounds",
    unit_line="error in dB, lower is better",
    error="Error on new sounds",
    gain="Better than the average sound",
    held_out="One sound it never learnt, and its copy",
    made="Made from the same seed, newest first",
    prefer="your ears prefer another",
    panel="Listen",
    one="sound",
    compare="Listen to",
    more="recordings",
)


def nouns(run: RunRecord | None) -> Nouns:
    """The words for a run: its unit decides, no task is named."""
    if run is None or run.monitor.unit == "dB":
        return _SOUND
    spec = next((one for one in run.metrics if one.name == run.monitor.metric), None)
    label = spec.label if spec else run.monitor.metric
    better_line = f"{run.monitor.better} is better"
    return Nouns(
        item="guess",
        items="files",
        main="How well it does",
        unit_line=f"{label}{', ' + run.monitor.unit if run.monitor.unit else ''}, {better_line}",
        error=label[:1].upper() + label[1:],
        gain="Better than the average guess",
        held_out="Data it never learnt, and what it makes of it",
        made="To data it never learnt, newest first",
        prefer="another suits you better",
        panel="Its answers",
        one="answer",
        compare="Look at",
        more="data",
    )
