"""``python -m MODULE ...`` in a real process that starts at once: a fork of one that has imported everything.

A process of its own in all but its start: pid, arguments, environment, signals, exit code, what it prints. Importing
torch and what an export needs costs four seconds of work, more than most of what a test asks of its process. Where
the start itself is what is tested, a test starts Python anew.

``python -m tests.forkserver DESCRIPTOR`` is the server, one for all workers of a test session; it ends when nobody is
left who could ask.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
import weakref
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, CompletedProcess
from types import SimpleNamespace
from typing import Any

from filelock import FileLock

from engine import child

ROOT = Path(__file__).resolve().parents[1]
IMPORTED = (
    "torch._dynamo",  # an export would import it
    "engine.train",
    "engine.loop.trainer",
    "engine.tasks.vae.task",
    "engine.tasks.mlp.task",
    "engine.tasks.vae.sounds.server",
    "engine.commands.export",
    "engine.commands.generate",
    "engine.commands.instrument",
    "engine.claims.headline",
    "engine.tasks.vae.datasets",
    "engine.loop.rehearsal",
    "PIL.BmpImagePlugin",  # these four: what saving the first picture would import
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "sklearn.compose",  # what the task of tables imports when it needs it
    "sklearn.datasets",
)
APP = (
    "streamlit.web.cli",
    "streamlit.web.bootstrap",
    "streamlit.web.server.starlette",
    "uvicorn",
    "pandas",
    "app.charts.plots",
    "app.panels.details",
    "app.panels.forms",
    "app.panels.summary",
)
# Without streamlit.testing: it makes a folder when it is imported, which whoever ends first would remove for all forks.
TESTS = ("altair", "playwright.sync_api", "torchaudio")
MORE = {"streamlit": APP, "tests.worker": (*APP, *TESTS)}  # what these need beside; imported when the first asks
LARGEST = 1 << 18  # bytes of a message; the environment is in it
STARTERS = ("engine.process.start", "engine.queue.start_check")  # what starts processes of the engine's own
FORKED = "TESTS_FORKED_STARTS"  # the variable of a process that has what it starts forked, too
PLACE = "TESTS_FORKSERVER"  # the variable that says in which folder those who share a server find it
_STARTED: list[subprocess.Popen[bytes]] = []  # ends after those who ask, so nobody here waits for it


def run(
    module: str, *arguments: object, timeout: float = 300, environment: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """``python -m module`` to its end, and what it said."""
    with Popen(module, *arguments, environment=environment, stdout=PIPE, stderr=PIPE) as process:
        try:
            said = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return CompletedProcess(process.args, process.returncode, *said)


class Popen(subprocess.Popen[Any]):
    """``python -m module`` in the project's folder or ``cwd``, left running; its pipes are text unless that is False.

    All that :class:`subprocess.Popen` does but the start itself and the wait: its private methods for these are
    replaced, for the rest of it (pipes, time limits, signals) is better than what could be written here.
    """

    def __init__(
        self, module: str, *arguments: object, environment: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        environment = dict(os.environ if environment is None else environment)
        super().__init__([module, *map(str, arguments)], env=environment, **{"text": True} | options)

    def _execute_child(self, args: Any, *given: Any) -> None:
        folder, environment, pipes = given[4], given[5], given[9:15]
        request = {"module": args[0], "arguments": args[1:], "folder": folder, "environment": environment}
        theirs = [one if one >= 0 else stream for stream, one in enumerate((pipes[0], pipes[3], pipes[5]))]
        self._ended, reporting = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        weakref.finalize(self, self._ended.close)
        with reporting:
            socket.send_fds(_server(), [json.dumps(request).encode()], [*theirs, reporting.fileno()])
        self._close_pipe_fds(*pipes)
        self.pid = int(self._ended.recv(16))
        self._child_created = True

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        return self._look(0.0)

    def _wait(self, timeout: float | None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _look(self, timeout: float | None) -> int | None:
        if self._ended.fileno() < 0:  # forgotten while it runs: subprocess asks once more when it throws this away
            return self.returncode
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            self.returncode = int(self._ended.recv(16, socket.MSG_PEEK))  # left there: two threads may wait
        return self.returncode


def started(command: list[str], env: Mapping[str, str], **options: Any) -> Popen:
    """What :class:`subprocess.Popen` does for one who starts a command of ``engine.child``."""
    assert command[:3] == child.command("")[:3] and options.pop("close_fds", True)
    options.pop("start_new_session", None)
    return Popen(*command[3:], environment=env, **{"text": False, "cwd": str(Path.cwd())} | options)


def finished(command: list[str], *, capture_output: bool, **options: Any) -> CompletedProcess[str]:
    """What :func:`subprocess.run` does for the same."""
    assert capture_output
    with started(command, stdout=PIPE, stderr=PIPE, **options) as process:
        said = process.communicate()
    return CompletedProcess(process.args, process.returncode, *said)


# In a module that starts processes: in place of its ``subprocess``.
FORKING = SimpleNamespace(Popen=started, run=finished, PIPE=PIPE, STDOUT=STDOUT, DEVNULL=DEVNULL)


def stand_for(module: str) -> None:
    """Be ``python -m module`` to whoever started this process: its arguments, folder, streams, signals and end."""
    process = Popen(module, *sys.argv[1:], cwd=str(Path.cwd()))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: process.send_signal(number))
    code = process.wait()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


@cache
def _server() -> socket.socket:
    """The way to the server, which whoever asks first starts."""
    folder = Path(os.environ.get(PLACE) or tempfile.mkdtemp())
    with FileLock(folder / "forkserver.lock"):
        way = _greeted(folder / "forkserver") or _greeted(_start(folder / "forkserver"))
    assert way, "the server ended before it answered"
    way.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
    return way


def _greeted(place: Path) -> socket.socket | None:
    """The way to the server there, once it has imported everything; None where there is none, or one that ends."""
    way = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.suppress(FileNotFoundError, ConnectionError):
        way.connect(str(place))
        if way.recv(1):
            return way
    way.close()
    return None


def _start(place: Path) -> Path:
    """Start a server that listens there; questions wait until it has imported everything."""
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(place))
        listening.listen()
        command = [sys.executable, "-m", "tests.forkserver", str(listening.fileno())]
        _STARTED.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[listening.fileno()]))
    return place


def main(descriptor: int) -> None:
    """Import, then fork for each start that is asked for."""
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # else importing pyarrow begins one
    _import(IMPORTED)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that wait for the forks end unseen
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests and what they started
    listening = socket.socket(fileno=descriptor)
    ways: list[socket.socket] = []
    while True:
        for ready in select.select([listening, *ways], [], [], 60)[0]:
            if ready is listening:
                ways.append(_welcome(listening))
            elif not _answer(ready, [listening, *ways]):
                ways.remove(ready)
        if not ways:
            return


def _import(names: Iterable[str]) -> None:
    for name in names:
        importlib.import_module(name)
    gc.freeze()  # what is never looked at again is never copied into a fork
    assert len(os.listdir("/proc/self/task")) == 1, "a fork has one thread only"  # noqa: PTH208


def _welcome(listening: socket.socket) -> socket.socket:
    """The way to one who will ask, told that all is imported."""
    way, _ = listening.accept()
    with contextlib.suppress(ConnectionError):  # gone already, which the first look at its question tells
        way.send(b"!")
    return way


def _answer(way: socket.socket, opened: list[socket.socket]) -> bool:
    """Fork for one start that is asked for; False where nobody is left to ask."""
    message, given = b"", []
    with contextlib.suppress(ConnectionError):
        message, given, _, _ = socket.recv_fds(way, LARGEST, 4)
    if message:
        request = json.loads(message)
        _import(MORE.get(request["module"], ()))
        if os.fork() == 0:
            for one in opened:
                one.close()
            _fork(request, given)
    for descriptor in given:
        os.close(descriptor)
    if not message:
        way.close()
    return bool(message)


def _fork(request: dict[str, Any], given: list[int]) -> None:
    """In a process of its own: fork, tell the pid, wait, tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reporting = given.pop()
    child = os.fork()
    if child == 0:
        os.close(reporting)
        return _become(request, given)
    for one in {0, 1, 2, *given}:
        os.close(one)
    os.write(reporting, str(child).encode())
    _, status = os.waitpid(child, 0)
    os.write(reporting, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Be the process that was asked for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored, where the tests were begun under nohup
    for stream, one in enumerate(streams):
        os.dup2(one, stream)
    os.closerange(3, max(streams) + 1)
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["folder"] is not None:
        os.chdir(request["folder"])
    sys.argv[1:] = request["arguments"]
    for name in STARTERS if FORKED in os.environ else ():
        importlib.import_module(name).subprocess = FORKING  # type: ignore[attr-defined]
    # That the module is there already is what this is for.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code: Any = None
    except SystemExit as end:
        code = end.code
    _leave(code)


def _leave(code: Any) -> None:
    """End as Python does, but for freeing all that was imported: of the server's memory each page would be copied."""
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads, then come the functions of atexit
    atexit._run_exitfuncs()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except (OSError, ValueError):
        sys.exit(code)  # nobody takes what it prints: Python has an exit code of its own for that
    if not isinstance(code, int | None):
        sys.exit(code)
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    main(int(sys.argv[1]))
