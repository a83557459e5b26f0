"""A new run: which sounds, what they are like, how to learn. Nothing starts before the sounds were looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import streamlit as st

from app.look import style
from app.panels import fork, forms, later, plans, source
from app.panels.fork import Fork
from app.panels.source import Chosen
from app.runs.launch import launcher
from app.runs.library import Library, open_library
from engine.config import TaskConfig, TrainingConfig
from engine.errors import StorageError
from engine.flags import collect
from engine.process.job import LIMITS, without_limits
from engine.quantities import counted, duration
from engine.registry import get_dataset
from engine.resolve import merged, preset_for, resolve
from engine.rundir.record import RunRecord
from engine.settings import OverfittingPreset, Settings
from engine.tasks import task_config

_S = TypeVar("_S", bound=Settings)

_GUARD = {"conservative": "Strong", "balanced": "Medium", "aggressive": "Light"}
_FITS = {
    "conservative": "For fewer than 50 sounds",
    "balanced": "For 50 to 199 sounds",
    "aggressive": "For 200 sounds and more",
}
MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480)
DEMO_MINUTES, MOST_MINUTES = 3, 100_000
FROM_DATA = ("val_fraction", "batch_size", "max_steps")


def page() -> None:
    style.head()
    library = open_library()
    if st.session_state.get("arrived"):
        st.session_state.pop("dropped-before", None)
    if st.query_params.get("from") == "own":  # the link of an empty library promises it
        del st.query_params["from"]
        st.session_state["source"] = source.DROPPED  # three clicks to the first sound: the link, the start, the player
    st.title("New run", anchor=False)
    begins = fork.asked(library)
    model, called = (begins.record, begins.of) if begins is not None else _copied(library)
    if begins is not None:
        fork.say(begins)
    elif model is not None:
        style.quiet(f"With the data and the settings of {called}. Change what you like.")
    left, right = st.columns([5, 3], gap="large")
    with left:
        chosen = source.choose()
    with right, st.container(border=True, key="decide"):
        _decide(library, fork.based(chosen, begins) if chosen and begins else chosen, model, begins)


def _copied(library: Library) -> tuple[RunRecord | None, str]:
    """The run to begin from, when the page was opened to copy one, and what it is called now."""
    reader = library.find(st.query_params.get("copy"))
    record = reader.run() if reader else None
    if record is None or reader is None:
        return None, ""
    source.begin_with(reader, record)
    return record, library.view(reader).name


def _decide(library: Library, chosen: Chosen | None, model: RunRecord | None, begins: Fork | None) -> None:
    """The card where everything is decided. begins: what it begins with, which has decided the guard already."""
    task = chosen.task if chosen else get_dataset("demo").task
    settings: dict[str, Any] = {}
    if begins is None and (chosen is None or chosen.of_sounds):
        settings["preset"] = _preset(chosen.different if chosen and chosen.ready else 0, model)
    settings["max_minutes"] = _limit(chosen, model)
    st.session_state.setdefault("name", "")
    usual = begins.name if begins else chosen.name if chosen else ""
    name = st.text_input("Name", key="name", placeholder=usual or "a name of your own", max_chars=80)
    with st.expander("Advanced", key="advanced"):
        above = "is as in that run" if begins else "follows the choice above and the data"
        style.quiet(f"What is left empty {above}.")
        own = task_config(task).model_validate(chosen.task_defaults if chosen else {})
        copies = model if begins is None and model is not None and model.task == task else None
        begin = forms.differing(copies, chosen.defaults if chosen else {}, own) if copies else {}
        values, errors = forms.advanced(task, forms.usual(_follows(settings, chosen, own), own), begin)
    if chosen and chosen.checked and chosen.checked.sides != source.sides():
        st.rerun()  # a run that is copied has filled the field just now: what was found is shown as it divides it
    if errors:
        count = counted(len(errors), "setting needs", "settings need")
        style.note("red", "error", f"{count} mending:", ", ".join(sorted(forms.label(one) for one in errors)))
    if chosen and begins and (why := fork.obstacle(chosen, begins)):
        style.note("yellow", "block", why, "Choose what that run could learn from.")
        errors = {"source": why}
    ready = chosen is not None and chosen.ready and not errors
    if ready and chosen is not None and (chosen.checked is not None or chosen.num_items):
        settings |= _said_plan(library, chosen, {**settings, **values})
    play = ":material/play_arrow:"
    pressed = st.button("Start learning", type="primary", icon=play, width="stretch", disabled=not ready, key="start")
    called = name.strip() or usual
    settings |= {**(chosen.settings if chosen else {}), **values, **(begins.settings if begins else {})}
    if pressed and chosen is not None:
        _start(library, chosen.source, called, settings)
    later.offer(library, chosen, called, settings, ready=ready)
    style.quiet(_promise(chosen, bool(errors)))


def _follows(settings: Mapping[str, Any], chosen: Chosen | None, own: TaskConfig) -> TrainingConfig:
    """What fields that are left empty will be; open where it follows from the data, until they are known."""
    decided = _settled(TrainingConfig, _below(chosen, settings) if chosen else {}, settings)
    if chosen and chosen.different:
        return resolve(decided, chosen.different)
    resolved = resolve(own.adapted(decided), 1)
    return resolved.model_copy(update={name: getattr(decided, name) for name in FROM_DATA})


def _below(chosen: Chosen, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the source sets below ``settings``; of sounds not how long, which this page always says itself."""
    named = LIMITS if chosen.of_sounds else [name for name in LIMITS if settings.get(name) is not None]
    return without_limits(chosen.defaults, dict.fromkeys(named))


