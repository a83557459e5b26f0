"""What the form of a new run begins with: a copy's settings as one types them, and only those that were asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.panels.forms import check, differing, fields, shown
from engine.config import TaskConfig, TrainingConfig
from engine.process.job import without_limits
from engine.resolve import follow, merged, resolve
from engine.rundir.record import RunConfig, RunRecord, Source
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.datasets import DEFAULTS
from engine.tasks.vae.config import VAEConfig
from engine.threads import automatic_threads
from tests.app.conftest import said
from tests.app.library import record, write

Visit = Callable[..., AppTest]
# A run's stored layers: every one has the dropout it learned with.
STORED = [{"units": 32, "activation": "relu", "dropout": 0.2, "layer_norm": False}, {"units": 64, "dropout": 0.2}]


def table_run(root: Path, source: str, layers: list[dict[str, object]]) -> None:
    """A finished run of a table that comes with the project, as it is stored."""
    own = {"task_type": "classification", "input_dim": 30, "output_dim": 2, "layers": layers}
    training = {"preset": "aggressive", "regularization": {"dropout": 0.2}}
    config = RunConfig(training=training, task=own)
    write(root, task="mlp", source=Source(kind="dataset", name=source), config=config)


@pytest.mark.parametrize("text", ["32,64", '32,{"activation":"relu","dropout":0.5}', "none"])
def test_layers_are_shown_as_they_are_typed(text: str) -> None:
    layers = MLPConfig.model_validate({"layers": text}).layers
    assert shown(layers) == text and not check("mlp", {"layers": shown(layers)})


def test_a_copied_layer_hides_what_the_run_hides_and_its_data_says_the_dimensions() -> None:
    training = {"preset": "balanced", "regularization": {"dropout": 0.2}}
    config = RunConfig(training=training, task={"layers": STORED, "input_dim": 30, "output_dim": 2})
    found = differing(record("tumours", task="mlp", config=config), {}, MLPConfig())
    assert shown(found["layers"]) == '{"units":32,"activation":"relu"},64'
    assert not {"input_dim", "output_dim"} & found.keys()


def stored(named: dict[str, Any], own: TaskConfig, below: Mapping[str, Any], items: int = 14) -> RunRecord:
    """The record of a run as the engine resolves it: over a data set's own settings, with its threads filled in."""
    training = TrainingConfig.model_validate(merged(without_limits(below, named), named))
    whole = resolve(own.adapted(training), 20, items)
    whole = whole.model_copy(update={"threads": whole.threads or automatic_threads()})
    config = RunConfig(training=whole.model_dump(), task=follow(own, whole.preset).model_dump())
    return record("drums", task="vae" if isinstance(own, VAEConfig) else "mlp", config=config, num_train=items)


@pytest.mark.parametrize("below", [{}, {"max_minutes": 3.0}, DEFAULTS])
@pytest.mark.parametrize("own", [VAEConfig(), MLPConfig()])
@pytest.mark.parametrize(
    "named",
    [
        {}, {"max_minutes": 480.0}, {"max_minutes": 480.0, "max_steps": 600}, {"max_steps": 600}, {"max_epochs": 7},
        {"max_epochs": 7, "max_minutes": 3.0}, {"batch_size": 5, "val_fraction": 0.4, "learning_rate": 0.01},
        {"max_minutes": 480.0, "regularization": {"dropout": 0.3}},
    ],
)  # fmt: skip
def test_a_copy_begins_with_what_its_run_was_told_and_nothing_else(
    named: dict[str, Any], own: TaskConfig, below: dict[str, Any]
) -> None:
    begin = differing(stored(named, own, below), below, type(own)())
    asked = {path[-1]: value for path, value in flat(named)}
    assert begin == {name: value for name, value in asked.items() if name != "max_minutes"}


def flat(values: Mapping[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    inner = [
        ((name, *path), leaf) for name, value in values.items() if isinstance(value, dict) for path, leaf in flat(value)
    ]
    return inner + [((name,), value) for name, value in values.items() if not isinstance(value, dict)]


@pytest.mark.parametrize("strange", [{"preset": "bold"}, {"max_minutes": "NaN"}, {"threads": "all"}])
def test_a_record_that_no_engine_wrote_is_shown_whole(strange: dict[str, Any]) -> None:
    config = RunConfig(training={"max_steps": 600, **strange}, task={"channels": 24})
    begin = differing(record("drums", config=config, num_train=10**400), {}, VAEConfig())
    assert begin["max_steps"] == 600 and begin["channels"] == 24


def test_the_copy_of_a_table_run_can_be_started(visit: Visit, runs_dir: Path) -> None:
    table_run(runs_dir / "tumours", "breast_cancer", [{"units": 48, "dropout": 0.2}])
    app = visit("new", copy="tumours")
    fields = {one.key: one for one in app.text_input}
    assert fields["setting-layers"].value == "48" and fields["setting-layers"].placeholder == "64"
    assert "mending" not in said(app) and not app.button(key="start").disabled


JARGON = re.compile(
    r"\b(latent|gradients?|norm|KL|AdamW|cosine|decoupled|regularis\w+|masked in training|hyper\w+|logits?|epsilon)\b"
)


@pytest.mark.parametrize("task", ["vae", "mlp"])
def test_every_advanced_setting_says_in_plain_words_what_it_does(task: str) -> None:
    for section, shown_there in fields(task).items():
        for field in shown_there:
            told = field.info.description or ""
            assert field.info.title and not JARGON.search(f"{section} {field.label} {told}"), (field.name, told)
            assert len(told.split()) >= 5, (field.name, told)


def test_a_switch_is_on_or_off(visit: Visit) -> None:
    app = visit("new")
    attacks = app.selectbox(key="setting-sharp_attacks")
    assert attacks.options == ["on (default)", "off", "on"]
    attacks.select("off").run()
    assert not app.exception and not app.button(key="start").disabled
