"""``python -m tests.process.jumping_clock ARGUMENTS``: the engine on a computer whose clock is set again and again.

Each time it is asked it stands hours or days before or after what it said last. What no clock can be set for goes on.
"""

from __future__ import annotations

import itertools
import runpy
import time

JUMPS_S = (0.0, -3 * 86_400.0, 7_200.0, 40 * 86_400.0, -3_600.0)


def main() -> None:
    real, jumps = time.time, itertools.cycle(JUMPS_S)
    time.time = lambda: real() + next(jumps)
    runpy.run_module("engine", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
