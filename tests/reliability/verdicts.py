"""What ``sweetspot scan`` says of every file of the corpus, one line each, as ``verdicts.txt`` has it.

``python -m tests.reliability.verdicts`` writes that file anew: read the difference with the eyes of a user.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from engine.printable import escaped
from tests import forkserver
from tests.reliability.corpus import build

GOLDEN = Path(__file__).with_name("verdicts.txt")
_WORDS = {"used": "used", "used_with_note": "used, ", "skipped": "skipped, "}


def scan(folder: Path, *options: str) -> str:
    """What the command prints, with a cache of its own beside the folder."""
    environment = os.environ | {"SWEETSPOT_CACHE": f"{folder}.cache"}
    done = forkserver.run("engine", "scan", folder, *options, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(said: dict[str, Any]) -> list[str]:
    """The verdicts of ``scan --json``."""
    return [_line(row) for row in said["files"]]


def _line(row: dict[str, Any]) -> str:
    said = _WORDS[row["verdict"]] + (row["reason"] or "")
    if row["same_as"]:
        said += f"; same sound as {escaped(row['same_as'])}"
    said += "".join(f"; {fault['words']}" for fault in row["faults"])
    return f"{escaped(row['path'])!r}: {said}"


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "sounds"
        folder.mkdir()
        build(folder)
        found = lines(json.loads(scan(folder, "--json")))
    GOLDEN.write_text("\n".join(found) + "\n", encoding="utf-8")
    print(f"{len(found)} verdicts written to {GOLDEN}")


if __name__ == "__main__":
    main()
