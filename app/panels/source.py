"""What a new run learns from: the demo, something on this computer, or a data set by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import streamlit as st
from pydantic import ValidationError

from app.look import style
from app.look.plain import plain
from app.panels import folder_picker, forms, health
from app.runs import dropped, scan
from app.runs.library import open_library
from engine.collection.phases import PHASES
from engine.config import TrainingConfig
from engine.errors import SweetspotError
from engine.home import expanded
from engine.printable import unmarked
from engine.quantities import counted
from engine.registry import dataset_called, datasets, describe, find_source, offers
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord
from engine.sources import Description
from engine.stamp import Stamp, stamp
from engine.tasks import task_config

DEMO, DROPPED, FOLDER, NAMED = "Demo sounds", "Drop files", "A folder on this computer", "A data set"
MOST_RECENT = 5


@dataclass(frozen=True)
class Chosen:
    """A source that can be trained on, as the command line takes it, and the task that learns from it.

    settings: those that ask for it. defaults, task_defaults: what it sets itself where its user sets nothing.
    num_items: rows of a table; 0 while that is not known.
    """

    source: str
    name: str
    task: str
    checked: scan.Checked | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    task_defaults: Mapping[str, Any] = field(default_factory=dict)
    num_items: int = 0

    @property
    def of_sounds(self) -> bool:
        """Whether it is a collection of sounds to make new ones from, whose guard follows its size."""
        return task_config(self.task).can.make_sounds

    @property
    def different(self) -> int:
        """Sounds that differ; 0 where no sounds were looked at."""
        return self.checked.different if self.checked else 0

    @property
    def ready(self) -> bool:
        return self.checked is None or self.checked.ready


def begin_with(reader: RunReader, record: RunRecord) -> None:
    """Fill in the source of a run that is copied, whenever one comes to the page for it; what a stranger's run names
    is not looked into unasked."""
    if st.session_state.get("copied") == reader.id and not st.session_state.get("arrived"):
        return
    st.session_state["copied"] = reader.id
    source = record.source
    if source.kind == "dataset" and dataset_called(source.name) is not None:
        named = source.name
        st.session_state["source"] = DEMO if named == "demo" else NAMED
        st.session_state["named"] = named
    else:
        named = (source.path or "") if reader.is_own else ""
        _take(named)
    excluded = record.config.task.get("exclude")
    health.left_out(named)[:] = [str(one) for one in excluded] if isinstance(excluded, list) else []


def _take(folder: str) -> None:
    """Choose a folder that a run learned from; sounds that were dropped stay what they are called, for their folder is
    our own."""
    was_dropped = dropped.shown(folder) != folder
    st.session_state["source"] = DROPPED if was_dropped else FOLDER
    st.session_state["dropped-before"] = folder if was_dropped else ""
    st.session_state["folder"] = "" if was_dropped else folder


def choose() -> Chosen | None:
    """The left half of the page; None while nothing can be trained on."""
    st.session_state.setdefault("source", DEMO)
    kind = st.segmented_control("Learn from", [DEMO, DROPPED, FOLDER, NAMED], key="source", required=True)
    if kind == DEMO:
        style.quiet("Twenty-four short sounds that the project makes itself: strings, bars, bells, drums and noises.")
        return _check("demo", False, {})
    if kind == DROPPED:
        return _dropped()
    return _folder() if kind == FOLDER else _named()


def _dropped() -> Chosen | None:
    """Files, a folder or a zip from the browser. They are kept beside the runs, so that a run can go on with them."""
    loose, whole = st.columns(2)
    files = loose.file_uploader("Files, or a zip of them", accept_multiple_files=True, key="drop-files")
    folder = whole.file_uploader("A whole folder", accept_multiple_files="directory", key="drop-folder")
    given = [*files, *folder]
    if not given and (before := st.session_state.get("dropped-before")):
        if Path(before).exists():
            style.quiet(f"{dropped.shown(before)}: kept beside your runs. What you drop now takes its place.")
            return _check(before, False, _wish(before))
        style.quiet(f"{dropped.shown(before)} is gone from beside your runs: drop it again.")
    if not given:
        style.quiet(
            "WAV, FLAC, OGG, MP3 or AIFF, or one table (CSV). They are copied beside your runs; "
            "nothing leaves this computer."
        )
        return None
    which = tuple(one.file_id for one in given)
    try:
        if st.session_state.get("dropped", ((), None))[0] != which:
            found = dropped.keep(open_library().runs_dir, [(one.name, one.getbuffer()) for one in given])
            st.session_state["dropped"] = which, found
    except SweetspotError as error:
        style.note("red", "error", error.cause, error.remedy)
        return None
    kept: dropped.Kept = st.session_state["dropped"][1]
    if kept.passed:
        what = (
            ("file is no table", "files are no tables") if kept.table else ("file is no sound", "files are no sounds")
        )
        style.quiet(f"{counted(kept.passed, *what)}: passed over.")
    return _check(str(kept.source), False, _wish(str(kept.source)))


def _folder() -> Chosen | None:
    folder_picker.take("folder")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        folder = as_path(st.text_input(
            "Folder", key="folder", placeholder="/Users/ana/Samples/drums",
            help="Sub-folders are searched too. Nothing is changed or moved. The path of a table (CSV) works as well.",
        ))  # fmt: skip
        folder_picker.button()
        again = st.button("Check again", icon=":material/refresh:", key="again", disabled=not folder)
    folder_picker.watch()
    if folder:
        if dataset_called(folder) is not None and Path(folder).exists():  # here a path is meant
            folder = f"./{folder}"
        return _check(folder, again, _wish(folder))
    with st.container(border=True, key="invite"):
        style.line("*Five to five hundred recordings* of a tenth of a second to some minutes work best.")
        style.quiet("WAV, FLAC, OGG, MP3 or AIFF, any rate, mono or stereo. They stay where they are.")
        style.quiet("Your file manager can copy a folder's path: paste it above, and press Enter.")
    _recent()
    return None


def _recent() -> None:
    """The folders that runs of one's own learned from, the latest first, to press."""
    records = [reader.run() for reader in open_library().readers() if reader.is_own]
    paths = [one.source.path for one in records if one is not None and one.source.kind == "folder" and one.source.path]
    for path in [one for one in dict.fromkeys(paths) if Path(one).is_dir()][:MOST_RECENT]:
        st.button(
            plain(dropped.shown(path)), key=f"recent-{path}", icon=":material/history:", type="tertiary",
            on_click=_take, args=(path,),
        )  # fmt: skip


