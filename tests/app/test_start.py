"""``sweetspot app``: what it opens, and what it does where its port is taken."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.start import command
from tests import forkserver
from tests.conftest import free_port, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the browser here is a shell script")


SOCKET = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


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


def test_a_page_from_elsewhere_that_tries_to_connect_has_it_ask_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        port = free_port()
        with started(tmp_path, port, "--no-browser") as log:
            until(lambda: "URL" in log.read_text())
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            connection.request("GET", "/_stcore/stream", headers=SOCKET | {"Origin": "http://example.org"})
            assert connection.getresponse().status == 403
            connection.close()
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody came
            proxy.accept()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/dev/null", "/dev/null is no folder"),
        ("/dev/null/runs", "/dev/null is no folder"),
        ("{here}/note.txt", "note.txt is a file"),
        ("{here}/note.txt/runs", "note.txt is a file"),
        ("{here}/" + 300 * "x", "cannot be reached: file name too long"),
        ("{here}/loop", "loop is a link that leads nowhere"),
        ("{here}/loop/runs", "loop is a link that leads nowhere"),
        ("", "an empty name leads nowhere"),
    ],
)
def test_what_is_no_folder_and_cannot_be_made_one_is_refused_before_anything_starts(
    place: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "note.txt").write_text("no runs")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    began: list[object] = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda: began.append(None))
    done = CliRunner().invoke(command, ["--no-browser", "--runs-dir", place.format(here=tmp_path)])
    assert not began and said in (done.output + str(done.exception)) and done.exit_code != 0
    assert "--runs-dir" in done.output + str(done.exception)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o300)
    done = CliRunner().invoke(command, ["--no-browser", "--runs-dir", str(tmp_path)])
    tmp_path.chmod(0o700)
    assert "may not be read by you" in str(done.exception)


@pytest.mark.parametrize("port", ["abc", "1.5", ""])
def test_a_port_that_is_no_number_is_called_so(port: str) -> None:
    done = CliRunner().invoke(command, ["--port", port])
    assert done.exit_code == 2 and f"'--port': {port!r} is not a valid integer.\n" in done.output


def test_a_port_that_is_taken_is_said_and_its_page_not_shown(opened: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = forkserver.run("engine", "app", "--runs-dir", tmp_path, "--port", port, environment=dict(os.environ))
    assert done.returncode == 2 and f"Port {port} cannot be had" in done.stderr and "--port" in done.stderr
    assert not opened.exists()
