"""What a run is told from several sides at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import TrainingConfig
from engine.errors import ConfigError
from engine.process.job import asked_job, new_job, saved_config
from engine.registry import Resolved
from engine.resolve import resolve
from engine.rundir.record import Source
from tests.audio.sounds import Write


@pytest.mark.parametrize(
    ("named", "limits"),
    [
        ({}, (100, 8000, None)),
        ({"max_epochs": 3}, (3, None, None)),
        ({"max_minutes": 5.0}, (200, None, 5.0)),
        ({"max_steps": 70}, (200, 70, None)),
        ({"learning_rate": 1e-3}, (100, 8000, None)),
    ],
)
def test_a_limit_beside_a_saved_configuration_replaces_those_of_the_file(
    tmp_path: Path, named: dict[str, float], limits: tuple[int | None, ...]
) -> None:
    saved = resolve(TrainingConfig(max_steps=8000), 20, 17)
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"training": saved.model_dump(mode="json"), "task": {}}))
    resolved = Resolved(Source(kind="folder", name="drums", path=str(tmp_path)), "vae", {})
    training = new_job(dict(named), saved_config(file), resolved, tmp_path / "run", "drums").training
    assert (training.max_epochs, training.max_steps, training.max_minutes) == limits
    assert training.batch_size == saved.batch_size and training.preset == "conservative"


@pytest.mark.parametrize("name", ["latent_dim", "free_bits", "chunk_duration_s", "kl_warmup_fraction", "n_mels"])
def test_a_table_takes_no_setting_of_sounds(tmp_path: Path, name: str) -> None:
    resolved = Resolved(Source(kind="dataset", name="iris"), "mlp", {})
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')} is no setting of the task 'mlp'"):
        new_job({name: 64, "seed": 3, "layers": "8"}, saved_config(None), resolved, tmp_path / "run", "iris")


def test_a_saved_configuration_decides_what_a_folder_is_learned_for(folder: Path, write: Write, tmp_path: Path) -> None:
    for number in range(8):
        write(f"{'high' if number % 2 else 'low'}/{number}.wav", number)
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"training": {"seed": 3}, "task": {"labels": "folders"}}))
    job = asked_job({}, tmp_path, source=str(folder), name=None, config_file=file, origin=None, checkpoint=None)
    assert (job.task, job.training.seed, job.name) == ("mlp", 3, "sounds")


def test_settings_deeper_than_any_are_no_saved_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"training": {"seed": ' + "[" * 400 + "]" * 400 + '}, "task": {}}')
    with pytest.raises(ConfigError, match="no saved configuration"):
        saved_config(file)
