"""Classification and regression: a table or labelled sounds, a multi-layer perceptron, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engine.collection.split import assign_sides
from engine.config import TrainingConfig
from engine.device import first_weights
from engine.errors import ConfigError, DataError
from engine.metrics import MetricsHistory
from engine.plan import BatchLayout
from engine.printable import escaped
from engine.quantities import counted
from engine.resolve import get_adaptive_split, resolve
from engine.rundir.record import FileRow, Side
from engine.schedule import warmed_cosine
from engine.task import Batch, Finding, MetricSpec, Monitor, OpenContext, Preview, Source, StepOutput
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.csv_table import read_table
from engine.tasks.mlp.dataset import Rows, Standard, TableLoader, make_rows, split_rows
from engine.tasks.mlp.datasets import built_in, check_meant
from engine.tasks.mlp.labelled_sounds import read_sounds
from engine.tasks.mlp.model import DynamicMLPModel
from engine.tasks.mlp.nouns import NUMBERS, ROWS
from engine.tasks.mlp.preparation import Preparation, unseen
from engine.tasks.mlp.previews import confusion, confusion_png, scatter_png
from engine.tasks.mlp.table import Table

EVALUATION_ROWS = 4096
PREVIEW_ROWS = 1000

_COMMON = (
    MetricSpec(name="train_loss", label="Loss", chart="loss", better="lower"),
    MetricSpec(name="val_loss", label="Validation loss", chart="loss", better="lower"),
    MetricSpec(name="learning_rate", label="Learning rate", chart="rate"),
    MetricSpec(name="grad_norm", label="Gradient norm"),
)
METRICS = {
    "classification": (
        MetricSpec(name="val_accuracy", label="accuracy on new data", chart="quality", better="higher"),
        MetricSpec(name="train_accuracy", label="accuracy on its own data", chart="quality", better="higher"),
        *_COMMON,
    ),
    "regression": (
        MetricSpec(name="val_r2", label="R² on new data", chart="quality", better="higher"),
        MetricSpec(name="train_r2", label="R² on its own data", chart="quality", better="higher"),
        MetricSpec(name="val_mae", label="Mean absolute error", better="lower"),
        *_COMMON,
    ),
}
# R² is nothing where the held-out targets are all equal: there the error itself is followed.
_OF_EQUAL_TARGETS = (
    MetricSpec(name="val_mae", label="mean absolute error on new data", chart="quality", better="lower"),
    MetricSpec(name="train_mae", label="mean absolute error on its own data", chart="quality", better="lower"),
    *_COMMON,
)


class MLPTask:
    """See :class:`engine.task.Task`. Letters: B batch, N rows, D features, O outputs (classes, or 1 for a number)."""

    name = "mlp"
    optimizer = torch.optim.Adam

    def __init__(
        self, table: Table, config: TrainingConfig, task_config: MLPConfig, device: torch.device, context: OpenContext
    ) -> None:
        self.table, self.device, self.fingerprint = table, device, table.fingerprint
        self.regression = table.task_type == "regression"
        count = len(table.target) if table.groups is None else len(set(table.groups))
        known = [context.sides.get(path) for path in table.row_files] or None
        sides = split_rows(table, config.val_fraction or get_adaptive_split(count), config.split_seed, known)
        self._own = own = np.array([side == "train" for side in sides])
        self.preparation = None if table.numeric else Preparation.fit(table, own)
        inputs = self._inputs()
        context.on_files(_files(table, sides, inputs.shape[1], unseen(table, own)))
        self.config = resolve(task_config.adapted(config), count, int(own.sum()))
        self.task_config = _fitted(task_config, table, inputs.shape[1], self.config.regularization.dropout)
        measures = None if self.preparation is None else self.preparation.measures
        self.num_train = self.num_train_files = int(own.sum())
        self.num_val_files = len(own) - self.num_train
        self.model = self._new_model().to(device)
        self._standardise(Standard.measure(inputs[own], table.target[own], self.regression, measures), inputs)
        self.metrics = self._choose_metrics(context)
        self.monitor = self._follow(*self.metrics[:2])

    def _inputs(self) -> NDArray[np.float64]:
        """The table's features, filled in and encoded [N, D]."""
        return self.table.features if self.preparation is None else self.preparation.apply(self.table.features)

    def _standardise(self, standard: Standard, inputs: NDArray[np.float64]) -> None:
        """The rows of both sides as the model is to have them. inputs: see :meth:`_inputs`."""
        self.standard = standard
        self.train = make_rows(self.table, inputs, self._own.tolist(), standard, self.device)
        self.val = make_rows(self.table, inputs, (~self._own).tolist(), standard, self.device)
        self.parts = {"train": self.train.evenly(EVALUATION_ROWS), "val": self.val.evenly(EVALUATION_ROWS)}
        self.loader = TableLoader(self.train, BatchLayout.of(self.config, self.num_train), self.model.width)

    def _new_model(self) -> DynamicMLPModel:
        with first_weights(self.config.seed):
            return DynamicMLPModel(self.task_config)

    def _choose_metrics(self, context: OpenContext) -> tuple[MetricSpec, ...]:
        """The first is monitored, the second the same on the rows that are learned."""
        if not self.regression or not _equal(self.parts["val"].y):
            return METRICS[self.table.task_type]
        context.warn(
            f"All rows to check with have the same {escaped(self.table.target_name)!r}: R² says nothing of them, so "
            "the mean absolute error is followed."
        )
        return _OF_EQUAL_TARGETS

    def _follow(self, new: MetricSpec, own: MetricSpec) -> Monitor:
        return Monitor(
            metric=new.name,
            reference=own.name,
            better="lower" if new.better == "lower" else "higher",
            ties="val_loss",  # so few rows check that many epochs get equally many right
            baseline=self._baseline(new.name.removeprefix("val_")),
            nouns=NUMBERS if new.name == "val_r2" else ROWS,
        )

    def _baseline(self, figure: str) -> float:
        """What the baseline scores on the held-out rows: always the commonest class, or the mean."""
        rows = self.parts["val"]
        if self.regression:
            return self._figures(rows.y.new_zeros(len(rows), 1), rows)[figure]
        return float((rows.y == torch.mode(self.train.y).values).float().mean())

    def schedule(self, step: int, progress: float) -> dict[str, float]:
        return {"learning_rate": warmed_cosine(self.config.learning_rate, step, progress)}

    def batch(self, seed: int, step: int) -> Batch:
        return self.loader.batch(seed, step)

    def training_step(self, model: DynamicMLPModel, batch: Batch, knobs: Mapping[str, float]) -> StepOutput:
        return StepOutput(self._loss(model(batch["x"], batch["keep"]), batch["y"]), {})

    def _loss(self, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Cross-entropy in nats, or the mean squared error of the standardised target: 1 for the mean's answer."""
        return functional.mse_loss(output[:, 0], y) if self.regression else functional.cross_entropy(output, y)

    @torch.inference_mode()
    def evaluate(self, model: DynamicMLPModel, part: Literal["train", "val"]) -> dict[str, float]:
        """Fractions 0...1 of right answers, or the error in the target's unit and, where the rows' targets differ,
        R² (1 is perfect, 0 the mean's)."""
        rows = self.parts[part]
        output = model(rows.x)
        figures = self._figures(output, rows)
        named = {f"{part}_{name}": value for name, value in figures.items()}
        # "train_loss" is the mean over an epoch's updates: this one is clean.
        loss = float(self._loss(output, rows.y))
        return named | ({"val_loss": loss} if part == "val" else {"train_eval_loss": loss})

    def _figures(self, output: torch.Tensor, rows: Rows) -> dict[str, float]:
        if not self.regression:
            return {"accuracy": float((output.argmax(1) == rows.y).float().mean())}
        error = float((output[:, 0] - rows.y).abs().double().mean()) * self.standard.target_std
        return {"mae": error} if _equal(rows.y) else {"mae": error, "r2": _r2(rows.y, output[:, 0])}

    @torch.inference_mode()
    def previews(self, model: DynamicMLPModel, epoch: int) -> Iterator[Preview]:
        """The held-out rows: a confusion matrix, or predicted against true (at most a thousand points)."""
        rows = self.parts["val"] if not self.regression else self.parts["val"].evenly(PREVIEW_ROWS)
        output = model(rows.x)
        figures = self._figures(output, rows)
        if self.regression:
            title = f"{len(rows)} new rows, " + (
                f"R squared {figures['r2']:.3f}" if "r2" in figures else f"mean absolute error {figures['mae']:.3g}"
            )
            true, predicted = self.standard.restore(rows.y), self.standard.restore(output[:, 0])
            picture = scatter_png(true, predicted, self.table.target_name, title)
        else:
            title = f"{len(rows)} new rows, {figures['accuracy']:.1%} right"
            counts = confusion(rows.y.cpu().numpy(), output.argmax(1).cpu().numpy(), self.table.num_classes)
            picture = confusion_png(counts, self.table.class_names, title)
        yield Preview("image", "sample", {"png": picture})

    def diagnose(self, history: MetricsHistory) -> list[Finding]:
        return []

    def prepare_snapshot(self, model: DynamicMLPModel) -> None:
        """Nothing depends on the weights: what a prediction needs beside them is fixed before the first update."""

    def state_dict(self) -> dict[str, Any]:
        """Also how values are filled in and categories encoded: plain, so that a snapshot says it by itself."""
        prepared = {} if self.preparation is None else {"preparation": self.preparation.fitted}
        return {**self.standard.state_dict(), **prepared, "classes": dict(enumerate_names(self.table.class_names))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state["mean"].shape != self.standard.mean.shape:
            raise ValueError(f"it has {len(state['mean'])} features, the data {len(self.standard.mean)}")
        if state.get("preparation") != self.state_dict().get("preparation"):
            raise DataError(
                "The table's missing values and categories come out otherwise than when this run began.",
                "Go on with the versions of numpy and scikit-learn that it began with, or start a new run.",
            )
        names = ("mean", "std", "target_mean", "target_std")
        self._standardise(Standard(**{name: state[name] for name in names}), self._inputs())

    def begin_with(self, state: Mapping[str, Any]) -> None:
        """The weights know the scale they learned in: all rows come to it."""
        self.load_state_dict(state)


def enumerate_names(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Class names by their index as text: what a snapshot's header can hold."""
    return ((str(place), name) for place, name in enumerate(names))


def _equal(true: torch.Tensor) -> bool:
    return bool((true == true[0]).all())


def _r2(true: torch.Tensor, predicted: torch.Tensor) -> float:
    """1 - squared error / squared deviation from the mean of ``true``, which differ; in double precision."""
    true, predicted = true.double(), predicted.double()
    return 1 - float((true - predicted).square().sum() / (true - true.mean()).square().sum())


def _fitted(config: MLPConfig, table: Table, inputs: int, dropout: float) -> MLPConfig:
    """``config`` with every dimension and dropout filled in. ``ConfigError`` when one that was given does not fit."""
    outputs = table.num_classes or 1
    for name, given, found, what in (
        ("input_dim", config.input_dim, inputs, "features"),
        ("output_dim", config.output_dim, outputs, "classes" if table.num_classes else "number to predict"),
    ):
        if given is not None and given != found:
            raise ConfigError(f"{name} is {given}, but the data has {found} {what}.", f"Leave {name} out.")
    if config.task_type not in ("auto", table.task_type):
        raise ConfigError(f"This is {table.task_type}, not {config.task_type}.", "Leave task_type out.")
    layers = tuple(
        layer if layer.dropout is not None else layer.model_copy(update={"dropout": dropout}) for layer in config.layers
    )
    update = {"input_dim": inputs, "output_dim": outputs, "task_type": table.task_type, "layers": layers}
    return config.model_copy(update=update)


def _files(table: Table, sides: list[Side], inputs: int, unseen: Mapping[str, int]) -> list[FileRow]:
    """Every file found; where rows are files, with their sides; a table with what was made of it."""
    if table.row_files:
        return assign_sides(table.files, sides)
    if table.numeric:
        return table.files
    notes = [*table.notes, f"Encoded as the learning rows have it: {counted(inputs, 'number')} a row."]
    for name, count in unseen.items():
        notes.append(
            f"Of {escaped(name)!r}, {count} of the rows to check with have a category that no learning row has."
        )
    return [row.model_copy(update={"verdict": "used_with_note", "reason": " ".join(notes)}) for row in table.files]


def open_task(
    source: Source, config: TrainingConfig, task_config: MLPConfig, device: torch.device, context: OpenContext
) -> MLPTask:
    """A data set by name, a CSV, or a labelled folder of sounds. ``DataError`` when nothing can be learned from it."""
    task_config = task_config.located()
    check_meant(source, task_config)
    if source.path is None:
        table: Table = built_in(source.name).load()
    elif Path(source.path).is_dir():
        if task_config.labels is None:
            raise ConfigError("A folder of sounds needs labels to be sorted by.", "Give --labels folders or a CSV.")
        table = read_sounds(Path(source.path), task_config, context, device)
    else:
        table = read_table(Path(source.path), task_config.target, task_config.task_type)
    return MLPTask(table, config, task_config, device, context)
