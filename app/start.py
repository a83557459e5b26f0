"""``sweetspot app``: the app from wherever it is installed."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

import click

from app.runs.folder_dialog import has_screen
from engine.errors import ConfigError
from engine.flags import WholeRange
from engine.process.path_type import UserPath

MAIN = Path(__file__).resolve().parent / "main.py"


@click.command("app")
@click.option(
    "--runs-dir",
    type=UserPath(),
    default=Path("runs"),
    show_default=True,
    help="Where the runs lie, and where new ones begin.",
)
@click.option("--port", type=WholeRange(1, 65535), default=8501, show_default=True, help="Port on this computer.")
@click.option(
    "--browser/--no-browser", default=None, help="Open it in the browser; automatic: where this computer has a screen."
)
def command(runs_dir: Path, port: int, browser: bool | None) -> None:
    """Watch runs, start new ones and make sounds, in a browser on this computer. Ctrl-C ends it, never a training."""
    from streamlit.web import cli  # half a second that the list of commands need not wait for

    from app.look.server_check import ask_nobody
    from app.runs.library import fault

    if found := fault(runs_dir):
        raise ConfigError(f"{found}.", "Name a folder with --runs-dir, there or to be made.")
    _refuse_taken(port)
    if browser or (browser is None and (has_screen() or "BROWSER" in os.environ)):
        threading.Thread(target=_open, args=(f"http://localhost:{port}",), daemon=True).start()
    place = str(runs_dir.absolute())
    sys.argv = ["streamlit", "run", str(MAIN), "--server.port", str(port), "--", "--runs-dir", place]
    ask_nobody()
    cli.main()


def _refuse_taken(port: int) -> None:
    """Before anything is opened: what answers there would be another program's page."""
    with socket.socket() as probe:
        if (
            os.name == "posix"
        ):  # what has just ended still holds it for a minute; elsewhere this would take it from others
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"Port {port} cannot be had: {error.strerror or error}.",
                "End what uses it, or name another with --port.",
            ) from error


def _open(url: str) -> None:
    """Show the app once it answers. Streamlit would do it too, but ask for an e-mail address and advertise first."""
    while not answers(f"{url}/_stcore/health"):
        time.sleep(0.1)
    click.launch(url)


def answers(url: str) -> bool:
    """Whether something is served there."""
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except OSError:
        return False
