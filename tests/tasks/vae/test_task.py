"""The sound task on a real folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from engine.audio.files.io import write_wave
from engine.config import TrainingConfig
from engine.plan import Length
from engine.run_length import automatic_steps
from engine.sweet_range import sweet_range
from engine.task import OpenContext, Source
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.prior import OneShotPrior, TexturePrior
from engine.tasks.vae.task import VAETask, open_task
from tests.audio.sounds import chirp


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


def test_no_answer_that_is_always_the_same_is_nearer_to_the_sounds_than_the_average_one(drums: Path) -> None:
    opened = task(drums, "one-shots")
    items = opened.train_items
    average = items.average()

    def error(answer: torch.Tensor) -> float:
        """Mean absolute error over all bins that count."""
        return float((answer[None, :, None] - items.db).abs()[items.active].mean())

    sounding = torch.where(items.active, items.db, torch.nan).transpose(0, 1).flatten(1)
    draws = torch.Generator().manual_seed(0)
    others = [average + sign * torch.rand(average.shape, generator=draws) for sign in (-1, 1) for _ in range(8)]
    least = error(average)
    assert all(least <= error(other) for other in (sounding.nanmean(1).nan_to_num(0), *others))
    with_silence = items.db.mean((0, 2))
    assert error(with_silence) > 1.2 * least, "silence that no error counts makes an answer that is easily beaten"
    assert opened.monitor.baseline == float(opened.val_items.error_db(average[None, :, None]).mean())


def test_sounds_without_a_limit_are_trained_as_long_as_they_need(drums: Path) -> None:
    opened = task(drums, "one-shots", TrainingConfig())
    config = opened.config
    assert config.max_steps == automatic_steps(opened.num_train) and config.max_epochs == 100
    assert config.val_fraction == 0.3 and config.batch_size == 8
    length = Length.of(config, opened.num_train)
    assert length.total_steps == config.max_steps and length.total_epochs <= 100
    again = task(drums, "one-shots", TrainingConfig.model_validate(config.model_dump(mode="json")))
    assert again.config == config and Length.of(again.config, again.num_train) == length


@pytest.mark.slow
def test_what_a_run_gets_follows_its_sounds_and_not_their_copies(tmp_path: Path) -> None:
    for seed in range(7):
        for copy in range(8):
            write_wave(tmp_path / f"{seed}-{copy}.wav", (1 - 0.1 * copy) * chirp(seed, 0.2), 48_000)
    opened = task(tmp_path, "one-shots", TrainingConfig())
    assert (opened.config.preset, opened.config.val_fraction) == ("conservative", 0.5), "56 files, seven sounds"
    assert (opened.num_train_files, opened.num_val_files) == (24, 32)


def test_a_sound_and_its_copies_check_as_one(tmp_path: Path) -> None:
    """Half as loud and later: no error of a copy equals that of the sound to the bit."""
    for seed in range(8):
        wave = chirp(seed)
        write_wave(tmp_path / f"{seed}.wav", wave, 48_000)
        for copy in ("a", "b"):
            write_wave(tmp_path / f"{seed}{copy}.wav", 0.5 * np.pad(wave, (2_400 if copy == "a" else 4_321, 0)), 48_000)
    opened = task(tmp_path, "one-shots", TrainingConfig(max_steps=1, val_fraction=0.5))
    assert opened.num_val_files == 12, "all copies of four sounds are held out"
    found = opened.evaluate(opened.model, "val")
    errors = np.array(found["val_recon_db_files"])
    assert np.isfinite(errors).sum() == 4 and np.isfinite(errors[::3]).all()
    assert found["val_recon_db"] == pytest.approx(np.nanmean(errors), abs=1e-4)
    epochs = range(1, 4)
    sweet = sweet_range(epochs, [3.0, 2.0, 1.0], [(errors * scale).tolist() for scale in (3, 2, 1)])
    assert sweet is not None and sweet.files == 4
