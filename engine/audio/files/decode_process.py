"""The parent's end of :mod:`engine.audio.files.decode_worker`: start it, talk to it, and be sure that it is gone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from engine.audio.files.cache import Cache
from engine.channel import Channel
from engine.child import command, environment


class DecodeProcess:
    """A decode child, as a context: leaving it ends the child, whatever it is doing."""

    def __init__(self, cache: Cache, sample_rate: int, threads: int) -> None:
        self.cache = cache
        # A file, not a pipe: decoders in C can complain without end, and nobody drains it.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by __exit__)
        self._process = subprocess.Popen(
            command("engine.audio.files.decode_worker", os.fspath(cache.root), str(sample_rate), str(threads)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
        )
        self._channel = Channel(self._process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, job: int, path: Path, key: str) -> None:
        """Hand over one job. A child that is gone is noticed by :meth:`receive`, not here."""
        self._channel.send({"id": job, "path": os.fspath(path), "key": key})

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next answer, ``{}`` when none came in time, None when the child is gone."""
        try:
            return self._channel.receive(timeout_s)
        except TimeoutError:
            return {}

    def last_words(self) -> str:
        """The end of what the child wrote to stderr."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2000))
        return self._errors.read().decode(errors="replace").strip()

    def __enter__(self) -> DecodeProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                pipe.close()  # type: ignore[union-attr]


def _environment() -> dict[str, str]:
    """The numeric libraries keep to the thread that calls them."""
    single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return environment() | single
