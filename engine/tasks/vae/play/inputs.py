"""All that a session listens to, opened and closed together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from engine.tasks.vae.play import midi, osc
from engine.tasks.vae.play.midi import Tell
from engine.tasks.vae.play.player import Player


@dataclass(frozen=True)
class Inputs:
    """messages: of a MIDI file, with their seconds. port: a MIDI port's name. osc: host and port. controllers: the one
    of axis 1 first."""

    messages: Sequence[tuple[float, Any]] | None
    port: str | None
    osc: tuple[str, int] | None
    controllers: Sequence[int]


@contextmanager
def listening(player: Player, inputs: Inputs, tell: Tell, warn: Tell) -> Iterator[None]:
    """Take what comes from OSC and the MIDI port until the end of a ``with``. ``ConfigError`` when one cannot be."""
    with ExitStack() as opened:
        if inputs.osc is not None:
            place = opened.enter_context(osc.listen(*inputs.osc, player, warn, tell))
            tell(f"OSC on {place}: /note KEY VELOCITY, /axis/N DEVIATIONS, /place X Y, /off")
        if inputs.port is not None:

            def receive(message: Any) -> None:
                midi.obey(player, message, inputs.controllers, warn)

            tell(f"MIDI from {opened.enter_context(midi.open_port(inputs.port, receive))}")
        yield


@contextmanager
def feeding(player: Player, inputs: Inputs, warn: Tell) -> Iterator[Callable[[], bool]]:
    """Send the messages of the MIDI file at their times, on a thread; a function that tells whether all were sent and
    nothing else is listened to."""
    left, over = threading.Event(), threading.Event()

    def feed() -> None:
        began = time.perf_counter()
        for at, message in inputs.messages or ():
            if left.wait(max(0.0, began + at - time.perf_counter())):
                return
            midi.obey(player, message, inputs.controllers, warn)
        player.keys_off()
        over.set()

    if inputs.messages is None:
        yield lambda: False
        return
    thread = threading.Thread(target=feed, daemon=True, name="midi-file")
    thread.start()
    try:
        yield lambda: over.is_set() and inputs.osc is None
    finally:
        left.set()
        thread.join()
