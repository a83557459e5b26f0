"""``sweetspot log RUN_DIR --to tensorboard``: a run for the monitor that one has already."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from engine.errors import ConfigError, RunDirectoryError
from engine.installation import MONITOR, install
from engine.process.path_type import UserPath
from engine.process.signals import SignalFlag
from engine.quantities import counted, plural
from engine.rundir.liveness import HEARTBEAT_PATIENCE_S, HeartbeatWatch
from engine.rundir.reader import RunReader
from engine.rundir.view import ShownState
from engine.sharing.event_file import EventFile
from engine.sharing.run_log import MOST_AGAIN, RunLog

LOOK_S = 1.0
_HELP = f"""Write a run's curves, sounds and pictures as event files, for TensorBoard and what else reads those.

The run directory is only read, also while it trains. A directory that has event files is refused: nothing is written a
second time. It needs:

\b
  {install(MONITOR)}
"""


@click.command("log", help=_HELP)
@click.argument("run_dir", type=UserPath())
@click.option("--to", "monitor", type=click.Choice(["tensorboard"]), required=True, help="Whose files to write.")
@click.option("--out", type=UserPath(), help="Directory for them. [default: tensorboard/NAME_OF_THE_RUN]")
@click.option("--follow", is_flag=True, help="Go on with what comes while the run trains; end when it ends.")
def command(run_dir: Path, monitor: str, out: Path | None, follow: bool) -> None:
    reader = RunReader(run_dir)
    if not reader.exists:
        raise RunDirectoryError(f"{run_dir} holds no run.", "Name the directory that a training printed first.")
    out = out or Path(monitor) / reader.id
    if out.resolve().is_relative_to(reader.root.resolve()):
        raise ConfigError(f"{out} lies in the run directory, which is only read.", "Name another with --out.")
    signals = SignalFlag()
    signals.install()
    try:
        log = _write(reader, out, follow, lambda: signals.received is not None)
    finally:
        signals.restore()
    if log is None:
        sys.exit(signals.exit_code)
    found = zip((log.points, log.sounds, log.pictures), ("figure", "sound", "picture"), strict=True)
    click.echo(", ".join(counted(*one) for one in found))
    if log.left_out:
        are = plural(len(log.left_out), "is", "are")
        click.echo(f"{counted(len(log.left_out), 'file')} of previews {are} gone or damaged, and left out.", err=True)
    if log.overlaid:
        click.echo(f"Steps came again more than {MOST_AGAIN} times: the latest lie over those before.", err=True)


def _write(reader: RunReader, out: Path, follow: bool, stopped: Callable[[], bool]) -> RunLog | None:
    """What was written; None where nothing stays of it, as it was ``stopped`` before its end."""
    sessions = reader.sessions()
    with EventFile(out, sessions[0].started_at if sessions else 0.0, live=follow) as file:
        click.echo(out)
        log = RunLog(reader, file)
        _copy(reader, log, follow, stopped)
        if stopped() and not follow:
            return None
        file.finish()
    return log


def _copy(reader: RunReader, log: RunLog, follow: bool, stopped: Callable[[], bool]) -> None:
    """Write all there is, and with ``follow`` what comes until the run ends or ``stopped``. The state is asked first,
    so that what a run writes last is written."""
    watch, sure_at = HeartbeatWatch(), time.monotonic()
    while True:
        state = reader.view(watch).state
        log.catch_up(stopped)
        if state is not ShownState.UNKNOWN:
            sure_at = time.monotonic()
        # Of a run elsewhere only a heartbeat that moves says that it lives: that takes a moment to see.
        doubted = state is ShownState.UNKNOWN and time.monotonic() - sure_at <= HEARTBEAT_PATIENCE_S
        if not follow or stopped() or not (state.live or doubted):
            break
        time.sleep(LOOK_S)
    if follow and not stopped() and state is ShownState.UNKNOWN:
        click.echo("Whether this run still trains cannot be seen from here: this is what it had written.", err=True)
