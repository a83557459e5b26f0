"""How much room a run needs on disk, asked before it starts; and what of it is kept free for checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path

from torch import nn

from engine.errors import StorageError
from engine.loop.intervals import Intervals
from engine.loop.snapshot import MOST_SNAPSHOTS
from engine.plan import Length
from engine.quantities import size
from engine.task import Task

_LINE_BYTES = 450  # of a step in metrics.jsonl; measured on sound: 290 to 420
_OVERHEAD_BYTES = 2 << 20  # pictures, records, the status


def checkpoint_bytes(model: nn.Module) -> int:
    """Weights, their average, and the two moments that Adam keeps of each."""
    return 4 * _weight_bytes(model)


def reserve_bytes(model: nn.Module) -> int:
    """What the next checkpoint and the next best state take, each written before an older one goes."""
    return checkpoint_bytes(model) + 2 * _weight_bytes(model) + _OVERHEAD_BYTES


def needed_bytes(task: Task, length: Length) -> int:
    """About what a whole run writes, previews aside: how large a sound is, the task knows."""
    moments = Intervals.of(task.config, length).moments(length.total_epochs)
    snapshots = min(MOST_SNAPSHOTS, moments) * _weight_bytes(task.model) // 2
    checkpoints = task.config.max_checkpoints * checkpoint_bytes(task.model)
    return checkpoints + reserve_bytes(task.model) + snapshots + length.total_steps * _LINE_BYTES


def check_space(root: Path, needed: int) -> None:
    """``StorageError`` when the disk that ``root`` lies on has less than ``needed`` bytes free."""
    free = free_bytes(root)
    if free is not None and free < needed:
        left = size(free) if size(free) != size(needed) else f"{size(needed - free)} less"
        raise StorageError(
            f"Training needs about {size(needed)} on the disk of {root}, and {left} are free.",
            "Free some space, or choose another place with --run-dir.",
        )


def free_bytes(root: Path) -> int | None:
    """None when the system does not say."""
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return None


def _weight_bytes(model: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
