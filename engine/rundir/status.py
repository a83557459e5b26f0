"""Where a run stands: status.json, replaced while it trains."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from engine.rundir.findings import Diagnosis, Evidence
from engine.rundir.protocol import PROTOCOL, HandledCommand, Record


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
    """The best epoch so far: where the smoothed clean validation metric was best."""

    metric: str
    value: float = Field(description="Smoothed; what was compared.")
    raw: float = Field(description="The unsmoothed value of that epoch.")
    epoch: int
    step: int


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
