"""One folder a task. A new one needs no list to be edited: it is found by its folder."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from engine.config import Settings


def task_names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def task_config(name: str) -> type[Settings]:
    """The configuration of task ``name``: the one Settings class that its config module defines. Imports no torch."""
    module = importlib.import_module(f"engine.tasks.{name}.config")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Settings) and value.__module__ == module.__name__
    )


def task_opener(name: str) -> Any:
    """``open_task(source, config, task_config, device, context)`` of task ``name``. Imports torch."""
    return importlib.import_module(f"engine.tasks.{name}.task").open_task
