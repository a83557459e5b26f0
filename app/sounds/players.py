"""Rows of made sounds: label, picture over player, star and download; what is new stops none that plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median_low

import soundfile
import streamlit as st

from app.look import download, newest_first, next_focus, style
from app.look import picture as picture_of
from app.panels import star
from app.runs import media
from app.sounds.files import file_name
from app.sounds.made_sounds import MadeSounds, Removed, Sound
from app.sounds.words import detail, differences, in_time, label, state_words
from engine.errors import SweetspotError
from engine.quantities import counted, sound_length
from engine.rundir.reading import own_file

LABEL_PX, TOOLS_PX = 152, 40  # where it is narrow, a label has a line of its own
BRIEF_S = 10.0  # Below, a browser's clock in whole seconds says nothing.
NARROWEST = 0.02  # of the width: still to be seen
MOST_TIMES = 8  # the median length: what is longer is cut on the time axis
FEW = 4  # one in so many at most is cut for the sake of the others
SHOWN_S = 0.05  # Lengths are shown in tenths.
_REMOVED = "removed"  # in the session: the sound that was removed last, and the key of the button that did it
_TAKE_OUT, _PUT_BACK = "take-out-", "put-back"


def rows(run: str, made: MadeSounds, sounds: Sequence[Sound], key: str) -> None:
    """Draw ``sounds``, which are in the order of time, the newest first.

    Their pictures share one time axis, as :func:`axis_s` has it.
    """
    lengths = [one.duration_s for one in sounds]
    width_s = axis_s(lengths)
    if len(sounds) > 1:
        longer = sum(_is_cut(seconds, width_s) for seconds in lengths)
        cut = f" {counted(longer, 'longer one is', 'longer ones are')} cut there." if longer else ""
        style.quiet(f"One time axis for all pictures: the whole width is {sound_length(width_s)}.{cut}")
    apart = differences(sounds)

    def draw(one: Sound) -> None:
        row(run, made, one, key, width_s, apart=apart.get(one.path.name, ""))
        if own_file(one.given):
            _given(one, width_s)

    with st.container(key=f"timeline-{key}", gap="small"):
        newest_first.show(sounds, key, lambda group: counted(len(group), "earlier one"), draw)


def axis_s(lengths: Sequence[float]) -> float:
    """What the whole width of pictures on one time axis stands for, so that a few long sounds leave the others to be
    seen: the longest length that is at most ``MOST_TIMES`` the median one, or the next one where the upper half of that
    would belong to one in ``FEW`` alone. 0 without any."""
    if not lengths:
        return 0.0
    most = MOST_TIMES * median_low(lengths) * (1 + 1e-9)
    longest, *others = sorted((seconds for seconds in lengths if seconds <= most), reverse=True)
    return next((seconds for seconds in others[: len(lengths) // FEW] if seconds <= longest / 2), longest)


def _is_cut(seconds: float, width_s: float) -> bool:
    return width_s > 0 and seconds > width_s + SHOWN_S


def _given(sound: Sound, width_s: float) -> None:
    """What a sound was made of, to hear under it."""
    seconds = length_s(sound.given)
    part = "its first minute" if seconds < sound.duration_s - 1 else ""
    player("Yours", [detail(sound.origin), part, sound_length(seconds)], sound.given, seconds, width_s)


def length_s(path: Path) -> float:
    """Seconds; 0 of a sound that cannot be read."""
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError):
        return 0.0


def row(run: str, made: MadeSounds, sound: Sound, key: str, width_s: float, hearing: int = 0, apart: str = "") -> None:
    """One made sound, with its star. width_s: what the whole width stands for. hearing: as :func:`player` has it.
    apart: what tells it from others of its name."""
    notes = [
        apart,
        in_time(sound.request),
        _whence(sound),
        state_words(sound.state),
        sound_length(sound.duration_s),
    ]

    def tools() -> None:
        _star(made, sound, key)
        download.button(
            "Download", sound.path.read_bytes, file_name(run, sound), "audio/wav", icon=":material/download:",
            key=f"take-{key}-{sound.path.name}", type="tertiary", help="Download this one",
        )  # fmt: skip
        _remove_button(made, sound, key)

    player(label(sound.origin), notes, sound.path, sound.duration_s, width_s, tools, hearing)


def _whence(sound: Sound) -> str:
    return detail(sound.origin) or f"seed {sound.seed}"


def player(
    title: str,
    notes: Sequence[str],
    path: Path,
    seconds: float,
    width_s: float,
    tools: Callable[[], None] | None = None,
    hearing: int = 0,
) -> None:
    """A label beside a picture over its player, and what can be done with it. The picture is ``seconds`` of
    ``width_s`` wide, and where those are more it ends there. hearing: it plays by itself when this number is new to
    it; at 0 it never does.
    """
    cut = _is_cut(seconds, width_s)
    notes = [*notes, f"picture: first {sound_length(width_s)}"] if cut else notes
    small = "".join(f"{style.PAUSE}<small>{style.broken(note)}</small>" for note in notes if note)
    brief = " ss-brief" if seconds < BRIEF_S else ""  # its length stands in the label, to a tenth
    part = max(NARROWEST, seconds / width_s) if width_s > 0 else 1.0
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
    """part: of the whole width that its picture takes; of more than all of it, what fits is shown."""
    picture = path.with_suffix(".png")
    if own_file(picture) and media.refusal(picture) is None:
        picture_of.show(picture, part, f"Picture of {says}")
    why = media.refusal(path)
    if why is None:
        # A player that has played by itself does so again only under another identity, of which its text is a part.
        again = f", hearing {hearing}" if hearing > 1 else ""
        st.audio(str(path), alt=f"Play {says}{again}", autoplay=hearing > 0)
    else:
        style.quiet(why)


def _remove_button(made: MadeSounds, sound: Sound, key: str) -> None:
    button = f"{_TAKE_OUT}{key}-{sound.path.name}"
    st.button(
        f"Remove {label(sound.origin)}", icon=":material/delete:", key=button, type="tertiary",
        help="Remove it: it can be put back until the next one.", on_click=_remove,
        args=(made, sound.path.name, button),
    )  # fmt: skip


def _remove(made: MadeSounds, name: str, button: str) -> None:
    """Runs before the page is drawn again. button: the key of the one that was pressed."""
    try:
        removed = made.remove(name)
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)
        return
    if removed is not None:  # else another window was first: what this one removed before can still be put back
        st.session_state[_REMOVED] = (removed, button)
        next_focus.want(_PUT_BACK)


def put_back(made: MadeSounds) -> None:
    """What was removed last, and the way back. It always takes one place, so that no player loses its own."""
    with st.container():
        next_focus.give(_TAKE_OUT, _PUT_BACK)
        removed, button = _last_removed()
        if removed is None or removed.sound.path.parent != made.place:
            return
        with st.container(horizontal=True, vertical_alignment="center", key="removed"):
            style.quiet_words(f"Removed: {label(removed.sound.origin)}, {_whence(removed.sound)}.")
            st.button(
                "Put it back", icon=":material/undo:", key=_PUT_BACK, type="tertiary", on_click=_put_back,
                args=(made, removed, button),
            )  # fmt: skip


def _last_removed() -> tuple[Removed | None, str]:
    last: tuple[Removed, str] | None = st.session_state.get(_REMOVED)
    return last or (None, "")


def _put_back(made: MadeSounds, removed: Removed, button: str) -> None:
    """Runs before the page is drawn again. button: the key of the one that removed it, to which the focus returns."""
    try:
        made.put_back(removed)
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)
        return
    st.session_state.pop(_REMOVED, None)
    next_focus.want(button)


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
