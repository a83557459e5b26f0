"""The listening bench: two sounds from one clock, equally loud, switched without a gap, also without seeing which.

A component of its own; its page, style and program lie beside this file. The sounds themselves come from Streamlit's
own store of media: what is sent anew when something changes is their addresses.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import soundfile
import streamlit as st
from streamlit import runtime
from streamlit.components import v2

from app.panels.blind_tests import TESTS, Count, Test, said
from app.runs import media
from engine.audio import levels
from engine.stamp import Stamp, stamp

_BESIDE = Path(__file__)
_html, _css, _js = (_BESIDE.with_suffix(kind).read_text(encoding="utf-8") for kind in (".html", ".css", ".js"))
_bench = v2.component("sweetspot_listening_bench", html=_html, css=_css, js=_js, isolate_styles=False)


@dataclass(frozen=True)
class Heard:
    """One of the two. name, detail: in its lane; phrase: in a sentence, "the copy of epoch 31". sound: a WAV.

    picture_s: the time that its picture's whole width stands for, 0 if unknown: then its own length.
    """

    key: str
    name: str
    detail: str
    phrase: str
    sound: Path | bytes
    picture: Path | None
    picture_s: float


@dataclass(frozen=True)
class Begin:
    """When it is to begin by itself: times grows by one each time; side: what is heard then."""

    times: int
    side: Literal["a", "b"]


@dataclass(frozen=True)
class Level:
    """Of a sound: its loudness, as RMS over its active part in dB of full scale, and how long it is."""

    db: float
    duration_s: float


def level_of(sound: Path | bytes) -> Level | None:
    """None where it is no sound that can be read."""
    if isinstance(sound, bytes):
        return _level_of_bytes(sound)
    moment = stamp(sound)
    return None if moment is None else _level_of_file(os.fspath(sound), moment)


@lru_cache(maxsize=512)
def _level_of_file(path: str, _moment: Stamp) -> Level | None:
    return None if media.refusal(Path(path)) else _measured(path)


@lru_cache(maxsize=16)
def _level_of_bytes(sound: bytes) -> Level | None:
    return _measured(io.BytesIO(sound))


def _measured(file: str | io.BytesIO) -> Level | None:
    try:
        wave, rate = soundfile.read(file, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, ValueError, MemoryError):
        return None
    if not len(wave) or not math.isfinite(power := levels.active_rms(wave.mean(axis=1))):
        return None
    return Level(levels.amplitude_to_db(power), len(wave) / rate)


def moves_db(first: Level, second: Level) -> tuple[float, float]:
    """By how many dB each is moved to be as loud as the softer one: louder would clip. Silence moves nothing."""
    if levels.SILENCE_DB in (first.db, second.db):
        return 0.0, 0.0
    softer = min(first.db, second.db)
    return softer - first.db, softer - second.db


def show(first: Heard, second: Heard, begin: Begin, run_id: str) -> bool:
    """Draw the bench; False, and nothing, where one of the two is no sound.

    run_id: answers are counted by run and pair.
    """
    own, others = level_of(first.sound), level_of(second.sound)
    if own is None or others is None:
        return False
    loudness, moved = (own, others), moves_db(own, others)
    pair, key = f"{first.key} {second.key}", f"bench-{run_id}"
    sides = [
        _data(one, level, move, f"{key}-{side}")
        for one, level, move, side in zip((first, second), loudness, moved, "ab", strict=True)
    ]
    data = {
        "a": sides[0], "b": sides[1], "pair": pair, "plays": begin.times, "side": begin.side,
        "same": first.key == second.key, "said": _results(run_id, pair, (first.phrase, second.phrase)),
    }  # fmt: skip
    _bench(data=data, key=key, on_answered_change=_counts(run_id, pair, key))
    return True


def _data(one: Heard, level: Level, move_db: float, place: str) -> dict[str, Any]:
    return {
        "name": one.name,
        "detail": one.detail,
        "url": _address(one.sound, "audio/wav", f"{place}-sound"),
        "picture": _address(one.picture, "image/png", f"{place}-picture") if one.picture else "",
        "gain_db": round(move_db, 2),
        "duration_s": round(level.duration_s, 4),
        "picture_s": round(one.picture_s or level.duration_s, 4),
    }


def _address(content: Path | bytes, kind: str, place: str) -> str:
    """Where the browser fetches it; the same for the same content."""
    given = content if isinstance(content, bytes) else os.fspath(content)
    path = runtime.get_instance().media_file_mgr.add(given, kind, place)
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{path}" if base else path


def _answers(run_id: str) -> dict[tuple[str, Test], Count]:
    answers: dict[tuple[str, Test], Count] = st.session_state.setdefault(f"blind-{run_id}", {})
    return answers


def _counts(run_id: str, pair: str, key: str) -> Callable[[], None]:
    """Takes an answer, once: it comes with what was chosen, in which test, and whether that was X."""

    def take() -> None:
        answer = st.session_state[key].get("answered")
        if not isinstance(answer, dict) or answer.get("pair") != pair or answer.get("test") not in TESTS:
            return
        test: Test = answer["test"]
        hit = bool(answer.get("right")) if test == "tell" else answer.get("chosen") == "a"
        answers = _answers(run_id)
        answers[pair, test] = answers.get((pair, test), Count()).after(hit)

    return take


def _results(run_id: str, pair: str, names: tuple[str, str]) -> dict[Test, str]:
    """What the answers on this pair come to, in each test."""
    answers = _answers(run_id)
    return {test: said(test, answers.get((pair, test), Count()), names) for test in TESTS}
