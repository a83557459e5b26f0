"""``sweetspot scan FOLDER``: the health of a collection before training."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from engine.collection.health import Health, examine
from engine.config import TrainingConfig
from engine.errors import DataError, SweetspotError
from engine.printable import escaped, printable
from engine.process.path_type import UserPath
from engine.quantities import counted, sound_length
from engine.registry import dataset_called
from engine.validation import validated

_MARKS = {"good": "+", "info": "-", "warning": "!", "error": "x"}
_DOING = {"scan": "Looking at", "decode": "Reading", "compare": "Comparing"}
_NAME_WIDTH = 60
_SIDES = {"train": "learn", "val": "check", None: ""}


@click.command("scan")
@click.argument("folder", type=UserPath())
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.option(
    "--min-duration-s",
    "min_duration_s",
    type=float,
    default=DecodeSettings().min_duration_s,
    show_default=True,
    metavar="SECONDS",
    help=DecodeSettings.model_fields["min_duration_s"].description,
)
@click.option("--val-fraction", type=float, help=TrainingConfig.model_fields["val_fraction"].description)
@click.option(
    "--split-seed",
    type=int,
    default=TrainingConfig().split_seed,
    show_default=True,
    help=TrainingConfig.model_fields["split_seed"].description,
)
def command(folder: Path, as_json: bool, min_duration_s: float, val_fraction: float | None, split_seed: int) -> None:
    """Say which sounds of a folder can be trained on.

    And whether they suffice, and what to do where they do not. Links are followed, but for those to a folder above and
    those that lead nowhere. Ends with 0 where a training could begin, also when
    files are skipped; with 2 where none could: too few sounds, none that differ, or a folder that cannot be read.
    """
    try:
        settings: DecodeSettings = validated(DecodeSettings, {"min_duration_s": min_duration_s})
        validated(TrainingConfig, {"val_fraction": val_fraction, "split_seed": split_seed})
        collection = open_collection(folder, settings, _report, minimum=0)
        health = examine(collection, val_fraction, split_seed)
    except SweetspotError as error:
        _clear()
        click.echo(f"Error: {escaped(str(error))}", err=True)
        sys.exit(error.exit_code)
    _clear()
    if dataset_called(str(folder)) is not None:
        click.echo(
            f"{folder} is a data set's name as well: training takes that one, and this folder as ./{folder}.", err=True
        )
    click.echo(health.model_dump_json(indent=2) if as_json else _page(folder, health))
    if not health.ready:
        sys.exit(DataError.exit_code)


def _report(phase: str, done: int, total: int) -> None:
    """A line that overwrites itself, on a terminal only."""
    if sys.stderr.isatty() and total and (done == total or done % 10 == 0):
        click.echo(f"\r\033[K{_DOING[phase]} {done} of {total} files", nl=False, err=True)


def _clear() -> None:
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)


def _page(folder: Path, health: Health) -> str:
    """The table and the findings, as text."""
    head = ("file", "seconds", "rate", "ch", "peak dB", "", "")
    table = [head]
    for row in health.files:
        numbers = (
            f"{row.duration_s:.2f}" if row.duration_s is not None else "",
            f"{row.sample_rate}" if row.sample_rate else "",
            f"{row.channels}" if row.channels else "",
            f"{row.peak_db:z.1f}" if row.peak_db is not None else "",
        )
        said = [row.reason] if row.reason else []
        said += [f"same sound as {_short(escaped(row.same_as))}"] if row.same_as else []
        said += [fault.words for fault in row.faults]
        side = "skipped" if row.verdict == "skipped" else _SIDES[row.split]
        table.append((_short(escaped(row.path)), *numbers, side, "; ".join(said)))
    widths = [max(len(cells[column]) for cells in table) for column in range(6)]
    lines = [_line(cells, widths) for cells in table]
    return "\n".join([*lines, "", _summary(folder, health), *_findings(health)])


def _short(name: str) -> str:
    """A name that leaves room for the rest of its line; --json has it whole."""
    if len(name) <= _NAME_WIDTH:
        return name
    half = (_NAME_WIDTH - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    name = cells[0].ljust(widths[0])
    numbers = [cell.rjust(width) for cell, width in zip(cells[1:5], widths[1:5], strict=True)]
    return "  ".join([name, *numbers, cells[5].ljust(widths[5]), cells[6]]).rstrip()


def _summary(folder: Path, health: Health) -> str:
    length = sound_length(health.total_duration_s)
    name = escaped(printable(folder))
    plan = f", {health.learn} to learn from, {health.check} to check; preset {health.preset}" if health.ready else ""
    return f"{name}: {health.usable} of {counted(len(health.files), 'file')} usable, {length} of sound{plan}."


def _findings(health: Health) -> list[str]:
    return [f"  {_MARKS[finding.severity]} {escaped(finding.message)}" for finding in health.findings]


if __name__ == "__main__":
    command()
