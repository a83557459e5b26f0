"""How a new run is asked for on a command line: the options that ``train`` and ``queue add`` share. No torch."""

from __future__ import annotations

from typing import Any

import click

from engine import completion
from engine.config import TrainingConfig
from engine.flags import Fitting, options
from engine.process.path_type import UserPath
from engine.registry import find_source
from engine.tasks import task_config, task_names


def fitting(source: str, named: set[str]) -> Fitting:
    """Which settings have a meaning for ``source``."""
    found = find_source(source, named)
    return Fitting(frozenset({TrainingConfig, task_config(found.task)}), found.source.kind)


every_setting = options(TrainingConfig, *(task_config(name) for name in task_names()))


def beginnings(command: Any) -> Any:
    """A decorator: the options, beside the settings, of whoever asks for a new run, as ``job.asked_job`` takes them."""
    for option in reversed(_BEGINNINGS):
        command = option(command)
    return command


_BEGINNINGS = (
    click.option("--name", help="What to call the run; by default its source."),
    click.option(
        "--config",
        "config_file",
        type=UserPath(exists=True, dir_okay=False),
        help="Settings from a file: a run's run.json. Options given beside it win.",
    ),
    click.option(
        "--from",
        "origin",
        type=UserPath(),
        metavar="RUN_DIR",
        help="Begin with what that run learned, on its data and with its settings, or on SOURCE and with others.",
    ),
    click.option(
        "--checkpoint",
        metavar="WHICH",
        shell_complete=completion.states,
        help="With --from: best (the default), last, step-N or epoch-N.",
    ),
)
