"""The sound task on a real folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch

from engine.config import TrainingConfig
from engine.task import OpenContext, Source
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.prior import OneShotPrior, TexturePrior
from engine.tasks.vae.task import VAETask, open_task


def task(folder: Path, kind: Literal["auto", "one-shots", "textures"]) -> VAETask:
    source = Source(kind="folder", name="drums", path=str(folder))
    settings = VAEConfig(channels=8, kind=kind)
    return open_task(source, TrainingConfig(max_steps=1), settings, torch.device("cpu"), OpenContext())


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
