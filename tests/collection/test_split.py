"""Which files check."""

from __future__ import annotations

import numpy as np
import pytest

from engine.collection.split import assign_sides, split_files
from engine.errors import DataError
from engine.rundir.record import FileRow, Side


@pytest.mark.parametrize(("count", "fraction"), [(2, 0.5), (5, 0.5), (20, 0.3), (100, 0.2), (236, 0.1), (3, 0.01)])
def test_different_sounds_are_split_by_the_permutation_alone(count: int, fraction: float) -> None:
    held_out = np.random.default_rng(42).permutation(count)[: max(1, round(fraction * count))]
    sides = split_files(range(count), fraction, 42)
    assert [index for index, side in enumerate(sides) if side == "val"] == sorted(held_out.tolist())


def test_twenty_files_with_seed_42_hold_out_these() -> None:
    sides = split_files(range(20), 0.3, 42)
    assert [index for index, side in enumerate(sides) if side == "val"] == [7, 9, 10, 12, 14, 15]


def test_copies_go_to_one_side_and_both_sides_have_files() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        groups = rng.integers(0, rng.integers(2, 12), rng.integers(2, 30)).tolist()
        if len(set(groups)) < 2:
            continue
        sides = split_files(groups, float(rng.uniform(0.01, 0.9)), int(rng.integers(0, 99)))
        assert set(sides) == {"train", "val"}
        assert all(len({s for g, s in zip(groups, sides, strict=True) if g == group}) == 1 for group in set(groups))


def test_pairs_hold_out_about_as_many_files_as_single_sounds() -> None:
    counts = [split_files([i // 2 for i in range(40)], 0.3, seed).count("val") for seed in range(20)]
    assert set(counts) == {12}


def test_one_sound_copied_most_often_is_learned_from() -> None:
    groups = [0] * 15 + [1, 2, 3, 4, 5]
    for seed in range(20):
        sides = split_files(groups, 0.3, seed)
        assert sides[0] == "train" and 1 <= sides.count("val") <= 5


@pytest.mark.parametrize(("copies", "others"), [(4, 5), (4, 3), (2, 2), (9, 20)])
def test_a_sound_and_its_copies_count_once_and_are_learned_from_while_others_can_check(
    copies: int, others: int
) -> None:
    groups = [0] * copies + list(range(1, others + 1))
    for seed in range(20):
        sides = split_files(groups, 0.5, seed)
        assert sides[:copies] == ["train"] * copies
        assert sides.count("val") == round((others + 1) / 2) <= sides.count("train")


def test_nothing_but_copies_cannot_be_split() -> None:
    with pytest.raises(DataError, match="All 3 usable files hold the same sound"):
        split_files([0, 0, 0], 0.5, 42)
    with pytest.raises(DataError, match="at least 2"):
        split_files([0], 0.5, 42)


@pytest.mark.parametrize(("side", "said"), [("val", "none is left to learn"), ("train", "none is left to check")])
def test_known_files_keep_their_side_or_the_split_is_refused(side: Side, said: str) -> None:
    with pytest.raises(DataError, match=f"All 3 usable files .*{said}"):
        split_files([0, 1, 2], 0.5, 42, [side] * 3)
    for seed in range(20):
        for groups in ([0, 1, 2, 3], [0, 1, 2, 3, 3, 3, 3]):
            sides = split_files(groups, 0.5, seed, [side] * 3 + [None] * (len(groups) - 3))
            assert sides[:3] == [side] * 3 and set(sides) == {"train", "val"}


def test_of_copies_known_on_both_sides_all_are_learned_from() -> None:
    for known in (["val", "train", "val"], ["train", "val", "val"]):
        assert split_files([0, 0, 1], 0.5, 42, known) == ["train", "train", "val"]


def test_rows_get_the_side_of_their_file_and_skipped_ones_none() -> None:
    rows = [FileRow(path=name, verdict=verdict) for name, verdict in (("a", "used"), ("b", "skipped"), ("c", "used"))]
    assert [row.split for row in assign_sides(rows, ["val", "train"])] == ["val", None, "train"]
