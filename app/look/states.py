"""What a run's state is called, its badge, and how what is claimed of it looks. Pure, no Streamlit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.claims.figures import percent
from engine.rundir.findings import Diagnosis
from engine.rundir.view import RunView, ShownState

LEARNING = frozenset({"train", "validate", "preview", "save"})


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
BADGES = {
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
ALL_LABELS = {badge.label: badge.colour for badge in (*BADGES.values(), READ_ONLY)}


def getting_ready(view: RunView) -> bool:
    """Whether it lives and has not made its first update yet."""
    if not view.state.live:
        return False
    status = view.status
    return view.state is ShownState.STARTING or view.run is None or (
        status is not None and status.step == 0 and status.phase not in LEARNING
    )  # fmt: skip


def badges(view: RunView) -> list[Badge]:
    """The state, and whether it can only be looked at."""
    if getting_ready(view):
        shown = [READY]
    elif view.state is ShownState.UNKNOWN and view.read_only:
        shown = []
    else:
        shown = [BADGES[view.state]]
    return [*shown, READ_ONLY] if view.read_only and not view.state.live else shown


def tab_title(view: RunView, name: str) -> str:
    """What the browser's tab says: "62 % · drums" while it learns, "Done · drums" afterwards."""
    status = view.status
    if view.state is ShownState.RUNNING and status is not None and status.total_steps and not getting_ready(view):
        return f"{percent(min(1.0, status.step / status.total_steps))} · {name}"
    return f"{badges(view)[0].label} · {name}"


_LOOK = {
    "error": ("red", "error"),
    "warning": ("yellow", "hearing"),
    "info": ("gray", "info"),
    "good": ("green", "check_circle"),
}
_ICONS = {
    "unreadable": "question_mark", "crashed": "power_off", "elsewhere": "lock", "stopped": "stop_circle",
    "interrupted": "pause_circle", "done": "check_circle", "done_unlearnt": "info", "warned": "warning",
}  # fmt: skip
_FLAG = re.compile(r"--([a-z][a-z-]*)")
_TWICE = re.compile(r"\b([a-z]+(?: [a-z]+)*): \1 ")  # "a lower learning rate: learning rate 0.001"


def noted(found: Diagnosis) -> Note:
    """A claim of the engine as it is shown: its first sentence strong, options as the form calls them."""
    colour, icon = _LOOK[found.severity]
    if found.code == "crashed":
        colour = "orange"
    first, stop, rest = found.message.partition(". ")
    if found.code == "failed":
        rest = _TWICE.sub(r"\1: ", _FLAG.sub(_plain, rest))
    return Note(colour, _ICONS.get(found.code, icon), first + ("." if stop else ""), rest)


def _plain(flag: re.Match[str]) -> str:
    """A command-line option as the form calls it: "--learning-rate" is "learning rate" here."""
    return flag[1].replace("-", " ")
