"""What a collection is like before anything learns from it: one card."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from app import charts, style, words
from app.curves import length_rows
from app.states import Note
from engine.audio.collection import Collection, open_collection
from engine.audio.settings import DecodeSettings
from engine.audio.split import assign_sides, split_files
from engine.config import TrainingConfig, get_adaptive_split
from engine.errors import DataError
from engine.registry import find_source
from engine.rundir.schema import FileRow

FEW_TO_CHECK = 10
SMALL_COLLECTION = 50
UNEVEN_DB = 30.0
CLIPS_DB = -0.01


@dataclass(frozen=True)
class Checked:
    """A source that was looked at. rows carry the side they will stand on."""

    name: str
    rows: tuple[FileRow, ...]
    problem: str = ""

    @property
    def used(self) -> list[FileRow]:
        return [row for row in self.rows if row.verdict != "skipped"]

    @property
    def skipped(self) -> list[FileRow]:
        return [row for row in self.rows if row.verdict == "skipped"]

    @property
    def usable(self) -> int:
        return len(self.used)

    @property
    def enough(self) -> bool:
        return not self.problem

    def side(self, which: str) -> int:
        return sum(row.split == which for row in self.used)


class _Known:
    """Results of scans, shared by all tabs; a scan of one folder at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.results: dict[str, Checked] = {}


@st.cache_resource(show_spinner=False)
def _known() -> _Known:
    return _Known()


def check(source: str, report: Callable[[str, int, int], None], again: bool) -> Checked:
    """Look at a folder or a data set; what was found out before is kept until asked ``again``. Raises DataError."""
    known = _known()
    with known.lock:
        if again or source not in known.results:
            known.results[source] = _scan(source, report)
        return known.results[source]


def _scan(source: str, report: Callable[[str, int, int], None]) -> Checked:
    found = find_source(source).source
    if found.path is None:
        return Checked(found.name, ())
    collection = open_collection(Path(found.path), DecodeSettings(), report, minimum=0)
    try:
        rows = _sides(collection)
    except DataError as error:
        return Checked(found.name, tuple(collection.rows), str(error))
    return Checked(found.name, tuple(rows))


def _sides(collection: Collection) -> list[FileRow]:
    """The split as training will make it."""
    count = len(collection.sounds)
    if count < 2:
        usable = "None of them is" if count == 0 else "Only one is"
        raise DataError(f"{usable} usable: training needs at least two.", "One to learn from, one to check with.")
    seed = TrainingConfig().split_seed
    return assign_sides(collection.rows, split_files(collection.groups, get_adaptive_split(count), seed))


def card(checked: Checked) -> None:
    """Verdict, four numbers, one dot a sound, findings, what was skipped."""
    with st.container(border=True, key="health"):
        with st.container(horizontal=True, vertical_alignment="center"):
            style.head_words(verdict(checked))
            _badge(checked)
        first, second = st.columns(2)
        total = sum(row.duration_s or 0.0 for row in checked.used)
        figures = [
            ("Usable sounds", f"{checked.usable} of {len(checked.rows)}" if checked.skipped else str(checked.usable)),
            ("Length in all", words.sound_length(total)),
            ("To learn from", str(checked.side("train"))),
            ("To check with", str(checked.side("val"))),
        ]
        for half, pair in ((first, figures[:2]), (second, figures[2:])):
            for column, (label, value) in zip(half.columns(2, wrap=False), pair, strict=True):
                column.metric(label, value)
        if checked.used:
            _lengths(checked)
        for found in findings(checked):
            style.finding(found.colour, found.icon, found.strong, found.text)
        if checked.skipped:
            _skipped(checked)


def verdict(checked: Checked) -> str:
    if not checked.enough:
        return "Not enough to learn from"
    careful = any(found.colour in ("yellow", "orange") for found in findings(checked)) or checked.usable < SMALL_COLLECTION
    return "Good to go, with care" if careful else "Good to go"


def _badge(checked: Checked) -> None:
    if not checked.enough:
        st.badge("too few", icon=":material/error:", color="red")
    elif checked.usable < SMALL_COLLECTION:
        st.badge("small collection", icon=":material/eco:", color="yellow")


def _lengths(checked: Checked) -> None:
    st.html(
        '<div class="ss-head">How long they are <span>one dot a sound:</span> <span class="ss-learn">● learns</span> '
        '<span class="ss-check">○ checks</span> <span>· seconds</span></div>'
    )
    dots, rows = length_rows(checked.used)
    st.vega_lite_chart(
        rows, charts.DOTS if dots else charts.HISTOGRAM, width="stretch", key="lengths",
        alt=f"Lengths of {words.counted(checked.usable, 'sound')}",
    )  # fmt: skip


def _skipped(checked: Checked) -> None:
    with st.expander(f"{words.counted(len(checked.skipped), 'file')} skipped"):
        table = pd.DataFrame({"File": [r.path for r in checked.skipped], "Why": [r.reason for r in checked.skipped]})
        st.dataframe(table, hide_index=True, row_height=36)


def findings(checked: Checked) -> list[Note]:
    """What is worth knowing, one line each."""
    if checked.problem:
        return [Note("red", "error", "Too little: ", checked.problem)]
    found = _levels(checked.used)
    copies = sum(row.same_as is not None for row in checked.used)
    if copies:
        pair = "Two sound the same" if copies == 1 else f"{words.small(copies).capitalize()} sound like another"
        found.append(Note("gray", "content_copy", pair, ": they are kept on one side"))
    val = checked.side("val")
    if val < FEW_TO_CHECK:
        gives = "sound gives" if val == 1 else "sounds give"
        text = f": {words.small(val)} {gives} a rough answer, so trust your ears as well"
        found.append(Note("orange", "info", "Few to check with", text))
    notes = sum(row.verdict == "used_with_note" for row in checked.used)
    if notes:
        found.append(Note("gray", "edit_note", f"{words.small(notes).capitalize()} used with a note", ": see the list in the run"))
    return found


def _levels(used: list[FileRow]) -> list[Note]:
    peaks = [row.peak_db for row in used if row.peak_db is not None]
    if not peaks:
        return []
    clipping, spread = sum(peak > CLIPS_DB for peak in peaks), max(peaks) - min(peaks)
    quietest = f"the quietest is {spread:.0f} dB below the loudest"
    if spread > UNEVEN_DB:
        return [Note("orange", "graphic_eq", "Levels differ much", f": {quietest}; each is brought to one level")]
    if clipping > len(peaks) // 4:
        return [Note("gray", "graphic_eq", f"{words.small(clipping).capitalize()} reach full scale", f": they may clip; {quietest}")]
    return [Note("green", "check_circle", "Levels are even", f": {quietest}")]
