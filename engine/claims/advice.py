"""What to do after a failure, and what of the run is still there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.claims.figures import typed
from engine.rundir.artefacts import Artefact
from engine.rundir.layout import checkpoint_step

MOST_NAMED = 5
SANE_RATE = 2e-3  # the default: one learning rate was best on every collection, see docs/model.md


@dataclass(frozen=True)
class Kept:
    """Epochs of the best state and of the newest checkpoint whose files verify; None where none does.

    damaged: files of either kind that are there and do not verify. usable: where no checkpoint does, the epochs whose
    snapshots verify: weights to use, and nothing to go on from. What has learnt nothing yet is none of them.
    step: of the newest checkpoint, which may stand in the midst of its epoch.
    """

    best: int | None = None
    newest: int | None = None
    damaged: int = 0
    usable: tuple[int, ...] = ()
    step: int | None = None


def kept(checkpoints: Iterable[Artefact], snapshots: Iterable[Artefact]) -> Kept:
    """What of them verifies. Reads the checkpoints whole, and the snapshots where none is left to go on from."""
    best = newest = step = None
    damaged = 0
    for one in checkpoints:
        if one.manifest is None or not one.verified:
            damaged += 1
        elif checkpoint_step(one.path.name) is None:
            best = one.manifest.epoch
        else:
            newest, step = max((newest or 0, step or 0), (one.manifest.epoch, one.manifest.step))
    if newest is not None:
        return Kept(best, newest, damaged, step=step)
    usable = {one.manifest.epoch for one in snapshots if one.manifest and one.manifest.epoch > 0 and one.verified}
    return Kept(best, damaged=damaged, usable=tuple(sorted(usable)))


def lower_rate(rate: float) -> float:
    """Half of a learning rate that failed, and no more than the default."""
    return min(rate / 2, SANE_RATE)


def diverged(rate: float) -> str:
    """The remedy where a loss or the gradients were no numbers any more."""
    return f"Start again with a lower learning rate: --learning-rate {typed(lower_rate(rate))}."


def what_is_kept(files: Kept) -> str:
    """One sentence, true of the files as they lie there now."""
    if files.best is not None and files.newest is not None and files.newest != files.best:
        return f"Kept are the best state, of epoch {files.best}, and the last save, of epoch {files.newest}."
    if files.best is not None and not files.usable:
        return f"The best state, of epoch {files.best}, is kept."
    if files.newest is not None:
        return f"The last save, of epoch {files.newest}, is kept."
    if files.best is not None:
        none = "No checkpoint is kept to go on from, but the best state"
        return f"{none}, of epoch {files.best}, is. {_what_is_usable(files)}"
    if files.usable:
        none = "No checkpoint verifies" if files.damaged else "No checkpoint is kept to go on from"
        return f"{none}. {_what_is_usable(files)}"
    if files.damaged:
        return "Nothing that was saved verifies: nothing is kept."
    return "Nothing is kept yet: it failed before anything was saved."


def _what_is_usable(files: Kept) -> str:
    """Which epochs' weights can be used where no checkpoint is left; "" where there are none."""
    epochs = list(map(str, files.usable))
    if len(epochs) < 2:
        return f"What it had learnt by epoch {epochs[0]} can be used." if epochs else ""
    if len(epochs) > MOST_NAMED:
        return f"What it had learnt by {len(epochs)} epochs, from {epochs[0]} to {epochs[-1]}, can be used."
    return f"What it had learnt by epochs {', '.join(epochs[:-1])} and {epochs[-1]} can be used."
