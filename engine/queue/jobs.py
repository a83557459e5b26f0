"""Which job of a cluster has a request: ``jobs/ID.json`` in a queue's folder, made once and never changed.

Whoever makes the file first has the request: the one who hands it over notes the job, and a job that begins before that
notes itself. So of two jobs for one request, as a submitter leaves them that was killed before it could note the first,
one trains and the other ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from engine.errors import StorageError
from engine.rundir.alone import alone
from engine.rundir.atomic import discard, flush_directory, stage
from engine.rundir.encoding import encode
from engine.rundir.layout import is_run_id
from engine.rundir.protocol import Record
from engine.rundir.reading import is_there, names_in, read_own


class JobRecord(Record):
    """The number that the cluster knows the job by: "4711", of an array "4711_0"."""

    version: Literal[1] = 1
    job: str


class Jobs:
    """The jobs of the requests in the queue at ``folder``. What is damaged counts as missing; what cannot be read does
    not: somebody may have the request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "jobs"

    def holders(self) -> Mapping[str, str]:
        """The job of each request that one has, by the request's ID. ``StorageError`` where that is not known."""
        names = (name.removesuffix(".json") for name in names_in(self.folder, ".json"))
        return {name: job for name in names if is_run_id(name) and (job := self.holder(name))}

    def holder(self, name: str) -> str:
        """The job that has the request ``name``; "" when none has. ``StorageError`` where that is not known."""
        try:
            return JobRecord.model_validate_json(read_own(self._path(name)) or b"").job
        except ValidationError:
            return ""
        except OSError as error:
            raise StorageError.of(error) from error

    def take(self, name: str, job: str) -> str:
        """Give the request ``name`` to ``job`` unless another has it; the one that has it then.

        ``StorageError`` where that is not known; raises OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._is_damaged(name):
            with alone(self.folder.with_suffix(".lock")):
                if self._is_damaged(name):  # not yet replaced by another, whose note this would remove
                    self.release(name)
                return self._taken(name, job)
        return self._taken(name, job)

    def _is_damaged(self, name: str) -> bool:
        return not self.holder(name) and is_there(self._path(name))

    def _taken(self, name: str, job: str) -> str:
        staged = stage(self._path(name), encode(JobRecord(job=job)), durable=True)
        try:
            os.link(staged, self._path(name))  # unlike a rename it fails where there is one
            flush_directory(self.folder)
        except FileExistsError:
            pass
        finally:
            discard(staged)
        return self.holder(name)

    def release(self, name: str) -> None:
        """Whoever had the request ``name`` has it no more."""
        discard(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"
