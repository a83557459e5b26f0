"""The engine from Python: one call trains, and what comes back says how it went, also when it failed.

Training happens in the caller's process, by the same loop and into the same kind of run directory as
``python -m engine.train``. Importing this module imports no torch.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.config import TrainingConfig
from engine.errors import SweetspotError
from engine.metrics import EpochMetrics, MetricsCallback, StepMetrics
from engine.process.job import Job, plain_job
from engine.process.signals import SignalFlag
from engine.process.terminal import Terminal
from engine.registry import find_source
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord
from engine.settings import Settings


class _Result(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="strings")


class TrainingMetric(_Result):
    """One epoch. The last one of a run that ended in the middle of it has ``finished`` False and no clean figures."""

    epoch: int
    loss: float = Field(description="Mean training loss over the epoch's updates; it may be NaN or infinite.")
    accuracy: float | None = Field(
        None, description="Right answers on held-out data, 0...1; None unless it classifies."
    )
    timestamp: float = Field(description="Unix seconds at which it was reported.")
    val_loss: float | None = Field(None, description="Clean loss on held-out data.")
    figures: dict[str, float] = Field(default_factory=dict, description="Every figure of the epoch by its name.")
    finished: bool = True


class TrainingSession(_Result):
    """How a training went. ``run_dir`` is None when the run was not kept."""

    session_id: str = ""
    dataset_id: str
    status: Literal["completed", "failed", "cancelled", "interrupted"]
    metrics: list[TrainingMetric] = []
    error_message: str | None = Field(None, description="The cause of a failure and its remedy.")
    run_dir: Path | None = None


class TrainingEngine:
    """Trains one model on one data set.

    dataset_id: a data set's name, or a path, as on the command line. model_config: the task's own settings (``layers``
    of the MLP); dimensions left out follow the data. device: see ``TrainingConfig.device``; None: that of ``config``,
    or the CPU where it names none. config: how to train, over the data set's own tuned settings. run_dir: where the run
    is kept; None keeps nothing. callback: told every event.
    """

    def __init__(
        self,
        dataset_id: str,
        model_config: Settings | Mapping[str, Any] | None = None,
        device: str | None = None,
        *,
        config: TrainingConfig | Mapping[str, Any] | None = None,
        run_dir: Path | str | None = None,
        callback: MetricsCallback = lambda event: None,
    ) -> None:
        self.dataset_id = dataset_id
        self.model_config = _plain(model_config)
        self.config = {"device": "cpu"} | _plain(config) | ({} if device is None else {"device": device})
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.callback = callback

    def train(self) -> TrainingSession:
        """Train to the end. Raises nothing that the engine knows: a failure is a session with what it had so far.

        In the main thread a first Ctrl-C ends it as "interrupted", with a checkpoint; elsewhere signals are left alone.
        """
        if self.run_dir is not None:
            return self._train(self.run_dir).model_copy(update={"run_dir": self.run_dir})
        with tempfile.TemporaryDirectory(prefix="sweetspot-") as folder:
            return self._train(Path(folder) / "run")

    def _train(self, root: Path) -> TrainingSession:
        listener = _Listener(self.callback)
        try:
            _execute(self._job(root), listener)
        except SweetspotError as error:
            return self._session(root, listener, str(error))
        return self._session(root, listener, None)

    def _job(self, root: Path) -> Job:
        resolved = find_source(self.dataset_id, set(self.model_config))
        return plain_job(resolved, self.config, self.model_config, root, resolved.source.name)

    def _session(self, root: Path, listener: _Listener, error: str | None) -> TrainingSession:
        """What the run directory says of itself, when this engine got as far as having one."""
        status = RunReader(root).status() if listener.opened_root is not None else None
        state = str(status.state) if status is not None and error is None else "failed"
        return TrainingSession.model_validate(
            {
                "session_id": status.session if status is not None else "",
                "dataset_id": self.dataset_id,
                "status": state,
                "metrics": listener.metrics(),
                "error_message": error,
            }
        )


def _plain(values: Settings | Mapping[str, Any] | None) -> dict[str, Any]:
    """Only what was set by the caller: the rest follows the data set and the preset."""
    if values is None:
        return {}
    return values.model_dump(exclude_unset=True) if isinstance(values, Settings) else dict(values)


def _execute(job: Job, listener: _Listener) -> None:
    from engine.train import execute

    signals = SignalFlag()
    if threading.current_thread() is not threading.main_thread():
        execute(job, signals, listener)
        return
    signals.install()
    try:
        execute(job, signals, listener)
    finally:
        signals.restore()


class _Listener(Terminal):
    """Hears the run out and says nothing."""

    def __init__(self, told: MetricsCallback) -> None:
        super().__init__()
        self.told = told
        self.opened_root: Path | None = None
        self._finished: list[TrainingMetric] = []
        self._under_way: list[StepMetrics] = []

    def opened(self, root: Path, awake_by: str | None) -> None:
        self.opened_root = root

    def phase(self, phase: str, done: int, total: int) -> None:
        pass

    def begin(self, record: RunRecord) -> None:
        pass

    def stopped(self, root: Path) -> None:
        pass

    def callback(self, event: Any) -> None:
        if isinstance(event, StepMetrics):
            self._under_way.append(event)
        elif isinstance(event, EpochMetrics):
            self._finished.append(_metric(event))
            self._under_way = []
        self.told(event)

    def metrics(self) -> list[TrainingMetric]:
        if not self._under_way:
            return self._finished
        losses = [step.train_loss for step in self._under_way]
        last = TrainingMetric(
            epoch=self._under_way[-1].epoch, loss=sum(losses) / len(losses), timestamp=time.time(), finished=False
        )
        return [*self._finished, last]


def _metric(event: EpochMetrics) -> TrainingMetric:
    figures = {name: value for name, value in event.model_dump().items() if isinstance(value, float)}
    return TrainingMetric(
        epoch=event.epoch,
        loss=event.train_loss,
        accuracy=figures.get("val_accuracy"),
        timestamp=time.time(),
        val_loss=event.val_loss,
        figures=figures,
    )
