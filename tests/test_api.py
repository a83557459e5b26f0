"""The engine from Python."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.api import TrainingEngine, TrainingMetric, TrainingSession
from engine.config import TrainingConfig
from engine.metrics import StepMetrics
from engine.registry import get_dataset
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.task import MLPTask

SHORT = {"max_steps": 40}


def test_a_data_set_trains_to_a_session_of_metrics() -> None:
    session = TrainingEngine("iris", {"layers": [{"units": 16}]}, config={"max_epochs": 8}).train()
    assert (session.status, session.error_message) == ("completed", None)
    assert session.dataset_id == "iris" and session.session_id and session.run_dir is None
    assert [metric.epoch for metric in session.metrics] == list(range(1, 9))
    assert session.metrics[-1].loss < session.metrics[0].loss
    assert session.metrics[-1].accuracy is not None and 0 <= session.metrics[-1].accuracy <= 1
    assert session.metrics[0].timestamp <= session.metrics[-1].timestamp


def test_configurations_may_be_values_of_their_own_types() -> None:
    config = TrainingConfig(max_steps=10, seed=3)
    session = TrainingEngine("friedman1", MLPConfig.model_validate({"layers": "8"}), config=config).train()
    assert session.status == "completed"
    assert session.metrics[-1].accuracy is None and "val_r2" in session.metrics[-1].figures


def test_a_run_that_is_named_is_kept(tmp_path: Path) -> None:
    session = TrainingEngine("iris", config=SHORT, run_dir=tmp_path / "run").train()
    assert session.run_dir == tmp_path / "run"
    status = RunReader(tmp_path / "run").status()
    assert status is not None and status.state is State.COMPLETED and status.session == session.session_id


@pytest.mark.parametrize(
    ("dataset", "model", "config", "said"),
    [
        ("no-such-thing", None, {}, "neither a folder or table here nor a data set"),
        ("iris", {"input_dim": 7}, {}, "input_dim is 7, but the data has 4 features"),
        ("iris", {"colour": 1}, {}, "colour is no setting"),
        ("iris", {"latent_dim": 7}, {}, "latent_dim is no setting"),
        ("iris", None, {"latent_dim": 7}, "latent_dim is no setting"),
        ("iris", None, {"learning_rate": -1}, "learning_rate = -1"),
    ],
)
def test_what_cannot_be_is_a_failed_session_not_an_exception(
    dataset: str, model: Any, config: dict[str, Any], said: str
) -> None:
    session = TrainingEngine(dataset, model, config=config).train()
    assert session.status == "failed" and session.metrics == []
    assert session.error_message is not None and said in session.error_message


def test_a_device_that_is_not_there_is_a_failed_session() -> None:
    session = TrainingEngine("iris", device="cuda:63").train()
    assert session.status == "failed" and "cuda:63" in str(session.error_message)


def test_the_device_of_the_configuration_holds_unless_another_is_named() -> None:
    assert TrainingEngine("iris").config["device"] == "cpu"
    for config in (TrainingConfig(device="cuda:63"), {"device": "cuda:63"}):
        assert TrainingEngine("iris", config=config).config["device"] == "cuda:63"
        assert TrainingEngine("iris", device="cpu", config=config).config["device"] == "cpu"


def test_a_run_that_diverges_keeps_its_metrics() -> None:
    session = TrainingEngine("iris", config={"learning_rate": 1e6}).train()
    assert session.status == "failed" and "The loss grew to" in str(session.error_message)
    assert session.metrics and session.metrics[-1].loss > 1e6 and not session.metrics[-1].finished


def test_a_run_that_becomes_nan_keeps_its_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = MLPTask.batch

    def poisoned(task: MLPTask, seed: int, step: int) -> Any:
        values = dict(batch(task, seed, step))
        return values | {"x": values["x"] * float("nan")} if step == 20 else values

    monkeypatch.setattr(MLPTask, "batch", poisoned)
    session = TrainingEngine("iris", config={"max_epochs": 9}).train()
    assert session.status == "failed" and "became NaN" in str(session.error_message)
    assert [metric.finished for metric in session.metrics] == [True, True, False]
    again = TrainingSession.model_validate_json(session.model_dump_json())
    assert again.metrics[-1].loss != again.metrics[-1].loss, "NaN survives being written down"


def test_it_trains_outside_of_the_main_thread() -> None:
    sessions: list[TrainingSession] = []
    thread = threading.Thread(target=lambda: sessions.append(TrainingEngine("iris", config=SHORT).train()))
    thread.start()
    thread.join()
    assert sessions[0].status == "completed"


def test_the_callers_signals_are_its_own_again_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    TrainingEngine("iris", config=SHORT).train()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_ctrl_c_ends_it_with_what_it_has() -> None:
    def press(event: object) -> None:
        if isinstance(event, StepMetrics) and event.step == 12:
            signal.raise_signal(signal.SIGINT)

    session = TrainingEngine("iris", config={"max_epochs": 9}, callback=press).train()
    assert session.status == "interrupted" and session.error_message is None
    assert [metric.finished for metric in session.metrics] == [True, False]


@pytest.mark.slow
def test_two_trainings_give_the_same_figures() -> None:
    first, second = (TrainingEngine("iris", config=SHORT).train() for _ in range(2))

    def figures(session: TrainingSession) -> list[tuple[float, float | None]]:
        return [(metric.loss, metric.val_loss) for metric in session.metrics]

    assert figures(first) == figures(second)


def test_a_missing_scikit_learn_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    session = TrainingEngine("wine").train()
    assert session.status == "failed"
    assert "pip install scikit-learn" in str(session.error_message)
    assert get_dataset("friedman1").load().num_features == 10


def test_a_metric_needs_epoch_loss_and_time() -> None:
    assert TrainingMetric(epoch=1, loss=0.5, timestamp=0.0).accuracy is None
