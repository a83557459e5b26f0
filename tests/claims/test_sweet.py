"""What strip, chart, card and message call the sweet range follows the verdict, and lies where files were compared."""

from __future__ import annotations

import re
from typing import Any

import pytest

from engine.claims.advice import Kept
from engine.claims.headline import headline, past_best, sweet_spot
from engine.claims.verdict import few_files
from engine.rundir.findings import SweetRange
from engine.rundir.status import Best, State, Status
from engine.rundir.view import ShownState
from tests.app.library import record
from tests.claims.histories import SOUND, Run, falling, turning
from tests.claims.test_histories import ROWS
from tests.claims.test_properties import status_of, view

SAYS = re.compile(r"sweet range (?:is |was |of )?(?:epochs )?(\d+ to \d+)")

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
    found = sweet_spot(status(run), record("r", monitor=SOUND))
    assert found is not None and (found.name, found.band, found.beyond) == (name, band, beyond)
    assert (found.beyond is not None) == past_best(status(run))


def test_while_it_learns_it_is_the_best_so_far() -> None:
    found = sweet_spot(status(Run(RISE, OWN, sweet=BEHIND), State.RUNNING), record("r", monitor=SOUND))
    assert found is not None and (found.name, found.beyond) == ("best so far", 14)


def shown(run: Run, state: State = State.COMPLETED) -> tuple[str, str, str, str]:
    """What stands on the card, at the strip's mark, in its description and in the message."""
    told = status(run, state)
    seen = view(ShownState(state.value), told, run=record("r", monitor=run.monitor))
    found, message = sweet_spot(told, seen.run), headline(seen, Kept)
    assert found is not None and message is not None
    return f"{found.title}: {found.value}", found.label, found.said, message.message


def test_the_sweet_range_is_in_words_on_card_strip_and_in_the_message() -> None:
    card, label, said, message = shown(Run(RISE, OWN, sweet=BEHIND))
    assert (card, label) == ("sweet range: 8 to 14", "sweet range 8 to 14, best 10")
    assert said == "sweet spot at epoch 10, sweet range epochs 8 to 14"
    assert message.startswith("Done. The sweet range was epochs 8 to 14, its best epoch 10, ")


def test_while_it_learns_the_range_stands_beside_the_best_so_far() -> None:
    card, label, _, message = shown(Run(RISE, OWN, sweet=BEHIND), State.RUNNING)
    assert (card, label) == ("best so far: epoch 10", "best so far 10, sweet range 8 to 14")
    assert message.endswith("Listen to epochs 4 to 14: the sweet range is 8 to 14.")


def test_with_few_files_it_says_that_nobody_can_tell() -> None:
    card, label, _, message = shown(Run(RISE, OWN, files=2))
    assert (card, label) == ("best: epoch 10", "best 10, sweet range unknown")
    assert message.startswith("Done. The best epoch was epoch 10") and "It cannot tell where the sweet spot" in message


@pytest.mark.parametrize("name", ROWS)
def test_no_two_places_tell_of_different_ranges(name: str) -> None:
    run = ROWS[name][0]
    for state in (State.RUNNING, State.COMPLETED):
        told = status_of(run, state=state)
        seen = view(ShownState(state.value), told, run=record("r", monitor=run.monitor))
        found, message = sweet_spot(told, seen.run), headline(seen, Kept)
        if found is None or message is None:
            continue
        texts = (found.title + " " + found.value, found.label, found.said, message.message)
        ranges = {each for text in texts for each in SAYS.findall(text)}
        assert ranges <= {found.range}, texts
        assert ("sweet range unknown" in found.label) == (told.evidence is not None and few_files(told.evidence))
