"""The wheel alone, without this checkout: it trains, reports and shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.request
import venv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from app.start import answers
from tests.conftest import ROOT, SMALL, free_port

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin`` of an environment that holds the wheel and what it declares to need, nothing else.

    What it needs is linked from the environment that runs the tests, a package at a time: no download, no copy. pip
    then installs the wheel without an index, and so finds out whether all that it declares is there.
    """
    place = tmp_path_factory.mktemp("installed")
    source = place / "source"
    source.mkdir()
    for name in ("engine", "app"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", str(place)], source)
    shutil.rmtree(source)
    venv.create(place / "environment", symlinks=True)
    scripts = place / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
    wheel = next(place.glob("*.whl"))
    own = next((place / "environment").rglob("site-packages"))
    _link(needed(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]), own)
    _run([*pip, "--python", str(scripts / "python"), "install", "--no-index", str(wheel)], place)
    return scripts


def needed(requirements: Iterable[str]) -> set[str]:
    """Names of the distributions that these requirements come to on this machine, with all that those need in turn."""
    found: set[str] = set()
    asked = {(text, "") for text in requirements}
    seen: set[tuple[str, str]] = set()
    while asked:
        seen.add(now := asked.pop())
        one = Requirement(now[0])
        if one.marker is None or one.marker.evaluate({"extra": now[1]}):
            found.add(one.name)
            asked |= {(text, of) for text in requires(one.name) or () for of in ("", *one.extras)} - seen
    return found


def _link(names: Iterable[str], into: Path) -> None:
    """Packages and metadata of the distributions of these names, as links in the folder ``into``."""
    for name in names:
        one = distribution(name)
        tops = {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}
        for top in tops:
            if not (into / top).exists():
                (into / top).symlink_to(Path(str(one.locate_file(top))).resolve())


def test_the_wheel_trains_reports_and_shows(installed: Path, tmp_path: Path) -> None:
    sweetspot = str(installed / "sweetspot")
    where = _run(
        [str(installed / "python"), "-c", "import app, engine; print(app.__file__, engine.__file__)"], tmp_path
    )
    assert str(ROOT) not in where and where.count("site-packages") == 2
    others = "from importlib.util import find_spec; print([find_spec(name) for name in ('pytest', 'sklearn', 'scipy')])"
    assert _run([str(installed / "python"), "-c", others], tmp_path).strip() == "[None, None, None]"
    _run([sweetspot, "train", "demo", "--run-dir", "runs/demo", "--max-steps", "4", *SMALL], tmp_path)
    _run([sweetspot, "report", "runs/demo", "--out", "report.html"], tmp_path)
    assert "<svg" in (tmp_path / "report.html").read_text()
    made = _done([sweetspot, "instrument", "runs/demo", "--sounds", "1", "--out", "kit.zip"], tmp_path)
    assert (tmp_path / "kit.zip").is_file() and not made.stderr, "with all that belongs to the package, such as its net"
    with _app(sweetspot, tmp_path) as url, urllib.request.urlopen(url) as answer:
        assert answer.status == 200
    page = (
        "import sys; from streamlit import config; from streamlit.testing.v1 import AppTest\n"
        "from app.start import MAIN\n"
        "config._main_script_path = str(MAIN); sys.argv = ['main.py', '--runs-dir', 'runs']\n"
        "page = AppTest.from_file(str(MAIN), default_timeout=120).run(); assert not page.exception, page.exception\n"
        "page.query_params['run'] = 'demo'; page.run(); page.switch_page('views/run.py')\n"
        "page.query_params['run'] = 'demo'; page.run()\n"
        "assert not page.exception and page.get('vega_lite_chart'), page\n"
    )
    _run([str(installed / "python"), "-c", page], tmp_path)


@contextmanager
def _app(sweetspot: str, place: Path) -> Iterator[str]:
    """``sweetspot app``, up."""
    port = free_port()
    command = [sweetspot, "app", "--runs-dir", "runs", "--port", str(port)]
    log = place / "app.log"
    with log.open("wb") as said:
        process = subprocess.Popen(command, cwd=place, env=_environment(), stdout=said, stderr=said)
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while not answers(f"{url}/_stcore/health"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(120)
        assert not answers(f"{url}/_stcore/health"), "the server outlived its command"


def _run(command: list[str], place: Path) -> str:
    return _done(command, place).stdout


def _done(command: list[str], place: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=place, env=_environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    return done


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
