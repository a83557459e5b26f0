"""``sweetspot app``: the app from wherever it is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from engine.process.path_type import UserPath

MAIN = Path(__file__).resolve().parent / "main.py"


@click.command("app")
@click.option(
    "--runs-dir",
    type=UserPath(file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Where the runs lie, and where new ones begin.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port on this computer.")
def command(runs_dir: Path, port: int) -> None:
    """Watch runs, start new ones and make sounds, in a browser on this computer. Ctrl-C ends it, never a training."""
    from streamlit.web import cli  # half a second that the list of commands need not wait for

    place = str(runs_dir.absolute())
    sys.argv = ["streamlit", "run", str(MAIN), "--server.port", str(port), "--", "--runs-dir", place]
    cli.main()
