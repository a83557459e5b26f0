"""``python -m tests.browser.unhurried COMMAND``: the engine, whose training rests after each update.

Beside a page that is watched, a trainer of a tiny model takes all of the processor that it can get, and the test waits
for the rest. This one is as real, and its pace is nearly the same on every machine.
"""

from __future__ import annotations

import time

from engine.__main__ import main
from engine.loop.trainer import Trainer

REST_S = 0.1


def rest_after_updates() -> None:
    step = Trainer._step

    def unhurried(trainer: Trainer) -> None:
        step(trainer)
        time.sleep(REST_S)

    Trainer._step = unhurried  # type: ignore[method-assign]


if __name__ == "__main__":
    rest_after_updates()
    main()
