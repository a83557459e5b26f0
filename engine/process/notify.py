"""``--notify COMMAND|ADDRESS``: a command of the user's own at the end of a run, and when it is past its best or
memorises; in its place an address of the web that the facts are sent to.

The facts are in its environment, never in its text. It runs in a process of its own, which nobody waits for: it can
neither stop nor delay a training. What it prints goes to the run's log.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import click

from engine import child
from engine.claims.headline import reason_done
from engine.claims.kinds import WORSENS
from engine.errors import ConfigError
from engine.rundir.atomic import open_append
from engine.rundir.layout import Layout
from engine.rundir.status import State, Status

if TYPE_CHECKING:
    from engine.rundir.writer import RunWriter

LIMIT_S, POST_LIMIT_S = 60.0, 10.0
Event = Literal["done", "failed", "stopped", "past", "memorising"]
_ENDS: Mapping[State, Event] = {
    State.COMPLETED: "done", State.FAILED: "failed", State.CANCELLED: "stopped", State.INTERRUPTED: "stopped"
}  # fmt: skip


def _is_address(command: str) -> bool:
    return command.lower().startswith(("http://", "https://"))


def _checked(context: click.Context, option: click.Parameter, command: str | None) -> str | None:
    """``ConfigError`` for an address that cannot be asked: better now than at the end of a night."""
    if command is None or not _is_address(command):
        return command
    try:
        parts = urlsplit(command)
        good = parts.hostname and parts.port != 0 and "@" not in parts.netloc and command.isascii()
    except ValueError:
        good = False
    if not good or " " in command or not command.isprintable():
        raise ConfigError(
            "The address of --notify is none of the web.",
            "Give it as https://HOST/PLACE: in ASCII, without blanks, without a user's name.",
        )
    return command


option = click.option(
    "--notify",
    metavar="COMMAND|URL",
    callback=_checked,
    help="Command to run, or http(s) address to POST to, when a run is done, failed, stopped, past its sweet range or "
    "memorising; docs/queue.md.",
)


def notify(command: str, root: Path, event: Event, message: str, status: Status | None) -> None:
    """Run ``command`` in the shell with the facts in its environment, or send them to the address that it is.

    ``OSError`` when that cannot be begun.
    """
    facts = _facts(root, event, message, status)
    variables = {f"SWEETSPOT_{name.upper()}": "" if value is None else str(value) for name, value in facts.items()}
    teller = ["engine.process.limited", str(LIMIT_S), command]
    if _is_address(command):
        teller = ["engine.process.webhook", str(POST_LIMIT_S), command, json.dumps(facts)]
    with os.fdopen(open_append(Layout(root).log), "ab") as log:
        process = subprocess.Popen(
            child.command(*teller),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=child.environment() | variables,
            **child.apart(),
        )
    process.returncode = 0  # nobody waits for it: without this Python would complain that nobody did


def _facts(root: Path, event: Event, message: str, status: Status | None) -> dict[str, Any]:
    best = status.best if status is not None else None
    return {
        "run": str(root),
        "event": event,
        "message": message.replace("\0", ""),
        "epoch": status.epoch if status is not None else None,
        "step": status.step if status is not None else None,
        "best": float(f"{best.raw:.6g}") if best is not None else None,
        "best_epoch": best.epoch if best is not None else None,
    }


def events(status: Status) -> list[tuple[Event, str]]:
    """All that there is to tell of a run by now, each with a sentence: its turns for the worse, then its end."""
    end = [(_ENDS[status.state], _last_word(status))] if status.state in _ENDS else []
    return [*_turns(status), *end]


class Notices:
    """What a training tells of itself by ``command``: its end, and each turn for the worse once a session."""

    def __init__(self, command: str, writer: RunWriter) -> None:
        self._command, self._writer = command, writer
        self._told = {event for event, _ in _turns(writer.status)}  # what stands when it is resumed was said before

    def epoch(self) -> None:
        """An epoch is over, and the status says what it showed."""
        for event, message in _turns(self._writer.status):
            if event not in self._told:
                self._told.add(event)
                self._tell(event, message)

    def ended(self) -> None:
        """The status has the run's last word."""
        status = self._writer.status
        if status.state in _ENDS:
            self._tell(_ENDS[status.state], _last_word(status))

    def _tell(self, event: Event, message: str) -> None:
        try:
            notify(self._command, self._writer.root, event, message, self._writer.status)
        except OSError as error:
            self._writer.warn(f"The command of --notify could not be run: {error.strerror or error}.", "notify")


def _turns(status: Status) -> Iterator[tuple[Event, str]]:
    worse = [one.message for one in status.diagnosis if one.code in WORSENS]
    if worse:
        yield "past", worse[0]
    memorises = [one.message for one in status.diagnosis if one.memorises]
    if memorises:
        yield "memorising", memorises[0]


def _last_word(status: Status) -> str:
    if status.error is not None:
        return f"{status.error.cause} {status.error.remedy}".strip()
    if status.state is State.COMPLETED:
        reason = reason_done(status)
        return f"{reason[0].upper()}{reason[1:]}."
    return f"Stopped in epoch {status.epoch}, step {status.step}."
