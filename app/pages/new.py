"""A new run: which sounds, what they are like, how to learn. Nothing starts before the sounds were looked at."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import forms, health, style, words
from app.launch import launcher
from app.library import Library, library
from engine.config import OverfittingPreset, TrainingConfig, preset_for, resolve
from engine.errors import SweetspotError
from engine.registry import get_dataset
from engine.rundir.reader import RunReader
from engine.rundir.schema import RunRecord

DEMO, FOLDER = "Demo sounds", "A folder on this computer"
_GUARD = {"conservative": "Strong", "balanced": "Medium", "aggressive": "Light"}
_FITS = {
    "conservative": "For fewer than 50 sounds",
    "balanced": "For 50 to 199 sounds",
    "aggressive": "For 200 sounds and more",
}
MINUTES = [1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480]


def page() -> None:
    style.head()
    shelf = library()
    model = _copied(shelf)
    st.title("New run", anchor=False)
    if model is not None:
        style.quiet(f"With the sounds and the settings of {model.name}. Change what you like.")
    left, right = st.columns([5, 3], gap="large")
    with left:
        source, checked = _sounds(model)
    with right, st.container(border=True, key="decide"):
        _decide(shelf, source, checked, model)


def _copied(shelf: Library) -> RunRecord | None:
    """The run to begin from, when the page was opened to copy one; its settings are filled in once."""
    run_id = st.query_params.get("copy")
    reader: RunReader | None = shelf.find(run_id)
    record = reader.run() if reader else None
    if record is not None and st.session_state.get("copied") != run_id:
        st.session_state["copied"] = run_id
        st.session_state["source"] = FOLDER if record.source.kind == "folder" else DEMO
        if record.source.kind == "folder":
            st.session_state["folder"] = record.source.path or ""
    return record


def _sounds(model: RunRecord | None) -> tuple[str | None, health.Checked | None]:
    """What to learn from, and what was found out about it."""
    st.session_state.setdefault("source", DEMO)
    kind = st.segmented_control("Sounds", [DEMO, FOLDER], key="source", required=True)
    if kind == DEMO:
        style.quiet("Twenty-four short sounds that the project makes itself: strings, bars, bells, drums and noises.")
        return "demo", _check("demo", False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        folder = st.text_input(
            "Folder", key="folder", placeholder="/Users/ana/Samples/drums",
            help="Sub-folders are searched too. Nothing is changed or moved.",
        )  # fmt: skip
        again = st.button("Check again", icon=":material/refresh:", key="again", disabled=not folder.strip())
    if not folder.strip():
        _invitation()
        return None, None
    return folder.strip(), _check(folder.strip(), again)


def _check(source: str, again: bool) -> health.Checked | None:
    slot = st.empty()

    def report(phase: str, done: int, total: int) -> None:
        said = words.PHASES.get(phase, phase).capitalize()
        slot.progress(done / total if total else 0.0, f"{said} {done} of {total}" if total else said)

    try:
        checked = health.check(source, report, again)
    except SweetspotError as error:
        slot.empty()
        style.note("red", "error", error.cause, error.remedy)
        return None
    slot.empty()
    if checked.health is not None:
        health.card(checked.health)
    return checked


def _invitation() -> None:
    with st.container(border=True, key="invite"):
        style.line("*Five to five hundred recordings* of half a second to some minutes work best.")
        style.quiet("WAV, FLAC, OGG, MP3 or AIFF, any rate, mono or stereo. They stay where they are.")


def _decide(shelf: Library, source: str | None, checked: health.Checked | None, model: RunRecord | None) -> None:
    """The card where everything is decided."""
    usable = checked.usable if checked else 0
    fitting = str(preset_for(usable)) if usable else None
    preset = _preset(usable, fitting, model)
    minutes = _limit(source)
    st.session_state.setdefault("name", "")
    name = st.text_input("Name", key="name", placeholder=checked.name if checked else "my sounds", max_chars=80)
    with st.expander("Advanced", key="advanced"):
        follows = resolve(TrainingConfig(preset=preset), usable or 1)
        style.quiet("An empty field follows the guard above.")
        start = forms.changed(model.task, model.config.model_dump()) if model else {}
        start = {key: value for key, value in start.items() if key not in ("max_epochs", "max_steps", "threads")}
        task = (
            model.task if model else get_dataset("demo").task
        )  # a folder on this page is one of sounds, like the demo
        values, errors = forms.advanced(task, follows, start)
    ready = source is not None and checked is not None and checked.ready and not errors
    play = ":material/play_arrow:"
    if errors:
        count = words.counted(len(errors), "setting needs", "settings need")
        style.note("red", "error", f"{count} mending:", ", ".join(sorted(one.replace("_", " ") for one in errors)))
    pressed = st.button("Start learning", type="primary", icon=play, width="stretch", disabled=not ready, key="start")
    if pressed and source is not None:
        settings: dict[str, Any] = {"preset": preset, "max_minutes": minutes, **values}
        _start(shelf, source, name.strip() or (checked.name if checked else ""), settings)
    style.quiet("First sound within a minute. Stop whenever you like, nothing is lost.")


def _preset(usable: int, fitting: str | None, model: RunRecord | None) -> str:
    presets = [str(one) for one in OverfittingPreset]
    captions = []
    for one in presets:
        epochs = resolve(TrainingConfig(preset=one), usable or 1).max_epochs
        fits = f"Fits your {usable} sounds" if one == fitting else _FITS[one]
        captions.append(f"{_GUARD[one]} guard, at most {epochs} epochs. {fits}")
    wanted = str(model.config.training.get("preset")) if model else fitting
    index = presets.index(wanted) if wanted in presets else 0
    # The key names what it begins with, so that another collection moves the choice to what fits it.
    chosen = st.radio(
        "Guard against memorising", presets, index=index, captions=captions, format_func=str.capitalize,
        key=f"preset-{wanted}", help="How strongly it is kept from learning your sounds by heart.",
    )  # fmt: skip
    return str(chosen)


def _limit(source: str | None) -> float | None:
    choices = [0, *MINUTES]
    chosen = st.select_slider(
        "Stop after", choices, value=3 if source == "demo" else 20, format_func=_minutes,
        key=f"minutes-{source == 'demo'}",
        help="It plans its whole course to end there. Without a limit it ends after a good number of steps.",
    )  # fmt: skip
    return float(chosen) if chosen else None


def _minutes(minutes: int) -> str:
    return words.duration(minutes * 60.0) if minutes >= 2 else "1 min" if minutes else "no limit"


def _start(shelf: Library, source: str, name: str, settings: dict[str, Any]) -> None:
    try:
        launch = launcher().start(shelf.runs_dir, source, name, settings)
    except OSError as error:
        style.note("red", "error", "The trainer could not be started.", str(error))
        return
    st.switch_page("pages/run.py", query_params={"run": launch.root.name})


page()
