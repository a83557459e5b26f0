"""A configuration with every field its user did not set filled in: from the preset, the files, the training items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from engine.config import TrainingConfig
from engine.run_length import automatic_steps, batch_size, pass_steps, variants
from engine.settings import OverfittingPreset, Settings

_S = TypeVar("_S", bound=Settings)

PREVIEW_INTERVALS = {"preview_interval", "preview_interval_short"}
PREVIEW_SHARE = 0.02  # of a run's time


def resolve(config: TrainingConfig, file_count: int, num_train: int | None = None) -> TrainingConfig:
    """``config`` with every field its user did not set filled in: from the preset, the files and the training items.

    num_train: training items; where nothing is known of them, one for each file to learn from. A length is filled in
    where none was named, and epochs that were named become updates. One that is resolved already (a run's own) stands.
    """
    if _is_resolved(config):
        return config
    preset = preset_for(file_count) if config.preset == "auto" else OverfittingPreset(config.preset)
    values = follow(config, preset).model_dump() | {"preset": str(preset)}
    values["val_fraction"] = fraction = config.val_fraction or get_adaptive_split(file_count)
    num_train = num_train or max(1, file_count - round(fraction * file_count))
    items = num_train * variants(values["regularization"]["augmentation_expansion"], num_train)
    values["batch_size"] = config.batch_size or batch_size(items)
    values["preview_share"] = config.preview_share or _preview_share(config)
    values["max_steps"] = _most_steps(config, num_train, pass_steps(items, values["batch_size"]))
    return TrainingConfig.model_validate(values)


def follow(config: _S, preset: str) -> _S:
    """``config`` with every field that its user did not set as ``preset`` has it; all of them count as set then."""
    values = merged(type(config)().model_dump(), type(config).presets.get(OverfittingPreset(preset), {}))
    return type(config).model_validate(merged(values, config.model_dump(exclude_unset=True)))


def preset_for(file_count: int) -> OverfittingPreset:
    """The smaller the collection, the stronger the guard: conservative below 50 sounds, aggressive from 200.

    file_count: usable files, those with one sound counted once.
    """
    if file_count < 50:
        return OverfittingPreset.CONSERVATIVE
    return OverfittingPreset.BALANCED if file_count < 200 else OverfittingPreset.AGGRESSIVE


def get_adaptive_config(file_count: int) -> TrainingConfig:
    """The configuration that fits a collection of ``file_count`` usable files, counted as one training item each.

    For programs of one's own, which have no task yet: a task counts its items and asks :func:`resolve`.
    """
    return resolve(TrainingConfig(), file_count)


def get_adaptive_split(file_count: int) -> float:
    """The part of ``file_count`` files that checks: 0.5 below 10, 0.3 to 49, 0.2 to 199, then 0.1."""
    for below, fraction in ((10, 0.5), (50, 0.3), (200, 0.2)):
        if file_count < below:
            return fraction
    return 0.1


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` with every value that ``above`` names as it is there, within parts as well."""
    whole = dict(below)
    for key, value in above.items():
        whole[key] = merged(whole.get(key, {}), value) if isinstance(value, Mapping) else value
    return whole


def _is_resolved(config: TrainingConfig) -> bool:
    whole = config.model_dump(exclude_unset=True) == config.model_dump()
    return whole and None not in (config.batch_size, config.val_fraction, config.preview_share)


def _preview_share(config: TrainingConfig) -> float:
    """Whoever set an interval gets the previews they asked for."""
    return 1.0 if PREVIEW_INTERVALS & config.model_fields_set else PREVIEW_SHARE


def _most_steps(config: TrainingConfig, num_train: int, once: int) -> int | None:
    """The tightest limit in updates; ``once`` are those of one pass. None where minutes alone were named."""
    epochs = config.max_epochs if "max_epochs" in config.model_fields_set else None
    limits = [config.max_steps, None if epochs is None else epochs * once]
    named = [limit for limit in limits if limit is not None]
    if named:
        return min(named)
    return None if config.max_minutes is not None else automatic_steps(num_train)
