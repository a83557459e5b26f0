"""What a run is: run.json, written once, and dataset.json, every file that was found."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine.rundir.protocol import PROTOCOL, Record

Side = Literal["train", "val"]  # whether a file, or a row, is learned from or checked with


class MetricSpec(Record):
    """How one metric is drawn. Stored in run.json, so that a viewer needs to know no task."""

    name: str
    label: str
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    chart: Literal["quality", "loss", "loss_part", "regulariser", "bars", "rate", "other"] = "other"
    better: Literal["lower", "higher", "neither"] = "neither"


class Abilities(Record):
    """What can be done with what a run learned, as its task declares it. Viewers ask this, never a name or a unit."""

    make_sounds: bool = Field(default=False, description="Make new sounds, and show a map of those it learned.")
    reconstruct: bool = Field(default=False, description="Take any sound through the model and back.")
    export: bool = Field(default=False, description="Pass the model on as one file.")


class Nouns(Record):
    """What a task calls its data. Every sentence about a run is made with these words; the defaults fit any data."""

    item: str = Field(default="guess", description="One of the data; the baseline is the average one.")
    items: str = Field(default="items", description='What is learnt from and checked with, as in "new items".')
    measure: str = Field(default="", description="What the monitored metric measures; empty: its label says it.")
    lacks: str = Field(default="error", description='What a score lacks to 1, as in "90 % less error".')
    main: str = "How well it does"
    held_out: str = "Data it never learnt, and what it makes of it"
    made: str = "To data it never learnt, newest first"
    prefer: str = "another suits you better"
    panel: str = "Previews"
    one: str = "preview"
    found: str = Field(default="Data", description="What was found at the source, as a heading.")
    portions: str = Field(default="Items", description='Training items, as in "Items to learn from".')
    compare: str = "Look at"
    more: str = "data"


class Monitor(Record):
    """Which metric decides "best": smoothed ``metric`` (validation), beside ``reference`` (same, on training items)."""

    metric: str
    reference: str
    better: Literal["lower", "higher"] = "lower"
    unit: str = ""
    baseline: float | None = Field(
        default=None,
        description="What the best answer that is always the same scores on the metric, in its unit.",
    )
    standard_error: str | None = Field(
        default=None, description="The metric that holds the standard error of ``metric`` over the held-out files."
    )
    ties: str = Field(
        default="",
        description="The metric, lower is better, that decides between epochs of equal ``metric``.",
    )
    files: str | None = Field(
        default=None,
        description="The list in epoch events of ``metric`` for each held-out file, in dataset.json's order.",
    )
    nouns: Nouns = Nouns()


class Source(Record):
    """Where the data came from. ``path`` is absolute: it lies outside the run directory."""

    kind: Literal["folder", "file", "dataset"]
    name: str
    path: str | None = None
    path_hex: str | None = Field(default=None, description="The bytes of a path that is no UTF-8, in hexadecimal.")

    def stored(self) -> Source:
        """As run.json can hold it: a path that is no UTF-8 as its bytes, beside what can be read of it."""
        if self.path is None or not any("\ud800" <= char <= "\udfff" for char in self.path):
            return self
        raw = os.fsencode(self.path)
        return self.model_copy(update={"path": raw.decode("utf-8", "backslashreplace"), "path_hex": raw.hex()})

    def located(self) -> Source:
        """As this process takes it: the inverse of :meth:`stored`."""
        try:
            raw = bytes.fromhex(self.path_hex or "")
        except ValueError:
            return self
        return self.model_copy(update={"path": os.fsdecode(raw), "path_hex": None}) if raw else self


class Parent(Record):
    """The run and checkpoint a forked run began from."""

    run: str
    uuid: str
    checkpoint: str


class RunConfig(Record):
    """The full resolved configuration, as the engine's config models wrote it."""

    training: dict[str, Any]
    task: dict[str, Any]


class RunRecord(Record):
    """run.json: what this run is. Written once, before the first update, and sealed."""

    sealed: ClassVar[bool] = True
    protocol: int = PROTOCOL
    uuid: str
    name: str
    created_at: float
    task: str
    config: RunConfig
    source: Source
    fingerprint: str
    num_train: int = Field(description="Training items before expansion.")
    num_train_files: int = Field(default=0, description="What is learned from: recordings, or rows of a table.")
    num_val_files: int = Field(default=0, description="What checks, counted alike; 0 where nothing is to be counted.")
    batch_size: int
    steps_per_epoch: int
    total_steps: int = Field(description="As planned first; plans.jsonl has what was planned later.")
    total_epochs: int
    preview_every: int | None = Field(
        default=None,
        ge=1,
        description="Epochs between previews: those of the settings, or more where their cost allowed no more when it "
        "began.",
    )
    planned_s: float | None = Field(default=None, description="About how long it was to take, when it began.")
    metrics: list[MetricSpec]
    monitor: Monitor
    can: Abilities = Abilities()
    parent: Parent | None = None


class FileFault(Record):
    """What is wrong with a recording: a code (``clipped``, ``hum``…), and a phrase with its figures."""

    code: str
    words: str


class FileRow(Record):
    """One file that was found, and what became of it. ``path`` is relative to the source, with forward slashes."""

    path: str
    verdict: Literal["used", "used_with_note", "skipped"]
    reason: str | None = None
    split: Side | None = None
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    peak_db: float | None = Field(
        default=None, description="Largest sample of the file in any channel, in dB of full scale."
    )
    same_as: str | None = Field(default=None, description="An earlier file with the same sound: both stay on one side.")
    faults: list[FileFault] = Field(default_factory=list)


def different_sounds(files: Iterable[FileRow]) -> int:
    """How many sounds a collection has: its usable files, each sound counted once however many files hold it."""
    return sum(row.verdict != "skipped" and row.same_as is None for row in files)


class DatasetRecord(Record):
    """dataset.json: every file found. Sealed."""

    sealed: ClassVar[bool] = True
    most_bytes: ClassVar[int] = 64 << 20  # a row for each of a hundred thousand files
    files: list[FileRow]
