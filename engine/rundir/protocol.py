"""What a record is, and those that a run keeps its books with: sessions, plans, commands, manifests, events.

A reader ignores keys it does not know and refuses another ``PROTOCOL``. Names end in ``_s`` for seconds, ``_db`` for
decibels, ``_bytes`` for bytes and ``_at`` for moments (Unix seconds). NaN and infinity are written as the strings
"NaN", "Infinity" and "-Infinity": strict JSON that survives the round trip, where pydantic's default writes null and
then refuses to read it.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.errors import RunDirectoryError

PROTOCOL = 2

MOST_SECONDS = 1e10  # three hundred years
LAST_MOMENT = 1e11  # in the year 5138; beyond the year 9999 there is no date to show
LONGEST_WORD = 100  # characters of what anybody may write and the engine repeats
MOST = 2**53  # above this a double skips whole numbers


class Record(BaseModel):
    """Base of every record: unknown keys ignored, NaN and infinity kept.

    sealed: its file holds a digest of its other keys. most_bytes: a longer file is not read.
    """

    model_config = ConfigDict(extra="ignore", ser_json_inf_nan="strings", frozen=True)
    sealed: ClassVar[bool] = False
    most_bytes: ClassVar[int] = 4 << 20  # a thousand times what a long run needs

    @property
    def plausible(self) -> bool:
        """Whether every figure is one that a run can have written: else it is damaged, or made to trip its reader.

        What a figure may be is in its name: ``_s`` are seconds, ``_at`` moments, ``_bytes`` and every whole number
        counts. Metrics themselves may be anything, also NaN: a run that diverges must be seen.
        """
        return all(_fits(name, getattr(self, name)) for name in type(self).model_fields)


class SessionRecord(Record):
    """One line of sessions.jsonl: one process that trained this run."""

    session: str
    pid: int
    process_started_at: float
    process_start_ticks: int | None = Field(
        default=None, description="Linux: start in ticks since boot, which no change of the wall clock moves."
    )
    boot_id: str
    pid_namespace: str = Field(default="", description="Linux: what ``pid`` counts in; containers have their own.")
    host: str
    machine_id: str = Field(default="", description="A digest; tells machines of one host name apart.")
    directory: str = Field(
        default="", description="Device and inode of the run directory: a copy has others, a renamed one the same."
    )
    started_at: float
    since_boot_s: float | None = Field(
        default=None,
        description="Linux: the same moment in seconds since boot, which no change of the wall clock moves.",
    )
    device: str
    threads: int
    processes: int = Field(default=1, description="That shared each update; this one is the first of them.")
    versions: dict[str, str]
    git_commit: str | None = None
    resumed_from_step: int | None = None
    task: str = Field(default="", description="That of run.json, which a new run has only once its data is read.")


class PlanRecord(Record):
    """One line of plans.jsonl: after update ``step`` the rest of the run was planned anew. Holds until the next one."""

    step: int = Field(ge=0, description="0 where a run was extended before its first update.")
    total_steps: int
    progress: float = Field(ge=0, lt=1, description="How much of the run lay behind then; 1 at ``total_steps``.")
    epoch: int = Field(ge=0, description="The epoch under way, or just ended; 0 before the first update.")
    epoch_ends: int = Field(description="Its last update; later epochs hold ``steps_per_epoch``.")
    steps_per_epoch: int = Field(ge=1)
    total_epochs: int
    reason: str
    extends: bool = Field(
        default=False, description="Whether its user asked for more: the limits of run.json hold no longer."
    )
    minutes: float | None = Field(default=None, gt=0, description="Where it extends by time: of the whole run, now.")
    steps_per_s: float | None = Field(default=None, description="The pace of updates alone that it was made from.")
    overall_steps_per_s: float | None = Field(
        default=None,
        description="Where its user extends the run: the pace so far, with checks, previews and saves.",
    )
    at: float
    elapsed_s: float
    session: str


class Command(Record):
    """One line of control.jsonl. Obeyed once, and only by the session it names."""

    id: str = Field(max_length=LONGEST_WORD)
    command: Literal["cancel", "save_now"]
    issued_at: float
    session: str


class HandledCommand(Record):
    """A command the engine has taken: at once "acknowledged", later "done", or "refused" with a reason."""

    id: str
    command: str
    result: Literal["acknowledged", "done", "refused"]
    reason: str | None = None
    at: float


class Manifest(Record):
    """Beside every checkpoint and snapshot, sealed. No manifest, no checkpoint."""

    sealed: ClassVar[bool] = True
    protocol: int = PROTOCOL
    file: str
    step: int
    epoch: int
    bytes: int
    sha256: str
    metrics: dict[str, float] = Field(default_factory=dict)
    previous: Manifest | None = Field(
        default=None, description="Of the file that is being replaced: until it is, this one describes it."
    )
    digest: str | None = Field(default=None, description="SHA-256 of this manifest's other keys, as sorted JSON.")


EventKind = Literal["step", "epoch", "memory", "preview", "checkpoint", "warning", "control", "state", "complete"]


class Event(BaseModel):
    """One line of metrics.jsonl. What stands beside these keys depends on ``event``; see docs/run-directory.md."""

    model_config = ConfigDict(extra="allow", ser_json_inf_nan="strings", frozen=True)

    event: EventKind
    at: float
    elapsed_s: float


def other_protocol(name: str, protocol: int) -> RunDirectoryError:
    """What to raise for the run or file ``name``, which has another ``protocol`` than this version reads."""
    newer = protocol > PROTOCOL
    return RunDirectoryError(
        f"{name} was written by {'a newer' if newer else 'an older'} version "
        f"(protocol {str(protocol)[:12]}, this one reads {PROTOCOL}).",
        "Update Sweetspot." if newer else "Use the version that wrote it, or train anew.",
    )


def _fits(name: str, value: Any) -> bool:
    # In the order of how often each is met: a viewer asks this of every figure of a run, once a second.
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, float):
        return _fits_float(name, value)
    if isinstance(value, int):
        return 0 <= value <= MOST
    if isinstance(value, Record):
        return value.plausible
    if isinstance(value, list):
        return all(_fits(name, item) for item in value)
    if is_dataclass(value):
        return all(_fits(item.name, getattr(value, item.name)) for item in fields(value))
    return True


def _fits_float(name: str, value: float) -> bool:
    if name.endswith("_at"):
        return 0 <= value <= LAST_MOMENT
    if name.endswith("_s"):
        return 0 <= value <= MOST_SECONDS
    return abs(value) <= 1e300 or not math.isfinite(value)
