"""What is learned from a table's learning rows before any update, and that nothing of the others gets into it."""

from __future__ import annotations

import numpy as np
import torch

from engine.config import TrainingConfig
from engine.rundir.record import FileRow
from engine.task import OpenContext
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.preparation import Preparation, unseen
from engine.tasks.mlp.table import Table
from engine.tasks.mlp.task import MLPTask

NAN = np.nan
# two numbers, the second missing where the first is; a category whose last level no learning row has
FEATURES = np.array(
    [[1.0, 5, 0], [NAN, NAN, 1], [3, 6, NAN], [8, 7, 1], [100, 5, 2], [NAN, NAN, 0]],
)
LEARN = np.array([True, True, True, True, False, False])
LEVELS = {"c": ("blue", "red", "green")}


def table(features: np.ndarray = FEATURES) -> Table:
    return Table(features, np.arange(len(features)) % 2, ("a", "b", "c"), class_names=("x", "y"), levels=LEVELS)


def test_medians_categories_and_marks_are_of_the_learning_rows() -> None:
    fitted = Preparation.fit(table(), LEARN).fitted
    assert fitted["medians"] == {"a": 3.0, "b": 6.0}
    assert fitted["missing"] == {"0": "a"}, "b misses the same rows: one mark says it"
    assert fitted["categories"] == {"c": {"0": "blue", "1": "red", "2": "(missing)"}}


def test_the_other_rows_change_nothing_that_is_fitted() -> None:
    changed = FEATURES.copy()
    changed[~LEARN] = [[-1e9, NAN, NAN], [7, 7, 1]]
    first, second = (Preparation.fit(table(features), LEARN) for features in (FEATURES, changed))
    assert first.fitted == second.fitted
    np.testing.assert_array_equal(first.apply(FEATURES[LEARN]), second.apply(FEATURES[LEARN]))


def test_gaps_are_filled_and_an_unknown_category_is_none_of_the_known() -> None:
    prepared = Preparation.fit(table(), LEARN)
    encoded = prepared.apply(FEATURES)
    np.testing.assert_array_equal(encoded[1], [3, 6, 1, 0, 1, 0])
    np.testing.assert_array_equal(encoded[4], [100, 5, 0, 0, 0, 0])
    np.testing.assert_array_equal(prepared.measures, [True, True, False, False, False, False])
    assert unseen(table(), LEARN) == {"c": 1}


def test_of_many_categories_the_rare_ones_are_one() -> None:
    codes = np.repeat(np.arange(50.0), np.arange(50, 0, -1))
    levels = tuple(f"c{place}" for place in range(50))
    many = Table(codes[:, None], np.arange(len(codes)) % 2, ("c",), class_names=("x", "y"), levels={"c": levels})
    prepared = Preparation.fit(many, np.ones(len(codes), dtype=bool))
    assert list(prepared.fitted["categories"]["c"].values()) == [*levels[:29], "(others)"]
    assert prepared.apply(codes[-1:, None])[0].tolist() == [0.0] * 29 + [1.0]


def test_a_number_that_only_the_other_rows_have_is_left_out() -> None:
    features = FEATURES.copy()
    features[LEARN, 0] = 4
    assert Preparation.fit(table(features), LEARN).fitted["medians"] == {"b": 6.0}


def test_what_was_fitted_is_plain_and_belongs_to_the_run() -> None:
    found: list[FileRow] = []
    big = Table(
        np.tile(FEATURES, (10, 1)), np.arange(60) % 2, ("a", "b", "c"), class_names=("x", "y"), levels=LEVELS,
        files=[FileRow(path="t.csv", verdict="used")], notes=("3 columns.",),
    )  # fmt: skip
    task = MLPTask(
        big, TrainingConfig(max_steps=10), MLPConfig(), torch.device("cpu"), OpenContext(on_files=found.extend)
    )
    assert task.task_config.input_dim == 7
    assert set(task.state_dict()["preparation"]["categories"]["c"].values()) == {"blue", "red", "green", "(missing)"}
    assert (found[0].reason or "").endswith("Encoded as the learning rows have it: 7 numbers a row.")
    one_hot = task.train.x[:, 3:]
    assert set(one_hot.unique().tolist()) == {0.0, 1.0}, "what is 0 or 1 stays so"
