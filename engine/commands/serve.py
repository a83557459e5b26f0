"""``sweetspot serve RUN_DIR``: one warm process that makes sounds for a viewer. The protocol is in docs/serve.md."""

from __future__ import annotations

import os
import queue
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import click

from engine.errors import SweetspotError
from engine.flags import FiniteRange
from engine.process.path_type import UserPath
from engine.rundir.encoding import encode

IDLE_S = 600.0
LONGEST_LINE = 1 << 20


@click.command("serve")
@click.argument("run_dir", metavar="RUN_DIR|MODEL.zip", type=UserPath())
@click.option("--threads", type=click.IntRange(1, 256), help="CPU threads; automatic: the cores, at most 4.")
@click.option("--idle-s", type=FiniteRange(0.1), default=IDLE_S, show_default=True, help="Ends after so long idle.")
def command(run_dir: Path, threads: int | None, idle_s: float) -> None:
    """Answer requests for sounds over stdin and stdout.

    One JSON object a line comes in, one goes out (docs/serve.md). Reads the run only, also while it trains. Ends when
    stdin closes, after ten idle minutes, or with a line over 1 MiB.
    """
    answers_to = _own_stdout()
    lines = _lines(sys.stdin.fileno())
    # Threads that spin while they wait for one another starve on a machine that also trains: measured with four
    # threads beside ten busy ones, 7.8 s a sound with spinning and 0.22 s without. Read once, when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from engine.device import choose
    from engine.tasks.vae.instrument.request_handler import KitRequestHandler
    from engine.tasks.vae.sounds.load import check_can
    from engine.tasks.vae.sounds.wire import told

    choose("cpu", threads)
    try:
        if not run_dir.is_file():  # an exported model is checked when it is opened
            check_can(run_dir, "make_sounds")
    except SweetspotError as error:
        _send(answers_to, {"id": None, "ok": False, "error": told(error)})
        raise
    handler = KitRequestHandler(run_dir)
    while True:
        try:
            line = lines.get(timeout=idle_s)
        except queue.Empty:
            return
        if line is None or not _send(answers_to, handler.answer(line)):
            return


def _own_stdout() -> BinaryIO:
    """The stream of the answers. Whatever else prints in this process goes to stderr from now on."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream


def _send(stream: BinaryIO, answer: dict[str, object]) -> bool:
    """Whether anybody still reads."""
    try:
        stream.write(encode(answer))
        stream.flush()
    except BrokenPipeError:
        return False
    return True


def _lines(descriptor: int) -> queue.Queue[bytes | None]:
    """Lines as they come; None at the end. By a thread: Windows cannot wait for a pipe.

    It reads the descriptor itself: a thread that waits in ``sys.stdin`` holds its lock, and Python aborts at the end.
    """
    found: queue.Queue[bytes | None] = queue.Queue(maxsize=64)

    def read() -> None:
        pending = b""
        while block := os.read(descriptor, 1 << 16):
            *whole, pending = (pending + block).split(b"\n")
            for line in filter(bytes.strip, whole):
                found.put(line)
            if len(pending) > LONGEST_LINE:
                break
        found.put(pending or None)
        found.put(None)

    threading.Thread(target=read, daemon=True, name="requests").start()
    return found
