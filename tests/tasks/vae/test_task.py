"""The sound task on a real folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch

from engine.config import TrainingConfig
from engine.plan import Length
from engine.run_length import automatic_steps
from engine.task import OpenContext, Source
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.prior import OneShotPrior, TexturePrior
from engine.tasks.vae.task import VAETask, open_task


def task(folder: Path, kind: Literal["auto", "one-shots", "textures"], config: TrainingConfig | None = None) -> VAETask:
    source = Source(kind="folder", name="drums", path=str(folder))
    settings = VAEConfig(channels=8, kind=kind)
    config = config or TrainingConfig(max_steps=1)
    return open_task(source, config, settings, torch.device("cpu"), OpenContext())


@pytest.mark.parametrize(
    ("kind", "prior"), [("auto", OneShotPrior), ("one-shots", OneShotPrior), ("textures", TexturePrior)]
)
def test_the_kind_of_sounds_is_found_and_can_be_said(
    drums: Path, kind: Literal["auto", "one-shots", "textures"], prior: type
) -> None:
    opened = task(drums, kind)
    opened.prepare_snapshot(opened.model)
    assert isinstance(opened.codec.prior, prior)
    assert torch.isfinite(opened.codec.sample_db(2, 94, 0, 0.85)).all()


def test_sounds_without_a_limit_are_trained_as_long_as_they_need(drums: Path) -> None:
    opened = task(drums, "one-shots", TrainingConfig())
    config = opened.config
    assert config.max_steps == automatic_steps(opened.num_train) and config.max_epochs == 100
    assert config.val_fraction == 0.3 and config.batch_size == 8
    length = Length.of(config, opened.num_train)
    assert length.total_steps == config.max_steps and length.total_epochs <= 100
    again = task(drums, "one-shots", TrainingConfig.model_validate(config.model_dump(mode="json")))
    assert again.config == config and Length.of(again.config, again.num_train) == length
