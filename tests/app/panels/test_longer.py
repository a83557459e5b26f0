"""A run that has ended is trained longer by its page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests import forkserver
from tests.app.conftest import forked_starts, runs_dir, said, visit
from tests.app.library import write
from tests.bits import flip
from tests.conftest import until

__all__ = ["forked_starts", "runs_dir", "visit"]
Visit = Callable[..., AppTest]


@pytest.mark.slow
@pytest.mark.usefixtures("forked_starts")
def test_a_finished_run_goes_on_for_what_was_chosen(visit: Visit, runs_dir: Path) -> None:
    root = runs_dir / "flowers"
    assert forkserver.run("engine.train", "iris", "--run-dir", root, "--max-epochs", 4, "--threads", 1).returncode == 0
    app = visit("run", run="flowers")
    app.button(key="longer").click().run()
    assert "It goes on from <b>epoch 4</b>" in said(app) and "beyond its end" in said(app)
    assert "Its learning rate rises again" in said(app)
    app.segmented_control(key="longer-unit").set_value("Minutes").run()
    assert "That long, beyond its end." in said(app)
    app.segmented_control(key="longer-unit").set_value("Epochs").run()
    app.number_input(key="longer-epochs").set_value(3).run()
    app.button(key="longer-now").click().run()
    assert not app.exception
    until(lambda: (status := RunReader(root).status()) and status.total_epochs == 7 and status.state is State.COMPLETED)
    assert [plan.reason for plan in RunReader(root).plans()] == ["extended by 3 epochs"]


@pytest.mark.parametrize(
    ("state", "done", "offered"),
    [(State.COMPLETED, 20, True), (State.CANCELLED, 15, True), (State.CANCELLED, 2, False), (State.RUNNING, 15, False)],
)
def test_it_is_offered_where_something_was_saved_and_nobody_trains(
    visit: Visit, runs_dir: Path, state: State, done: int, offered: bool
) -> None:
    write(runs_dir / "drums", state=state, done=done)
    app = visit("run", run="drums")
    assert ("longer" in [button.key for button in app.button]) is offered


def test_one_that_was_stopped_says_what_it_replaces(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums", state=State.CANCELLED, done=15)
    app = visit("run", run="drums")
    app.button(key="longer").click().run()
    assert "in place of what was left." in said(app) and "learning rate rises" not in said(app)
    app.button(key="longer-not").click().run()
    assert "in place of what was left." not in said(app) and not RunReader(runs_dir / "drums").plans()


@pytest.mark.parametrize(("button", "said_first"), [("longer", "trained longer"), ("resume", "resumed")])
def test_one_whose_checkpoints_are_damaged_says_so_and_offers_nothing(
    visit: Visit, runs_dir: Path, button: str, said_first: str
) -> None:
    write(runs_dir / "drums", state=State.CANCELLED, done=15)
    flip(Layout(runs_dir / "drums").checkpoint(100), 2)
    app = visit("run", run="drums")
    app.button(key=button).click().run()
    assert f"It cannot be {said_first}." in said(app) and "step-00000100.safetensors is damaged" in said(app)
    assert f"{button}-now" not in [one.key for one in app.button] and not app.exception
