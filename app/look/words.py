"""What the app says: figures, moments and states in words. Pure functions, no Streamlit."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.claims.verdict import gain_of
from engine.errors import ConfigError
from engine.quantities import long_duration, number, size
from engine.rundir.findings import Evidence
from engine.rundir.record import Nouns, RunRecord
from engine.rundir.status import Memory, Status
from engine.rundir.view import RunView
from engine.tasks import task_config

FEW_CHECKING = 10


def when(at: float, now: float) -> str:
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


def date(at: float) -> str:
    """A moment (Unix seconds) in full, wherever it is seen from: "3 November 2026, 21:02"."""
    then = datetime.fromtimestamp(at)
    return f"{then.day} {then:%B %Y, %H:%M}"


def ends_near(left_s: float, now: float) -> str:
    """When something that takes ``left_s`` more is done: "14:20", to five minutes when it is far away."""
    end = datetime.fromtimestamp(now) + timedelta(seconds=left_s)
    if left_s > 1800:
        end += timedelta(minutes=2.5)
        end = end.replace(minute=end.minute // 5 * 5)
    days = (end.date() - datetime.fromtimestamp(now).date()).days
    day = {0: "", 1: "tomorrow "}.get(days, f"{end.day} {end:%b} ")
    return f"{day}{end:%H:%M}"


def better_than_average(status: Status, run: RunRecord) -> float | None:
    """The fraction by which the monitored error lies below the baseline's, now; None without either."""
    value = status.metrics.get(run.monitor.metric)
    return gain_of(value, run.monitor)


def uncertain(run: RunRecord, evidence: Evidence | None) -> str | None:
    """The metric that says how sure the monitored one is, where so few sounds check that it matters."""
    checks = run.num_val_files if evidence is None else evidence.files  # of copies of a sound ``evidence`` counts one
    return run.monitor.standard_error if checks < FEW_CHECKING else None


def where(status: Status, live: bool, minutes: float | None = None) -> str:
    """Where it stands: "Epoch *45* of 100 · step *2,970* of 6,600 · 5.1 steps a second · 10 minutes so far".

    minutes: what it may take in all, which it keeps to within its tolerance (:mod:`engine.loop.timekeeper`). How many
    steps those hold follows from its pace and changes with it.
    """
    timed = live and minutes is not None
    parts = [epoch(status, timed), f"step *{number(status.step)}*{of(status.total_steps, timed)}"]
    if live and status.steps_per_s:
        parts.append(pace(status.steps_per_s))
    ends = f" of about {long_duration(60.0 * minutes)}" if live and minutes is not None else " so far" if live else ""
    parts.append(f"{long_duration(status.elapsed_s)}{ends}")
    if status.memory is not None:
        parts.append(memory(status.memory))
    return " · ".join(parts)


def epoch(status: Status, timed: bool) -> str:
    """ "Epoch *45* of 100". timed: how many there will be follows from its pace: "of about 100"."""
    return f"Epoch *{status.epoch}*{of(status.total_epochs, timed)}"


def of(total: int | None, timed: bool) -> str:
    """ " of 100", timed " of about 100"; "" where it is not known."""
    return f" of {'about ' if timed else ''}{number(total)}" if total else ""


def longer(view: RunView) -> str:
    """What its user asked for beyond its first length: "by 3 epochs, by 5 minutes"; "" where nothing was."""
    return ", ".join(plan.reason.removeprefix("extended ") for plan in view.extensions)


def memory(used: Memory) -> str:
    """What it takes: "*812 MB* of memory", with an accelerator "…, *2.1 GB* of 80 GB on the device"."""
    said = f"*{size(used.process_bytes)}* of memory"
    if used.device_used_bytes is None:
        return said
    total = f" of {size(used.device_total_bytes)}" if used.device_total_bytes else ""
    return f"{said}, *{size(used.device_used_bytes)}*{total} on the device"


def pace(steps_per_s: float) -> str:
    """ "5.1 steps a second", or "1 step in 3.2 seconds" when it is slow."""
    if steps_per_s >= 1:
        return f"{steps_per_s:.1f} steps a second"
    return f"1 step in {1 / steps_per_s:.1f} seconds"


PHASES = {
    "train": "learning",
    "validate": "checking on {items} it never learns",
    "preview": "making the next {one}",
    "save": "saving",
}


def phase(status: Status, called: Nouns) -> str:
    """What it is busy with: "reading sounds 12 of 40"; before the first update as its task calls it. called: as
    :func:`nouns_of` has it, here and below."""
    said = PHASES.get(status.phase, "").format(items=called.items, one=called.one)
    said = said or status.doing or status.phase or "starting"
    progress = status.progress
    return f"{said} {number(progress.done)} of {number(progress.total)}" if progress and progress.total else said


def nouns(run: RunRecord | None) -> Nouns:
    """The words for a run's data, as its task declared them."""
    return run.monitor.nouns if run is not None else Nouns()


def nouns_of(view: RunView) -> Nouns:
    """The same of a run that may still read its data: then as the task that its process named calls it."""
    if view.run is not None or view.session is None:
        return nouns(view.run)
    try:
        return task_config(view.session.task).nouns
    except ConfigError:  # of an earlier version, or of a later one's task
        return Nouns()


def error(run: RunRecord | None, called: Nouns) -> str:
    """What the monitored metric is called on a card: "Error on new sounds"; "On new data" while nobody knows which."""
    if called.measure:
        label = f"{called.measure} on new {called.items}"
    else:
        label = metric_label(run) if run is not None else "on new data"
    return label[:1].upper() + label[1:]


def gain(run: RunRecord | None, called: Nouns) -> str:
    """What that gains over the baseline: "Better than the average sound", of a score "Less error than …"."""
    if run is None and not called.measure:
        return f"Against the average {called.item}"
    less = run is not None and run.monitor.better == "higher"
    return f"{f'Less {called.lacks}' if less else 'Better'} than the average {called.item}"


def unit_line(run: RunRecord) -> str:
    """The title of the main chart's height: "error in dB, lower is better"."""
    measured = nouns(run).measure or metric_label(run)
    unit = f" in {run.monitor.unit}" if run.monitor.unit else ""
    return f"{measured}{unit}, {run.monitor.better} is better"


def metric_label(run: RunRecord) -> str:
    """What the monitored metric is called: "accuracy on new data"."""
    spec = next((one for one in run.metrics if one.name == run.monitor.metric), None)
    return spec.label if spec else run.monitor.metric
