"""Explore: the collection as a map where every place can be heard, and ways to move about in it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from app.charts import latent_map, specs
from app.charts.parts import Spec
from app.look import newest_first, style
from app.panels import actions
from app.sounds import directions, players
from app.sounds.model import Model, choose_state, open_model
from app.sounds.words import shown, stem
from engine.errors import SweetspotError
from engine.quantities import counted, sound_length

HEIGHT = 440
MOST_HEARD = 12
Origin = dict[str, Any]


class Heard(NamedTuple):
    """A file that was listened to. original: its name when it is a recording; times: how often it was asked for."""

    name: str
    original: str = ""
    times: int = 1


def page() -> None:
    style.head()
    model = open_model()
    if model is None:
        return
    actions.complaint()
    try:
        with st.spinner("Drawing the map."):
            collection_map, axes = model.known("map"), model.known("axes")["axes"]
    except SweetspotError as error:
        style.note("yellow", "explore_off", error.cause, error.remedy)
        return
    _forget_others(model)
    above = st.columns([5, 3], gap="large")
    with above[1]:
        style.title("Listen", "newest on top")
        with st.container(height=HEIGHT + 14, key="heard"):
            slot = st.empty()
            with slot, st.spinner("Making it."):
                trouble = _hear_what_was_asked(model)
            _listen(model, trouble, slot)
    differ = any(share * 100 >= 0.5 for share in collection_map["share"])
    with above[0]:
        if differ:
            _map(model, collection_map, axes)
        else:
            style.note("gray", "explore_off", "There is no map.", "It learnt one sound, and a map shows differences.")
    below = st.columns([5, 3], gap="large")
    if differ:
        with below[0]:
            directions.show(model, axes, _want)
    with below[1]:
        _ways(model, collection_map["points"])


def _forget_others(model: Model) -> None:
    """What was heard of another model, or of another state of this one, has no place on this map."""
    if _map_key(model) not in st.session_state:  # one comes from another page, and wished for nothing yet
        st.session_state.pop("fresh", None)
    own = (model.id, model.facts["weights"])
    if st.session_state.get("explored") != own:
        st.session_state["explored"] = own
        for name in ("wanted", "base", "here", "near", "remarks-here", "heard"):
            st.session_state.pop(name, None)
        st.session_state["serial"] = st.session_state.get("serial", 0) + 1


def _want(op: str, base: Origin | None = None, **request: Any) -> None:
    """Ask for a sound; it is made when the page is drawn next. base: where the sliders move from now on."""
    st.session_state["wanted"] = (op, request)
    if base is not None:
        st.session_state["base"] = base
        st.session_state["serial"] = st.session_state.get("serial", 0) + 1


def _hear_what_was_asked(model: Model) -> SweetspotError | None:
    wanted = st.session_state.pop("wanted", None)
    if wanted is None:
        return None
    op, request = wanted
    heard: list[Heard] = st.session_state.setdefault("heard", [])
    try:
        if op == "vary":
            _original(model, request["file"], heard)
        for sound in model.ask(op, **request)["sounds"]:
            _put_on_top(heard, Heard(Path(sound["path"]).name))
        _find_place(model, sound["origin"])
        model.made.prune()
    except SweetspotError as error:
        return error
    finally:
        st.session_state["heard"] = heard[-MOST_HEARD:]
    st.session_state["fresh"] = heard[-1].name
    return None


def _put_on_top(heard: list[Heard], asked: Heard) -> None:
    """The same request makes the same file: one that was heard before leaves its old place."""
    earlier = next((one for one in heard if one.name == asked.name), None)
    if earlier is not None:
        heard.remove(earlier)
        asked = asked._replace(times=earlier.times + 1)
    heard.append(asked)


def _original(model: Model, file: str, heard: list[Heard]) -> None:
    """The recording itself, where it still lies on this disk."""
    point = next((one for one in model.known("map")["points"] if one["path"] == file), None)
    if point is not None and point["file"] is not None:
        answer = model.ask("original", file=file)
        called = stem(file) if answer["whole"] else f"{stem(file)}, its first minute"
        _put_on_top(heard, Heard(Path(answer["path"]).name, called))


def _find_place(model: Model, origin: Origin) -> None:
    nearest = model.client.ask("nearest", checkpoint=model.checkpoint, origin=origin, count=3)
    st.session_state["here"] = (nearest["x"], nearest["y"])
    st.session_state["near"] = [stem(one["path"]) for one in nearest["nearest"]]
    st.session_state["remarks-here"] = nearest["remarks"]


def _map_key(model: Model) -> str:
    return f"map-{model.id}-{model.facts['weights'][:8]}"


@lru_cache(maxsize=16)
def _spec(x_title: str, y_title: str) -> Spec:
    return specs.map_chart(x_title, y_title, HEIGHT)


def _map(model: Model, collection_map: dict[str, Any], axes: list[dict[str, Any]]) -> None:
    points, share = collection_map["points"], [*collection_map["share"], 0.0, 0.0]
    st.html(
        '<div class="ss-head">The map <span>click anywhere to hear that place</span> '
        '<span class="ss-learn">● learnt</span> <span class="ss-check">○ checked</span></div>'
    )
    titles = latent_map.axis_title(axes, 1, share[0], "→"), latent_map.axis_title(axes, 2, share[1], "↑")
    key = _map_key(model)
    here: latent_map.Place | None = st.session_state.get("here")
    st.container(key="plane").vega_lite_chart(
        latent_map.map_rows(points, here), _spec(*titles), width="stretch", key=key,
        on_select=lambda: _clicked(key),
        alt=f"Map of {counted(len(points), 'sound')}. Its places can be typed in below as well.",
    )  # fmt: skip
    if here is not None and latent_map.lies_outside(points, here):
        style.quiet(
            f"What is heard lies outside the map, at {', '.join(map(shown, here))}: its mark stands at the edge."
        )
    if collection_map["files"] > len(points):
        style.quiet(f"{len(points)} of {collection_map['files']} sounds, evenly chosen.")


def _clicked(key: str) -> None:
    spot = latent_map.picked(st.session_state.get(key), specs.PICK)
    if spot is None:
        return
    file, (x, y) = spot
    if file:
        _want_file(file)
    else:
        _want_place(x, y)


def _want_file(file: str) -> None:
    _want("vary", {"kind": "file", "file": file, "amount": 0.0}, file=file, amount=0.0)


def _want_place(x: float, y: float) -> None:
    _want("place", {"kind": "place", "x": x, "y": y}, x=x, y=y)


def _listen(model: Model, trouble: SweetspotError | None, slot: Any) -> None:
    heard: list[Heard] = st.session_state.get("heard", [])
    with slot:
        if trouble is not None:
            style.note("red", "error", trouble.cause, trouble.remedy)
        elif st.session_state.get("remarks-here"):
            style.note("yellow", "explore", "Far out.", " ".join(st.session_state["remarks-here"]))
        elif heard:
            style.quiet(f"Nearest: {', '.join(st.session_state.get('near', []))}")
        else:
            style.quiet("Nothing heard yet. A click on the map makes the sound of that place; one on a file plays it.")
    by_name = {one.path.name: one for one in model.made.sounds()}
    if st.session_state.get("fresh") not in by_name:
        st.session_state.pop("fresh", None)  # one that was removed, and put back, does not play by itself
    fresh = st.session_state.get("fresh")  # it stays so until the next: a player that changes falls silent
    lengths = [players.length_s(model.made.place / one.name) for one in heard]
    width_s = players.axis_s(lengths)
    players.put_back(model.made)
    with st.container(key="timeline-heard", gap="small"):
        places = newest_first.places(len(heard), MOST_HEARD)
        for number, ((name, original, times), seconds) in enumerate(zip(heard, lengths, strict=True)):
            with places[number].container(key=f"heard-{number}-{name}"):
                if original:
                    notes = [original, sound_length(seconds)]
                    players.player("Original", notes, model.made.place / name, seconds, width_s)
                elif (sound := by_name.get(name)) is not None:
                    players.row(model.name, model.made, sound, "explore", width_s, times if name == fresh else 0)


def _ways(model: Model, points: list[dict[str, Any]]) -> None:
    """The same without a mouse, and what a click cannot say."""
    with st.container(border=True, key="ways"):
        choose_state(model)
        files = [str(point["path"]) for point in points]
        between, file, place = st.tabs(["Morph", "A file", "A place"])
        with between:
            _morph(files)
        with file:
            _file(files)
        with place:
            _place(*latent_map.extent(points))


def _morph(files: list[str]) -> None:
    first = st.selectbox("From", files, 0, format_func=stem, key="morph-first")
    second = st.selectbox("To", files, min(1, len(files) - 1), format_func=stem, key="morph-second")
    ends = {"first": first, "second": second}
    position = st.slider("How far", 0, 100, 50, 5, format="%d %%", key="morph-position") / 100
    one, five = st.columns(2)
    one.button(
        "Hear it", icon=":material/play_arrow:", width="stretch", key="morph-one", on_click=_want,
        args=("morph", {"kind": "between", **ends, "position": position}), kwargs={**ends, "position": position},
    )  # fmt: skip
    five.button(
        "Five steps", icon=":material/more_horiz:", width="stretch", key="morph-five", on_click=_want,
        args=("morph",), kwargs={**ends, "steps": 5},
    )  # fmt: skip


def _file(files: list[str]) -> None:
    file = st.selectbox("File", files, key="file", help="The recording, and what the model makes of it.")
    st.button(
        "Hear it", icon=":material/play_arrow:", width="stretch", key="file-hear", on_click=_want_file, args=(file,)
    )


def _place(across: latent_map.Place, up: latent_map.Place) -> None:
    """A place by its numbers. across, up: from where to where the map reaches."""
    left, right = st.columns(2, wrap=False)
    x = left.number_input("Across", value=0.0, step=0.5, format="%g", key="place-x", help=_reach(across))
    y = right.number_input("Up", value=0.0, step=0.5, format="%g", key="place-y", help=_reach(up))
    st.button(
        "Hear it", icon=":material/play_arrow:", width="stretch", key="place-hear", on_click=_want_place, args=(x, y)
    )


def _reach(ends: latent_map.Place) -> str:
    low, high = map(shown, ends)
    return f"The map reaches from {low} to {high}; 0 and 0 are the middle."


page()
