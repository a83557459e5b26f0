from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DataError
from engine.plan import BatchLayout
from engine.tasks.mlp.dataset import Rows, Standard, TableLoader, split_rows
from engine.tasks.mlp.table import Table


def table(target: list[int], groups: tuple[int, ...] | None = None) -> Table:
    features = np.arange(2.0 * len(target)).reshape(-1, 2)
    names = tuple(str(name) for name in range(max(target) + 1))
    return Table(features, np.array(target), ("a", "b"), class_names=names, groups=groups)


def test_every_class_validates_in_its_proportion() -> None:
    target = [0] * 50 + [1] * 20 + [2] * 10
    sides = split_rows(table(target), 0.2, seed=42)
    held = Counter(value for value, side in zip(target, sides, strict=True) if side == "val")
    assert held == {0: 10, 1: 4, 2: 2}


def test_a_class_of_one_row_is_learned_from() -> None:
    target = [0] * 10 + [1]
    sides = split_rows(table(target), 0.5, seed=42)
    assert sides[-1] == "train" and sides.count("val") == 5


def test_rows_of_one_group_stay_on_one_side() -> None:
    target = [0, 0, 0, 0, 1, 1, 1, 1]
    groups = (0, 0, 1, 1, 2, 2, 3, 3)
    for seed in range(20):
        sides = split_rows(table(target, groups), 0.5, seed)
        assert all(sides[place] == sides[place + 1] for place in range(0, 8, 2))
        assert {side for side, value in zip(sides, target, strict=True) if value == 1} == {"train", "val"}


def test_the_split_follows_its_seed_alone() -> None:
    target = [0, 1] * 20
    assert split_rows(table(target), 0.3, 1) == split_rows(table(target), 0.3, 1)
    assert split_rows(table(target), 0.3, 1) != split_rows(table(target), 0.3, 2)


def numbers(target: list[float], groups: tuple[int, ...] | None = None) -> Table:
    return Table(np.arange(2.0 * len(target)).reshape(-1, 2), np.array(target), ("a", "b"), groups=groups)


@pytest.mark.parametrize("rare", [2, 3, 22])
def test_numbers_that_are_mostly_equal_differ_on_both_sides(rare: int) -> None:
    """22 of 24 rows alike: a draw of seven held out none or both of the others in every second table."""
    target = [float(place + 1) for place in range(rare)] + [0.0] * (24 - rare)
    pairs = tuple(place // 2 for place in range(24))
    for seed in range(100):
        for groups in (None, pairs if rare > 2 else None):
            sides = split_rows(numbers(target, groups), 0.3, seed)
            values = {side: {v for v, own in zip(target, sides, strict=True) if own == side} for side in sides}
            assert len(values["val"]) > 1 and len(values["train"]) > 1, seed


def test_the_one_number_that_differs_is_learned_from() -> None:
    for seed in range(20):
        sides = split_rows(numbers([0.0] * 9 + [1.0]), 0.3, seed)
        assert sides[-1] == "train" and sides.count("val") == 3


def test_a_draw_of_numbers_that_differ_is_left_as_it_is() -> None:
    target = [float(place) for place in range(20)]
    held = np.random.default_rng(7).permutation(20)[:6]
    sides = split_rows(numbers(target), 0.3, 7)
    assert {place for place, side in enumerate(sides) if side == "val"} == set(held.tolist())


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=2, max_size=24),
    more=st.integers(1, 23),
    seed=st.integers(0, 99),
    measured=st.booleans(),
)
def test_rows_keep_their_sides_when_others_come(
    rows: list[tuple[int, int]], more: int, seed: int, measured: bool
) -> None:
    """Copies (rows of one group) have one class; a measured target differs or not."""
    made = [(group, (group + value) % 3 if measured else group % 3) for group, value in rows]

    def part(count: int) -> Table:
        groups = tuple(group for group, _ in made[:count])
        target = [value for _, value in made[:count]]
        return numbers([float(value) for value in target], groups) if measured else table(target, groups)

    first = max(1, len(made) - more)
    if len({group for group, _ in made[:first]}) < 2:
        return
    before = split_rows(part(first), 0.3, seed)
    after = split_rows(part(len(made)), 0.3, seed, [*before, *[None] * (len(made) - first)])
    assert after[:first] == before
    for group, _ in made:
        assert len({side for (one, _), side in zip(made, after, strict=True) if one == group}) == 1


def test_rows_that_all_keep_one_side_are_refused() -> None:
    with pytest.raises(DataError, match="All 4 usable files were learned by the run that this one begins with"):
        split_rows(table([0, 0, 1, 1]), 0.5, 0, ["train"] * 4)
    with pytest.raises(DataError, match="All 4 usable files checked the run that this one begins with"):
        split_rows(table([0, 0, 1, 1]), 0.5, 0, ["val"] * 4)
    assert split_rows(table([0, 0, 1]), 0.5, 0, ["train", "train", None]) == ["train", "train", "val"]


def test_copies_of_one_sound_cannot_be_checked() -> None:
    with pytest.raises(DataError, match="nothing is left"):
        split_rows(table([0, 1], groups=(5, 5)), 0.5, 0)


def test_training_rows_come_out_with_mean_0_and_variance_1() -> None:
    draw = np.random.default_rng(0)
    features = draw.normal((5, -3e6, 1e-7), (2, 1e5, 1e-9), (200, 3))
    x = Standard.measure(features, features[:, 0], True).features(features)
    torch.testing.assert_close(x.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std(0, correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_a_feature_that_never_changes_becomes_zero() -> None:
    features = np.full((10, 1), 0.1 + 0.2)
    assert Standard.measure(features, features[:, 0], False).features(features).abs().max() < 1e-9


def test_a_prediction_comes_back_in_the_targets_unit() -> None:
    target = np.array([10.0, 20.0, 60.0])
    standard = Standard.measure(np.ones((3, 1)), target, True)
    np.testing.assert_allclose(standard.restore(standard.target(target)), target, rtol=1e-6)


def loader(rows: int, batches: BatchLayout) -> TableLoader:
    numbers = torch.arange(float(rows))
    return TableLoader(Rows(numbers[:, None], numbers), batches, dropout_width=6)


def test_an_epoch_has_every_row_once_in_a_new_order() -> None:
    batches = loader(40, BatchLayout(1, 8))
    epochs = [torch.cat([batches.batch(0, 5 * epoch + step)["y"] for step in range(1, 6)]) for epoch in range(2)]
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(40))
    assert not torch.equal(*epochs)


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    layout = BatchLayout(1, 8)
    late = loader(40, layout).batch(3, 17)
    running = loader(40, layout)
    for step in range(1, 17):
        running.batch(3, step)
    for name, tensor in running.batch(3, 17).items():
        assert torch.equal(tensor, late[name])
    assert not torch.equal(late["keep"], running.batch(3, 18)["keep"])
    assert not torch.equal(late["keep"], running.batch(4, 17)["keep"])


def test_batches_keep_their_shape_where_an_epoch_does_not_divide() -> None:
    batches = loader(10, BatchLayout(1, 4))
    assert {tuple(batches.batch(0, step)["x"].shape) for step in range(1, 10)} == {(4, 1)}
