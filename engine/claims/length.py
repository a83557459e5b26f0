"""How long a run will be, in words."""

from __future__ import annotations

from engine.quantities import about, counted
from engine.run_length import automatic_steps


def in_words(epochs: int, steps: int, seconds: float | None) -> str:
    """ "50 epochs, 2,142 updates, about 3 minutes"; ``seconds`` are estimated, None where nothing is known of them."""
    parts = [counted(epochs, "epoch"), counted(steps, "update")]
    return ", ".join([*parts, *([] if seconds is None else [about(seconds)])])


def beyond_need(steps: int, num_train: int) -> str | None:
    """That a limit in minutes plans more than such a collection was measured to need; None where it does not.

    steps: planned. num_train: training items, from which :func:`automatic_steps` follows.
    """
    times = round(steps / automatic_steps(num_train), 1)
    if times <= 1:
        return None
    return f"It uses up its time: {times:,} times the updates that such a collection is measured to need."
