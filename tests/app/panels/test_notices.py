"""What a run and a queue have to tell: each thing once, and nothing that was before one looked."""

from __future__ import annotations

from pathlib import Path

from app.look.states import badges
from app.panels.notices import of_queue, of_run
from app.runs.queueing import add
from engine.queue.files import Queue
from engine.queue.listing import listed
from engine.queue.request import Outcome
from engine.queue.standing import take_out
from engine.rundir.reader import RunReader
from engine.rundir.status import ErrorInfo, State
from tests.app.library import write


def test_a_run_tells_its_end_by_its_name_with_the_cause(tmp_path: Path) -> None:
    fault = ErrorInfo(kind="TrainingFailedError", cause="The loss became NaN.", remedy="Take a lower rate.")
    write(tmp_path / "drums", state=State.FAILED, error=fault, best=20)
    (one,) = of_run(RunReader(tmp_path / "drums").view(), "my drums")
    assert (one.event, one.title, one.body) == (
        "failed", "Failed: my drums", "The loss became NaN. Take a lower rate."
    )  # fmt: skip
    write(tmp_path / "again", state=State.COMPLETED, best=20)
    (done,) = of_run(RunReader(tmp_path / "again").view(), "again")
    assert done.event == "done" and done.id.startswith("again done ") and done.body


def test_a_notice_calls_an_end_what_every_page_calls_it(tmp_path: Path) -> None:
    for state, word in ((State.CANCELLED, "Stopped"), (State.INTERRUPTED, "Interrupted")):
        write(tmp_path / word, state=state)
        view = RunReader(tmp_path / word).view()
        assert [one.title for one in of_run(view, "drums") if one.event == "stopped"] == [f"{word}: drums"]
        assert badges(view)[0].label == word


def test_a_run_that_learns_has_nothing_to_tell(tmp_path: Path) -> None:
    writer = write(tmp_path / "drums", state=State.RUNNING, done=5, close=False)
    assert of_run(RunReader(tmp_path / "drums").view(), "drums") == []
    writer.close()


def test_a_queue_tells_each_end_and_its_own_once_nothing_is_left(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    add(queue, "iris", "one", {"max_epochs": 2})
    add(queue, "iris", "two", {"max_epochs": 2})
    first, second = queue.requests()
    queue.end(queue.begin(first) or first, Outcome(state="failed", reason="It is gone.", ended_at=1.0))
    assert [(one.title, one.body) for one in of_queue(listed(queue))] == [("Failed: one", "It is gone.")]
    queue.end(queue.begin(second) or second, Outcome(state="done", ended_at=2.0))
    titles = [one.title for one in of_queue(listed(queue))]
    assert titles == ["Failed: one", "Done: two", "The queue is empty"]


def test_an_empty_queue_is_told_once_whatever_is_taken_out_of_its_list(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    for name in ("one", "two"):
        add(queue, "iris", name, {"max_epochs": 2})
    first, second = queue.requests()
    for one in (first, second):
        queue.end(queue.begin(one) or one, Outcome(state="done", ended_at=1.0))
    before = {one.id for one in of_queue(listed(queue))}
    take_out(queue, queue.requests()[-1])
    assert {one.id for one in of_queue(listed(queue))} < before, "what is told is what was not there before"
    add(queue, "iris", "three", {"max_epochs": 2})
    assert "The queue is empty" not in {one.title for one in of_queue(listed(queue))}
