"""Rows of made sounds: label, picture over player, star and download; what is new stops none that plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from app.look import style
from app.look.words import counted, sound_length
from app.runs import media
from app.sounds.made_sounds import Shelf, Sound, detail, file_name, label, state_words
from engine.errors import SweetspotError
from engine.rundir.inside import own_file

LABEL_PX, TOOLS_PX = 84, 40
GROUP = 20  # Each player loads its whole file: older groups render when they are opened.


def rows(run: str, shelf: Shelf, sounds: Sequence[Sound], key: str) -> None:
    """Draw ``sounds``, oldest first in the tree and newest first on the page, in groups that never change."""
    groups = [sounds[start : start + GROUP] for start in range(0, len(sounds), GROUP)]
    with st.container(key=f"timeline-{key}", gap="small"):
        for number, group in enumerate(groups):
            with st.container(key=f"timeline-{key}-{number}", gap="small"):
                if number >= len(groups) - 2:
                    _each(run, shelf, group, key)
                    continue
                folded = st.expander(
                    f"{counted(len(group), 'earlier one')}", on_change="rerun", key=f"earlier-{key}-{number}"
                )
                if folded.open:
                    with folded, st.container(key=f"timeline-open-{key}-{number}", gap="small"):
                        _each(run, shelf, group, key)


def _each(run: str, shelf: Shelf, group: Sequence[Sound], key: str) -> None:
    for one in group:
        row(run, shelf, one, key)


def row(run: str, shelf: Shelf, sound: Sound, key: str, autoplay: bool = False) -> None:
    """One made sound, with its star."""
    notes = [
        detail(sound.origin) or f"seed {sound.seed}",
        f"{state_words(sound.state)} · {sound_length(sound.duration_s)}",
    ]

    def tools() -> None:
        _star(shelf, sound, key)
        st.download_button(
            "Download", sound.path.read_bytes, file_name(run, sound), "audio/wav", icon=":material/download:",
            key=f"take-{key}-{sound.path.name}", on_click="ignore", type="tertiary", help="Download this one",
        )  # fmt: skip

    player(label(sound.origin), notes, sound.path, tools, autoplay)


def player(
    title: str, notes: Sequence[str], path: Path, tools: Callable[[], None] | None = None, autoplay: bool = False
) -> None:
    """A label beside a picture over its player, and what can be done with it."""
    # A long name breaks where its words end.
    small = "".join(f"{style.PAUSE}<small>{style.safe(note).replace('_', '_<wbr>')}</small>" for note in notes if note)
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(f'<div class="ss-mark">{style.safe(title)}{small}</div>', width=LABEL_PX)
        with st.container(gap=None):
            _heard(path, f"{title}, {', '.join(note for note in notes if note)}", autoplay)
        with st.container(gap=None, width=TOOLS_PX):
            if tools is None:
                st.html('<div class="ss-space"></div>')  # so that all pictures are equally wide
            else:
                tools()


def _heard(path: Path, says: str, autoplay: bool) -> None:
    picture = path.with_suffix(".png")
    if own_file(picture) and media.refusal(picture) is None:
        st.image(str(picture), width="stretch", alt=f"Picture of {says}")
    why = media.refusal(path)
    if why is None:
        st.audio(str(path), alt=f"Play {says}", autoplay=autoplay)
    else:
        style.quiet(why)


def _star(shelf: Shelf, sound: Sound, key: str) -> None:
    st.button(
        "Take its star away" if sound.starred else "Give it a star",
        icon=":material/star:",
        key=f"star-{'on' if sound.starred else 'off'}-{key}-{sound.path.name}",
        type="tertiary",
        help="Starred: kept. Press to take the star away." if sound.starred else "Keep it: give it a star",
        on_click=_toggle,
        args=(shelf, sound.path.name, not sound.starred),
    )


def _toggle(shelf: Shelf, name: str, on: bool) -> None:
    """Runs before the page is drawn again."""
    try:
        shelf.star(name, on)
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)
