"""What a classifier or a regression makes of the held-out rows, as a small picture on the paper of the app."""

from __future__ import annotations

import contextlib
import io
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PAPER, INK, PALE, TRAIN = (251, 250, 247), (29, 28, 26), (226, 222, 212), (58, 102, 168)
SWEET = (11, 116, 102)
WIDTH, HEIGHT = 640, 480
LEFT, RIGHT, TOP, BOTTOM = 140, 24, 52, 76
MOST_NAMED = 24
FONT = 19  # half as large where a page shows it: the app's panel is 400 pixels wide
# Pillow brings a font of 224 letters, without umlauts; these are on most machines, and know some thousand.
FONTS = ("DejaVuSans.ttf", "Arial Unicode.ttf", "Arial.ttf", "LiberationSans-Regular.ttf", "NotoSans-Regular.ttf")
SCALE = 2  # drawn larger and reduced, so that lines and points have smooth edges

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def confusion(true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """int64 [C, C]: how many rows of class i were taken for class j."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (true, predicted), 1)
    return counts


def confusion_png(counts: NDArray[np.int64], names: Sequence[str], title: str) -> bytes:
    """Rows are what is true, columns what was said, each row shaded by its share. Right answers are green."""
    names = [name.replace("\n", " ") for name in names]
    canvas = _Canvas(title, "".join(names))
    classes = len(names)
    cell = min((WIDTH - LEFT - RIGHT) / classes, (HEIGHT - TOP - BOTTOM) / classes)
    share = counts / np.maximum(1, counts.sum(1, keepdims=True))
    for row, column in np.ndindex(classes, classes):
        hue = SWEET if row == column else (194, 65, 12)
        box = (LEFT + column * cell, TOP + row * cell, LEFT + (column + 1) * cell - 1, TOP + (row + 1) * cell - 1)
        canvas.box(box, _mix(PAPER if share[row, column] else (243, 241, 235), hue, float(share[row, column]) ** 0.6))
        if counts[row, column] and cell >= 30:
            shade = PAPER if share[row, column] > 0.45 else INK
            canvas.text(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), str(counts[row, column]), "mm", shade)
    step = max(1, -(-classes // MOST_NAMED))
    for place in range(0, classes, step):
        middle = (place + 0.5) * cell
        canvas.text((LEFT - 8, TOP + middle), _short(names[place], 12), "rm")
        letters = max(1, int(cell * step / 10))
        canvas.text((LEFT + middle, TOP + classes * cell + 6), _short(names[place], letters), "mt")
    canvas.text((LEFT - 8, TOP - 8), "true", "rb")
    canvas.text((LEFT + classes * cell, TOP + classes * cell + 34), "taken for", "rt")
    return canvas.png()


def scatter_png(true: NDArray[np.float64], predicted: NDArray[np.float64], name: str, title: str) -> bytes:
    """A point a row: what is true to the right, what was predicted upwards. On the line they are the same."""
    canvas = _Canvas(title, name)
    both = np.concatenate([true, predicted[np.isfinite(predicted)]])
    low, high = float(both.min()), float(both.max())
    margin = 0.04 * (high - low) or 1.0
    low, high = low - margin, high + margin
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        along, up = (x - low) / (high - low), (y - low) / (high - low)
        return LEFT + along * (right - LEFT), bottom - up * (bottom - TOP)

    for tick in _ticks(low, high):
        x, y = place(tick, tick)
        canvas.line((LEFT, y, right, y), PALE)
        canvas.text((LEFT - 8, y), f"{tick:g}", "rm")
        canvas.text((x, bottom + 8), f"{tick:g}", "mt")
    canvas.line((*place(low, low), *place(high, high)), SWEET, 1.5)
    for x, y in zip(true.tolist(), predicted.tolist(), strict=True):
        if np.isfinite(y):
            canvas.dot(place(x, y), 3.0, TRAIN)
    canvas.text((right, HEIGHT - 8), f"{_short(name, 40)}, true", "rb")
    canvas.text((12, TOP - 8), "predicted", "lb")
    return canvas.png()


class _Canvas:
    """Places in the picture's own pixels, from its upper left corner. letters: that it will write besides the title."""

    def __init__(self, title: str, letters: str) -> None:
        self.image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.font = _font_of(title + letters)
        self.text((WIDTH - RIGHT, 16), title, "rt")

    def box(self, box: tuple[float, float, float, float], colour: tuple[int, ...]) -> None:
        self.draw.rectangle([value * SCALE for value in box], fill=colour)

    def line(self, ends: tuple[float, float, float, float], colour: tuple[int, ...], width: float = 1.0) -> None:
        self.draw.line([value * SCALE for value in ends], fill=colour, width=round(width * SCALE))

    def dot(self, centre: tuple[float, float], radius: float, colour: tuple[int, ...]) -> None:
        self.draw.circle((centre[0] * SCALE, centre[1] * SCALE), radius * SCALE, fill=colour, outline=PAPER)

    def text(self, at: tuple[float, float], text: str, anchor: str, colour: tuple[int, ...] = INK) -> None:
        place = (at[0] * SCALE, at[1] * SCALE)
        self.draw.text(place, _written(text, self.font), fill=colour, font=self.font, anchor=anchor)

    def png(self) -> bytes:
        out = io.BytesIO()
        small = self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        small.quantize(128, dither=Image.Dither.NONE).save(out, "PNG")
        return out.getvalue()


def _font_of(letters: str) -> _Font:
    """Pillow's own where that has them all, else the font of this machine that lacks the fewest of them."""
    own: _Font = ImageFont.load_default(FONT * SCALE)
    if not _missing(letters, own):
        return own
    found: list[_Font] = [own]
    for name in FONTS:
        with contextlib.suppress(OSError):
            found.append(ImageFont.truetype(name, FONT * SCALE))
    return min(found, key=lambda font: len(_missing(letters, font)))


def _missing(letters: str, font: _Font) -> set[str]:
    """Those of ``letters`` that ``font`` draws as it draws what is no letter."""
    nothing = _shape("\uffff", font)
    return {one for one in set(letters) if not one.isspace() and _shape(one, font) == nothing}


def _shape(letter: str, font: _Font) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _written(text: str, font: _Font) -> str:
    """``text`` as near as ``font`` comes to it: letters that it lacks without what stands above them, else as "?"."""
    lacks = _missing(text, font)
    return "".join(_plainer(one, font) if one in lacks else one for one in text)


def _plainer(letter: str, font: _Font) -> str:
    bare = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
    return bare if bare != letter and not _missing(bare, font) else "?"


def _mix(below: tuple[int, ...], above: tuple[int, ...], part: float) -> tuple[int, ...]:
    return tuple(round(a + (b - a) * part) for a, b in zip(below, above, strict=True))


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: max(1, letters - 2)] + ".."


def _ticks(low: float, high: float) -> list[float]:
    """Three to nine round numbers between ``low`` and ``high``."""
    rough = (high - low) / 8
    size = 10.0 ** np.floor(np.log10(rough))
    step = size * next((factor for factor in (1, 2, 5) if factor * size >= rough), 10)
    first = np.ceil(low / step)
    return [float(step * number) for number in np.arange(first, np.floor(high / step) + 1)]
