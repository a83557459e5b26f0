"""What to do after a failure, and what of the run is still there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.claims.figures import typed
from engine.rundir.artefacts import Artefact
from engine.rundir.layout import checkpoint_step

SANE_RATE = 2e-3  # the default: one learning rate was best on every collection, see docs/model.md


@dataclass(frozen=True)
class Kept:
    """Epochs of the best state and of the newest checkpoint whose files verify; None where none does.

    damaged: files of either kind that are there and do not verify.
    """

    best: int | None = None
    newest: int | None = None
    damaged: int = 0


def kept(found: Iterable[Artefact]) -> Kept:
    """What of ``found`` verifies. Reads the files whole."""
    best = newest = None
    damaged = 0
    for one in found:
        if one.manifest is None or not one.verified:
            damaged += 1
        elif checkpoint_step(one.path.name) is None:
            best = one.manifest.epoch
        else:
            newest = max(newest or 0, one.manifest.epoch)
    return Kept(best, newest, damaged)


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
    if files.best is not None:
        return f"The best state, of epoch {files.best}, is kept."
    if files.newest is not None:
        return f"The last save, of epoch {files.newest}, is kept."
    if files.damaged:
        return "Nothing that was saved verifies: nothing is kept."
    return "Nothing is kept yet: it failed before anything was saved."
