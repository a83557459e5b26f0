"""Which files a model learns from and which it is checked with. By file, never by chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from engine.errors import DataError
from engine.rundir.record import FileRow, Side


def split_files(
    groups: Sequence[int], fraction: float, seed: int, known: Sequence[Side | None] | None = None
) -> list[Side]:
    """A side for each of the n usable files, in sorted order; ``groups[i]`` is equal for files with the same sound.

    Where every sound is its own, the first ``max(1, round(fraction * n))`` of ``default_rng(seed).permutation(n)``
    validate. Of copies, ``fraction`` and n count the sound once, and sounds without a copy validate before those with:
    a sound four times over would weigh four times in what is measured. Both sides get at least one file.
    known: the sides that files have already, None for a new one; they keep them, copies of them come to them, and of
    copies on both sides all are learned from, since one was. Raises DataError when there are not two different sounds,
    and when the known ones leave no side for another.
    """
    sizes = Counter(groups)
    if len(groups) < 2:
        count = "1 usable file" if groups else "no usable file"
        raise DataError(
            f"{count.capitalize()}: training needs at least 2 (one to learn from, one to check).", "Add more sounds."
        )
    if len(sizes) < 2:
        raise DataError(
            f"All {len(groups)} usable files hold the same sound: nothing is left to check with.",
            "Add a different recording.",
        )
    order = [groups[index] for index in np.random.default_rng(seed).permutation(len(groups))]
    wanted = max(1, round(fraction * len(sizes)))
    fixed = sides_of_groups(groups, known)
    if len(fixed) == len(sizes) and len(set(fixed.values())) < 2:
        raise one_sided(len(groups), next(iter(fixed.values())))
    chosen = [group for group, side in fixed.items() if side == "val"]
    free = sorted(dict.fromkeys(group for group in order if group not in fixed), key=lambda group: sizes[group])
    chosen += free[: max(0, wanted - len(chosen))]
    if len(chosen) == len(sizes):
        chosen.pop()
    return ["val" if group in chosen else "train" for group in groups]


def sides_of_groups(groups: Sequence[int], known: Sequence[Side | None] | None) -> dict[int, Side]:
    """The side of each group of which a file has one; of copies on both sides all are learned from."""
    fixed: dict[int, Side] = {}
    for group, side in zip(groups, known or [None] * len(groups), strict=True):
        if side is not None and fixed.get(group) != "train":
            fixed[group] = side
    return fixed


def one_sided(count: int, side: Side) -> DataError:
    """Files that all keep one side: to give one of them the other would check with what was learned, or forget it."""
    if side == "val":
        return DataError(
            f"All {count} usable files checked the run that this one begins with: none is left to learn from.",
            "Add a recording that it has not had.",
        )
    return DataError(
        f"All {count} usable files were learned by the run that this one begins with: none is left to check with.",
        "Add a recording that it has not had.",
    )


def assign_sides(rows: Sequence[FileRow], sides: Sequence[Side]) -> list[FileRow]:
    """``rows`` with the side of every used file filled in; ``sides`` has one for each of those, in the same order."""
    remaining = iter(sides)
    return [row if row.verdict == "skipped" else row.model_copy(update={"split": next(remaining)}) for row in rows]
