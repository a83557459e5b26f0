"""Real processes on real sound in temporary directories."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import soundfile
from filelock import FileLock
from hypothesis import HealthCheck, settings

from engine.audio.files.io import write_wave
from tests import forkserver
from tests.audio.sounds import Write, chirp

# The machine is shared: no test asserts a time. Whoever meets a failure meets it again: the same is drawn each time.
settings.register_profile(
    "many", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.register_profile("few", parent=settings.get_profile("many"), max_examples=25)

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
WORKER = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests import forkserver
forkserver.stand_for("tests.worker")
"""  # where a worker's own Python would be started
Make = Callable[[Path], object]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="Slow tests too, and every enumeration whole: what CI runs.")
    parser.addoption("--controls", action="store_true", help="Press every control in every state of a run.")


def pytest_configure(config: pytest.Config) -> None:
    """What Hypothesis draws where a test does not say how much: half of it without ``--all``. And one thread that does
    not spin for each worker and what it starts, said before any of them has loaded torch: the machine is shared."""
    settings.load_profile("many" if config.getoption("all") else "few")
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Four more than there are cores: a test that waits for a disk, a browser or a process leaves its core to others.
    At most eight: each holds torch in its memory."""
    return min(8, (os.cpu_count() or 1) + 4)


def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """Workers are forks, as the processes are that tests start: what each would import takes five seconds of work."""
    os.environ[forkserver.PLACE] = str(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
    for one in specs:
        one.python = shlex.join([sys.executable, "-c", WORKER])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays to the end: looking through it for garbage, again and again, finds none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests are left to ``--all``, those of every control to ``--controls``, and each to whoever names it.

    The dearest come first with every worker: none is left at the end.
    """
    if not any("::" in argument for argument in config.args):
        asked = {"slow": config.getoption("all"), "controls": config.getoption("controls")}
        marks = {item: [name for name in asked if item.get_closest_marker(name)] for item in items}
        left = [item for item in items if marks[item] and not any(asked[name] for name in marks[item])]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    items[:] = _shares(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _shares(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """``items`` in an order in which each of the equal parts that xdist gives to its workers begins with dear modules.

    First those with a time limit of their own, then those with slow tests. The tests of a module stay together: they
    share what is dear about them.
    """
    modules = [list(found) for _, found in itertools.groupby(items, lambda item: item.path)]
    dear: list[list[pytest.Item]] = []
    for name in ("timeout", "slow"):
        dear += [one for one in modules if one not in dear and any(item.get_closest_marker(name) for item in one)]
    cheap = [item for module in modules if module not in dear for item in module]
    firsts: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for module in dear:
        min(firsts, key=len).extend(module)
    ordered: list[pytest.Item] = []
    for number, first in enumerate(firsts, 1):
        end = len(items) * number // workers - len(ordered) - len(first)
        ordered += first + cheap[: max(0, end)]
        del cheap[: max(0, end)]
    return ordered + cheap


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the walk of every control pressed, whichever worker did."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind) if one.when == "call"]
    lines = [said for one in reports for name, said in one.user_properties if name == "controls"]
    if lines:
        terminalreporter.section("controls of the app, by page and state of the run")
        terminalreporter.write_line("\n".join(sorted(lines)))


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until ``condition`` holds; its value. A generous limit: only a broken program reaches it."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.05)


def free_port() -> int:
    """A port of this computer that nobody listens at, and that nobody else of this session was given.

    Not one of those that the system gives to whoever asks for any: seconds go by until somebody listens at it.
    """
    given = Path(os.environ.get(forkserver.PLACE) or tempfile.mkdtemp()) / "ports"
    given.mkdir(exist_ok=True)
    ports = range(20_000, 32_000)
    first = crc32(str(given).encode()) % len(ports)  # another session begins elsewhere
    for port in (*ports[first:], *ports[:first]):
        with contextlib.suppress(OSError), socket.socket() as probe:
            (given / str(port)).touch(exist_ok=False)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="session")
def one_in(pytestconfig: pytest.Config) -> Callable[[int], int]:
    """``one_in(20)``: of an enumeration one case of twenty is tried, with ``--all`` each."""
    return lambda cases: 1 if pytestconfig.getoption("all") else cases


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary folder that all workers of this session have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def _environment(shared: Path) -> None:
    """A decode cache of the tests' own, and one server of forks for all workers."""
    os.environ[forkserver.PLACE] = str(shared)
    os.environ["SWEETSPOT_CACHE"] = str(shared / "sweetspot-cache")


@pytest.fixture(scope="session")
def made_once(shared: Path) -> Callable[[str, Make], Path]:
    """``made_once(name, make)``: the directory that ``make`` fills, by whichever worker needs it first."""

    def once(name: str, make: Make) -> Path:
        place, done = shared / "made-once" / name, shared / "made-once" / f".{name}"
        place.parent.mkdir(exist_ok=True)
        with FileLock(done.with_suffix(".lock")):
            if not done.exists():
                make(place)
                done.touch()
        return place

    return once


@pytest.fixture(scope="session")
def drums(made_once: Callable[[str, Make], Path]) -> Path:
    """Ten real drums, or ten of the demo's sounds where the shared ones are not at hand."""
    return made_once("ten-drums", _copy_drums)


def _copy_drums(folder: Path) -> None:
    found = sorted((DATA / "sonicpi").glob("drum_*.flac"))[:10]
    if not found:
        from engine.tasks.vae.demo.synthesis import synthesise_demo

        everything = folder.with_name("demo")
        synthesise_demo(everything)
        found = sorted(everything.glob("*.wav"))[:10]
    folder.mkdir()
    for path in found:
        (folder / path.name).write_bytes(path.read_bytes())


# Beside so small a model its previews are most of the work: they last half a second, and every fourth epoch has some.
SMALL = (
    "--channels", "8", "--batch-size", "4", "--threads", "1", "--augmentation-expansion", "2",
    "--preview-duration-s", "0.5", "--preview-interval-short", "4",
)  # fmt: skip


def train_small(source: Path, root: Path, *more: str) -> Path:
    """A run of thirty small updates: sounds like nothing, but has all that a run has."""
    options = ["--run-dir", root, "--max-steps", "30", "--checkpoint-interval", "1", *SMALL, *more]
    done = forkserver.run("engine.train", source, *options)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="session")
