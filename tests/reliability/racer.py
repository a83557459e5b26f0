"""A process that races for run directories. A line on stdin, ``MOMENT RESUME DIRECTORY``: enter it at that moment.

Says "won" or "refused"; who won holds the directory until the next line, an empty one lets it go.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from engine.errors import RunDirectoryError
from engine.rundir.writer import RunWriter


def main() -> None:
    held: RunWriter | None = None
    print("ready", flush=True)
    for line in sys.stdin:
        if held is not None:
            held.close()
            held = None
        if line == "\n":
            print("free", flush=True)
            continue
        moment, resume, place = line.rstrip("\n").split(" ", 2)
        while time.time() < float(moment):
            pass
        try:
            held = RunWriter.open(Path(place), device="cpu", threads=1, versions={}, resume=resume == "resume")
        except RunDirectoryError:
            print("refused", flush=True)
        else:
            print("won", flush=True)


if __name__ == "__main__":
    main()
