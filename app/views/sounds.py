"""Sounds: what a trained model makes, to hear, to star and to take along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.look import download, style
from app.look.fragments import fragment
from app.panels import actions
from app.sounds import instrument, making, own_sound, players, relatives
from app.sounds.files import MOST_ZIPPED, bundle, in_file_name
from app.sounds.made_sounds import MOST_PASSING, NEW, Sound
from app.sounds.model import Model, choose_state, open_model, others
from engine.quantities import counted, plural, size, small

MOST_AT_ONCE = 64
LONGEST_S = 60.0
KEPT, STARRED, PASSING = "Kept", "With a star", "From the map"
AS_RECORDED = "As recorded"
CHANNELS = {AS_RECORDED: None, "Stereo": True, "Mono": False}


def page() -> None:
    style.head()
    model = open_model()
    if model is None:
        return
    actions.complaint()
    left, right = st.columns([3, 5], gap="large")
    with left, st.container(border=True, key="make"):
        choose_state(model)
        wish = _wish(model)
        first = making.next_number(model, wish, {"kind": NEW})
        count = int(st.session_state.get("count", 8))
        press = _press(first, count)
        pressed = st.button(press, type="primary", icon=":material/graphic_eq:", width="stretch", key="make-now")
        style.quiet("On this computer the same epoch, settings, seed and number make the same sound again.")
        style.below("More ways to make sounds, and instruments")
    with left:
        style.here()
        asked = relatives.offer(model, wish, count)
        own_sound.offer(model, wish)
        instrument.offer(model, wish)
        others(model)
    with right:
        slot = st.empty()
        if pressed:
            asked = [("generate", {"first": first + number, **wish}) for number in range(count)]
        if asked:
            making.make(model, asked, slot)
        _remarks()
        fragment(_list)(model, _listed(model), press)


def _press(first: int, count: int) -> str:
    """What stands on the button. first: the number of the first one that it makes."""
    return f"Make {small(count)} {'more' if first else plural(count, 'sound')}"


def _listed(model: Model) -> frozenset[tuple[str, bool]]:
    """What there is, and which of it has a star: other panels name and count them."""
    return frozenset((one.path.name, one.starred) for one in model.made.sounds())


def _wish(model: Model) -> dict[str, Any]:
    """How the sounds are to be, as the keys of a request."""
    run, facts = model.id, model.facts
    st.number_input(
        "How many", 1, MOST_AT_ONCE, 8, key="count",
        help=f"1 to {MOST_AT_ONCE} at once. “sweetspot generate” makes more.",
    )  # fmt: skip
    longest = facts.get("longest_s")
    duration = st.number_input(
        "Length, seconds", 0.05, LONGEST_S, None, 0.5, key=f"length-{run}",
        disabled=st.session_state.get("bars") is not None,
        placeholder="until it has died away" if longest else "4 seconds",
        help=(
            f"This model makes sounds of up to {longest:.1f} s; silence follows where more is asked for."
            if longest
            else "As long as you like, up to a minute here; “sweetspot generate” makes longer ones."
        ) + " A number of bars, under Advanced, takes its place.",
    )  # fmt: skip
    usual = float(facts["temperature"])
    temperature = st.slider(
        "Temperature", 0.0, 2.0, usual, 0.05, key=f"temperature-{run}",
        help=f"How far from the typical sound it may go. The run's own is {usual:g}; above 1 it becomes daring.",
    )  # fmt: skip
    with st.expander("Advanced", key="advanced-sounds"):
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="seed", help="Another seed, other sounds.")
        care = st.toggle("Sounds in best quality", key="care", help="More care for phases; takes longer.")
        loop = st.toggle("Loop", key="loop", help="The end leads into the beginning.")
        in_time = _in_time()
        channels = st.segmented_control(
            "Channels", list(CHANNELS), default=AS_RECORDED, key="channels", required=True,
            help="As recorded: in stereo where most of the recordings are. The sum of two channels is the mono sound.",
        )  # fmt: skip
    return {
        "seed": int(seed),
        "duration_s": None if in_time else duration,
        "temperature": temperature,
        "quality": "best" if care else "fast",
        "loop": loop or bool(in_time),
        "stereo": CHANNELS[channels],
        **in_time,
    }


def _in_time() -> dict[str, Any]:
    """A length in bars, in place of one in seconds; empty where none is asked for."""
    left, middle, right = st.columns(3)
    bars = left.number_input(
        "Bars", 1, 256, None, key="bars", placeholder="none",
        help="A loop of exactly so many bars, in place of seconds. Its tempo stands in the file and its name.",
    )  # fmt: skip
    waits = "It counts with a number of bars."
    bpm = middle.number_input(
        "Tempo, BPM", 20.0, 400.0, 120.0, 1.0, format="%g", key="bpm", disabled=bars is None, help=waits
    )
    beats = right.number_input("Beats a bar", 1, 32, 4, key="beats", disabled=bars is None, help=waits)
    return {} if bars is None else {"bars": int(bars), "bpm": float(bpm), "beats_per_bar": int(beats)}


def _remarks() -> None:
    remarks = st.session_state.pop("remarks", None)
    if remarks:
        style.note("gray", "info", "About these.", " ".join(remarks))


def _list(model: Model, drawn: frozenset[tuple[str, bool]], press: str) -> None:
    """What was made, newest first. A star stops no making. drawn: what the whole page was drawn with.
    press: what stands on the button that makes some."""
    players.put_back(model.made)
    _rows(model, press)
    if _listed(model) != drawn:  # last, so that the star itself is seen first
        st.rerun()


def _rows(model: Model, press: str) -> None:
    if doubt := model.made.doubt:
        style.note("yellow", "info", "Stars cannot be read.", doubt)
    groups = _groups(model)
    if not any(groups.values()):
        _empty(press)
        return
    if st.session_state.pop("made", False) or st.session_state.get("which") not in groups:
        st.session_state["which"] = next(iter(groups))  # what is new has no star
    with st.container(horizontal=True, vertical_alignment="center", key="sounds-head"):
        shown = st.segmented_control(
            "Which", list(groups), key="which", required=True, label_visibility="collapsed",
            format_func=lambda name: f"{name}: {len(groups[name])}",
        )  # fmt: skip
        chosen = groups[str(shown)]
        with st.container(horizontal=True, horizontal_alignment="right"):
            _download(model, chosen)
    if shown == PASSING:
        style.quiet(f"Heard on Explore. The newest {MOST_PASSING} of these stay; a star keeps one.")
    elif not chosen:
        style.quiet("None has a star yet. Give one to what you want to keep.")
    players.rows(model.name, model.made, chosen, f"{model.id}-{shown}")
    with st.expander("Where they lie", key="where"):
        style.quiet(
            "Each is a 24-bit WAV file, with a recipe beside it from which “sweetspot generate” makes it again."
        )
        st.code(str(model.made.place), language=None, wrap_lines=True)


def _groups(model: Model) -> dict[str, list[Sound]]:
    """What can be listed, by what it is called; of those that pass only where there are some."""
    sounds = model.made.sounds()
    kept = [one for one in sounds if one.lasting or one.starred]
    passing = [one for one in sounds if not one.lasting and not one.starred]
    groups = {KEPT: kept, STARRED: [one for one in kept if one.starred], PASSING: passing}
    return {name: found for name, found in groups.items() if found or (kept and name != PASSING)}


def _download(model: Model, chosen: Sequence[Sound]) -> None:
    total = sum(one.bytes for one in chosen)
    if total > MOST_ZIPPED:
        style.quiet(f"{size(total)} is much for a download: take them from their folder, below.")
        return
    download.button(
        f"{counted(len(chosen), 'sound')} as ZIP", lambda: bundle(model.name, chosen),
        f"{in_file_name(model.name)}-sounds.zip", "application/zip", icon=":material/folder_zip:", key="zip",
        disabled=not chosen, help=f"{size(total)}, named in the order they were made",
    )  # fmt: skip


def _empty(press: str) -> None:
    """press: what stands on the button."""
    style.empty(
        "No sounds yet.",
        f"Press “{press}”: the model makes new sounds that it never heard, in the manner of what it learnt. "
        "Star what you like, and take it to your audio workstation.",
    )


page()
