"""Presets, plans and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from engine.config import (
    OverfittingPreset,
    TrainingConfig,
    fix,
    get_adaptive_config,
    get_adaptive_split,
    get_effective_preview_interval,
    plan,
    resolve,
    validated,
)
from engine.errors import ConfigError


@pytest.mark.parametrize(
    ("files", "preset", "dropout", "decay", "expansion", "epochs", "warmup", "clip"),
    [
        (5, "conservative", 0.02, 0.05, 15, 100, 0.5, 0.5),
        (49, "conservative", 0.02, 0.05, 15, 100, 0.5, 0.5),
        (50, "balanced", 0.01, 0.01, 10, 200, 0.3, 1.0),
        (199, "balanced", 0.01, 0.01, 10, 200, 0.3, 1.0),
        (200, "aggressive", 0.0, 0.001, 5, 500, 0.2, 5.0),
    ],
)
def test_the_preset_follows_the_number_of_files(
    files: int, preset: str, dropout: float, decay: float, expansion: int, epochs: int, warmup: float, clip: float
) -> None:
    config = get_adaptive_config(files)
    guard = config.regularization
    assert config.preset == preset and config.max_epochs == epochs and config.kl_warmup_fraction == warmup
    assert (guard.dropout, guard.weight_decay) == (dropout, decay)
    assert (guard.augmentation_expansion, guard.gradient_clip_norm) == (expansion, clip)


def test_what_the_user_set_wins_over_the_preset() -> None:
    config = TrainingConfig.model_validate({"learning_rate": 3e-4, "regularization": {"dropout": 0.0}})
    resolved = resolve(config, 20)
    assert resolved.learning_rate == 3e-4 and resolved.regularization.dropout == 0.0
    assert resolved.regularization.weight_decay == 0.05, "the rest still follows the preset"


def test_a_named_preset_wins_over_the_number_of_files() -> None:
    assert resolve(TrainingConfig(preset="aggressive"), 5).regularization.weight_decay == 0.001


def test_resolving_twice_changes_nothing() -> None:
    once = resolve(TrainingConfig(seed=3), 20, 17)
    assert resolve(once, 500, 9000) == once


@pytest.mark.parametrize(
    ("files", "fraction"), [(2, 0.5), (9, 0.5), (10, 0.3), (49, 0.3), (50, 0.2), (199, 0.2), (200, 0.1)]
)
def test_the_split_follows_the_number_of_files(files: int, fraction: float) -> None:
    assert get_adaptive_split(files) == fraction


def test_the_expansion_multiplies_the_chunks_of_a_small_collection() -> None:
    layout = plan(get_adaptive_config(20), 17)
    assert layout.expansion == 15 and layout.batch_size == 8
    assert layout.steps_per_epoch == 32, "twenty one-shots must not be one step an epoch"


def test_the_expansion_fades_and_an_epoch_is_bounded_for_a_large_collection() -> None:
    layout = plan(get_adaptive_config(40), 5000)
    assert layout.expansion == 1 and layout.steps_per_epoch == 250


def test_the_smallest_collection_still_has_batches() -> None:
    layout = plan(resolve(TrainingConfig.model_validate({"regularization": {"augmentation_expansion": 1}}), 2), 1)
    assert layout.batch_size == 1 and layout.steps_per_epoch == 1


def test_steps_shorten_the_run_and_a_fixed_plan_is_the_same_again() -> None:
    config = resolve(TrainingConfig(max_steps=100), 20, 17)
    layout = plan(config, 17)
    assert layout.total_steps == 100 and layout.total_epochs == 4
    assert plan(fix(config, layout), 17) == layout


def test_named_minutes_replace_the_limit_of_the_preset() -> None:
    config = resolve(TrainingConfig(max_minutes=60), 20, 17)
    assert config.max_epochs is None
    assert plan(config, 17, steps_for_minutes=4000).total_steps == 4000


def test_the_tightest_of_several_limits_holds() -> None:
    config = resolve(TrainingConfig(max_minutes=60, max_epochs=3, max_steps=1000), 20, 17)
    assert plan(config, 17, steps_for_minutes=4000).total_steps == 3 * 32


def test_epochs_and_steps_count_from_one() -> None:
    layout = plan(resolve(TrainingConfig(max_steps=40), 20, 17), 17)
    assert [layout.epoch_of(step) for step in (0, 1, 32, 33, 40)] == [0, 1, 1, 2, 2]
    assert [step for step in range(1, 41) if layout.ends_epoch(step)] == [32, 40]


def test_short_runs_are_heard_more_often() -> None:
    assert get_effective_preview_interval(TrainingConfig(max_epochs=49)) == 2
    assert get_effective_preview_interval(TrainingConfig(max_epochs=50)) == 5


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"max_epochs": 0}, "max_epochs = 0: input should be greater than or equal to 1."),
        ({"regularization": {"dropout": 1.0}}, "regularization.dropout = 1.0: input should be less than 1."),
        ({"learning_rat": 1e-3}, "learning_rat is no setting."),
        ({"device": "tpu"}, "device cannot be 'tpu'."),
        ({"learning_rate": float("nan")}, "learning_rate = nan: input should be a finite number."),
    ],
)
def test_a_bad_setting_is_named_with_its_remedy(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as failure:
        validated(TrainingConfig, values)
    assert sentence in str(failure.value) and "--help" in failure.value.remedy


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        TrainingConfig().seed = 3  # type: ignore[misc]


def test_presets_have_names() -> None:
    assert [str(preset) for preset in OverfittingPreset] == ["conservative", "balanced", "aggressive"]
