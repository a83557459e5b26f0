"""What is told of a directory of runs: an idle look touches no file, and nothing that changes is missed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.runs import changes
from app.runs.changes import Changes
from app.runs.library import Library
from app.runs.store import MetricsStore
from engine.rundir.layout import Layout
from engine.rundir.view import ShownState
from tests.app.library import write
from tests.conftest import ROOT, until
from tests.run_list import list_runs

_hooked: list[Callable[[str, Any], None]] = []
sys.addaudithook(lambda event, about: [hook(event, about) for hook in _hooked] and None)
ASKING = ("stat", "lstat", "access", "readlink")  # what touches a file and raises no audit event


@contextmanager
def touched(below: Path) -> Iterator[list[str]]:
    """Every file and directory below ``below`` that this thread opens, lists or asks about."""
    found: list[str] = []
    mine = threading.get_ident()

    def note(event: str, path: Any) -> None:
        if threading.get_ident() == mine and isinstance(path, str | bytes | os.PathLike):
            name = os.fsdecode(path)
            if name.startswith(str(below)):
                found.append(f"{event} {name}")

    def hook(event: str, about: Any) -> None:
        if event.startswith(("open", "os.")) and about:
            note(event, about[0])

    kept = {name: getattr(os, name) for name in ASKING}
    for name in ASKING:
        setattr(os, name, _noting(name, kept[name], note))
    _hooked.append(hook)
    try:
        yield found
    finally:
        _hooked.remove(hook)
        for name, asked in kept.items():
            setattr(os, name, asked)


def _noting(name: str, ask: Callable[..., Any], note: Callable[[str, Any], None]) -> Callable[..., Any]:
    def asked(path: Any, *arguments: Any, **options: Any) -> Any:
        note(name, path)
        return ask(path, *arguments, **options)

    return asked


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    place = tmp_path / "runs"
    place.mkdir()
    for number in range(3):
        write(place / f"run-{number}")
    return place


@pytest.fixture
def library(runs: Path) -> Iterator[Library]:
    found = Library(runs)
    yield found
    found.changes.close()


def tick(library: Library, stores: dict[str, MetricsStore]) -> list[str]:
    """What a page asks for again and again; the states it shows."""
    found, refused = library.views()
    assert not refused
    for reader, _ in found:
        library.previews(reader)
        library.size(reader)
        stores.setdefault(reader.id, MetricsStore(reader.layout.metrics)).refresh()
    return sorted(f"{reader.id} {view.state}" for reader, view in found)


def settle(library: Library) -> None:
    """Previews count as settled some time after they were written."""
    for reader in list_runs(library.runs_dir):
        if reader.layout.previews.exists():
            os.utime(reader.layout.previews, (1e9, 1e9))


@pytest.mark.parametrize("filesystem", ["ext4", "nfs4"])
def test_an_idle_look_touches_no_file(
    filesystem: str, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(changes, "filesystem", lambda place: filesystem)
    library, stores = Library(runs), {}
    try:
        first = tick(library, stores)
        settle(library)
        assert ("Polling" in library.changes.observer) == (filesystem == "nfs4")

        def idle() -> bool:
            with touched(tmp_path) as found:
                for _ in range(5):
                    assert tick(library, stores) == first and len(first) == 3
            return not found

        until(idle)  # what was written before may be told late
        with touched(tmp_path) as found:
            library.changes.forget()
            tick(library, stores)
        assert found, "the count counts nothing"
    finally:
        library.changes.close()


@pytest.mark.parametrize("filesystem", ["ext4", "nfs4"])
def test_what_changes_is_seen(filesystem: str, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(changes, "filesystem", lambda place: filesystem)
    library, stores = Library(runs), {}
    try:
        tick(library, stores)
        with Layout(runs / "run-1").metrics.open("a") as file:
            file.write('{"event":"step","step":999,"epoch":9,"train_loss":0.5}\n')
        until(lambda: (tick(library, stores), stores["run-1"].steps.count == 999)[1])
        write(runs / "later")
        until(lambda: "later completed" in tick(library, stores))
        (runs / "run-0").rename(runs / "renamed")
        until(lambda: [line.split()[0] for line in tick(library, stores)] == ["later", "renamed", "run-1", "run-2"])
        (runs / "run-2").rename(tmp_path / "gone")
        until(lambda: len(tick(library, stores)) == 3)
        runs.rename(tmp_path / "elsewhere")
        until(lambda: not tick(library, stores))
        write(runs / "again")
        until(lambda: tick(library, stores) == ["again completed"])
    finally:
        library.changes.close()


def test_a_trainer_that_died_is_seen_without_being_told(runs: Path, library: Library) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tests.app.library import write; "
        "from engine.rundir.status import State\n"
        "kept = write(Path(sys.argv[1]), state=State.RUNNING, close=False)\n"
        "print('written', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(runs / "live")], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"written\n"
        until(lambda: "live running" in tick(library, {}))
        reader = next(one for one in library.readers() if one.id == "live")
        until(lambda: library.changes.told("live") == library._views["live"].told or not library.view(reader))
    finally:
        process.kill()
        process.wait()
    assert library.view(reader).state is ShownState.CRASHED


def test_a_run_behind_a_link_is_looked_at_each_time(runs: Path, library: Library, tmp_path: Path) -> None:
    write(tmp_path / "real")
    (runs / "linked").symlink_to(tmp_path / "real")
    until(lambda: "linked" in [reader.id for reader in library.readers()])
    assert library.changes.told("linked") is None and library.changes.told("run-0") is not None


def test_without_watches_left_it_polls(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "Observer", _Refusing)
    found = changes.watch(runs)
    try:
        assert found.told("run-0") is not None and "Polling" in found.observer
    finally:
        found.close()


class _Refusing(changes.PollingObserverVFS):
    """An observer to whom the system gives no watch."""

    def __init__(self) -> None:
        super().__init__(os.stat, os.scandir)

    def schedule(self, *arguments: Any, **options: Any) -> Any:
        raise OSError(28, "inotify watch limit reached")


def test_its_threads_end_with_it(runs: Path) -> None:
    before = set(threading.enumerate())
    found = Changes(runs)
    found.told()
    mine = set(threading.enumerate()) - before
    assert mine and all(thread.daemon for thread in mine)
    found.close()
    until(lambda: not any(thread.is_alive() for thread in mine))


def test_a_size_is_counted_again_once_something_grew(runs: Path, library: Library, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.runs.library.COUNTED_S", 0.0)
    reader = next(one for one in library.readers() if one.id == "run-1")
    before = library.size(reader)
    (runs / "run-1" / "previews").mkdir(exist_ok=True)
    (runs / "run-1" / "previews" / "reference-00.wav").write_bytes(bytes(5000))
    (runs / "run-1" / "elsewhere").symlink_to(runs / "run-2")
    until(lambda: 5000 <= library.size(reader) - before < 5000 + 4096)


def test_folders_made_within_each_other_bring_no_warning_into_the_terminal(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from app.runs.changes import watch\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "seen = watch(place)\n"
        "assert seen.told() is not None\n"
        "for n in range(500):\n"
        "    (place / f'{n}' / 'previews' / 'deep').mkdir(parents=True)\n"
        "while seen.told('499') < 3:\n"  # told in their order: all before it were met
        "    pass\n"
        "seen.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert not done.stderr
