"""The time axis over the pictures of previews: how long it is, and what of a picture it cuts off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.runs import media
from engine.quantities import sound_length
from engine.rundir.artefacts import PreviewSet

LABEL_PX = 74
AS_LONG = 1.5  # as what was made last: what is longer, as sounds are before their end is learnt, is cut
_SHOWN_S = 0.05  # lengths are shown in tenths
_APART = 0.8  # of a step, from the end: its label stands left of its place
_TICKS_S, _MOST_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0), 6


def span_s(root: Path, found: Sequence[PreviewSet]) -> float:
    """How long the longest of these sounds is; 0 without any."""
    return max(_lengths_s(root, found), default=0.0)


def axis_s(root: Path, found: Sequence[PreviewSet]) -> float:
    """What the whole width stands for where sounds of all moments stand under one another; 0 without any.

    What was made last decides, with the original and its copies, so that an early one which does not end leaves the
    others to be seen.
    """
    last = max((one.step for one in found), default=0)
    now = span_s(root, [one for one in found if one.role != "sample" or one.step == last])
    return max((length for length in _lengths_s(root, found) if length <= AS_LONG * now), default=0.0)


def cut(root: Path, one: PreviewSet, span: float) -> str:
    """What its picture shows where that is not all of it: "picture: first 1.8 s"."""
    longer = span_s(root, [one]) > span + _SHOWN_S
    return f"picture: first {sound_length(span)}" if longer else ""


def axis(seconds: float) -> None:
    """Under which time each place of the pictures lies, for rows of label and picture."""
    ticks = "".join(f'<span style="left:{100 * at / seconds:.2f}%">{at:.1f} s</span>' for at in times_s(seconds))
    with st.container(horizontal=True, wrap=False, gap="small"):
        st.html('<div class="ss-quiet">Time</div>', width=LABEL_PX)
        st.html(f'<div class="ss-ticks">{ticks}</div>')


def times_s(seconds: float) -> list[float]:
    """The times that an axis of ``seconds`` names, its end among them, which no other stands close to."""
    step = next((one for one in _TICKS_S if seconds / one <= _MOST_TICKS), _TICKS_S[-1])
    return [step * count for count in range(max(1, math.ceil(seconds / step - _APART)))] + [seconds]


def _lengths_s(root: Path, found: Sequence[PreviewSet]) -> list[float]:
    return [media.duration_s(root / one.files["wav"]) for one in found if "wav" in one.files]
