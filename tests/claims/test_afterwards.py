"""Once nothing learns any more, no finding says that something still does."""

from __future__ import annotations

import re

import pytest

from engine.claims.headline import headline
from engine.claims.verdict import as_told
from engine.rundir.view import ShownState
from tests.app.library import record
from tests.claims.test_histories import ROWS
from tests.claims.test_properties import Kept, status_of, view

GOING_ON = re.compile(
    r"\bis learning\b|\bso far\b|\bdoes not recover\b|\bhardly learns\b|\bgets worse\b|\bIt is past\b"
)
OVER = [state for state in ShownState if not state.live]


@pytest.mark.parametrize("name", ROWS)
def test_what_is_over_is_told_in_the_past_whoever_wrote_the_last_status(name: str) -> None:
    run, codes, _ = ROWS[name]
    status = status_of(run)
    for state in ShownState:
        seen = view(state, status, run=record("r", monitor=run.monitor))
        told = as_told(seen)
        assert [one.code for one in told] == codes, "the tense changes no finding"
        if state.live:
            assert told == status.diagnosis
        else:
            assert not any(GOING_ON.search(one.message) for one in told), [one.message for one in told]
            assert told == as_told(view(state, status_of(run, diagnosis=told), run=seen.run)), "nor is it told twice"


@pytest.mark.parametrize("name", ROWS)
def test_the_engine_writes_the_end_of_a_run_as_readers_tell_it(name: str) -> None:
    run, _, _ = ROWS[name]
    written = run.claims(over=True)
    done = view(ShownState.COMPLETED, status_of(run), run=record("r", monitor=run.monitor))
    assert written == as_told(done)
    said = headline(done, Kept)
    still = [one for one in written if "still improving" in one.message]
    assert not still or said is None or "Little changed" not in said.message
