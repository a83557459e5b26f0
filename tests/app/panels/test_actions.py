"""What the buttons of a run say of what was asked with them."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.panels import actions
from engine.rundir.protocol import HandledCommand
from engine.rundir.status import State, Status


def _asker(late: float) -> None:
    """A window that asked for a save, and is drawn so many seconds after the trainer had saved."""
    import streamlit as st

    from app.panels.actions import _stage
    from engine.rundir.protocol import HandledCommand
    from engine.rundir.status import State, Status

    done = HandledCommand(id="mine", command="save_now", result="done", at=1e9)
    st.session_state.setdefault("asked-save_now", ("mine", "s"))
    status = Status(session="s", state=State.RUNNING, commands=[done], updated_at=1e9 + late)
    st.text(_stage(status, "save_now"))


def test_who_asked_is_told_however_late_the_answer_is_drawn_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    page = AppTest.from_function(_asker, kwargs={"late": 5 * actions.FRESH_S}, default_timeout=120).run()
    assert page.text[0].value == "done", "the window that asked never said that it was done"
    monkeypatch.setattr(actions, "FRESH_S", 0.0)
    assert page.run().text[0].value == ""


def test_a_window_that_did_not_ask_says_it_for_a_moment_only() -> None:
    done = HandledCommand(id="another's", command="save_now", result="done", at=1e9)
    for late, said in ((1.0, "done"), (actions.FRESH_S, "")):
        status = Status(session="s", state=State.RUNNING, commands=[done], updated_at=1e9 + late)
        assert actions._stage(status, "save_now") == said
