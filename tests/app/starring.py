"""``python -m tests.app.starring FOLDER NAME...``: an app that gives stars to made sounds, one after the other.

It says "ready" and begins when it is told to, so that several begin at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from app.sounds.made_sounds import MadeSounds


def main(folder: Path, names: list[str]) -> None:
    made = MadeSounds(folder)
    print("ready", flush=True)
    sys.stdin.readline()
    for name in names:
        made.star(name, True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
