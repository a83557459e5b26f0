"""Whether every dependency comes ready-made for each platform that docs/platforms.md names. Asks the package index."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.conftest import ROOT

# uv resolves for a platform that it does not run on, from the metadata alone: nothing is downloaded or installed.
PLATFORMS = {
    "Linux, x86-64, CUDA": "x86_64-manylinux_2_28",
    "Linux, ARM (64 bits)": "aarch64-manylinux_2_28",
    "macOS 14, Apple processor": "aarch64-apple-darwin",
    "macOS 13, Apple processor": "aarch64-apple-darwin",
    "Windows, x86-64": "x86_64-pc-windows-msvc",
}
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"].keys()
INTEL = "macOS, Intel processor"
OLDEST_MACOS = {"macOS 13, Apple processor": "13.0", "macOS 14, Apple processor": "14.0"}
PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")


def resolve(
    platform: str, python: str, out: Path, *extras: str, macos: str = "14.0"
) -> subprocess.CompletedProcess[str]:
    """Versions of all that the project needs, with wheels alone, written to ``out``."""
    asked = [find_uv_bin(), "pip", "compile", str(ROOT / "pyproject.toml"), "--python-platform", platform]
    asked += ["--python-version", python, "--only-binary", ":all:", "--no-config", "--no-header", "--quiet"]
    asked += [word for extra in extras for word in ("--extra", extra)]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": macos}
    command = [*asked, "--output-file", str(out)]
    return subprocess.run(command, cwd=out.parent, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module", autouse=True)
def _index() -> None:
    try:
        socket.create_connection(("pypi.org", 443), timeout=10).close()
    except OSError as error:
        pytest.skip(f"the package index is out of reach: {error}")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], dict[str, str]]:
    """Versions by name of platform and Python: all asked at once, for each waits for the index."""

    def ask(case: tuple[str, str]) -> dict[str, str]:
        (name, python), out = case, tmp_path_factory.mktemp("wheels") / "found.txt"
        extras, macos = EXTRAS - {"bench"}, OLDEST_MACOS.get(name, "14.0")
        done = resolve(PLATFORMS[name], python, out, *extras, macos=macos)
        assert done.returncode == 0, f"{name}, Python {python}: {done.stderr}"
        return dict(re.findall(r"^([\w.-]+)==(\S+)", out.read_text(), re.MULTILINE))

    cases = [(name, python) for name in PLATFORMS for python in PYTHONS]
    with ThreadPoolExecutor(len(cases)) as pool:
        return dict(zip(cases, pool.map(ask, cases), strict=True))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_dependency_has_a_wheel(found: Mapping[tuple[str, str], dict[str, str]]) -> None:
    for (name, _), versions in found.items():
        assert {
            "torch",
            "torchaudio",
            "streamlit",
            "soundfile",
            "scikit-learn",
            "mido",
            "sounddevice",
            "mkdocs",
            "pytest",
        } <= versions.keys()
        assert any("nvidia" in package for package in versions) == name.startswith("Linux")
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name} |")]
        assert "every package has a wheel" in row
        bound = re.search(r"with torch (\d+\.\d+)", row)
        assert bound is None or versions["torch"].startswith(bound[1])


@pytest.mark.slow
def test_a_package_without_a_wheel_is_seen_and_said(tmp_path: Path) -> None:
    done = resolve("x86_64-apple-darwin", "3.11", tmp_path / "found.txt")
    assert done.returncode != 0 and "torch" in done.stderr
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {INTEL} |")]
    assert "**no**" in row
