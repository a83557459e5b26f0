"""What a file of the queue says: a run that somebody asked for, and how it came out once it is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from engine.errors import ConfigError
from engine.printable import printable
from engine.process.job import Job
from engine.rundir.protocol import Record


class Outcome(Record):
    """How a request ended: what the list says of it from then on."""

    state: Literal["done", "cancelled", "failed"]
    reason: str = ""
    ended_at: float


class Request(Record):
    """One run to be trained. ``training`` and ``task`` are the settings that its user and its data decided, no others.

    The file is a configuration as ``train --config`` takes it, so that nothing has to be told twice.
    """

    version: Literal[1] = 1
    name: str
    added_at: float
    source: str | None = Field(description="A full path, or a data set's name; None: what ``origin`` learned from.")
    origin: str | None = Field(default=None, description="The run directory whose weights it begins with.")
    checkpoint: str | None = None
    sweep: str | None = Field(default=None, description="What it has in common with the others of its sweep.")
    training: dict[str, Any]
    task: dict[str, Any]
    outcome: Outcome | None = None

    def arguments(self, file: Path, root: Path, threads: int) -> list[str]:
        """For ``sweetspot train``, of the request in ``file``; ``threads`` where it names none itself."""
        given = [f"--run-dir={root}", f"--name={self.name}", f"--config={file}"]
        if self.origin is not None:
            given.append(f"--from={self.origin}")
        if self.checkpoint is not None:
            given.append(f"--checkpoint={self.checkpoint}")
        if not self.training.get("threads"):
            given.append(f"--threads={threads}")
        return [*given, "--", *([] if self.source is None else [self.source])]  # a source is never taken for an option


def request_of(job: Job, source: str | None, added_at: float, sweep: str | None = None) -> Request:
    """``job`` as a request; ``source`` as its user gave it. ``ConfigError`` for a path that no text can hold."""
    origin = None if job.origin is None else str(job.origin.root.resolve())
    where = source
    if source is not None and job.source.kind != "dataset":
        where = job.source.path
    for text in (where, origin):
        _check_text(text)
    return Request(
        name=job.name,
        added_at=added_at,
        source=where,
        origin=origin,
        checkpoint=job.origin.which if job.origin is not None else None,
        sweep=sweep,
        training=job.training.model_dump(mode="json", exclude_unset=True),
        task=job.task_config.model_dump(mode="json", exclude_unset=True),
    )


def _check_text(path: str | None) -> None:
    try:
        (path or "").encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{printable(Path(str(path)))} has a name that is no UTF-8, which a request cannot hold.",
            "Rename it, or train on it at once: sweetspot train.",
        ) from None
