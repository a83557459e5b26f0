"""A run's previews inside a page: sound compressed, pictures as they are, and never more than the page may weigh."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from app.panels.previews import Caption, moment, sort_previews
from app.runs import media
from engine.rundir.artefacts import PreviewSet

BUDGET = 19_000_000  # characters, of all previews together
MOST_PREVIEWS = 200  # Players that one page can hold and somebody still looks through.
MOST_PICTURE = 1_000_000
MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

Captions = dict[tuple[int, int], Caption]


@dataclass(frozen=True)
class Shown:
    """One preview: what stands beside it, and its parts as data URIs. notes: why a part is not here."""

    caption: Caption
    says: str
    picture: str | None = None
    sound: str | None = None
    table: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """About how many characters of the page it takes."""
        cells = 0 if self.table is None else 24 * self.table.size
        return len(self.picture or "") + len(self.sound or "") + cells


@dataclass(frozen=True)
class Panel:
    """All that can be heard or seen. made: newest first, some of ``total``. previews: how many of those that the model
    made, copies too, stand here; ``all_previews``: of how many."""

    held_out: list[Shown]
    made: list[Shown]
    total: int
    previews: int
    all_previews: int


def panel(root: Path, found: Sequence[PreviewSet], captions: Captions) -> Panel:
    """The original, its newest copy and the one nearest the sweet spot, then what was made, evenly thinned to fit."""
    references, copies, samples = sort_previews(found)
    held_out = [embed(root, one, Caption("Original"), "the original") for one in references[:1]]
    shown_copies = _copies(copies, captions)
    for one in shown_copies:
        there = captions.get((one.epoch, one.step), Caption(""))
        says = ", ".join(filter(None, ("the copy", moment(one), there.copied)))
        held_out.append(embed(root, one, Caption("Copy", moment(one), there.sweet), says))
    left = BUDGET - sum(one.size for one in held_out)
    made = thinned(samples, [_is_sweet(one, captions) for one in samples], lambda one: _made(root, one, captions), left)
    everything = len(copies) + len(samples)
    return Panel(held_out, made[::-1], len(samples), len(shown_copies) + len(made), everything)


def thinned(
    samples: Sequence[PreviewSet], keep: Sequence[bool], show: Callable[[PreviewSet], Shown], budget: int
) -> list[Shown]:
    """As many of ``samples`` as ``budget`` holds, evenly spread, with the first, the last and those to ``keep``."""
    known: dict[int, Shown] = {}
    count = min(len(samples), MOST_PREVIEWS)
    while count > 0:
        places = _evenly(len(samples), count, keep)
        for place in places:
            known[place] = known.get(place) or show(samples[place])
        size = sum(known[place].size for place in places)
        if size <= budget:
            return [known[place] for place in places]
        count = min(count - 1, int(count * budget / size))
    return []


def _evenly(total: int, count: int, keep: Sequence[bool]) -> list[int]:
    even = {int(place) for place in np.linspace(0, total - 1, count).round()} if count > 1 else {total - 1}
    return sorted(even | {place for place, wanted in enumerate(keep) if wanted and count > 1})


def _copies(copies: Sequence[PreviewSet], captions: Captions) -> list[PreviewSet]:
    sweet = [one for one in copies if _is_sweet(one, captions)]
    return [*sweet[:1], *(copies[-1:] if copies[-1:] != sweet[:1] else ())]


def _is_sweet(one: PreviewSet, captions: Captions) -> bool:
    caption = captions.get((one.epoch, one.step))
    return caption is not None and bool(caption.sweet)


def _made(root: Path, one: PreviewSet, captions: Captions) -> Shown:
    caption = captions.get((one.epoch, one.step), Caption(moment(one)))
    return embed(root, one, caption, f"{moment(one)}, step {one.step}")


def embed(root: Path, one: PreviewSet, caption: Caption, says: str) -> Shown:
    """Take in the files of one preview. What is none, is damaged or too large is left out, with a sentence."""
    files = {suffix: root / path for suffix, path in one.files.items()}
    notes = [why for path in files.values() if (why := media.refusal(path))]
    files = {suffix: path for suffix, path in files.items() if not media.refusal(path)}
    picture = sound = table = None
    if "png" in files:
        picture = _picture(files["png"])
        notes += [] if picture else ["This picture is too large for a page."]
    if "wav" in files:
        sound = _sound(files["wav"])
        notes += [] if sound else ["This sound cannot be read."]
    if not picture and not sound and "npy" in files:
        table = media.table(files["npy"])
        notes += [] if table is not None else ["This table cannot be read."]
    return Shown(caption, says, picture, sound, table, tuple(notes))


def _picture(path: Path) -> str | None:
    data = path.read_bytes()
    return _uri("image/png", data) if len(data) <= MOST_PICTURE else None


def _sound(path: Path) -> str | None:
    """As MP3, the compressed format that every browser plays; None when there is no sound in the file."""
    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        wave = np.nan_to_num(wave[:, :2])
        if rate not in MPEG_RATES:
            wave, rate = soxr.resample(wave, rate, MPEG_RATES[-1]), MPEG_RATES[-1]
        out = io.BytesIO()
        soundfile.write(out, np.clip(wave, -1.0, 1.0), rate, format="MP3")
    except (soundfile.LibsndfileError, ValueError):
        return None
    return _uri("audio/mpeg", out.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
