"""What a terminal shows of a run: a bar on a terminal, plain lines in a file or a pipe."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine.claims.figures import figure, minus
from engine.claims.length import beyond_need, in_words
from engine.metrics import EpochMetrics, PlannedAnew, StepMetrics, TrainingCompleteEvent
from engine.printable import escaped, sweetspot
from engine.quantities import duration
from engine.rundir.layout import checkpoint_step
from engine.rundir.reader import RunReader
from engine.rundir.record import Parent, RunRecord
from engine.tasks import task_config

LINE_EVERY_S = 10.0


class Terminal:
    """Follows one run through its callback. The run directory holds the same, and more.

    Whoever watches may leave (a closed pipe, a terminal that is gone): that must not end the training.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._last_line = 0.0
        self._shown = ""
        self._val = ""
        self._metric = self._label = self._unit = ""
        self._live = sys.stderr.isatty()

    def opened(self, root: Path, awake_by: str | None) -> None:
        """The run directory is open: its path as the first line, for the program that started this one.

        awake_by: the program that keeps the machine awake meanwhile, if one does.
        """
        with suppress(OSError):
            print(root, flush=True)
            if awake_by is not None:
                print(f"this computer stays awake while it trains ({awake_by})", flush=True)

    def phase(self, phase: str, done: int, total: int) -> None:
        """Before the first update: reading, decoding, preparing."""
        text = f"{phase} {done} of {total}" if total else phase
        with suppress(OSError):
            if self._live:
                print(f"\r{text:<40}", end="", file=sys.stderr, flush=True)
            elif phase != self._shown:
                self._shown = phase
                print(text, flush=True)

    def begin(self, record: RunRecord) -> None:
        """The run is laid out: its plan is told, from now on its steps are counted, and its monitored metric.

        record: with the plan that holds now, which in a run that goes on may not be the first.
        """
        labels = {spec.name: spec.label for spec in record.metrics}
        self._metric, self._unit = record.monitor.metric, record.monitor.unit
        self._label = labels.get(self._metric, self._metric)
        with suppress(OSError):
            if self._live:
                print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
            words = in_words(record.total_epochs, record.total_steps, record.planned_s)
            print(f"plan: {words}{' at the pace of now' if _by_time(record) else ''}", flush=True)
            if beyond := _beyond_need(record):
                print(beyond, flush=True)
            if self._live:
                self._bar = tqdm(total=record.total_steps, unit="step", dynamic_ncols=True)

    def begins_with(self, parent: Parent, *, sides: bool) -> None:
        """A new run takes its weights from another. sides: whether that one knows files by their side."""
        taken = "its weights, its scale, the sides of its files" if sides else "its weights, its scale"
        with suppress(OSError):
            print(
                f"begins with {parent.checkpoint} of {escaped(parent.run)}: {taken}; optimiser and schedule begin anew",
                flush=True,
            )

    def shared(self, how: object) -> None:
        """Several processes share each update, as ``how`` says."""
        with suppress(OSError):
            print(how, flush=True)

    def at(self, step: int) -> None:
        """A resumed run stands at ``step``."""
        if self._bar is not None:
            self._bar.update(step)

    def callback(self, event: object) -> None:
        with suppress(OSError):
            if isinstance(event, StepMetrics):
                self._step(event)
            elif isinstance(event, EpochMetrics):
                self._epoch(event)
            elif isinstance(event, PlannedAnew):
                self._line(f"planned anew: {in_words(event.total_epochs, event.total_steps, None)} ({event.reason})")
            elif isinstance(event, TrainingCompleteEvent):
                self._line(f"done in {duration(event.total_time_s)}, best at epoch {event.best_epoch}")
                self._close()

    def stopped(self, root: Path) -> None:
        """The run was stopped on request: what was saved, and how to go on."""
        saved = [item.manifest for item in RunReader(root).checkpoints() if checkpoint_step(item.path.name) is not None]
        with suppress(OSError):
            self._close()
            if saved and saved[-1] is not None:
                print(f"stopped in epoch {saved[-1].epoch}; saved: all up to step {saved[-1].step}, and every preview")
                print(f"to go on from there: {sweetspot('train', '--resume', root)}", flush=True)
            else:
                print("stopped before the first update: nothing was saved, start it again as before", flush=True)

    def _step(self, event: StepMetrics) -> None:
        if self._bar is not None:
            self._bar.set_description(f"epoch {event.epoch}", refresh=False)
            self._bar.total = event.total_steps
            self._bar.set_postfix_str(f"loss {_loss(event)}{self._val}", refresh=False)
            self._bar.update(1)

    def _epoch(self, event: EpochMetrics) -> None:
        value = getattr(event, self._metric)
        self._val = f", {self._label} {figure(value, self._unit)}"
        last = event.epoch == event.total_epochs
        if self._bar is None and (last or time.monotonic() - self._last_line > LINE_EVERY_S):
            self._last_line = time.monotonic()
            left = "" if event.eta_seconds is None else f", {event.eta_seconds:.0f} s left"
            self._line(
                f"epoch {event.epoch} of {event.total_epochs}, step {event.step}, loss {_loss(event)}{self._val}{left}"
            )

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text)
        else:
            print(text, flush=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _loss(event: StepMetrics | EpochMetrics) -> str:
    return minus(f"{event.train_loss:.3f}")


def _beyond_need(record: RunRecord) -> str | None:
    """Of a run whose minutes alone decide its length, where what it needs was measured."""
    known = _by_time(record) and task_config(record.task).need_measured
    return beyond_need(record.total_steps, record.num_train) if known else None


def _by_time(record: RunRecord) -> bool:
    training = record.config.training
    return training.get("max_minutes") is not None and training.get("max_steps") is None
