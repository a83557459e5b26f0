"""What the app puts into the queue is looked at as the command line looks at it, and counted the same way."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.runs.queueing import add
from engine.commands.queue import command
from engine.errors import ConfigError, DataError
from engine.queue.files import Queue
from engine.queue.listing import listed
from engine.rundir.status import State
from tests.app.library import write


@pytest.mark.usefixtures("forked_starts")
def test_what_could_not_begin_is_refused_when_it_is_added(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    with pytest.raises(ConfigError, match="There is no device cuda:7 here"):
        add(queue, "iris", "night", {"device": "cuda:7"}, sweep=True)
    write(tmp_path / "drums")
    begins = {"from": str(tmp_path / "drums"), "checkpoint": "epoch-999"}
    with pytest.raises(DataError, match="999"):
        add(queue, "demo", "night", begins)
    assert queue.requests() == []


def test_a_run_that_ended_after_its_worker_is_not_left_to_be_trained(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    add(queue, "iris", "night", {"max_epochs": 2})
    (one,) = queue.requests()
    queue.begin(one)
    write(one.root, name="night", state=State.COMPLETED)
    assert listed(queue).left == 0
    shown = CliRunner().invoke(command, ["list", "--runs-dir", str(tmp_path)])
    assert shown.output.endswith("Nothing waits.\n"), shown.output
