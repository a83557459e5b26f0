"""What stands on each side of the listening bench, and the fields that choose it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from app.look import picture
from app.panels import moments
from app.panels.listening_bench import Heard
from app.panels.moments import Moments
from app.panels.previews import Caption
from app.runs import recordings
from app.runs.data import dataset_of
from engine.printable import escaped
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord
from engine.rundir.view import RunView

FOLLOW = ("new", "copy")  # the slider


@dataclass(frozen=True)
class Recording:
    """The nearest recording, as sound to hear."""

    name: str
    sound: bytes


def recording(reader: RunReader, view: RunView) -> Recording | None:
    """The nearest one, where it can be heard."""
    name = recordings.nearest(view)
    path = recordings.place_of(view, dataset_of(reader), name) if name else None
    sound = recordings.heard(path) if path else None
    return Recording(escaped(str(name)), sound) if sound is not None else None


def chosen(
    reader: RunReader, run: RunRecord | None, there: Moments, step: int, near: Recording | None
) -> tuple[Heard, Heard]:
    """The fields for both sides, and what is chosen there."""
    options = there.choices(near is not None)
    usual = options[0], "original" if there.original else options[-1]
    found = []
    with st.container(key="sides"):
        for place, letter, first in zip(st.columns(2), "AB", usual, strict=True):
            key = _key(letter, reader.id)
            widget = kept(key, options, first)
            place.selectbox(
                letter, options, key=widget, format_func=there.name, on_change=keep, args=(key, widget),
                help="What is heard as A: what moves with the slider, or stays as it is." if letter == "A" else None,
            )  # fmt: skip
            found.append(st.session_state[key])
    kinds = [one.partition("@")[0] for one in found]
    wide = picture.preview_s(run)
    made = [_heard(reader.root, there, one, step, near, wide, kinds[0] == kinds[1]) for one in found]
    return made[0], made[1]


def _heard(
    root: Path, there: Moments, choice: str, step: int, near: Recording | None, picture_s: float, alike: bool
) -> Heard:
    if choice == "recording" and near is not None:
        said = f"the recording {near.name}"
        return Heard("recording", "Nearest recording", near.name, said, near.sound, None, 0.0)
    sound = there.sound(choice, step)
    assert sound is not None, "only what there is can be chosen"
    kind, one = sound
    where = "" if kind == "original" else there.where(one.step)
    caption = Caption("") if kind == "original" else there.caption(one.step)
    did = caption.copied if kind == "copy" else caption.detail
    detail = ", ".join(text for text in (did, caption.sweet) if text)
    drawn = root / one.files["png"] if "png" in one.files else None
    return Heard(
        kind if kind == "original" else f"{kind}@{one.step}", moments.title(kind, where), detail,
        moments.phrase(kind, where, alike), root / one.files["wav"], drawn, picture_s,
    )  # fmt: skip


def _key(letter: str, run_id: str) -> str:
    return f"side-{letter.lower()}-{run_id}"


def following(run_id: str) -> Literal["a", "b"]:
    """The side that moves with the slider, A where both do."""
    return "a" if st.session_state.get(_key("a", run_id)) in FOLLOW else "b"


def follow(run_id: str) -> None:
    """Let A follow the slider where neither side does: else what is chosen there would be heard nowhere."""
    if not any(st.session_state.get(_key(letter, run_id)) in FOLLOW for letter in "ab"):
        st.session_state[_key("a", run_id)] = "new"


def kept(key: str, options: list[str], usual: str) -> str:
    """The key of a widget that stands at what ``key`` keeps, also when its options have become more: one with other
    options is another widget, and would begin anew."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = usual
    widget = f"{key}-{len(options)}"
    st.session_state[widget] = st.session_state[key]
    return widget


def keep(key: str, widget: str) -> None:
    """Takes over what was chosen in the widget."""
    st.session_state[key] = st.session_state[widget]
