"""``sweetspot log RUN_DIR --to tensorboard``: a run for the monitor that one has already."""

from __future__ import annotations

import time
from pathlib import Path

import click

from engine.errors import ConfigError, RunDirectoryError
from engine.process.path_type import UserPath
from engine.quantities import counted, plural
from engine.rundir.liveness import HEARTBEAT_PATIENCE_S, HeartbeatWatch
from engine.rundir.reader import RunReader
from engine.rundir.view import ShownState
from engine.sharing.event_file import EventFile
from engine.sharing.run_log import RunLog

LOOK_S = 1.0


@click.command("log")
@click.argument("run_dir", type=UserPath())
@click.option("--to", "monitor", type=click.Choice(["tensorboard"]), required=True, help="Whose files to write.")
@click.option("--out", type=UserPath(), help="Directory for them. [default: tensorboard/NAME_OF_THE_RUN]")
@click.option("--follow", is_flag=True, help="Go on with what comes while the run trains; end when it ends.")
def command(run_dir: Path, monitor: str, out: Path | None, follow: bool) -> None:
    """Write a run's curves, sounds and pictures as event files, for TensorBoard and what else reads those.

    The run directory is only read, also while it trains. A directory that has event files is refused: nothing is
    written a second time. Needs pip install tensorboard.
    """
    reader = RunReader(run_dir)
    if not reader.exists:
        raise RunDirectoryError(f"{run_dir} holds no run.", "Name the directory that a training printed first.")
    out = out or Path(monitor) / reader.id
    if out.resolve().is_relative_to(reader.root.resolve()):
        raise ConfigError(f"{out} lies in the run directory, which is only read.", "Name another with --out.")
    sessions = reader.sessions()
    with EventFile(out, sessions[0].started_at if sessions else 0.0) as file:
        click.echo(out)
        log = RunLog(reader, file)
        _copy(reader, log, follow)
    found = zip((log.points, log.sounds, log.pictures), ("figure", "sound", "picture"), strict=True)
    click.echo(", ".join(counted(*one) for one in found))
    if log.left_out:
        are = plural(len(log.left_out), "is", "are")
        click.echo(f"{counted(len(log.left_out), 'file')} of previews {are} gone or damaged, and left out.", err=True)


def _copy(reader: RunReader, log: RunLog, follow: bool) -> None:
    """Write all there is, and with ``follow`` what comes until the run ends. The state is asked first, so that what a
    run writes last is written."""
    watch, sure_at = HeartbeatWatch(), time.monotonic()
    while True:
        state = reader.view(watch).state
        log.catch_up()
        if state is not ShownState.UNKNOWN:
            sure_at = time.monotonic()
        # Of a run elsewhere only a heartbeat that moves says that it lives: that takes a moment to see.
        doubted = state is ShownState.UNKNOWN and time.monotonic() - sure_at <= HEARTBEAT_PATIENCE_S
        if not follow or not (state.live or doubted):
            break
        time.sleep(LOOK_S)
    if follow and state is ShownState.UNKNOWN:
        click.echo("Whether this run still trains cannot be seen from here: this is what it had written.", err=True)
