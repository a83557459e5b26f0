"""What the form of a new run begins with: a copy's settings as one types them, and only those that were asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.panels.forms import check, differing, shown
from engine.config import TrainingConfig, resolve
from engine.rundir.schema import RunConfig, Source
from engine.tasks.mlp.config import MLPConfig
from tests.app.conftest import said
from tests.app.library import write

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
    training = TrainingConfig.model_validate({"regularization": {"dropout": 0.2}})
    stored = {"training": training.model_dump(), "task": {"layers": STORED, "input_dim": 30, "output_dim": 2}}
    found = differing("mlp", resolve(TrainingConfig(), 100), stored)
    assert shown(found["layers"]) == '{"units":32,"activation":"relu"},64'
    assert not {"input_dim", "output_dim"} & found.keys()


def test_the_copy_of_a_table_run_can_be_started(visit: Visit, runs_dir: Path) -> None:
    table_run(runs_dir / "tumours", "breast_cancer", [{"units": 64, "dropout": 0.2}])
    app = visit("new", copy="tumours")
    fields = {one.key: one for one in app.text_input}
    assert fields["setting-layers"].value == "64" and "(" not in fields["setting-layers"].placeholder
    assert "mending" not in said(app) and not app.button(key="start").disabled
