"""A decoder that hangs or bursts costs one file; cancelling costs nothing; nobody is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.audio.files import decode_worker
from engine.audio.files.cache import default_cache
from engine.audio.files.decode import DecodeJob, decode_files
from tests.audio.sounds import Write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP")


def endless(path: Path) -> Path:
    """Two hours of stereo at 44.1 kHz, most of it a hole in the file: decoding takes far longer than these tests."""
    size = 2 * 3600 * 44_100 * 4
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 44_100, 44_100 * 4, 4, 16)
    with path.open("wb") as file:
        file.write(struct.pack("<4sI4s", b"RIFF", size + 36, b"WAVE") + form + struct.pack("<4sI", b"data", size))
        file.truncate(size + 44)
    return path


def children(parent: int = os.getpid()) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(parent).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child] if "engine.audio.files.decode_worker" in child.cmdline() else []
    return found


def at_endless() -> list[psutil.Process]:
    """Decode children that have the endless file open."""
    found = []
    for child in children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie, killed a moment ago
            found += [child for file in child.open_files() if "endless" in file.path]
    return found


def decode(
    paths: list[Path], check: Callable[[], None], deadline_s: float = 20.0, report: Callable[[int], None] = print
) -> list[str | None]:
    cache = default_cache()
    jobs = [DecodeJob(path, cache.key(path, 48_000)) for path in paths]
    facts = decode_files(jobs, cache, 48_000, report, check, deadline_s)
    assert not children()
    return [fact.failure for fact in facts]


@pytest.mark.slow
def test_a_child_that_hangs_costs_the_file_it_was_at(write: Write, folder: Path) -> None:
    paths = [endless(folder / "endless.wav")] + [write(f"{seed}.wav", seed) for seed in range(6)]
    stopped: list[int] = []
    finished: list[int] = []

    def check() -> None:
        for child in at_endless() if len(finished) == 6 and not stopped else []:
            child.suspend()
            stopped.append(child.pid)

    failures = decode(paths, check, 5.0, finished.append)
    assert stopped
    assert failures == ["hangs: no progress in decoding it for 5 s"] + [None] * 6


def test_a_child_that_bursts_costs_the_file_it_was_at(write: Write, folder: Path) -> None:
    paths = [write(f"{seed}.wav", seed) for seed in range(3)] + [endless(folder / "endless.wav")]
    paths += [write(f"{seed}.wav", seed) for seed in range(4, 7)]
    killed = set()

    def check() -> None:
        for child in at_endless():
            child.kill()
            killed.add(child.pid)

    failures = decode(paths, check)
    assert len(killed) == 2  # among others, then alone
    assert failures == [None] * 3 + ["breaks the decoder: reading it ends the process"] + [None] * 3


@pytest.mark.slow
def test_one_burst_from_outside_costs_nothing(write: Write, folder: Path) -> None:
    paths = [write(f"{seed}.wav", seed, duration_s=20.0) for seed in range(6)]
    killed: list[int] = []

    def check() -> None:
        for child in [] if killed else children():
            child.kill()
            killed.append(child.pid)

    assert decode(paths, check) == [None] * 6
    assert killed


def test_cancelling_passes_through_and_leaves_no_process(folder: Path) -> None:
    class Cancelled(BaseException):
        pass

    def check() -> None:
        if at_endless():
            raise Cancelled

    with pytest.raises(Cancelled):
        decode([endless(folder / "endless.wav")], check)
    assert not children()


def test_a_killed_parent_leaves_no_child(folder: Path) -> None:
    endless(folder / "endless.wav")
    script = (
        "import sys; from pathlib import Path; from engine.collection.collection import open_collection; "
        "from engine.audio.settings import DecodeSettings; open_collection(Path(sys.argv[1]), DecodeSettings())"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(folder)])
    waited = time.monotonic() + 120
    while not (found := children(parent.pid)) and time.monotonic() < waited:
        time.sleep(0.05)
    time.sleep(1.0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert found
    _, alive = psutil.wait_procs(found, timeout=120)
    assert not alive


def test_a_decoder_that_stops_the_interpreter_outlives_no_parent(tmp_path: Path) -> None:
    """A sleep that keeps the interpreter's lock stands for it: the end of stdin cannot be seen then."""
    program = (
        "import ctypes, sys; from engine.audio.files import decode_worker; decode_worker.ORPHAN_S = 2.0; "
        "system = ctypes.PyDLL(None)\n"
        "def decode(*job):\n"
        "    print('sleeps', file=sys.stderr, flush=True); system.sleep(500)\n"
        "decode_worker.decode = decode; decode_worker.main()"
    )
    argv = [sys.executable, "-c", program, str(tmp_path), "48000", "1"]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(b'{"id": 0, "path": "x.wav", "key": "x"}\n')
    child.stdin.flush()
    assert b"begin" in child.stdout.readline()
    assert child.stderr is not None and child.stderr.readline() == b"sleeps\n"
    time.sleep(1.0)  # it is about to
    _, words = child.communicate(timeout=120)  # which ends stdin, as a killed parent does
    assert child.returncode == 1 and b"Timeout" in words


def test_samples_are_flushed_before_they_get_their_name(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: dict[int, int] = {}
    named: list[bool] = []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor: int) -> None:
        about = os.fstat(descriptor)
        flushed[about.st_ino] = about.st_size
        fsync(descriptor)

    def rename(old: Path, new: Path) -> None:
        about = Path(old).stat()
        named.append(flushed.get(about.st_ino) == about.st_size)
        replace(old, new)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    path = write("a.wav", 1)
    cache = default_cache()
    assert decode_worker.decode(path, cache.key(path, 48_000), cache, 48_000, lambda: None).failure is None
    assert named == [True]
