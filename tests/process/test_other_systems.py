"""What is written for Windows and macOS, with a thin stand-in for the little of them that is missing here.

It holds which way is gone there and what is asked of the system, not what the system answers: no line of this project
was run on either (docs/platforms.md).
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from app.runs import folder_dialog
from engine import child
from engine.errors import RunDirectoryError
from engine.printable import command_to_copy
from engine.process.sleep_inhibitor import kept_awake
from engine.rundir import atomic, liveness, lock, reading
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.sharing import unpack
from engine.sharing.delete import delete_run
from tests.conftest import until
from tests.rundir.conftest import open_writer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stands in for the other systems")
DETACHED, OWN_GROUP = 0x8, 0x200


class Msvcrt:
    """Its one function that is used: a lock on bytes from where the file stands, of this open file alone."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.locked_at: list[int] = []

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert (mode, count) == (self.LK_NBLCK, 1)
        self.locked_at.append(os.lseek(descriptor, 0, os.SEEK_CUR))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(errno.EACCES, "Permission denied") from error


class Key:
    """An open key of the registry."""

    def __enter__(self) -> Key:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def opened_key(root: int, path: str) -> Key:
    assert (root, path) == (5, r"SOFTWARE\Microsoft\Cryptography")
    return Key()


REGISTRY = SimpleNamespace(HKEY_LOCAL_MACHINE=5, OpenKey=opened_key, QueryValueEx=lambda key, name: (f"the {name}", 1))


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who this machine is: the answers of another system must not stay in this process."""
    for name in ("boot_id", "machine_id"):
        monkeypatch.setattr(liveness, name, getattr(liveness, name).__wrapped__)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Msvcrt:
    fake = Msvcrt()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(lock, "msvcrt", fake, raising=False)
    monkeypatch.setitem(sys.modules, "winreg", REGISTRY)
    monkeypatch.setattr(subprocess, "DETACHED_PROCESS", DETACHED, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", OWN_GROUP, raising=False)
    return fake


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


def test_windows_locks_a_byte_behind_what_others_read_and_lets_one_in(windows: Msvcrt, tmp_path: Path) -> None:
    place = tmp_path / "run.lock"
    held = lock.RunLock(place, "pid 1")
    assert windows.locked_at == [1 << 30] and place.read_text() == "pid 1\n", "its locks keep readers out as well"
    assert lock.is_held(place) is True
    held.release()
    assert lock.is_held(place) is None, "to ask is to take, and a trainer that begins now would be refused"
    place.write_text("pid 2 on another\n")
    with place.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RunDirectoryError, match="pid 2 on another"):
            lock.RunLock(place, "pid 1")
    lock.RunLock(place, "pid 1").release()


def test_windows_opens_no_directory_while_a_run_is_written_resumed_and_deleted(
    windows: Msvcrt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def opened(path: str, flags: int, mode: int = 0o777, **options: int) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, mode, **options)

    root = tmp_path / "runs" / "drums"
    root.parent.mkdir()
    for resume in (False, True):
        with monkeypatch.context() as system:
            system.setattr(os, "open", opened)
            with open_writer(root, resume=resume) as writer:
                writer.event("step", step=1, epoch=1, train_loss=1.0)
                writer.state(State.CANCELLED)
    assert len(RunReader(root).sessions()) == 2 and any(
        event.get("step") == 1 for event in RunReader(root).events().events
    )
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        held = [name.readlink().name for name in Path("/proc/self/fd").iterdir() if name.is_symlink()]
        assert "run.lock" not in held, "Windows renames no directory in which a file is open"
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    delete_run(root)
    assert not list(root.parent.iterdir())


def test_windows_waits_for_readers_and_readers_for_the_writer(
    windows: Msvcrt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([PermissionError(), PermissionError(), None] * 2)

    def patiently(*_: object) -> None:
        if (refusal := next(refusals)) is not None:
            raise refusal

    replace, read_own = Path.replace, reading.read_own
    monkeypatch.setattr(Path, "replace", lambda self, target: (patiently(), replace(self, target))[1])
    monkeypatch.setattr(reading, "read_own", lambda path, most: (patiently(), read_own(path, most))[1])
    atomic.replace_bytes(tmp_path / "status.json", b"{}", durable=True)
    assert reading._read_patiently(tmp_path / "status.json", 100) == b"{}"


def test_windows_puts_an_unpacked_run_where_nothing_is(
    windows: Msvcrt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "staged").mkdir()
    (tmp_path / "staged" / "run.json").touch()
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        assert not target.exists(), "Windows takes no empty folder's place"
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    placed = unpack._placed(tmp_path / "staged", tmp_path, "drums")
    assert placed == tmp_path / "drums" and (placed / "run.json").exists()


def test_windows_starts_processes_that_no_terminal_ends_and_quotes_as_its_shell_reads(windows: Msvcrt) -> None:
    assert child.apart() == {"creationflags": OWN_GROUP | DETACHED}
    told = command_to_copy("sweetspot", "inspect", r"C:\Own sounds\run 1")
    assert told == r'sweetspot inspect "C:\Own sounds\run 1"'


def test_windows_knows_its_machine_by_the_registry(windows: Msvcrt) -> None:
    assert liveness._machine_number() == "the MachineGuid"


def test_macos_flushes_the_drive_too_and_less_where_the_file_system_cannot(
    macos: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(os, "fsync", lambda descriptor: asked.append("fsync"))
    monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, command: asked.append(command))
    atomic.flush(0)

    def refused(descriptor: int, command: int) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(fcntl, "fcntl", refused)
    atomic.flush(0)
    assert asked == [51, "fsync"]


@pytest.mark.parametrize(("kind", "held"), [(fcntl.F_UNLCK, False), (fcntl.F_WRLCK, True)])
def test_macos_is_asked_for_a_lock_by_the_order_of_its_own_structure(
    kind: int, held: bool, macos: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """struct flock of <sys/fcntl.h>: l_start, l_len, l_pid, l_type, l_whence."""
    monkeypatch.setattr(fcntl, "F_GETPATH", 50, raising=False)
    (tmp_path / "run.lock").touch()

    def answered(descriptor: int, command: int, given: bytes) -> bytes:
        assert command == fcntl.F_GETLK and struct.unpack("qqihh", given) == (0, 0, 0, fcntl.F_RDLCK, os.SEEK_SET)
        return struct.pack("qqihh", 0, 0, 4711 if held else 0, kind, os.SEEK_SET)

    monkeypatch.setattr(fcntl, "fcntl", answered)
    assert lock.is_held(tmp_path / "run.lock") is held


def test_macos_says_where_a_moved_run_is_now(macos: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, moved = tmp_path / "drums", tmp_path / "elsewhere"
    with open_writer(root) as writer:
        writer._heart.stop()  # it would find that its directory is gone
        hold = writer.hold
        root.rename(moved)

        def answered(descriptor: int, command: int, buffer: bytes) -> bytes:
            assert (command, len(buffer)) == (50, 1024)
            return os.fsencode(moved).ljust(1024, b"\0")

        with monkeypatch.context() as system:
            system.setattr(fcntl, "F_GETPATH", 50, raising=False)
            system.setattr(fcntl, "fcntl", answered)
            assert hold._whereabouts() == moved
        moved.rename(root)


def test_macos_knows_its_boot_and_its_machine_by_what_its_tools_print(
    macos: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = {"/usr/sbin/sysctl": "5A4E-77\n", "/usr/sbin/ioreg": '  |   "IOPlatformUUID" = "00AB-12"\n'}
    monkeypatch.setattr(liveness, "_said", lambda program, *words: printed[program])
    assert liveness.boot_id() == "5A4E-77" and liveness._machine_number() == "00AB-12"


def test_macos_is_kept_awake_by_caffeinate_as_long_as_this_process_lives(
    macos: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "caffeinate"
    program.write_text('#!/bin/sh\necho "$@" > "$0.asked"\nexec cat\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    before = set(psutil.Process().children())
    with kept_awake() as name:
        assert name == "caffeinate"
        asked = program.with_name("caffeinate.asked")
        until(lambda: asked.exists() and asked.read_text())
        assert asked.read_text().split() == ["-i", "-w", str(os.getpid())]
    assert not set(psutil.Process().children()) - before


@pytest.mark.parametrize(("system", "program"), [("darwin", "osascript"), ("win32", "powershell")])
def test_the_systems_own_dialog_is_offered_to_who_sits_before_it(
    system: str, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == program else None)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    offered = folder_dialog.offered(None)
    assert offered is not None and offered[0] == program
    monkeypatch.setenv("SSH_CONNECTION", "here there")
    assert folder_dialog.offered(None) is None