def as_path(text: str) -> str:
    """A path as file managers and terminals give it: maybe in quotes, maybe as an address."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return unquote(text.removeprefix("file://")) if text.startswith("file:///") else text


def _wish(folder: str) -> Mapping[str, Any]:
    """The settings that ask for what is to be learned, where a folder can be learned for several things."""
    found = {offer.label: offer.settings for offer in offers(expanded(folder))}
    if len(found) < 2:
        return {}
    label = st.segmented_control("Learn to", list(found), default=next(iter(found)), key="wish", required=True)
    return found.get(label or "", {})


def _named() -> Chosen | None:
    known = {name: entry for name, entry in datasets().items() if name != "demo"}
    name = st.selectbox("Data set", sorted(known), key="named")
    if name is None:
        return None
    entry = known[name]
    style.quiet(entry.description + (f" From {entry.origin}." if entry.origin else ""))
    return _check(name, False, {})


def _check(source: str, again: bool, settings: Mapping[str, Any]) -> Chosen | None:
    """Look at the source, and show what was found; a folder of sounds is read as a whole before anything starts."""
    slot = st.empty()

    def report(phase: str, done: int, total: int) -> None:
        said = PHASES.get(phase, phase).capitalize()
        slot.progress(done / total if total else 0.0, f"{said} {done} of {total}" if total else said)

    try:
        chosen = _known(source, settings)
        if chosen.of_sounds:
            out = health.left_out(source)
            found = scan.check(source, report, again, out, sides())
            chosen = replace(chosen, checked=found, settings={**settings, **({"exclude": tuple(out)} if out else {})})
        else:
            if again:
                _described.clear()
            described = _described(source, settings, _stamps(source))
            chosen = replace(chosen, num_items=described.num_items)
    except SweetspotError as error:
        slot.empty()
        style.note("red", "error", error.cause, error.remedy)
        return None
    slot.empty()
    if chosen.checked is not None:
        health.card(chosen.checked, source)
    else:
        _card(described, "sound" if "labels" in settings else "row")
    return chosen


def sides() -> scan.Sides:
    """How files are held out by what stands under *Advanced*, which is drawn after them; else as it is by itself."""
    try:
        asked = TrainingConfig.model_validate(forms.typed("val_fraction") | forms.typed("split_seed"))
    except ValidationError:
        return scan.ADAPTIVE
    return scan.Sides(asked.val_fraction, asked.split_seed)


@st.cache_data(show_spinner=False, max_entries=16)
def _described(source: str, settings: Mapping[str, Any], stamps: list[tuple[str, Stamp | None]]) -> Description:
    """What there is to learn; read again when a file of it changed."""
    return describe(source, settings)


def _stamps(source: str) -> list[tuple[str, Stamp | None]]:
    """The files that are learned from: a table, or all sounds of a folder."""
    known = dataset_called(source)
    path = (known.path if known is not None else None) or expanded(source)
    return scan.stamps(path) if path.is_dir() else [(path.name, stamp(path))]


def _card(described: Description, item: str) -> None:
    """What will be learned from a table or from labelled sounds. item: what one of them is called."""
    sorts = described.num_classes > 0
    with st.container(border=True, key="health"):
        style.head_words("Good to go")
        classes = counted(described.num_classes, "class", "classes")
        facts = [("It learns to tell apart" if sorts else "It learns to predict", classes if sorts else "a number")]
        if described.notes:  # a table: the first one says which column is predicted, and counts the others
            style.line(unmarked(described.notes[0]))
        else:
            facts += [("From", counted(described.num_features, "feature"))]
        facts += [("Of", counted(described.num_items, item))] if described.num_items else []
        for place, fact in zip(st.columns(len(facts), wrap=False), facts, strict=True):
            place.metric(*fact)
        for note in described.notes[1:]:
            style.finding("gray", "info", "", note)


def _known(source: str, settings: Mapping[str, Any]) -> Chosen:
    """A path or a data set before it is looked at; a data set by name is not loaded for that."""
    known = dataset_called(source)
    if known is not None:
        return Chosen(source, known.id, known.task, None, settings, known.defaults, known.task_defaults)
    found = find_source(source, settings)
    return Chosen(source, found.source.name, found.task, None, settings, found.defaults, found.task_defaults)
