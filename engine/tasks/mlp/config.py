"""What only tables and labels need to know: what is learned from what, and by which network. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from engine.collection.phases import PHASES
from engine.config import TaskConfig, TrainingConfig
from engine.home import expanded
from engine.rundir.record import Nouns
from engine.tasks.mlp.layers import LayerConfig
from engine.tasks.mlp.nouns import ROWS

FOLDERS = "folders"


class MLPConfig(TaskConfig):
    """A multi-layer perceptron over a table or a labelled folder of sounds. Dimensions left out follow the data."""

    nouns: ClassVar[Nouns] = ROWS
    phases: ClassVar[Mapping[str, str]] = PHASES | {"prepare": "measuring sounds"}
    sections: ClassVar[dict[str, str]] = {"task_type": "Tables and labels"}

    task_type: Literal["auto", "classification", "regression"] = Field(
        "auto",
        title="Classes or a number",
        description="Sort into classes or predict a number; automatic: by the target's values.",
    )
    target: str | None = Field(
        None,
        title="Column to learn",
        description="Column that is learned; by default the last.",
        json_schema_extra={"only": ["file", "folder"]},
    )
    labels: str | None = Field(
        None,
        title="Labels",
        description="Labels of a folder of sounds: a CSV of file and label, or the word folders: one a class.",
        json_schema_extra={"only": ["folder"], "decides": True},
    )
    input_dim: int | None = Field(
        None, ge=1, title="Features", description="Number of features; automatic: the data's."
    )
    output_dim: int | None = Field(
        None, ge=1, title="Classes", description="Number of classes, 1 for a number; automatic: the data's."
    )
    layers: tuple[LayerConfig, ...] = Field(
        (LayerConfig(units=64), LayerConfig(units=64)),
        title="Hidden layers",
        description="Hidden layers: widths (64,32), or a JSON list of their descriptions.",
    )

    def located(self) -> MLPConfig:
        """With the labels' file by its absolute path: a run is resumed from another directory."""
        if self.labels in (None, FOLDERS):
            return self
        return self.model_copy(update={"labels": str(expanded(str(self.labels)).resolve())})

    def adapted(self, training: TrainingConfig) -> TrainingConfig:
        """A row has no variants: unless told otherwise, an epoch has each once."""
        guard = training.regularization
        if "augmentation_expansion" in guard.model_fields_set:
            return training
        return training.model_copy(update={"regularization": guard.model_copy(update={"augmentation_expansion": 1})})

    def asked(self, training: TrainingConfig) -> Self:
        """Without the data's dimensions; a layer that hides what the whole run hides follows it again."""
        hidden = training.regularization.dropout
        layers = tuple(
            layer.model_copy(update={"dropout": None}) if layer.dropout == hidden else layer for layer in self.layers
        )
        return self.model_copy(update={"input_dim": None, "output_dim": None, "layers": layers})

    @field_validator("layers", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        """Widths or JSON, as typed on a command line or into a form; [] and "none" are a linear model."""
        if isinstance(value, str):
            value = _parse(value.strip())
        if isinstance(value, list | tuple):
            return [{"units": item} if isinstance(item, int) else item for item in value]
        return value


def _parse(text: str) -> Any:
    if text in ("", "none"):
        return []
    try:
        return json.loads(text if text.startswith("[") else f"[{text}]")
    except (ValueError, RecursionError):
        raise ValueError('give widths such as 64,32 or a JSON list such as [{"units": 64}]') from None