def _said_plan(library: Library, chosen: Chosen, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Say what will be trained; the settings that make the run keep it: a length that follows from the sounds."""
    named = {name for name in LIMITS if settings.get(name) is not None}
    config = _settled(TrainingConfig, _below(chosen, settings), settings)
    own = _settled(task_config(chosen.task), chosen.task_defaults, settings)
    pace = plans.pace_here(library, chosen.task)
    if chosen.checked is None:
        style.line(f"*The plan:* {plans.coming_of_rows(config, own, chosen.num_items, *pace)}")
        return {}
    coming = plans.coming(config, own, chosen.checked.health.files, *pace)
    style.line(f"*The plan:* {coming}")
    if coming.too_short:
        style.note("yellow", "timer", "Too short for one epoch.", f"{coming.too_short} Give it more time.")
    return {} if named else {"max_steps": coming.length.total_steps}


def _settled(model: type[_S], defaults: Mapping[str, Any], settings: Mapping[str, Any]) -> _S:
    """``model`` from a data set's ``defaults`` and, over them, those of ``settings`` (by name) that are its own."""
    return model.model_validate(merged(defaults, collect(model, settings)))


def _promise(chosen: Chosen | None, errors: bool) -> str:
    """What comes after the button, or what it waits for."""
    if chosen is None:
        return "It waits for something to learn from."
    if not chosen.ready:
        return "It waits for more sounds that can be used."
    if errors:
        return "It waits for the settings above."
    return ("First sound within a minute. " if chosen.of_sounds else "") + "Stop whenever you like, nothing is lost."


def _preset(sounds: int, model: RunRecord | None) -> str:
    presets = [str(one) for one in OverfittingPreset]
    fitting = str(preset_for(sounds)) if sounds else None
    captions = []
    for one in presets:
        epochs = resolve(TrainingConfig(preset=one), max(1, sounds)).max_epochs
        fits = f"Fits your {counted(sounds, 'sound')}" if one == fitting else _FITS[one]
        captions.append(f"{_GUARD[one]} guard, at most {epochs} epochs. {fits}")
    wanted = str(model.config.training.get("preset")) if model else fitting
    index = presets.index(wanted) if wanted in presets else 0
    # The key names what it begins with, so that another collection moves the choice to what fits it.
    chosen = st.radio(
        "Guard against memorising", presets, index=index, captions=captions, format_func=str.capitalize,
        key=f"preset-{wanted}", help="How strongly it is kept from learning your sounds by heart.",
    )  # fmt: skip
    return str(chosen)


def _limit(chosen: Chosen | None, model: RunRecord | None) -> float | None:
    """Minutes, or None for no limit."""
    usual = _usual_minutes(chosen) if model is None else _minutes_of(model)
    minutes = st.select_slider(
        "Stop after", [*sorted({*MINUTES, usual} - {0}), 0], value=usual, format_func=_minutes, key=f"minutes-{usual}",
        help="It plans its whole course to end there. Without a limit it ends when what it learns needs no more.",
    )  # fmt: skip
    return float(minutes) if minutes else None


def _minutes_of(model: RunRecord) -> float:
    """The limit of a run that is copied; its record may be anybody's."""
    minutes = model.config.training.get("max_minutes")
    return minutes if isinstance(minutes, int | float) and 0 < minutes <= MOST_MINUTES else 0


def _usual_minutes(chosen: Chosen | None) -> int:
    """None but for the demo: what a collection is measured to need is a better length than any number of minutes."""
    return DEMO_MINUTES if chosen and chosen.source == "demo" else 0


def _minutes(minutes: float) -> str:
    return duration(minutes * 60.0) if minutes else "no limit"


def _start(library: Library, wanted: str, name: str, settings: Mapping[str, Any]) -> None:
    try:
        launch = launcher().start(library.runs_dir, wanted, name, settings)
    except StorageError as error:
        style.note("red", "error", "The trainer could not be started.", str(error))
        return
    st.switch_page("views/run.py", query_params={"run": launch.root.name})


page()
