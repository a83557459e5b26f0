"""A real Chromium before a real server: what browser tests and the screenshots share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests import forkserver
from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",  # of one window: so a page that stays open keeps what is compiled, see `keep_warm`
]

SHOWN_MS = 240_000  # until a page shows what it is to show: a busy machine may be as long about it


def executable() -> str | None:
    """Debian's Chromium, or what else goes by its names."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield browser
        browser.close()


def keep_warm(context: Any) -> None:
    """Open a page in ``context`` that stays, so that the process which draws the others lives as long as it does.

    Otherwise each page begins in a process of its own and compiles Streamlit anew: a third of what it costs.
    """
    page = context.new_page()
    page.route("**/*", lambda asked: asked.fulfill(body="", content_type="text/html"))
    page.goto("http://127.0.0.1/")


class Server:
    """``streamlit run app/main.py`` on a free port of this machine. log: where what it prints goes.

    program: the module that does it, and what it is given first. forked: from a process that has imported all that
    streamlit needs, rather than a Python of its own. script: another app.
    """

    def __init__(
        self,
        runs_dir: Path,
        log: int | IO[bytes] = subprocess.DEVNULL,
        program: tuple[str, ...] = ("streamlit",),
        forked: bool = False,
        script: str = "app/main.py",
    ) -> None:
        self.port = free_port()
        self.runs_dir = runs_dir
        arguments = ["run", script, "--server.port", str(self.port), "--", "--runs-dir", str(runs_dir)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process: subprocess.Popen[Any]
        if forked:
            self.process = forkserver.Popen(*program, *arguments, environment=environment, stdout=log, stderr=log)
        else:
            command = [sys.executable, "-m", *program, *arguments]
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self._wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _wait(self) -> None:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=30):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError("the app did not come up")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_trainer(*arguments: str, log: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """``python -m engine train`` with ``arguments``, left running; what it prints goes to ``log``."""
    command = [sys.executable, "-m", "engine", "train", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)


@contextmanager
def server(
    runs_dir: Path,
    log: int | IO[bytes] = subprocess.DEVNULL,
    program: tuple[str, ...] = ("streamlit",),
    forked: bool = False,
    script: str = "app/main.py",
) -> Iterator[Server]:
    """The app over ``runs_dir``; gone at the end."""
    running = Server(runs_dir, log, program, forked, script)
    try:
        yield running
    finally:
        running.stop()