def drum_run(drums: Path, made_once: Callable[[str, Make], Path]) -> Path:
    """A run of one-shots. Nobody writes into it."""
    return made_once("drums", lambda root: train_small(drums, root))


MODEL_WORDS = ("--licence", "CC0 1.0", "--notes", "Ten drums, recorded in a kitchen.")


@pytest.fixture(scope="session")
def drum_model(drum_run: Path, made_once: Callable[[str, Make], Path]) -> Path:
    """The exported model of that run. Nobody writes into it."""

    def export(out: Path) -> None:
        done = forkserver.run("engine", "export", drum_run, "--out", out, *MODEL_WORDS)
        assert done.returncode == 0, done.stderr

    return made_once("model.zip", export)


@pytest.fixture(scope="session")
def vector_run(drums: Path, made_once: Callable[[str, Make], Path]) -> Path:
    """A run whose chunks are one vector each. Nobody writes into it."""
    return made_once("vectors", lambda root: train_small(drums, root, "--code", "vector"))


@pytest.fixture(scope="session")
def wind_run(made_once: Callable[[str, Make], Path]) -> Path:
    """A run of textures: six winds of three seconds. Nobody writes into it."""
    folder = made_once("six-winds", _blow)
    return made_once("winds", lambda root: train_small(folder, root))


def _blow(folder: Path) -> None:
    folder.mkdir()
    for number in range(6):
        noise = np.random.default_rng(number).standard_normal(3 * 48_000)
        dark = np.convolve(noise, np.hanning(8 * (number + 1)), "same").astype(np.float32)
        write_wave(folder / f"wind-{number}.wav", 0.5 * dark / np.abs(dark).max(), 48_000)


@pytest.fixture
def cache_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of decoded sounds of this test's own."""
    place = tmp_path / "cache"
    monkeypatch.setenv("SWEETSPOT_CACHE", str(place))
    return place


@pytest.fixture
def folder(tmp_path: Path, cache_place: Path) -> Path:
    """An empty folder for sounds."""
    place = tmp_path / "sounds"
    place.mkdir()
    return place


@pytest.fixture
def write(folder: Path) -> Write:
    """``write(name, seed, rate=, gain=, **soundfile options)`` puts one sound into the folder."""

    def put(name: str, seed: int, duration_s: float = 0.5, rate: int = 48_000, gain: float = 1.0, **options) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, gain * chirp(seed, duration_s, rate), rate, **options)
        return path

    return put


@pytest.fixture
def engine() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m engine ...`` to its end."""

    def call(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return forkserver.run("engine", *arguments, timeout=timeout)

    return call


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start ``python -m engine ...`` and leave it running; killed at the end of the test if it still is."""
    started: list[subprocess.Popen[str]] = []

    def call(*arguments: object) -> subprocess.Popen[str]:
        process = forkserver.Popen("engine", *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
