"""What a state is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.look.states import tab_title
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests.app.library import write


@pytest.mark.parametrize(
    ("state", "done", "title"),
    [
        (State.RUNNING, 5, "25 % · hats"),
        (State.COMPLETED, 20, "Done · hats"),
        (State.FAILED, 5, "Failed · hats"),
        (State.CANCELLED, 5, "Stopped · hats"),
    ],
)
def test_the_title_of_a_tab_says_how_far_a_run_is(tmp_path: Path, state: State, done: int, title: str) -> None:
    with write(tmp_path / "run", state=state, done=done, close=not state.live):
        view = RunReader(tmp_path / "run").view()
    assert tab_title(view, "hats") == title
