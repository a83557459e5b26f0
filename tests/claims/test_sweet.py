"""What strip, chart, card and message call the sweet range follows the verdict, and lies where files were compared."""

from __future__ import annotations

from typing import Any

import pytest

from engine.claims.headline import past_the_spot, sweet
from engine.rundir.schema import Best, State, Status, SweetRange
from tests.app.library import record
from tests.claims.histories import SOUND, Run, falling, turning

RISE, OWN = turning(30, 10, 0.1), falling(30, 12.0, 3.0, 8.0)
BEHIND = SweetRange(10, 8, 14, 8, True, True, 0.6, 0.2)
WITHIN = SweetRange(10, 8, 30, 8, True, False, 0.1, 0.2)


def status(run: Run, state: State = State.COMPLETED) -> Status:
    best = Best(metric="val_recon_db", value=5.0, raw=5.0, epoch=10, step=100)
    values: dict[str, Any] = {"session": "s", "state": state, "epoch": 30, "step": 300, "best": best}
    return Status.model_validate(values | {"evidence": run.evidence(), "diagnosis": run.claims()})


@pytest.mark.parametrize(
    ("run", "name", "band", "beyond"),
    [
        (Run(RISE, OWN, sweet=BEHIND), "sweet spot", (8, 14), 14),
        (Run(RISE, OWN, sweet=WITHIN), "sweet spot", (8, 30), None),
        (Run(RISE, OWN, sweet=BEHIND, kl=(0.1, 0.1)), "sweet spot", (8, 14), None),
        (Run(RISE, OWN, files=2), "best", None, None),
        (Run(RISE, OWN, files=0), "sweet spot", None, 10),
    ],
    ids=["behind in pairs", "not behind", "it carries nothing", "two files", "no files told apart"],
)
def test_the_band_is_of_the_pairs_and_what_lies_beyond_of_the_verdict(
    run: Run, name: str, band: tuple[int, int] | None, beyond: int | None
) -> None:
    found = sweet(status(run), record("r", monitor=SOUND))
    assert found is not None and (found.name, found.band, found.beyond) == (name, band, beyond)
    assert (found.beyond is not None) == past_the_spot(status(run))


def test_while_it_learns_it_is_the_best_so_far() -> None:
    found = sweet(status(Run(RISE, OWN, sweet=BEHIND), State.RUNNING), record("r", monitor=SOUND))
    assert found is not None and (found.name, found.beyond) == ("best so far", 14)
