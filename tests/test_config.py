"""Presets, plans and what is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pydantic import ValidationError

from engine.claims.length import in_words
from engine.config import TrainingConfig, get_effective_preview_interval
from engine.errors import ConfigError
from engine.plan import BatchLayout, Length
from engine.quantities import about
from engine.resolve import follow, get_adaptive_config, get_adaptive_split, resolve
from engine.run_length import automatic_steps
from engine.settings import OverfittingPreset
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.vae.config import VAEConfig
from engine.validation import validated


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
    assert (
        config.preset == preset
        and config.max_epochs == epochs
        and follow(VAEConfig(), config.preset).kl_warmup_fraction == warmup
    )
    assert (guard.dropout, guard.weight_decay) == (dropout, decay)
    assert (guard.augmentation_expansion, guard.gradient_clip_norm) == (expansion, clip)


def test_a_tasks_own_settings_follow_the_preset_where_they_were_left_open() -> None:
    own = VAEConfig.model_validate({"latent_dim": 16, "spectrogram": {"n_mels": 64}})
    followed = follow(own, "conservative")
    assert (followed.kl_warmup_fraction, followed.latent_dim, followed.spectrogram.n_mels) == (0.5, 16, 64)
    assert follow(followed, "aggressive") == followed, "what a run stored stands"
    assert follow(VAEConfig(kl_warmup_fraction=0.9), "aggressive").kl_warmup_fraction == 0.9


@pytest.mark.parametrize("name", ["latent_dim", "free_bits", "chunk_duration_s", "kl_warmup_fraction"])
def test_training_in_general_knows_no_sound(name: str) -> None:
    assert name in VAEConfig.model_fields
    for model in (TrainingConfig, MLPConfig):
        with pytest.raises(ConfigError, match=f"{name} is no setting"):
            validated(model, {name: 1})


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


@pytest.mark.parametrize("named", [{"val_fraction": 0.4}, {"batch_size": 4}, {"val_fraction": 0.4, "batch_size": 4}])
def test_what_names_a_few_settings_is_not_resolved_yet(named: dict[str, float]) -> None:
    resolved = resolve(TrainingConfig.model_validate(named), 20, 17)
    assert resolved.preset == "conservative" and resolved.max_steps == automatic_steps(17)


def test_what_leaves_the_batch_or_the_split_open_is_not_resolved_yet() -> None:
    whole = resolve(TrainingConfig(), 20, 17).model_dump()
    for name in ("batch_size", "val_fraction"):
        assert getattr(resolve(TrainingConfig.model_validate(whole | {name: None}), 20, 17), name) == whole[name]


@pytest.mark.parametrize(
    ("files", "fraction"), [(2, 0.5), (9, 0.5), (10, 0.3), (49, 0.3), (50, 0.2), (199, 0.2), (200, 0.1)]
)
def test_the_split_follows_the_number_of_files(files: int, fraction: float) -> None:
    assert get_adaptive_split(files) == fraction


@pytest.mark.parametrize(("files", "fraction"), [(10, 0.3), (100, 0.2), (300, 0.1)])
def test_an_adaptive_configuration_leaves_nothing_open(files: int, fraction: float) -> None:
    config = get_adaptive_config(files)
    learning = files - round(fraction * files)
    assert config.val_fraction == fraction and config.batch_size == 8
    assert config.max_steps == automatic_steps(learning)
    assert resolve(config, 3, 70_000) == config


def test_a_stored_configuration_is_planned_as_it_was() -> None:
    for wish in ({}, {"max_epochs": 7}, {"max_minutes": 3.0}, {"max_steps": 90, "max_epochs": 4}):
        config = resolve(TrainingConfig.model_validate(wish), 20, 17)
        stored = TrainingConfig.model_validate_json(config.model_dump_json())
        assert resolve(stored, 20, 17) == config
        assert Length.of(stored, 17, 4000) == Length.of(config, 17, 4000)


def test_the_expansion_multiplies_the_chunks_of_a_small_collection() -> None:
    config = resolve(TrainingConfig(max_epochs=60), 20, 17)
    assert BatchLayout.of(config, 17) == BatchLayout(expansion=15, batch_size=8)
    assert Length.of(config, 17).steps_per_epoch == 32, "twenty one-shots must not be one step an epoch"


def test_the_expansion_fades_and_an_epoch_is_bounded_for_a_large_collection() -> None:
    config = resolve(TrainingConfig(max_epochs=60), 40, 5000)
    assert BatchLayout.of(config, 5000).expansion == 1 and Length.of(config, 5000).steps_per_epoch == 250


def test_the_smallest_collection_still_has_batches() -> None:
    wish = {"regularization": {"augmentation_expansion": 1}, "max_epochs": 3}
    config = resolve(TrainingConfig.model_validate(wish), 2, 1)
    length = Length.of(config, 1)
    assert BatchLayout.of(config, 1).batch_size == 1 and length.steps_per_epoch == 1 and length.total_epochs == 3


def test_a_length_that_nobody_named_follows_the_training_items() -> None:
    steps = [Length.of(resolve(TrainingConfig(), files, chunks), chunks).total_steps for files, chunks in COLLECTIONS]
    assert steps == [automatic_steps(chunks) for _, chunks in COLLECTIONS]
    assert steps == sorted(steps), "more to learn takes no fewer updates"


COLLECTIONS = [(2, 1), (5, 4), (20, 25), (49, 40), (50, 45), (100, 110), (199, 300), (200, 400), (500, 9000)]
CEILINGS = {"conservative": 100, "balanced": 200, "aggressive": 500}


@pytest.mark.parametrize("preset", list(CEILINGS))
@pytest.mark.parametrize(
    "limits", [{}, {"max_minutes": 60.0}, {"max_steps": 123_457}, {"max_minutes": 5.0, "max_steps": 9_999}]
)
@pytest.mark.parametrize("measured", [1, 77, 3_000, 41_000, 2_000_000])
def test_the_epochs_of_a_preset_are_a_ceiling_beside_every_limit(
    preset: str, limits: dict[str, float], measured: int
) -> None:
    for files, chunks in COLLECTIONS:
        config = resolve(TrainingConfig.model_validate({"preset": preset, **limits}), files, chunks)
        length = Length.of(config, chunks, measured if config.max_minutes else None)
        assert length.total_epochs <= CEILINGS[preset]
        named = [config.max_steps, measured if config.max_minutes else None]
        assert length.total_steps == min(limit for limit in named if limit), "and costs no update"


def test_a_larger_collection_has_no_fewer_epochs() -> None:
    lengths = [Length.of(resolve(TrainingConfig(), files, chunks), chunks) for files, chunks in COLLECTIONS]
    epochs = [length.total_epochs for length in lengths]
    rounding = 4
    assert all(later > earlier - rounding for earlier, later in pairwise(epochs)) and min(epochs) > 40, epochs


def test_epochs_that_were_named_are_passes() -> None:
    for epochs in (1, 10, 100, 333):
        length = Length.of(resolve(TrainingConfig(max_epochs=epochs), 20, 17), 17)
        assert length.total_epochs == epochs and length.steps_per_epoch == 32


def test_named_minutes_replace_the_automatic_length() -> None:
    config = resolve(TrainingConfig(max_minutes=60), 20, 17)
    assert config.max_steps is None and config.max_epochs == 100
    assert Length.of(config, 17, steps_for_minutes=4000).total_steps == 4000


def test_the_tightest_of_several_limits_holds() -> None:
    config = resolve(TrainingConfig(max_minutes=60, max_epochs=3, max_steps=1000), 20, 17)
    length = Length.of(config, 17, steps_for_minutes=4000)
    assert length.total_steps == 3 * 32 and length.total_epochs == 3
    assert Length.of(resolve(TrainingConfig(max_steps=40, max_epochs=3), 20, 17), 17).total_epochs == 2


def test_a_plan_is_said_in_epochs_updates_and_about_minutes() -> None:
    assert in_words(50, 2142, 170.0) == "50 epochs, 2,142 updates, about 3 minutes"
    assert in_words(1, 1, None) == "1 epoch, 1 update"
    assert [about(seconds) for seconds in (0.2, 38.0, 59.0, 89.9, 150, 314, 5 * 3600)] == [
        "about 5 seconds", "about 40 seconds", "about 1 minute", "about 1.5 minutes", "about 2.5 minutes",
        "about 5 minutes", "about 5.0 hours",
    ]  # fmt: skip


def test_short_runs_are_heard_more_often() -> None:
    assert get_effective_preview_interval(TrainingConfig(max_epochs=49)) == 2
    assert get_effective_preview_interval(TrainingConfig(max_epochs=50)) == 5


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"max_epochs": 0}, "max_epochs = 0: input should be greater than or equal to 1."),
        ({"regularization": {"dropout": 1.0}}, "regularization.dropout = 1.0: input should be less than 1."),
        ({"learning_rat": 1e-3}, "learning_rat is no setting."),
        ({"max_epochs": True}, "max_epochs = True: true and false are no value of it."),
        ({"regularization": {"dropout": False}}, "dropout = False: true and false are no value of it."),
        ({"device": "tpu"}, "device cannot be 'tpu'."),
        ({"learning_rate": float("nan")}, "learning_rate = nan: input should be a finite number."),
        ({"max_epochs": [1] * 999}, f"max_epochs = [{'1, ' * 26}1…: input should be a valid integer."),
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
