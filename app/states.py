"""What a run's state is called, its badge, and the one message its page may have. Pure, no Streamlit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app import words
from engine.metrics import OVERFITTING_GAP
from engine.rundir.schema import Diagnosis, RunRecord, Status
from engine.rundir.view import RunView, ShownState

SETTING_UP = frozenset({"", "scan", "decode", "prepare"})


@dataclass(frozen=True)
class Badge:
    label: str
    icon: str
    colour: str


@dataclass(frozen=True)
class Note:
    """One message: its first words are strong."""

    colour: str
    icon: str
    strong: str
    text: str = ""


READY = Badge("Getting ready", "hourglass_top", "gray")
_BADGES = {
    ShownState.STARTING: READY,
    ShownState.RUNNING: Badge("Learning", "graphic_eq", "green"),
    ShownState.STOPPING: Badge("Stopping", "stop_circle", "gray"),
    ShownState.COMPLETED: Badge("Done", "check_circle", "green"),
    ShownState.CANCELLED: Badge("Stopped", "stop_circle", "gray"),
    ShownState.INTERRUPTED: Badge("Interrupted", "pause_circle", "gray"),
    ShownState.FAILED: Badge("Failed", "error", "red"),
    ShownState.CRASHED: Badge("Crashed", "power_off", "orange"),
    ShownState.UNKNOWN: Badge("Unknown", "question_mark", "gray"),
}
READ_ONLY = Badge("Read only", "lock", "gray")
ALL_LABELS = {badge.label: badge.colour for badge in (*_BADGES.values(), READ_ONLY)}


def getting_ready(view: RunView) -> bool:
    """Whether it lives and has not made its first update yet."""
    if not view.state.live:
        return False
    status = view.status
    return view.state is ShownState.STARTING or view.run is None or (
        status is not None and status.step == 0 and status.phase in SETTING_UP
    )  # fmt: skip


def badges(view: RunView) -> list[Badge]:
    """The state, and whether it can only be looked at."""
    if getting_ready(view):
        shown = [READY]
    elif view.state is ShownState.UNKNOWN and view.read_only:
        shown = []
    else:
        shown = [_BADGES[view.state]]
    return [*shown, READ_ONLY] if view.read_only and not view.state.live else shown


def message(view: RunView, fresh: Sequence[str] = (), settled: int | None = None) -> Note | None:
    """The most important thing to say about a run, if there is one.

    fresh: warnings of the last minutes. settled: the epoch after which its curve hardly moved, if there is one.
    """
    status, run = view.status, view.run
    if view.state is ShownState.FAILED:
        return _failed(status)
    if view.damage is not None:
        return Note("red", "error", *view.damage)
    if status is None:
        return Note("gray", "question_mark", "Its status cannot be read.", "What else is here is shown below.")
    if view.state is ShownState.CRASHED:
        return _crashed(status)
    if view.state is ShownState.UNKNOWN:
        return Note(
            "gray", "lock", view.doubt or "Nobody can tell whether it still learns.",
            f"Its last word was {words.small(status.epoch)} {'epoch' if status.epoch == 1 else 'epochs'} in. "
            "It can be looked at and listened to here" + (", not trained." if view.read_only else "."),
        )  # fmt: skip
    if view.state is ShownState.COMPLETED:
        return _completed(status, run, settled)
    if view.state is ShownState.CANCELLED:
        return Note("gray", "stop_circle", f"Stopped at {_place(status)}, as you asked.", _kept(status, view.resumable))
    if view.state is ShownState.INTERRUPTED:
        return Note(
            "gray", "pause_circle", f"Interrupted at {_place(status)}: something else asked it to end.",
            _kept(status, view.resumable),
        )  # fmt: skip
    return _live(view, status, fresh)


def _live(view: RunView, status: Status, fresh: Sequence[str]) -> Note | None:
    worst = min(status.diagnosis, key=lambda one: _RANK[one.severity], default=None)
    if worst is not None and worst.severity in ("error", "warning"):
        return diagnosed(worst, view.run)
    if fresh:
        return Note("yellow", "warning", "Take care.", fresh[-1])
    return diagnosed(worst, view.run) if worst is not None and worst.severity == "info" else None


_RANK = {"error": 0, "warning": 1, "info": 2, "good": 3}
_LOOK = {
    "error": ("red", "error"),
    "warning": ("yellow", "hearing"),
    "info": ("gray", "info"),
    "good": ("green", "check_circle"),
}


def diagnosed(found: Diagnosis, run: RunRecord | None) -> Note:
    """A finding of the engine; its first sentence is strong when another follows."""
    colour, icon = _LOOK[found.severity]
    first, stop, rest = found.message.partition(". ")
    if found.code == "memorising" and found.since_epoch is not None:
        near = found.since_epoch
        rest += f" {words.nouns(run).compare} epochs {max(1, near - 6)} to {near + 4}."
    return Note(colour, icon, first + ("." if stop else ""), rest)


def _failed(status: Status | None) -> Note:
    error = status.error if status else None
    if status is None or error is None:
        return Note("red", "error", "It failed.", "The log below says more.")
    cause = error.cause.rstrip(".")
    if cause[1:2].islower():
        cause = cause[:1].lower() + cause[1:]
    where = f"at {_place(status)}" if status.step else "before its first update"
    if "epoch" in cause or "step" in cause:
        where = ""  # the cause says it better
    kept = " What was learnt until then is kept." if status.last_checkpoint else ""
    return Note(
        "red",
        "error",
        f"It failed {where}".strip() + f": {cause}.",
        _TWICE.sub(r"\1: ", _FLAG.sub(_plain, error.remedy)) + kept,
    )


_STILL = " It was still improving at the end: a longer run may go further."
_APART = " It was still improving at the end, but knows its own better: more {} may help more than more time."
_FLAG = re.compile(r"--([a-z][a-z-]*)")
_TWICE = re.compile(r"\b([a-z]+(?: [a-z]+)*): \1 ")  # "a lower learning rate: learning rate 0.001"


def _plain(flag: re.Match[str]) -> str:
    """A command-line option as the form calls it: "--learning-rate" is "learning rate" here."""
    return flag[1].replace("-", " ")


def _crashed(status: Status) -> Note:
    saved = status.last_checkpoint
    advice = f"The last save is {_epoch(saved.epoch)}: resume from there." if saved else (
        "Nothing was saved yet: resuming begins at the start." if status.step else "It had not begun to learn."
    )  # fmt: skip
    return Note("orange", "power_off", f"It ended without a word at {_place(status)}.", advice)


def _completed(status: Status, run: RunRecord | None, settled: int | None) -> Note:
    best = words.sweet_spot(status, run)
    if best is None and run is not None and (words.best_better_than_average(status, run) or 0.0) < 0:
        said = f"it never did better than the average {words.nouns(run).item}."
        more = f"More time or more {words.nouns(run).more} may help."
        return Note("yellow", "info", "Done, without having learnt:", f"{said} {more}")
    if best is None or run is None:
        return Note("green", "check_circle", "Done.", "Everything it was to learn is learnt.")
    gain = words.best_better_than_average(status, run)
    said = f", {words.better(gain)} than the average {words.nouns(run).item}" if gain is not None else ""
    later = "memorise" if words.memorises(status) else "came out no better"
    later = f" Later epochs {later}: use {best.epoch} unless {words.nouns(run).prefer}."
    end = status.total_epochs is not None and best.epoch >= 0.9 * status.total_epochs
    apart = status.overfitting_gap is not None and status.overfitting_gap > OVERFITTING_GAP
    still = _APART.format(words.nouns(run).more) if apart else _STILL
    more = f" Little changed after {_epoch(settled)}." if settled else still
    more = more if end else later
    return Note("green", "check_circle", "Done.", f"The sweet spot was epoch {best.epoch}{said}.{more}")


def _kept(status: Status, resumable: bool) -> str:
    if status.last_checkpoint is None:
        return "It had not saved anything yet." if status.step else "It had not begun to learn."
    what = "Everything up to there is kept"
    return f"{what}; you can go on from there." if resumable else f"{what}."


def _place(status: Status) -> str:
    return _epoch(status.epoch) if status.epoch else "the very beginning"


def _epoch(number: int) -> str:
    return f"epoch {number}"
