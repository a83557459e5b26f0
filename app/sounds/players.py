"""Rows of made sounds: label, picture over player, star and download; what is new stops none that plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import soundfile
import streamlit as st

from app.look import download, newest_first, style
from app.panels import star
from app.runs import media
from app.sounds.files import file_name
from app.sounds.made_sounds import MadeSounds, Sound
from app.sounds.words import detail, differences, label, state_words
from engine.errors import SweetspotError
from engine.quantities import counted, sound_length
from engine.rundir.reading import own_file

LABEL_PX, TOOLS_PX = 84, 40
BRIEF_S = 10.0  # Below, a browser's clock in whole seconds says nothing.
NARROWEST = 0.02  # of the width: still to be seen


def rows(run: str, made: MadeSounds, sounds: Sequence[Sound], key: str) -> None:
    """Draw ``sounds``, which are in the order of time, the newest first.

    Their pictures share one time axis, as wide as the longest.
    """
    longest_s = max((one.duration_s for one in sounds), default=0.0)
    if len(sounds) > 1:
        style.quiet(f"One time axis for all pictures: the whole width is {sound_length(longest_s)}.")
    apart = differences(sounds)

    def draw(one: Sound) -> None:
        row(run, made, one, key, longest_s, apart=apart.get(one.path.name, ""))
        if own_file(one.given):
            _given(one, longest_s)

    with st.container(key=f"timeline-{key}", gap="small"):
        newest_first.show(sounds, key, lambda group: counted(len(group), "earlier one"), draw)


def _given(sound: Sound, longest_s: float) -> None:
    """What a sound was made of, to hear under it."""
    seconds = length_s(sound.given)
    part = "its first minute" if seconds < sound.duration_s - 1 else ""
    player("Yours", [detail(sound.origin), part, sound_length(seconds)], sound.given, seconds, longest_s)


def length_s(path: Path) -> float:
    """Seconds; 0 of a sound that cannot be read."""
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError):
        return 0.0


def row(
    run: str, made: MadeSounds, sound: Sound, key: str, longest_s: float, hearing: int = 0, apart: str = ""
) -> None:
    """One made sound, with its star. longest_s: what the whole width stands for. hearing: as :func:`player` has it.
    apart: what tells it from others of its name."""
    notes = [
        apart,
        detail(sound.origin) or f"seed {sound.seed}",
        f"{state_words(sound.state)} · {sound_length(sound.duration_s)}",
    ]

    def tools() -> None:
        _star(made, sound, key)
        download.button(
            "Download", sound.path.read_bytes, file_name(run, sound), "audio/wav", icon=":material/download:",
            key=f"take-{key}-{sound.path.name}", type="tertiary", help="Download this one",
        )  # fmt: skip

    player(label(sound.origin), notes, sound.path, sound.duration_s, longest_s, tools, hearing)


def player(
    title: str,
    notes: Sequence[str],
    path: Path,
    seconds: float,
    longest_s: float,
    tools: Callable[[], None] | None = None,
    hearing: int = 0,
) -> None:
    """A label beside a picture over its player, and what can be done with it. The picture is ``seconds`` of
    ``longest_s`` wide. hearing: it plays by itself when this number is new to it; at 0 it never does."""
    small = "".join(f"{style.PAUSE}<small>{style.broken(note)}</small>" for note in notes if note)
    brief = " ss-brief" if seconds < BRIEF_S else ""  # its length stands in the label, to a tenth
    part = min(1.0, max(NARROWEST, seconds / longest_s)) if longest_s > 0 else 1.0
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(f'<div class="ss-mark{brief}">{style.safe(title)}{small}</div>', width=LABEL_PX)
        with st.container(gap=None):
            _heard(path, f"{title}, {', '.join(note for note in notes if note)}", part, hearing)
        with st.container(gap=None, width=TOOLS_PX):
            if tools is None:
                st.html('<div class="ss-space"></div>')  # so that all pictures are equally wide
            else:
                tools()


def _heard(path: Path, says: str, part: float, hearing: int) -> None:
    picture = path.with_suffix(".png")
    if own_file(picture) and media.refusal(picture) is None:
        # Columns whatever the part is: a player whose place in the tree changes falls silent.
        drawn, _ = st.columns([part, max(1 - part, 1e-6)], gap=None, wrap=False)
        drawn.image(str(picture), width="stretch", alt=f"Picture of {says}")
    why = media.refusal(path)
    if why is None:
        # A player that has played by itself does so again only under another identity, of which its text is a part.
        again = f", hearing {hearing}" if hearing > 1 else ""
        st.audio(str(path), alt=f"Play {says}{again}", autoplay=hearing > 0)
    else:
        style.quiet(why)


def _star(made: MadeSounds, sound: Sound, key: str) -> None:
    on, name = sound.starred, sound.path.name
    star.button(
        "Take its star away" if on else "Give it a star",
        "Starred: kept. Press to take the star away." if on else "Keep it: give it a star",
        f"{key}-{name}", on, _toggle, made, name, not on,
    )  # fmt: skip


def _toggle(made: MadeSounds, name: str, on: bool) -> None:
    """Runs before the page is drawn again."""
    try:
        made.star(name, on)
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)
