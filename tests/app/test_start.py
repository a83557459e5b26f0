"""``sweetspot app``: what it opens, and what it does where its port is taken."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import forkserver
from tests.conftest import free_port, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the browser here is a shell script")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the browser of this computer, which has no screen, was asked to show."""
    script, asked = tmp_path / "browser", tmp_path / "asked.txt"
    script.write_text(f'#!/bin/sh\necho "$@" >> "{asked}"\n')
    script.chmod(0o755)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BROWSER", str(script))
    return asked


@contextmanager
def started(place: Path, port: int, *options: str) -> Iterator[Path]:
    """The app over an empty folder; the file of what it prints."""
    log = place / "app.log"
    with log.open("wb") as said:
        arguments = ("app", "--runs-dir", place / "runs", "--port", port, *options)
        process = forkserver.Popen("engine", *arguments, stdout=said, stderr=said)
    try:
        yield log
    finally:
        process.terminate()
        process.wait(120)


def test_it_opens_in_the_browser_once_it_answers_where_there_is_one_and_it_is_wanted(
    opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path, free_port(), "--no-browser") as log:
        until(lambda: "URL" in log.read_text())
    with monkeypatch.context() as without:
        without.delenv("BROWSER")
        with started(tmp_path, free_port()) as log:
            until(lambda: "URL" in log.read_text())
    port = free_port()
    with started(tmp_path, port) as log:
        until(opened.exists)
        until(opened.read_text)
    assert opened.read_text().splitlines() == [f"http://localhost:{port}"], "the two before opened nothing"
    assert "e-mail" not in log.read_text().lower()


def test_a_port_that_is_taken_is_said_and_its_page_not_shown(opened: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = forkserver.run("engine", "app", "--runs-dir", tmp_path, "--port", port, environment=dict(os.environ))
    assert done.returncode == 2 and f"Port {port} cannot be had" in done.stderr and "--port" in done.stderr
    assert not opened.exists()
