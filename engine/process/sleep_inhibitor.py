"""Keeps the machine from falling asleep while it trains, where the system has a way to ask for that.

A small process of the system's own holds the wish and ends with the trainer however that ends: ``caffeinate`` waits
for its pid, ``systemd-inhibit`` for a pipe that the kernel closes. Where neither is there, or the system refuses
(no session, no right), nothing is promised and nothing fails. ``systemd-inhibit`` begins what it waits for once it
holds the wish, and that says so: however slow the machine is, nothing is promised before.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_SETTLE_S = 0.5  # caffeinate that is refused ends at once
_ANSWER_S = 10.0  # a system that takes longer to grant it, or to refuse, promises nothing


@contextlib.contextmanager
def kept_awake() -> Iterator[str | None]:
    """As a context: the name of the program that keeps this machine awake, None when it may fall asleep."""
    command = _command()
    holder = _start(command) if command else None
    try:
        yield Path(command[0]).name if command and holder else None
    finally:
        if holder is not None:
            _stop(holder)


def _command() -> list[str] | None:
    """The idle sleep is held off, a lid that is closed or a battery that ends is not: that is for its owner."""
    name = "caffeinate" if sys.platform == "darwin" else "systemd-inhibit"
    program = shutil.which(name) if sys.platform in ("darwin", "linux") else None
    if program is None:
        return None
    if sys.platform == "darwin":
        return [program, "-i", "-w", str(os.getpid())]
    shell = shutil.which("sh")
    why = ["--what=idle:sleep", "--mode=block", "--who=Sweetspot", "--why=A model is being trained"]
    return [program, *why, shell, "-c", "echo held; exec cat"] if shell else None


def _start(command: list[str]) -> subprocess.Popen[bytes] | None:
    try:
        # A session of its own: Ctrl-C is for the trainer, and without a terminal nobody is asked for a password.
        holder = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    if _goes_on(holder) if sys.platform == "darwin" else _says_so(holder):
        return holder
    _stop(holder)
    return None


def _goes_on(holder: subprocess.Popen[bytes]) -> bool:
    try:
        holder.wait(_SETTLE_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _says_so(holder: subprocess.Popen[bytes]) -> bool:
    """Whether what waits within it has begun; the pipe of one that is refused ends."""
    assert holder.stdout is not None
    return bool(select.select([holder.stdout], [], [], _ANSWER_S)[0] and holder.stdout.readline())


def _stop(holder: subprocess.Popen[bytes]) -> None:
    assert holder.stdin is not None and holder.stdout is not None
    with contextlib.suppress(OSError):
        holder.stdin.close()
    holder.kill()
    holder.wait()
    holder.stdout.close()
