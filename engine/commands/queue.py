"""``sweetspot queue``: runs that wait for their turn, and the worker that trains them, one night long or for ever."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from engine import completion
from engine.errors import ConfigError
from engine.flags import Sectioned, WholeRange
from engine.printable import escaped, sweetspot
from engine.process.asking import beginnings, every_setting, fitting
from engine.process.notify import option as notify_option
from engine.process.path_type import UserPath
from engine.process.signals import SignalFlag
from engine.quantities import counted
from engine.queue.cluster import hand_over, slurm
from engine.queue.files import Queue, Queued
from engine.queue.listing import Listed, listed
from engine.queue.standing import QueueRow, best_so_far, take_out_all
from engine.queue.sweep import add_all, asked_jobs
from engine.queue.worker import Worker
from engine.rundir.encoding import encode
from engine.settings import OverfittingPreset

if TYPE_CHECKING:
    from submitit.core.core import PicklingExecutor

runs_dir_option = click.option(
    "--runs-dir", type=UserPath(), default=Path("runs"), show_default=True,
    help="Directory of the runs; the queue lies in it.",
)  # fmt: skip


@click.group("queue")
def command() -> None:
    """Have runs wait for their turn, and train them one after the other.

    \b
    sweetspot queue add ~/Samples/drums --presets conservative,balanced --seeds 2
    sweetspot queue run --slots 2

    What was under way when the computer went down goes on where it stood, with the next "queue run".
    """


@command.command("add", cls=Sectioned, fitting=fitting)
@click.argument("source", required=False, shell_complete=completion.sources)
@runs_dir_option
@click.option("--presets", metavar="A,B,C", help="A run with each of these presets in place of --preset.")
@click.option("--seeds", type=WholeRange(1, 100), metavar="N", help="So many runs of each, from --seed on.")
@beginnings
@every_setting
def add(source: str | None, runs_dir: Path, presets: str | None, seeds: int | None, name: str | None,
        config_file: Path | None, origin: Path | None, checkpoint: str | None, **values: Any) -> None:  # fmt: skip
    """Put a run at the end of the queue; several with --presets and --seeds.

    SOURCE and the settings are those of "sweetspot train", and are checked now as they are there. Prints the directory
    of each run.
    """
    queue = Queue(runs_dir)
    jobs = asked_jobs(
        values, runs_dir, _presets(presets, values), seeds,
        source=source, name=name, config_file=config_file, origin=origin, checkpoint=checkpoint,
    )  # fmt: skip
    for note in jobs[0].notes:
        click.echo(escaped(note), err=True)
    for one in add_all(queue, jobs, source):
        click.echo(one.root)


@command.command("list")
@runs_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def show(runs_dir: Path, as_json: bool) -> None:
    """Show what is over, what trains and what waits, in the order of its turn, each with its best so far.

    A run that stopped goes on with the next "queue run".
    """
    found = listed(Queue(runs_dir))
    if as_json:
        told = {
            "worker": found.worker or None,
            "requests": [one.told() for one in found.rows],
            "damaged": list(map(str, found.damaged)),
        }
        click.echo(encode(told, indent=2).decode(), nl=False)
        return
    for line in _table(found.rows):
        click.echo(line)
    click.echo(_summary(found, runs_dir))
    for why, remedy in found.passed_over():
        click.echo(f"{escaped(why)} {remedy}", err=True)


@command.command("run")
@runs_dir_option
@click.option("--slots", type=WholeRange(1, 64),
              help="So many trainings at once; automatic: one, of a cluster as many as it allows.")  # fmt: skip
@click.option("--threads", type=WholeRange(1, 256),
              help="CPU threads of each; automatic: 4, at most the cores divided by the slots.")  # fmt: skip
@click.option("--wait", is_flag=True, help="Stay when the queue is empty, for what is added later.")
@click.option("--on", type=click.Choice(["slurm"]), help="Hand all over to a cluster, each as a job, and leave.")
@click.option("--minutes", type=WholeRange(5, 100_000), metavar="N",
              help="With --on: the time of a job, which comes back when it is over; automatic: 240.")  # fmt: skip
@click.option("--sbatch", multiple=True, metavar="NAME=VALUE",
              help="With --on slurm: an option of sbatch, such as partition=gpu; several times.")  # fmt: skip
@notify_option
def work(runs_dir: Path, slots: int | None, threads: int | None, wait: bool, on: str | None, minutes: int | None,
         sbatch: tuple[str, ...], notify: str | None) -> int:  # fmt: skip
    """Train what waits, in the order of its turn, until nothing is left.

    What was under way goes on first, from where it stood. A failure is noted in the list and stops no other. Ctrl-C or
    SIGTERM ends the trainings under way with a checkpoint each. Ends with 1 when a request failed.

    On several GPUs each training sees one of its own. With --on slurm what is not over becomes jobs of the cluster; the
    runs, the sounds and this program must lie where all its machines see them (docs/scale.md).
    """
    if on is not None and wait:
        raise ConfigError(
            "--on hands over what waits and leaves.", "Leave --wait out; what is added later needs --on again."
        )
    if on is None and (minutes is not None or sbatch):
        raise ConfigError("--minutes and --sbatch say how a cluster trains.", "Give --on slurm beside them.")
    queue = Queue(runs_dir)
    if on is not None:
        return _hand_over(queue, slurm(queue, minutes or 240, slots, _options(sbatch)), threads, notify)
    signals, slots = SignalFlag(), slots or 1
    with queue.as_worker():
        signals.install()
        try:
            return Worker(queue, slots, threads, signals, _say, notify).run(wait=wait)
        finally:
            signals.ignore()


def _hand_over(queue: Queue, executor: PicklingExecutor, threads: int | None, notify: str | None) -> int:
    with queue.as_worker():
        count = hand_over(queue, executor, threads, notify, _say)
    _say(f"{counted(count, 'run is', 'runs are')} with the cluster now." if count else "There is nothing to hand over.")
    return 0


def _options(texts: Sequence[str]) -> dict[str, str | bool]:
    """Of sbatch: "partition=gpu", or "exclusive" alone."""
    found: dict[str, str | bool] = {}
    for text in texts:
        name, equals, value = text.removeprefix("--").partition("=")
        if not re.fullmatch(r"[a-z][a-z-]*", name):
            raise ConfigError(f"{text!r} is no option of sbatch.", "Give its long name and value: partition=gpu.")
        found[name] = value if equals else True
    return found


@command.command("stop")
@runs_dir_option
def stop(runs_dir: Path) -> None:
    """Ask the worker to end, wherever it runs: each training under way ends with a checkpoint.

    The next "queue run" goes on with them. To end one run alone: "sweetspot control RUN_DIR cancel".
    """
    queue = Queue(runs_dir)
    worker = queue.seat.holder()
    queue.stop()
    click.echo(f"The worker was asked to end ({worker}): it leaves once each training has its checkpoint.")


def _say(line: str) -> None:
    """To whom still listens: a terminal that is gone ends no training."""
    with suppress(OSError):
        click.echo(escaped(line))


def _ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    queue = Queue(ctx.params.get("runs_dir") or Path("runs"))
    return [CompletionItem(one.id) for one in queue.requests() if one.id.startswith(incomplete)]


@command.command("next")
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=_ids)
@runs_dir_option
def train_next(ids: tuple[str, ...], runs_dir: Path) -> None:
    """Train these next: put them in front of all that wait, in the order they are named.

    Also while a worker goes through the queue: what trains already goes on, and these come when a slot is free.
    """
    queue = Queue(runs_dir)
    asked = [_find(queue, name) for name in dict.fromkeys(ids)]
    queue.train_next([one.id for one in asked])
    for one in asked:
        click.echo(f"{one.id} comes next." if one is asked[0] else f"{one.id} comes after it.")


@command.command("remove")
@click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=_ids)
@runs_dir_option
@click.option("--waiting", is_flag=True, help="All that wait.")
@click.option("--ended", is_flag=True, help="All that are over: their runs stay, the list forgets them.")
def remove(ids: tuple[str, ...], runs_dir: Path, waiting: bool, ended: bool) -> None:
    """Take requests out of the queue. ID is the name of the run's directory, or its path.

    A run that was begun stays where it is. One that trains is to be cancelled instead.
    """
    if not (ids or waiting or ended):
        raise ConfigError("Nothing is named to remove.", "Give the ID that the list shows, --waiting or --ended.")
    queue = Queue(runs_dir)
    damaged = {path.stem: path for path in queue.damaged()}
    names = dict.fromkeys(Path(name).name for name in ids)
    asked = [_find(queue, name) for name in names if name not in damaged]
    states = [state for state, wanted in (("waiting", waiting), ("ended", ended)) if wanted]
    asked += [one for one in queue.requests() if one.state in states and one not in asked]
    for path in (damaged[name] for name in names if name in damaged):
        queue.remove_damaged(path)
        click.echo(f"{path.stem} is out of the queue.")
    out, refused = take_out_all(queue, asked)
    for one in out:
        click.echo(f"{one.id} is out of the queue.")
    if refused:
        raise refused[0]


def _find(queue: Queue, name: str) -> Queued:
    wanted = Path(name).name
    for one in queue.requests():
        if one.id == wanted:
            return one
    raise ConfigError(f"{name!r} is not in the queue of {queue.runs_dir}.", 'See "sweetspot queue list".')


def _presets(text: str | None, values: dict[str, Any]) -> list[str]:
    if text is None:
        return []
    if values.get("preset") is not None:
        raise ConfigError("--preset and --presets are two answers to one question.", "Give one of them.")
    found = [part.strip() for part in text.split(",") if part.strip()]
    known = ["auto", *map(str, OverfittingPreset)]
    wrong = [part for part in found if part not in known]
    if wrong or not found:
        raise ConfigError(
            f"{', '.join(map(repr, wrong)) or repr(text)} is no preset.", f"Known are: {', '.join(known)}."
        )
    return list(dict.fromkeys(found))


def _table(places: Sequence[QueueRow]) -> list[str]:
    rows = [(str(one.state), one.queued.id, *_where(one)) for one in places]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        escaped("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip())
        for row in rows
    ]


def _where(one: QueueRow) -> tuple[str, str]:
    """How far it is; its best so far, and why it failed."""
    view = one.view
    status = view.status if view is not None else None
    far = "" if status is None or not status.total_epochs else f"epoch {status.epoch} of {status.total_epochs}"
    best = best_so_far(status, view.run if view is not None else None)
    job = f"job {one.queued.job}" if one.queued.job else ""
    return far, "; ".join(filter(None, [best, one.reason, job]))


def _summary(found: Listed, runs_dir: Path) -> str:
    if found.worker:
        return f"A worker goes through it ({found.worker})."
    fact = " ".join(filter(None, found.unworked()))
    if not found.to_begin:
        return fact
    where = () if runs_dir == Path("runs") else ("--runs-dir", runs_dir)
    return f"{fact} Start with: {sweetspot('queue', 'run', *where)}"
