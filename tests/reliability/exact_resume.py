"""``python -m tests.reliability.exact_resume FOLDER``: stop after every step of two epochs, resume; prints JSON."""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

from engine.loop.checkpoint import load_newest
from engine.rundir.layout import Layout
from tests.reliability.sessions import STEPS, Reference, fork, prepare, same, session, write_table

TERMINATED = 143


def stops() -> list[tuple[int, ...]]:
    """Every step of two epochs, the edges of the run, and runs that are stopped two and three times."""
    return [*((step,) for step in (*range(9), STEPS - 1)), (1, 2), (3, 4, 5), (0, 7, STEPS - 1)]


def main(folder: Path) -> None:
    prepare()
    table = write_table(folder / "table.csv")
    assert session(table, folder / "whole") == 0
    whole, wrong, weights = Reference(folder / "whole"), [], []
    for moments in stops():
        root = folder / ("run-" + "-".join(map(str, moments)))
        for moment in moments:
            code, said = fork(lambda root=root, moment=moment: session(table, root, stop_at=moment))
            if code != TERMINATED:
                wrong.append(f"{root.name}: told to stop at {moment} it ended with {code}: {said}")
            if len(moments) == 1 and moment:
                loaded, _ = load_newest(Layout(root))
                weights.append(loaded.state["model"] if loaded is not None and loaded.step == moment else None)
        code, said = fork(lambda root=root: session(table, root))
        if code:
            wrong.append(f"{root.name}: resuming ended with {code}: {said}")
        else:
            wrong += [f"{root.name}: {complaint}" for complaint in whole.complaints(root, files=False)]
    if None in weights or any(same(*pair) for pair in pairwise(weights)):
        wrong.append("a step did not move the weights, or was not saved: nothing was compared")
    print(json.dumps({"runs": len(stops()), "wrong": wrong}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
    os._exit(0)
