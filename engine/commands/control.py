"""``sweetspot control RUN_DIR cancel|save-now``: a word to the process that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from engine.errors import SweetspotError
from engine.process.path_type import UserPath
from engine.rundir import control
from engine.rundir.reader import RunReader

ANSWER_S = 30.0
_WORDS: dict[str, Literal["cancel", "save_now"]] = {"cancel": "cancel", "save-now": "save_now"}
_TAKEN = {
    "cancel": "Cancel acknowledged: the step under way ends, a checkpoint is written, then training stops.",
    "save-now": "Save acknowledged: a checkpoint is written after the step under way; training goes on.",
}


@click.command("control")
@click.argument("run_dir", type=UserPath())
@click.argument("word", metavar="cancel|save-now", type=click.Choice(list(_WORDS)))
def command(run_dir: Path, word: str) -> None:
    """Cancel a training, or have it save a checkpoint now.

    Waits until the training process has acknowledged and prints that. Ends with 1 when no process trains, or when
    none answers within 30 seconds.
    """
    reader = RunReader(run_dir)
    if not reader.exists:
        raise click.ClickException(f"No process trains {run_dir}: there is no run. Name a run directory.")
    try:
        sent = control.send(run_dir, _WORDS[word])
    except SweetspotError as error:
        raise click.ClickException(str(error)) from error
    answer = control.wait_for(run_dir, sent.id, timeout_s=ANSWER_S)
    if answer is None:
        raise click.ClickException(_silence(reader))
    if answer.result == "refused":
        raise click.ClickException(f"{word} was refused: {answer.reason}.")
    click.echo(_TAKEN[word])


def _silence(reader: RunReader) -> str:
    view = reader.view()
    if not view.session_may_live:
        return f"The training process ended before it answered (the run is {view.state})."
    if view.doubt:
        return f"No answer, and nothing moves in {reader.root}. {view.doubt} Say it where the run trains."
    where = f"pid {view.session.pid} on {view.session.host}" if view.session else "the process"
    return f"No answer within {ANSWER_S:.0f} seconds from {where}: it may be stopped, or run on another machine."
