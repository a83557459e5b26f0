"""What a run is (run.json, dataset.json) and where it stands (status.json), as viewers show it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine.rundir.protocol import PROTOCOL, HandledCommand, Record

Side = Literal["train", "val"]  # whether a file, or a row, is learned from or checked with


class State(StrEnum):
    """What the engine says of itself. ``crashed`` is never written: a reader concludes it."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def live(self) -> bool:
        """Whether a process stands behind this state as long as it is true."""
        return self in (State.STARTING, State.RUNNING, State.STOPPING)


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
    num_train_files: int = 0
    num_val_files: int = 0
    batch_size: int
    steps_per_epoch: int
    total_steps: int = Field(description="As planned first; plans.jsonl has what was planned later.")
    total_epochs: int
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
    peak_db: float | None = Field(default=None, description="Peak in dB of full scale, before normalisation.")
    same_as: str | None = Field(default=None, description="An earlier file with the same sound: both stay on one side.")
    faults: list[FileFault] = Field(default_factory=list)


class DatasetRecord(Record):
    """dataset.json: every file found. Sealed."""

    sealed: ClassVar[bool] = True
    most_bytes: ClassVar[int] = 64 << 20  # a row for each of a hundred thousand files
    files: list[FileRow]


class PhaseProgress(Record):
    """How far a phase is, when it can be counted: 12 of 40 files decoded."""

    done: int
    total: int


class Memory(Record):
    """Bytes in use. ``device`` is the accelerator's; None on a CPU."""

    process_bytes: int
    system_used_bytes: int
    system_total_bytes: int
    device_used_bytes: int | None = None
    device_total_bytes: int | None = None


class Best(Record):
    """The sweet spot so far: where the smoothed clean validation metric was best."""

    metric: str
    value: float = Field(description="Smoothed; what was compared.")
    raw: float = Field(description="The unsmoothed value of that epoch.")
    epoch: int
    step: int


@dataclass(frozen=True)
class SweetRange:
    """The epochs that held-out files cannot tell from the best one; see :mod:`engine.sweet_range`. Epochs from 1."""

    best: int
    """The epoch of the best smoothed metric."""
    first: int
    last: int
    """First and last epoch whose errors, file by file against those of ``best``, do not differ beyond their scatter."""
    files: int
    """Held-out files compared, copies of one sound counted once; 0 where the task tells none apart."""
    certain: bool
    """False with fewer than three of them: it cannot tell."""
    behind: bool
    """Whether the present epoch is worse than ``best``, in pairs: the range lies behind. Never without certainty."""
    worse_by: float | None = None
    """The mean paired difference, the present epoch's error minus that of ``best``, in the metric's unit."""
    give_or_take: float | None = None
    """Its standard error."""
    optimism: float | None = None
    """By how much the error of ``best`` flatters, for the files that measure it also chose it; None if uncertain."""


class Evidence(Record):
    """What the curves showed at the last finished epoch: the figures that every sentence on learning is made from.

    Figures are of the monitored metric, in its unit, on new items; ``own``: on those it learns from. Differences are
    between means of three epochs, which do not lag behind as smoothed figures do; noise is the standard deviation that
    the jitter of the curve alone gives such a difference.
    """

    epoch: int
    files: int = Field(
        default=0, description="Held-out files, copies counted once where the task tells them apart; 0: not counted."
    )
    sweet_range: SweetRange | None = Field(
        default=None, description="As the event of that epoch has it; None as long as no epoch gave a number."
    )
    now: float = Field(description="Of the last epoch, as its event has it.")
    own: float | None = None
    smoothed: float
    own_smoothed: float | None = None
    best: float | None = Field(default=None, description="Of the best epoch, as its event has it.")
    best_give_or_take: float | None = Field(default=None, description="Its standard error over the held-out files.")
    give_or_take: float | None = Field(default=None, description="The standard error of ``now``.")
    worse_by: float | None = Field(
        default=None, description="How much worse than the best, by the curve alone; negative is better."
    )
    own_better_by: float | None = Field(default=None, description="How much its own came out better since the best.")
    own_noise: float = 0.0
    late_gain: float | None = Field(default=None, description="How much new ones came out better in the last fifth.")
    noise: float = 0.0
    moved: int | None = Field(default=None, description="The last epoch that brought notable progress on new ones.")
    left: float | None = Field(default=None, description="The part of the first epoch's error that is left.")
    gap: float | None = Field(default=None, description="The overfitting gap now.")
    best_gap: float | None = Field(default=None, description="The overfitting gap at the best epoch.")

    @property
    def best_epoch(self) -> int | None:
        """None as long as no epoch gave a number."""
        return self.sweet_range.best if self.sweet_range else None


class Diagnosis(Record):
    """One thing worth telling, in words a musician understands."""

    code: str
    severity: Literal["info", "good", "warning", "error"]
    message: str
    since_epoch: int | None = None
    label: str = Field(default="", description="What a badge calls it.")
    judges: bool = Field(default=True, description="Whether it may be the verdict.")
    memorises: bool = Field(default=False, description="Whether it says that the run learns by heart.")


class CheckpointRef(Record):
    """The last checkpoint that was written whole."""

    file: str
    step: int
    epoch: int
    at: float


class ErrorInfo(Record):
    """Why a run failed: the fact, and what to do."""

    kind: str
    cause: str
    remedy: str = ""


class Status(Record):
    """status.json: where the run stands now. Replaced atomically."""

    protocol: int = PROTOCOL
    session: str
    state: State
    phase: str = Field(default="", description="train, validate, preview or save; before them a phase of the task.")
    doing: str = Field(default="", description="A phase before the first update in words, as the task calls it.")
    epoch: int = 0
    total_epochs: int | None = None
    step: int = 0
    total_steps: int | None = None
    baseline: float | None = Field(default=None, description="As the monitor has it, in its unit.")
    heartbeat: int = 0
    updated_at: float = 0.0
    progress: PhaseProgress | None = None
    metrics: dict[str, float] = Field(default_factory=dict, description="Latest value of every step and epoch metric.")
    overfitting_gap: float | None = Field(default=None, description="(val - train) / train on the smoothed monitor.")
    eta_s: float | None = None
    elapsed_s: float = 0.0
    steps_per_s: float | None = None
    memory: Memory | None = None
    best: Best | None = None
    evidence: Evidence | None = None
    diagnosis: list[Diagnosis] = Field(default_factory=list, description="The first one is the verdict.")
    warnings: list[str] = Field(default_factory=list)
    last_checkpoint: CheckpointRef | None = None
    kept_awake_by: str | None = Field(default=None, description="The program that keeps the machine from sleeping.")
    commands: list[HandledCommand] = Field(default_factory=list, description="The last fifty.")
    error: ErrorInfo | None = None
