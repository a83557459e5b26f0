"""A conversation with the process that makes sounds: one warm process for a run, whoever asks. No torch here."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from pathlib import Path
from typing import Any

import streamlit as st

from app.runs import launch
from engine import errors
from engine.channel import Channel
from engine.errors import SweetspotError
from engine.rundir.layout import Layout

ANSWER_S = 120.0
MOST_WARM = 3  # Some 300 MB each.
_KINDS = {
    kind.__name__: kind
    for kind in (errors.ConfigError, errors.DataError, errors.RunDirectoryError, errors.StorageError)
}


class _GoneError(Exception):
    """The process has ended, maybe with this code."""


class Client:
    """Asks for sounds of the run in ``root``. The process is started when it is needed, and again when it has gone.

    One question at a time: tabs wait for one another.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._channel: Channel | None = None
        self._numbers = itertools.count(1)
        self._known: dict[tuple[str, str | None], tuple[object, dict[str, Any]]] = {}

    def ask(self, op: str, timeout_s: float = ANSWER_S, **values: Any) -> dict[str, Any]:
        """The answer to one request of docs/serve.md. Raises SweetspotError: what it refuses, and when none comes."""
        request = {name: value for name, value in values.items() if value is not None}
        if not self._lock.acquire(timeout=timeout_s):
            raise SweetspotError("The model is still busy with another window's wish.", "Try again in a moment.")
        try:
            warm = self._running
            try:
                return self._exchange(op, request, timeout_s)
            except _GoneError as gone:
                if not warm:  # it was started for this very question
                    raise _left(gone) from None
            try:
                return self._exchange(op, request, timeout_s)  # its ten idle minutes ended just now
            except _GoneError as gone:
                raise _left(gone) from None
        finally:
            self._lock.release()

    def known(self, op: str, checkpoint: str | None) -> dict[str, Any]:
        """:meth:`ask` for what only depends on the state of the model; not asked again before the run saves anew."""
        moment = self._moment()
        found = self._known.get((op, checkpoint))
        if found is None or found[0] != moment:
            found = (moment, self.ask(op, checkpoint=checkpoint))
            self._known[op, checkpoint] = found
        return found[1]

    @property
    def pid(self) -> int | None:
        """Of the warm process; None when there is none."""
        return self._channel.process.pid if self._channel is not None and self._running else None

    def close(self) -> None:
        """Let the process go; the next question starts another one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            launch.end(channel.process)

    @property
    def _running(self) -> bool:
        return self._channel is not None and self._channel.process.poll() is None

    def _start(self) -> Channel:
        self.close()
        try:
            self._channel = Channel(launch.serve(self.root))
        except OSError as error:
            raise SweetspotError(f"The process that makes sounds cannot be started: {error}.", "Try again.") from error
        return self._channel

    def _exchange(self, op: str, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        channel = self._channel if self._channel is not None and self._running else self._start()
        number = next(self._numbers)
        channel.send({"id": number, "op": op, **request})
        while True:
            answer = self._answer(channel, timeout_s)
            if answer.get("id") is None and not answer.get("ok"):  # its last word: it serves no such run
                self.close()
                return _checked(answer)
            if answer.get("id") == number:
                return _checked(answer)

    def _answer(self, channel: Channel, timeout_s: float) -> dict[str, Any]:
        try:
            answer = channel.receive(timeout_s)
        except TimeoutError:
            self.close()
            raise SweetspotError(
                f"No sound came within {timeout_s:.0f} seconds.",
                "Ask for a shorter one, or when less is going on here.",
            ) from None
        if answer is None:
            gone = _GoneError(channel.process.poll())
            self.close()  # also when it has only closed its side and not left yet
            raise gone
        return answer

    def _moment(self) -> object:
        """Moves whenever the run saves something that can be used."""
        place, found = Layout(self.root), []
        for directory in (place.checkpoints, place.snapshots):
            with contextlib.suppress(OSError):
                found.append(directory.stat().st_mtime_ns)
        return tuple(found)


def _left(gone: _GoneError) -> SweetspotError:
    code = gone.args[0]
    said = "" if code is None else f" with code {code}"
    return SweetspotError(
        f"The process that makes the sounds ended{said}.", "Try again; the window that the app runs in says more."
    )


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("ok"):
        return answer
    told = answer.get("error") or {}
    raise _KINDS.get(told.get("kind", ""), SweetspotError)(told.get("cause", "It failed."), told.get("remedy", ""))


@st.cache_resource(show_spinner=False, max_entries=MOST_WARM, on_release=Client.close)
def _client(root: str) -> Client:
    return Client(Path(root))


def client_of(root: Path) -> Client:
    """The one client of the run in ``root``, for all tabs. The three runs asked last stay warm."""
    return _client(os.fspath(root))
