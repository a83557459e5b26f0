"""The directions of a map: a slider for each that changes something with a name, a strip of pictures for the others."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.charts.latent_map import axis_words
from app.look import style
from app.look.plain import plain
from app.sounds.model import Model
from app.sounds.words import shown, stem
from engine.errors import SweetspotError

STOPS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # standard deviations
Axis = Mapping[str, Any]
Origin = dict[str, Any]
Pictures = dict[float, bytes]
Want = Callable[..., None]
MIDDLE: Origin = {"kind": "place", "x": 0.0, "y": 0.0}


def show(model: Model, axes: Sequence[Axis], want: Want) -> None:
    """Draw them, from what was heard last. want: asks for a sound, as a request to ``serve`` names it."""
    named = [axis for axis in axes if axis["changes"]]
    others = [axis for axis in axes if not axis["changes"]]
    base: Origin = st.session_state.get("base") or MIDDLE
    if named:
        _sliders(named, base, want)
    if others:
        _strips(model, others, base, want)


def _sliders(named: Sequence[Axis], base: Origin, want: Want) -> None:
    style.title("Move it", f"from {_words(base)}. To the right it becomes …")
    serial = st.session_state.get("serial", 0)
    keys = {int(axis["number"]): f"axis-{axis['number']}-{serial}" for axis in named}
    for start in range(0, len(named), 2):
        for column, axis in zip(st.columns(2, gap="medium"), named[start : start + 2], strict=False):
            number = int(axis["number"])  # by which the list of what was heard names it
            column.slider(
                plain(f"Direction {number}: {axis_words(axis)}"), -4.0, 4.0, 0.0, 0.25, format="%g", key=keys[number],
                on_change=_moved, args=(base, keys, want),
                help=f"{_share(axis)} of the differences between these sounds. "
                "In standard deviations; beyond 2 it becomes unusual. The number is the correlation, 1 at most.",
            )  # fmt: skip


def _moved(base: Origin, keys: Mapping[int, str], want: Want) -> None:
    moved = {str(number): value for number, key in keys.items() if (value := st.session_state.get(key, 0.0))}
    if moved:
        want("move", of=base, axes=moved)
    elif base["kind"] == "place":
        want("place", x=base["x"], y=base["y"])


def _strips(model: Model, others: Sequence[Axis], base: Origin, want: Want) -> None:
    """A row a direction: how the sound looks on the way along it. A press on a picture makes it heard."""
    style.title("Directions without a name", f"from {_words(base)}, in standard deviations. Press a picture to hear it")
    ends = "".join(f"<span>{'as it is' if at == 0 else shown(at)}</span>" for at in STOPS)
    with st.container(key="strips", gap="small"):
        st.html(f'<div class="ss-stops">{ends}</div>')
        for axis in others:
            try:
                pictures = _pictures(model, int(axis["number"]), base)
            except SweetspotError as error:
                style.note("yellow", "explore_off", error.cause, error.remedy)
                return
            _strip(axis, pictures, base, want)


def _pictures(model: Model, number: int, base: Origin) -> Pictures:
    """By the place on this direction; asked for once while one stays where one is.

    One direction a request: a sound that is wished for meanwhile waits for this one alone. What has come is put where
    nothing is asked of the session any more, since with a press waiting that ends the drawing, and it came for nothing.
    """
    key = json.dumps([model.id, model.facts["weights"], base])
    kept: tuple[str, dict[int, Pictures]] | None = st.session_state.get("strips")
    if kept is None or kept[0] != key:
        kept = st.session_state["strips"] = key, {}
    if number not in kept[1]:
        answer = model.client.ask("along", checkpoint=model.checkpoint, of=base, axes=[number], at=list(STOPS))
        kept[1][number] = {one["at"]: base64.b64decode(one["png"]) for one in answer["pictures"]}
    return kept[1][number]


def _strip(axis: Axis, pictures: Pictures, base: Origin, want: Want) -> None:
    number = int(axis["number"])
    style.quiet(f"Direction {number}, {_share(axis)} of the differences")
    with st.container(key=f"strip-{number}"):
        for column, at in zip(st.columns(len(STOPS), gap="xsmall", wrap=False), STOPS, strict=True):
            with column.container(key=f"stop-{number}-{STOPS.index(at)}", gap=None):
                st.image(pictures[at], width="stretch", output_format="PNG", alt="")
                st.button(
                    plain(f"Hear direction {number} at {shown(at)}"), icon=":material/play_arrow:",
                    key=f"along-{number}-{STOPS.index(at)}", width="stretch", help=_stop_words(at),
                    on_click=want, args=("move",), kwargs={"of": base, "axes": {str(number): at}},
                )  # fmt: skip


def _stop_words(at: float) -> str:
    if at == 0:
        return "The sound itself"
    far = "1 standard deviation" if abs(at) == 1 else f"{abs(at):g} standard deviations"
    return f"{far} {'up' if at > 0 else 'down'}"


def _share(axis: Axis) -> str:
    return f"{axis['share'] * 100:.0f} %"


def _words(base: Origin) -> str:
    if base["kind"] == "file":
        return stem(base["file"])
    if base["kind"] == "between":
        return f"between {stem(base['first'])} and {stem(base['second'])}"
    return "the middle" if base["x"] == base["y"] == 0 else f"{shown(base['x'])}, {shown(base['y'])}"
