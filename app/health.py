"""What a collection is like before anything learns from it: one card."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from app import charts, style, words
from app.lengths import length_rows
from engine.audio.collection import open_collection
from engine.audio.find import escaped
from engine.audio.health import Health, examine
from engine.audio.settings import DecodeSettings
from engine.config import OverfittingPreset
from engine.registry import find_source
from engine.rundir.schema import FileRow

_LOOK = {
    "error": ("red", "error"),
    "warning": ("orange", "info"),
    "info": ("gray", "info"),
    "good": ("green", "check_circle"),
}


@dataclass(frozen=True)
class Checked:
    """A collection of sounds that was looked at."""

    name: str
    health: Health

    @property
    def usable(self) -> int:
        return self.health.usable

    @property
    def ready(self) -> bool:
        return self.health.ready


class _Known:
    """Results of scans, shared by all tabs; one scan at a time, so that two tabs decode nothing twice."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.results: dict[str, Checked] = {}


@st.cache_resource(show_spinner=False)
def _known() -> _Known:
    return _Known()


def check(source: str, report: Callable[[str, int, int], None], again: bool) -> Checked:
    """Look at a folder or a data set of sounds; what was found out is kept until asked ``again``.

    Raises SweetspotError.
    """
    known = _known()
    with known.lock:
        if again or source not in known.results:
            known.results[source] = _scan(source, report)
        return known.results[source]


def _scan(source: str, report: Callable[[str, int, int], None]) -> Checked:
    found = find_source(source).source
    collection = open_collection(Path(found.path or source), DecodeSettings(), report, minimum=0)
    return Checked(found.name, examine(collection))


def card(health: Health) -> None:
    """Verdict, four numbers, one dot a sound, findings, what was skipped."""
    used = [row for row in health.files if row.verdict != "skipped"]
    with st.container(border=True, key="health"):
        with st.container(horizontal=True, vertical_alignment="center"):
            style.head_words(verdict(health))
            _badge(health)
        _figures(health)
        if used:
            _lengths(used)
        for found in health.findings:
            colour, icon = _LOOK[found.severity]
            strong, colon, rest = found.message.partition(": ")
            if colon:
                style.finding(colour, icon, strong, f": {rest}")
            else:
                style.finding(colour, icon, "", found.message)
        if health.skipped:
            _skipped([row for row in health.files if row.verdict == "skipped"], opened=not used)


def verdict(health: Health) -> str:
    """One judgement in words."""
    if not health.ready:
        return "Not enough to learn from"
    careful = health.preset is OverfittingPreset.CONSERVATIVE or any(
        found.severity == "warning" for found in health.findings
    )
    return "Good to go, with care" if careful else "Good to go"


def _badge(health: Health) -> None:
    if not health.ready:
        st.badge("too few", icon=":material/error:", color="red")
    elif health.preset is OverfittingPreset.CONSERVATIVE:
        st.badge("small collection", icon=":material/eco:", color="yellow")


def _figures(health: Health) -> None:
    usable = f"{health.usable} of {len(health.files)}" if health.skipped else str(health.usable)
    figures = [
        ("Usable sounds", usable),
        ("Length in all", words.sound_length(health.total_duration_s)),
        ("To learn from", str(health.learn)),
        ("To check with", str(health.check)),
    ]
    for half, pair in zip(st.columns(2), (figures[:2], figures[2:]), strict=True):
        for column, (label, value) in zip(half.columns(2, wrap=False), pair, strict=True):
            column.metric(label, value)


def _lengths(used: list[FileRow]) -> None:
    dots, rows = length_rows(used)
    what = "one dot a sound:" if dots else "how many sounds:"
    st.html(
        f'<div class="ss-head">How long they are <span>{what}</span> <span class="ss-learn">● learns</span> '
        f'<span class="ss-check">{"○" if dots else "●"} checks</span> <span>· seconds</span></div>'
    )
    spec = charts.DOTS if dots else charts.HISTOGRAM
    alt = f"Lengths of {words.counted(len(used), 'sound')}"
    st.vega_lite_chart(rows, spec, width="stretch", key="lengths", alt=alt)


def _skipped(skipped: list[FileRow], opened: bool) -> None:
    with st.expander(f"{words.counted(len(skipped), 'file')} skipped", expanded=opened):
        table = pd.DataFrame({"File": [escaped(row.path) for row in skipped], "Why": [row.reason for row in skipped]})
        st.dataframe(table, hide_index=True, row_height=36)
