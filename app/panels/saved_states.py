"""The moments of a run whose weights were kept."""

from __future__ import annotations

from engine.claims.headline import best_name
from engine.quantities import number
from engine.rundir.reader import RunReader


def states_of(reader: RunReader) -> dict[str, str]:
    """What sounds can be made with, by its name in a request: best and last, then all snapshots, the newest first."""
    best = best_name(reader.status())
    labels = {"best": f"{best.capitalize()}, epoch", "last": "Last save, epoch"}
    states = reader.saved_states()
    epochs = [one.epoch for one in states if one.name not in labels]
    found = {}
    for one in states:
        twin = one.name not in labels and epochs.count(one.epoch) > 1
        found[one.name] = f"{labels.get(one.name, 'Epoch')} {one.epoch}" + (
            f", step {number(one.step)}" if twin else ""
        )
    return found
