"""The panel that puts sounds on keys: one zip for the samplers that musicians play."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.charts import latent_map
from app.look import style
from app.sounds.files import MOST_ZIPPED
from app.sounds.model import Model
from engine.errors import ConfigError, SweetspotError, next_step
from engine.piano_keys import KEYS, asked_key, asked_keys
from engine.quantities import counted, size

USUAL_KEYS = 16
MOST_TURNS, MOST_LAYERS = 16, 8  # as a request takes; the app asks tasks by their names alone
MAKING_S = 600.0
NEW, REGION, PLACES, STARRED = "New sounds", "Around a place", "Recordings", "With a star"
Kit = tuple[str, bytes, dict[str, Any], Mapping[str, Any]]  # its name, the zip, what was said of it and asked for
_WISHED = ("seed", "duration_s", "temperature", "stereo")
_SAYS = {
    REGION: "New sounds from a place of the map outwards: the last one heard on Explore, or another.",
    PLACES: "Each recording as the model knows it, where it lies on the map.",
}


def offer(model: Model, wish: Mapping[str, Any]) -> None:
    """Draw the panel. wish: how sounds are to be, as the page asks for them."""
    with st.expander("Instrument", icon=":material/piano:", key="instrument"):
        style.quiet("Sounds on keys, for SFZ, DecentSampler, Bitwig, Studio One and SoundFont players: one ZIP.")
        starred = [str(one.path) for one in model.made.sounds() if one.starred]
        source = st.segmented_control(
            "Which sounds", [NEW, REGION, PLACES, STARRED], default=NEW, key=f"kit-source-{model.id}", required=True,
            label_visibility="collapsed",
            format_func=lambda name: f"{name}: {len(starred)}" if name == STARRED else name,
        )  # fmt: skip
        if source == STARRED and not starred:
            style.quiet("None has a star yet. Give one to what you want on a key.")
            return
        if source in _SAYS:
            style.quiet(_SAYS[source])
        try:
            wished = ("seed",) if source == STARRED else _WISHED
            asked = {**_which(model, source, starred), **_manner(source), **{name: wish[name] for name in wished}}
        except SweetspotError as error:
            style.note("yellow", "piano_off", error.cause, error.remedy)
            return
        label = f"Instrument with {counted(asked['sounds'], 'key')}"
        if st.button(label, icon=":material/piano:", width="stretch", key="make-kit"):
            _make(model, asked)
        style.quiet(_followed(source, wish))
        _made(model, asked)


def _followed(source: str, wish: Mapping[str, Any]) -> str:
    """Which of the page's choices above hold for the instrument too."""
    if source == STARRED:
        return "Each as it was made, in its own length, quality and channels; variations follow the seed above."
    length = "" if "bars" in wish else "length, "
    held = f"Seed, {length}temperature and channels as above"
    if not wish["loop"]:
        return f"{held}."
    left_out = "Bars and Loop do" if "bars" in wish else "Loop does"
    return f"{held}. {left_out} not count here: strokes play to their end, textures go round while a key is held."


def _which(model: Model, source: str, starred: list[str]) -> dict[str, Any]:
    """Which sounds, as the keys of a request. Raises SweetspotError where there is no map."""
    if source == STARRED:
        return {"source": "starred", "starred": starred[:KEYS], "sounds": len(starred[:KEYS])}
    points = [] if source == NEW else model.known("map")["points"]
    most = min(KEYS, len(points)) if source == PLACES else KEYS
    count = int(st.number_input("Keys", 1, most, min(most, USUAL_KEYS), key=f"kit-keys-{source}"))
    if source == PLACES and count < most:
        style.quiet(f"{count} of {most}, evenly chosen.")
    if source == REGION:
        return {"source": "region", "region": _region(model, points), "sounds": count}
    return {"source": "places" if source == PLACES else "new", "sounds": count}


