"""One folder a task. A new one needs no list to be edited: it is found by its folder."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from engine.config import TaskConfig
from engine.errors import ConfigError


def task_names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def task_config(name: str) -> type[TaskConfig]:
    """The configuration of task ``name``: the one TaskConfig class that its config module defines. Imports no torch.

    ``ConfigError`` when there is no such task: the name may come from anybody's run.
    """
    module = _part(name, "config")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, TaskConfig) and value.__module__ == module.__name__
    )


def task_opener(name: str) -> Any:
    """``open_task(source, config, task_config, device, context)`` of task ``name``. Imports torch; ``ConfigError``."""
    return _part(name, "task").open_task


def _part(name: str, part: str) -> ModuleType:
    if name not in task_names():
        raise ConfigError(
            f"There is no task {name!r} in this version.", f"It knows {', '.join(task_names())}: update Sweetspot."
        )
    return importlib.import_module(f"engine.tasks.{name}.{part}")
