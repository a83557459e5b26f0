"""A MIDI file played into a WAV file, as fast as it can be made: each note at its sample, nothing nearby or late."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from engine.tasks.vae.play.midi import Tell, obey
from engine.tasks.vae.play.player import Player

_MOST_FRAMES = 4096


def play_file(
    player: Player,
    messages: Iterable[tuple[float, Any]],
    controllers: Sequence[int],
    write: Callable[[np.ndarray], None],
    tell: Tell,
    stopped: Callable[[], bool],
) -> bool:
    """Send ``messages`` (seconds, message) to ``player`` and what it plays to ``write``, until the last sound is over.

    What still loops at the end of the file is let go there. False when ``stopped`` before.
    """
    done = 0
    for at, message in messages:
        until = round(at * player.rate)
        while done < until and not stopped():
            piece = min(until - done, _MOST_FRAMES)
            write(player.block(piece))
            done += piece
        if stopped():
            return False
        obey(player, message, controllers, tell)
    player.keys_off()
    while player.sounding and not stopped():
        write(player.block(_MOST_FRAMES))
    return not stopped()
