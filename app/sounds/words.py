"""What made sounds are called on a page: what each is, where it comes from, and what tells it from its like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.sounds.made_sounds import MORPHED, NEW, OWN, VARIED, Sound
from engine.claims.figures import minus, percent
from engine.quantities import counted
from engine.rundir.layout import snapshot_moment

_IN_WORDS = {
    NEW: "a new sound", VARIED: "a variation", MORPHED: "a morph", OWN: "one in grains", "place": "a place",
    "moved": "a moved one",
}  # fmt: skip
_LARGEST = 1e9  # of what a recipe says: more is said by nobody
_MADE = re.compile(rf"({'|'.join(_IN_WORDS)})-[0-9a-f]{{16}}")


def label(origin: Mapping[str, Any]) -> str:
    """What a sound is, in a word or two."""
    kind = origin.get("kind")
    if kind == NEW:
        return f"New {_whole(origin.get('index')) + 1}"
    if kind == VARIED:
        return f"Variation {_whole(origin.get('index')) + 1}" if origin.get("amount") else "Copy"
    if kind == MORPHED:
        return f"Morph {percent(_number(origin.get('position')))}"
    return {"place": "Place", "moved": "Moved", OWN: "In grains"}.get(str(kind), "Sound")


def detail(origin: Mapping[str, Any]) -> str:
    """Where it comes from."""
    kind = origin.get("kind")
    if kind == VARIED and (amount := _number(origin.get("amount"))):
        return f"{percent(amount)} from {stem(origin.get('file'))}"
    if kind in (VARIED, OWN):
        return stem(origin.get("file"))
    if kind == MORPHED:
        return f"{stem(origin.get('first'))} → {stem(origin.get('second'))}"
    if kind == "place":
        return f"{shown(_number(origin.get('x')))}, {shown(_number(origin.get('y')))}"
    inner = origin.get("of")
    inner = inner if isinstance(inner, dict) and "of" not in inner else None
    begun = f"from {label(inner).lower()} {detail(inner)}".strip() if inner else ""
    return ", ".join(filter(None, (_moves(origin.get("axes")), begun)))


def _moves(axes: object) -> str:
    """How far along which directions: "direction 2 by −2.0"; those of the map's title, by their number."""
    moves = axes.items() if isinstance(axes, Mapping) else ()
    return ", ".join(f"direction {axis} by {_far(_number(far))}" for axis, far in moves if _number(far))


def _far(far: float) -> str:
    """As the slider says it: a quarter is the least step."""
    text = f"{far:z.2f}"
    return minus(text[:-1] if text.endswith("0") else text)


def differences(sounds: Sequence[Sound]) -> dict[str, str]:
    """By file name, what tells a sound from those of the same name, seed and state: "temperature 1.5, a loop"."""
    alike: dict[tuple[str, ...], list[Sound]] = {}
    for one in sounds:
        alike.setdefault((label(one.origin), detail(one.origin), str(one.seed), state_words(one.state)), []).append(one)
    said = {}
    for group in alike.values():
        manners = [[manner(one) for one in group] for manner in _MANNERS]
        apart = [words for words in manners if len(set(words)) > 1]
        for one, words in zip(group, zip(*apart, strict=True), strict=False):  # no words where nothing differs
            said[one.path.name] = ", ".join(filter(None, words))
    return {name: text for name, text in said.items() if text}


def _temperature(sound: Sound) -> str:
    """Of what is drawn; on the way between two sounds, and at a place, nothing is."""
    value = sound.request.get("temperature")
    return "" if value is None or sound.origin.get("kind") not in (NEW, VARIED) else f"temperature {_number(value):g}"


def _length(sound: Sound) -> str:
    """Nothing of what is as long as its bars: they stand beside it."""
    seconds = sound.request.get("duration_s")
    return "" if in_time(sound.request) else f"{_number(seconds):g} s" if seconds else "its own length"


def _loop(sound: Sound) -> str:
    return "loop" if sound.request.get("loop") else "no loop"


def _stereo(sound: Sound) -> str:
    value = sound.request.get("stereo")
    return "as recorded" if value is None else "stereo" if value else "mono"


def _quality(sound: Sound) -> str:
    return "best quality" if sound.request.get("quality") == "best" else "fast quality"


_MANNERS: tuple[Callable[[Sound], str], ...] = (_temperature, _length, _loop, _stereo, _quality)


def state_words(state: str) -> str:
    """Which state of the model: "epoch 59", "best epoch", "last save"."""
    moment = snapshot_moment(state)
    return f"epoch {moment[0]}" if moment else "best epoch" if state.startswith("best") else "last save"


def in_time(request: Mapping[str, Any]) -> str:
    """The length and tempo of a loop that was asked for in bars: "2 bars at 97 BPM", of another metre "2 bars of 3
    beats at 97 BPM"; "" of any other sound."""
    bars, bpm, beats = _whole(request.get("bars")), _number(request.get("bpm")), _whole(request.get("beats_per_bar"))
    if bars < 1 or bpm <= 0:
        return ""
    metre = f" of {counted(beats, 'beat')}" if beats not in (0, 4) else ""
    return f"{counted(bars, 'bar')}{metre} at {bpm:g}\N{NO-BREAK SPACE}BPM"


def shown(coordinate: float) -> str:
    """One coordinate of the map."""
    return minus(f"{coordinate:z.1f}")


def stem(name: object) -> str:
    """A sound's file without its folder and its ending; of one that was made here, what it is."""
    path = Path(str(name))
    made = _MADE.match(path.stem) if path.is_absolute() else None
    return _IN_WORDS[made[1]] if made else path.stem


def _number(value: object) -> float:
    """Of a recipe that anybody may have written: 0 for what is no number that can be said."""
    return float(value) if isinstance(value, int | float) and abs(value) <= _LARGEST else 0.0


def _whole(value: object) -> int:
    return value if isinstance(value, int) and abs(value) <= _LARGEST else 0