def _region(model: Model, points: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Which part of the map. points: of the map, to begin with a twelfth of what it spans."""
    wide = max(high - low for low, high in latent_map.extent(points))
    here = st.session_state.get("here") if st.session_state.get("explored", ("",))[0] == model.id else None
    across, up = here or (0.0, 0.0)
    left, middle, right = st.columns(3)
    spot = f"{model.id}-{across:.3f}-{up:.3f}"
    x = left.number_input("Across", value=float(across), step=0.5, format="%.3g", key=f"kit-x-{spot}")
    y = middle.number_input("Up", value=float(up), step=0.5, format="%.3g", key=f"kit-y-{spot}")
    radius = right.number_input(
        "Radius", 0.01, value=max(0.01, float(f"{wide / 12:.1g}")), step=0.5, format="%.3g",
        key=f"kit-radius-{model.id}", help=f"In the unit of the map, which spans {wide:.3g}.",
    )  # fmt: skip
    return {"x": x, "y": y, "radius": radius}


def _manner(source: str) -> dict[str, Any]:
    """How they lie on the keys, and how well they are made. Raises SweetspotError for a key that is none."""
    left, right = st.columns(2)
    turns = left.number_input(
        "Variations of each", 1, MOST_TURNS, 1, key="kit-turns", help="They take turns when a key is played again."
    )
    layers = right.number_input(
        "Velocity layers", 1, MOST_LAYERS, 1, key="kit-layers",
        help="Steps from soft to loud: a softer stroke is duller, as far as the map knows the way.",
    )  # fmt: skip
    left, right = st.columns(2)
    first = left.text_input("First key", key="kit-first", placeholder="C2", help="As 36 or C2; 60 is C4.").strip()
    choke = right.text_input(
        "Choke groups", key="kit-choke", placeholder="F#2,A#2", max_chars=1000,
        help="Keys that cut one another off, as open and closed hats do. A space begins another group.",
    )  # fmt: skip
    spread = st.toggle(
        "Pitched sounds over the whole keyboard", key="kit-chromatic",
        help="Each sound with a clear pitch becomes an instrument of its own, in tune.",
    )  # fmt: skip
    care = source == STARRED or st.toggle(
        "Instrument in best quality", True, key="kit-care",
        help="As “sweetspot instrument” makes them: more care for phases. Off: as the page's own list, in less time.",
    )  # fmt: skip
    return {
        "round_robins": int(turns),
        "velocity_layers": int(layers),
        "first_key": asked_key(first, "First key") if first else None,
        "choke": choke_groups(choke),
        "keys": "chromatic" if spread else "kit",
        "quality": "best" if care else "fast",
    }


def choke_groups(text: str) -> list[list[int]]:
    """Keys with commas between them, groups with spaces; a space beside a comma is none. ``ConfigError``."""
    found = []
    for group in re.sub(r"[\s,]*,[\s,]*", ",", text).strip(" ,").split():
        found.append(asked_keys(group, "Choke group"))
        if len(set(found[-1])) < 2:
            raise ConfigError(f"Choke group {group} is one key.", "Name two that cut one another off, as F#2,A#2.")
    return found


def _make(model: Model, asked: dict[str, Any]) -> None:
    """The zip goes into the session: it is downloaded at once or made again, bit for bit.

    What holds it is there before: with a press waiting, a word to the session would end the drawing, and lose the zip.
    """
    kits: dict[str, Kit] = st.session_state.setdefault("kits", {})
    kits.clear()
    try:
        with st.spinner("Making the instrument."), tempfile.TemporaryDirectory(prefix="sweetspot-") as place:
            answer = model.client.ask("instrument", timeout_s=MAKING_S, checkpoint=model.checkpoint, out=place, **asked)
            path = Path(answer["path"])
            if path.stat().st_size > MOST_ZIPPED:
                large = size(path.stat().st_size)
                raise SweetspotError(f"{large} is much for a download.", "Ask for fewer keys or variations.")
            kits[model.id] = (path.name, path.read_bytes(), answer, asked)
    except SweetspotError as error:
        style.note("red", "error", error.cause, error.remedy)
    except OSError as error:
        style.note("red", "error", f"The instrument cannot be kept: {error.strerror or error}.", f"{next_step(error)}.")


def _made(model: Model, asked: Mapping[str, Any]) -> None:
    """The last one, under its name: by then the panel may ask for another."""
    kit: Kit | None = st.session_state.get("kits", {}).get(model.id)
    if kit is None:
        return
    name, data, answer, wanted = kit
    as_asked = wanted == asked
    if not as_asked:
        style.quiet("Made before, with other choices than these:")
    st.download_button(
        f"Download {name}", data, name, "application/zip", icon=":material/download:", key="download-kit",
        type="primary" if as_asked else "secondary", width="stretch", on_click="ignore", help=size(len(data)),
    )  # fmt: skip
    for one in answer["instruments"]:
        sounds = one["sounds"]
        low, high = sounds[0]["names"].split(" to ")[0], sounds[-1]["names"].split(" to ")[-1]
        style.quiet(f"{one['name']}: {counted(len(sounds), 'sound')}, {low} to {high}")
    for remark in answer["remarks"]:
        style.quiet(remark)
