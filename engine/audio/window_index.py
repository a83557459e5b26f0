"""An index of all windows of a collection: which of them may be like a given sound, found in one correlation.

Sounds are kept as the mean dB of cells of 8 frames and a thirty-second of the mel bands, in half precision: 45 kB a
minute. A sought sound is cut into the same cells at each of the 8 shifts, so a copy meets its own cells exactly,
wherever it was taken from. Misfits are squared, over what is active in the sought sound, at the best gain.

Letters: M mel bands, F frames, G groups of bands, C cells in time, N cells of the whole collection.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional

CELL_FRAMES = 8
GROUPS = 32
LEAD_IN_CELLS = 2
_CHANCE_DB = 5.0  # a cell that fits better than this speaks for a place, and the more cells, the louder
_BLOCK = 1 << 15  # cells in one correlation: what does not fit a processor's cache is slow


@dataclass(frozen=True)
class WindowAt:
    """Where a window begins. frame: of sound number ``sound``; below 0, silence comes first."""

    sound: int
    frame: int


class WindowIndex:
    """All windows of at most ``frames`` frames. floor_db: mel power below counts as this."""

    def __init__(self, frames: int, floor_db: float) -> None:
        self.frames, self.floor_db = frames, floor_db
        self._silence = torch.full((GROUPS, -(-frames // CELL_FRAMES) + LEAD_IN_CELLS), floor_db, dtype=torch.half)
        self._parts = [self._silence]
        self._starts: list[int] = []  # the first cell of each sound
        self._ends: list[int] = []
        self._size = self._silence.shape[1]

    def add(self, db: torch.Tensor, *, goes_on: bool) -> None:
        """The next frames [M, F] of a sound in dB. goes_on: of the sound before, whose F was a multiple of 8."""
        if not goes_on:
            if self._starts:
                self._append(self._silence)
            self._starts.append(self._size)
            self._ends.append(self._size)
        self._append(self._cells(db).half())
        self._ends[-1] = self._size

    def state(self) -> dict[str, torch.Tensor]:
        """All that was added: cells, half [G, N], and the first and last cell of each sound."""
        return {"cells": self._gathered(), "starts": torch.tensor(self._starts), "ends": torch.tensor(self._ends)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take back what :meth:`state` of an index of the same frames and floor gave."""
        self._parts = [state["cells"]]
        self._size = state["cells"].shape[1]
        self._starts, self._ends = state["starts"].tolist(), state["ends"].tolist()

    def _append(self, cells: torch.Tensor) -> None:
        self._parts.append(cells)
        self._size += cells.shape[1]

    def search(self, sound: torch.Tensor, active: torch.Tensor, count: int) -> list[WindowAt]:
        """At most ``count`` places of windows like ``sound`` [M, F] in dB, F at most ``frames``, the likeliest first.

        active: bool [M, F], the bins that matter.
        """
        misfits, shifts = self._misfits(_Query(*self._shifted(sound, active.float())))
        begins = self._begins()  # the silence between sounds is no answer, however flat the sought sound
        order = begins[misfits[begins].topk(min(len(begins), 8 * count), largest=False).indices]
        found: list[WindowAt] = []
        for cell in order.tolist():
            place = self._place(cell, int(shifts[cell]))
            if not any(_same(place, other) for other in found):
                found.append(place)
                if len(found) == count:
                    break
        return found

    def _begins(self) -> torch.Tensor:
        """The cells [B] at which a window of some sound may begin."""
        inside = torch.zeros(self._size, dtype=torch.bool)
        for start, end in zip(self._starts, self._ends, strict=True):
            inside[start - LEAD_IN_CELLS : end] = True
        return inside.nonzero()[:, 0]

    def _place(self, cell: int, shift: int) -> WindowAt:
        sound = bisect.bisect_right(self._starts, cell + LEAD_IN_CELLS) - 1
        return WindowAt(sound, (cell - self._starts[sound]) * CELL_FRAMES - shift)

    def _misfits(self, query: _Query) -> tuple[torch.Tensor, torch.Tensor]:
        """Of windows from each cell [N] the least misfit over all shifts, and that shift."""
        reach = query.weight.shape[-1] - 1
        cells = functional.pad(self._gathered(), (0, reach), value=self.floor_db)
        blocks = [cells[:, start : start + _BLOCK + reach] for start in range(0, self._size, _BLOCK)]
        least = [query.misfits(block.float()).min(0) for block in blocks]
        return torch.cat([part.values for part in least]), torch.cat([part.indices for part in least])

    def _gathered(self) -> torch.Tensor:
        if len(self._parts) > 1:
            self._parts = [torch.cat(self._parts, dim=1)]
        return self._parts[0]

    def _shifted(self, sound: torch.Tensor, active: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``sound`` without its first 0 ... 7 frames in cells [shifts, G, C], and what part of each cell is active."""
        shifts = min(CELL_FRAMES, max(1, sound.shape[1] - CELL_FRAMES + 1))
        most = max(1, sound.shape[1] // CELL_FRAMES)
        cells, weights = [], []
        for shift in range(shifts):
            whole = max(1, (sound.shape[1] - shift) // CELL_FRAMES)
            part = slice(shift, shift + whole * CELL_FRAMES)
            padding = (0, most - whole)
            cells.append(functional.pad(self._cells(sound[:, part]), padding, value=self.floor_db))
            missing = -active[:, part].shape[1] % CELL_FRAMES
            mask = functional.pad(active[:, part], (0, missing))[None]
            # A cell that reaches the floor has another mean at another gain: it counts for the part that does not.
            weights.append(functional.pad(functional.adaptive_avg_pool2d(mask, (GROUPS, whole))[0], padding))
        return torch.stack(cells), torch.stack(weights)

    def _cells(self, db: torch.Tensor) -> torch.Tensor:
        missing = -db.shape[1] % CELL_FRAMES
        floored = functional.pad(db.clamp_min(self.floor_db), (0, missing), value=self.floor_db)
        return functional.adaptive_avg_pool2d(floored[None], (GROUPS, floored.shape[1] // CELL_FRAMES))[0]


class _Query:
    """A sought sound in cells [S, G, C] and their weights: how ill it fits anywhere, at the best gain.

    sum w (x + g - q)^2 is least at g = sum w (q - x) / sum w, so three correlations are enough: w with x squared, w q
    and w with x. What chance would give, sum w c^2, is taken off. No mean: where a quiet sound sank to the floor, some
    shift leaves it two cells to go by, and any two cells fit somewhere.
    """

    def __init__(self, cells: torch.Tensor, weight: torch.Tensor) -> None:
        self.weight = weight
        self._middle = float((weight * cells).sum() / weight.sum().clamp_min(1e-9))  # near zero, squares stay exact
        cells = cells - self._middle
        self._total = weight.sum((1, 2)).clamp_min(1e-9)[:, None]
        self._first = (weight * cells).sum((1, 2))[:, None]
        self._second = (weight * cells.square()).sum((1, 2))[:, None]
        self._kernels = torch.cat([weight, weight * cells])

    def misfits(self, cells: torch.Tensor) -> torch.Tensor:
        """In dB squared [S, windows], below 0 where it is better than chance, for cells [G, windows + C - 1]."""
        x = (cells - self._middle)[None]
        shifts = len(self.weight)
        squares = functional.conv1d(x.square(), self.weight)[0]
        both = functional.conv1d(x, self._kernels)[0]
        sums, products = both[:shifts], both[shifts:]
        apart: torch.Tensor = squares - 2 * products + self._second - (sums - self._first).square() / self._total
        return apart - _CHANCE_DB**2 * self._total


def _same(place: WindowAt, other: WindowAt) -> bool:
    return place.sound == other.sound and abs(place.frame - other.frame) < CELL_FRAMES
