"""The queue as a page: what is asked for under New run, who trains it, and what can be done with it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote

import pytest
from streamlit.testing.v1 import AppTest

from app.runs.dropped import PLACE, keep
from app.runs.queueing import add
from engine.queue.files import Queue
from engine.queue.listing import listed
from engine.queue.request import Outcome
from engine.queue.standing import Standing
from engine.rundir.record import RunConfig
from engine.rundir.status import State
from tests.app.conftest import said
from tests.app.library import write
from tests.conftest import until

Visit = Callable[..., AppTest]


@pytest.fixture
def queue(runs_dir: Path) -> Iterator[Queue]:
    """The queue of this test's library; a worker that still goes through it is ended."""
    one = Queue(runs_dir)
    yield one
    if one.seat.holder():
        one.stop()
        until(lambda: not one.seat.holder())


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button if button.key and not button.disabled}


def links(app: AppTest) -> dict[str, str]:
    """Where each link leads, by its words."""
    protos = [link.proto for link in app.get("page_link")]
    return {one.label: f"{one.page}?{one.query_string}".rstrip("?") for one in protos}


def badges(app: AppTest) -> list[str]:
    return [found[1] for one in app.markdown if (found := re.search(r"badge\[:material/\w+: (.+?)\]", one.value))]


def test_an_empty_queue_says_what_it_is_for_and_leads_to_new_run(visit: Visit, queue: Queue) -> None:
    app = visit("queue")
    assert "Nothing waits." in said(app) and "trained while you sleep" in said(app) and not keys(app)
    assert links(app)["Add a run"] == "new"


def test_a_queue_that_cannot_be_read_is_not_shown_as_empty(visit: Visit, queue: Queue) -> None:
    queue.folder.mkdir(parents=True)
    (queue.folder / "waiting").touch()
    app = visit("queue")
    assert "What waits cannot be read." in said(app) and "Nothing waits." not in said(app)


def test_what_a_cluster_has_is_shown_with_it_and_nothing_here_would_begin_it(visit: Visit, queue: Queue) -> None:
    assert add(queue, "iris", "far", {"max_epochs": 3}) == 1
    (one,) = queue.requests()
    queue.jobs.take(one.id, "4711")
    app = visit("queue")
    assert badges(app) == ["With the cluster"] and "<b>Nothing waits.</b> 1 with the cluster." in said(app)
    assert keys(app) == {f"out-of-queue-{one.id}"}, "it can be taken out until it is begun there"
    assert queue.begin(one) is not None
    assert not keys(visit("queue"))


def test_what_waits_trains_and_is_over_stands_in_its_order_each_with_what_can_be_done(
    visit: Visit, queue: Queue, runs_dir: Path
) -> None:
    assert add(queue, "iris", "early", {"max_epochs": 3}) == 1
    assert add(queue, "iris", "now", {"max_epochs": 3}) == 1
    assert add(queue, "iris", "late ![](http://x/y.png)", {"max_epochs": 3}) == 1
    early, now, late = queue.requests()
    queue.end(queue.begin(early) or early, Outcome(state="failed", reason="Its folder is gone.", ended_at=1.0))
    queue.begin(now)
    live = write(now.root, name="now", state=State.RUNNING, done=15, close=False)
    app = visit("queue")
    assert [one.value for one in app.header] == ["Under way: 1", "Waiting: 1", "Over: 1"]
    assert badges(app) == ["Learning", "Waiting", "Failed"]
    assert "epoch 15 of 20 · best 7.0 dB at epoch 12" in said(app) and "Its folder is gone." in said(app)
    assert "1 trains, 1 run to be trained" in said(app), "a training whose worker is gone is not over"
    assert f"out-of-queue-{now.id}" not in keys(app) and f"open-queued-{now.id}" in keys(app)
    assert "late ![](http://x/y.png)" in said(app), "a name is text"
    live.close()
    app.button(key=f"out-of-queue-{late.id}").click().run()
    app.button(key=f"out-of-queue-{early.id}").click().run()
    assert not app.exception and [one.id for one in queue.requests()] == [now.id] and not late.root.exists()
    app.button(key=f"open-queued-{now.id}").click().run()
    assert dict(app.query_params)["run"] in (now.id, [now.id]) and not app.exception


def test_a_run_is_called_in_the_queue_what_every_other_page_calls_it(visit: Visit, queue: Queue) -> None:
    words = {State.COMPLETED: "Done", State.CANCELLED: "Stopped", State.INTERRUPTED: "Interrupted"}
    for state in words:
        add(queue, "iris", state, {"max_epochs": 3})
    for one, state in zip(queue.requests(), words, strict=True):
        begun = queue.begin(one)
        assert begun is not None
        write(begun.root, name=state, state=state)
    shown = badges(visit("queue"))
    assert sorted(shown) == sorted(words.values())
    runs = visit("runs")
    assert sorted(label for labels in runs.dataframe[0].value["State"] for label in labels) == sorted(shown)


def test_those_of_one_sweep_stand_together_and_lead_to_compare(visit: Visit, queue: Queue, runs_dir: Path) -> None:
    assert add(queue, "iris", "flowers", {"max_epochs": 3}, sweep=True) == 6
    add(queue, "iris", "alone", {"max_epochs": 3})
    wish = queue.requests()[:6]
    assert [one.request.name for one in wish][:4] == [
        "flowers conservative seed 0", "flowers balanced seed 0", "flowers aggressive seed 0",
        "flowers conservative seed 1",
    ]  # fmt: skip
    app = visit("queue")
    assert said(app).count("6 runs added together, 0 done") == 1 and "Compare them" not in links(app)
    for one in wish[:2]:
        queue.begin(one)
        write(one.root, name=one.request.name).close()
    app = visit("queue")
    for here in (4, 2):
        told = f"{here} of 6 runs added together, 2 done"
        assert said(app).count(told) == 1, "over those that wait, and over those that are done"
    assert unquote(links(app)["Compare them"]) == f"compare?runs={wish[0].id},{wish[1].id}"
    app.button(key="queue-Waiting").click().run()
    assert [one.state for one in queue.requests()] == ["begun", "begun"] and not app.exception


def test_a_viewer_who_may_not_write_only_looks(visit: Visit, queue: Queue, runs_dir: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("who is root may write everywhere")
    add(queue, "iris", "one", {"max_epochs": 3})
    queue.folder.chmod(0o500)
    try:
        app = visit("queue")
        assert "Only to look at" in said(app) and not keys(app)
    finally:
        queue.folder.chmod(0o700)


def test_what_trains_without_a_worker_is_not_said_to_be_left_to_train(visit: Visit, queue: Queue) -> None:
    """One that outlived its worker, one that a job of a cluster trains, one that such a job has and has not begun."""
    for name in "abc":
        add(queue, "iris", name, {"max_epochs": 3})
    outlived, on_cluster, submitted = queue.to_train()
    for one in (outlived, on_cluster):
        assert queue.begin(one) is not None
    with ExitStack() as open_runs:
        for one in (outlived, on_cluster):
            open_runs.callback(write(one.root, state=State.RUNNING, close=False).close)
        for one, job in ((on_cluster, "4711_0"), (submitted, "4711_1")):
            assert queue.jobs.take(one.id, job) == job
        found = listed(queue)
        assert found.to_begin == 0
        assert found.unworked() == ("Nothing waits.", "2 train, 1 with the cluster.")
        app = visit("queue")
        assert "<b>Nothing waits.</b> 2 train, 1 with the cluster." in said(app)
        assert app.button(key="queue-start").disabled
        add(queue, "iris", "d", {"max_epochs": 3})
        app.run()
        assert "<b>Nobody goes on.</b> 2 train, 1 with the cluster, 1 run to be trained. Press" in said(app)
        assert not app.button(key="queue-start").disabled


def test_a_damaged_request_is_named(visit: Visit, queue: Queue) -> None:
    add(queue, "iris", "one", {"max_epochs": 3})
    (one,) = queue.requests()
    one.path.write_text("{")
    app = visit("queue")
    assert f"{one.path.name} is damaged and is passed over." in said(app) and str(one.path) in said(app)


@pytest.mark.slow
@pytest.mark.usefixtures("forked_starts")
def test_a_run_added_under_new_run_is_trained_by_a_worker_that_the_page_starts_and_stops(
    visit: Visit, queue: Queue
) -> None:
    app = visit("new")
    app.session_state["source"], app.session_state["named"] = "A data set", "iris"
    app.session_state["setting-max_epochs"] = "4"
    app.run()
    assert "sweep" not in {button.key for button in app.button}, "a table has no guard to choose"
    app.button(key="queue-add").click().run()
    assert not app.exception and "iris waits in the queue." in said(app)
    app.session_state["setting-max_epochs"] = "100000"
    app.run()
    app.button(key="queue-add").click().run()
    first, second = queue.requests()
    assert (first.request.training["max_epochs"], second.request.training["max_epochs"]) == (4, 100_000)
    app = visit("queue")
    assert "<b>The queue stands still.</b> 2 runs to be trained. Press “Start the queue”" in said(app)
    app.button(key="queue-start").click().run()
    assert "queue-start" not in keys(app) and not app.exception
    until(lambda: [row.state for row in listed(queue).rows] == [Standing.DONE, Standing.RUNNING])
    until(lambda: badges(app.run()) == ["Learning", "Done"])  # a run that is getting ready says so
    assert "<b>Working.</b> 1 run left." in said(app)
    app.button(key="queue-stop").click().run()
    assert "queue-stop" not in keys(app)
    until(lambda: "1 run of them goes on where it stood." in said(app.run()))
    assert badges(app) == ["Interrupted", "Done"]


@pytest.mark.slow
@pytest.mark.usefixtures("forked_starts")
def test_one_press_tries_three_presets_with_two_seeds(visit: Visit, queue: Queue, drums: Path) -> None:
    app = visit("new")
    app.session_state["source"], app.session_state["folder"] = "A folder on this computer", str(drums)
    app.run()
    app.button(key="sweep").click().run()
    assert not app.exception and [one.value for one in app.title] == ["Queue"]
    until(queue.seat.holder)
    wish = {(one.request.training["preset"], one.request.training["seed"]) for one in queue.requests()}
    assert wish == {(preset, seed) for preset in ("conservative", "balanced", "aggressive") for seed in (0, 1)}
    assert len({one.request.sweep for one in queue.requests()}) == 1


def test_what_cannot_be_trained_is_told_where_it_is_added(
    visit: Visit, queue: Queue, drums: Path, runs_dir: Path
) -> None:
    app = visit("new")
    app.session_state["source"], app.session_state["folder"] = "A folder on this computer", str(drums)
    app.run()
    queue.folder.write_text("in the way")
    app.button(key="queue-add").click().run()
    assert not app.exception and "ss-red" in said(app) and "waits in the queue" not in said(app)
    queue.folder.unlink()


def test_only_cards_that_can_be_dragged_have_a_handle_and_a_line_says_so(visit: Visit, queue: Queue) -> None:
    add(queue, "iris", "a", {"max_epochs": 3})
    assert "Drag one" not in said(visit("queue")), "one alone has nowhere to go"
    add(queue, "iris", "b", {"max_epochs": 3})
    words = said(visit("queue"))
    assert words.count('class="ss-icon ss-grip"') == 2 and words.count("Drag one onto another") == 1


def test_dropped_sounds_are_named_by_their_name_not_by_the_hidden_folder(visit: Visit, queue: Queue) -> None:
    kept = keep(queue.runs_dir, [("kit/a.csv.wav", memoryview(b"RIFF0000WAVE"))]).source
    add(queue, str(kept), "a", {"max_epochs": 3})
    words = said(visit("queue"))
    assert "from kit (dropped)" in words and PLACE not in words


def test_a_row_says_about_how_many_epochs_while_minutes_decide(visit: Visit, queue: Queue) -> None:
    add(queue, "iris", "now", {"max_minutes": 6})
    (now,) = queue.requests()
    queue.begin(now)
    config = RunConfig(training={"max_minutes": 6.0}, task={})
    live = write(now.root, name="now", state=State.RUNNING, done=15, close=False, config=config)
    assert "epoch 15 of about 20 · best" in said(visit("queue"))
    live.close()


def test_what_waits_says_how_long_it_will_be(visit: Visit, queue: Queue) -> None:
    for name, limits in (("a", {"max_minutes": 6}), ("b", {"max_minutes": 6, "max_steps": 300})):
        add(queue, "iris", name, limits)
    words = said(visit("queue"))
    assert words.count("about 6 min") == 2 and "about 6 min or at most 300 updates" in words
    assert "at most 6 min" not in words


def test_what_waits_is_put_earlier_and_later(visit: Visit, queue: Queue) -> None:
    for name in "abc":
        add(queue, "iris", name, {"max_epochs": 3})
    first, second, third = (one.id for one in queue.to_train())
    app = visit("queue")
    turns = {button.key: button.help for button in app.button if (button.key or "").startswith("turn-")}
    assert set(turns) == {f"turn-{word}-{one}" for word in ("earlier", "later") for one in (first, second, third)}
    assert turns.keys() <= keys(app), "one that is disabled takes the focus of who pressed it away"
    assert turns[f"turn-earlier-{first}"] == "It comes first already"
    app.button(key=f"turn-earlier-{first}").click().run()
    assert [one.id for one in queue.to_train()] == [first, second, third] and not app.exception
    assert [one.value for one in app.toast] == ["It comes first already."]
    app.button(key=f"turn-earlier-{third}").click().run()
    assert [one.id for one in queue.to_train()] == [first, third, second]
    app.button(key=f"turn-later-{first}").click().run()
    assert [one.id for one in queue.to_train()] == [third, first, second]
    assert said(app).count("at most 3 epochs") == 3, "how long each will be"
    queue.begin(queue.to_train()[1])
    app.button(key=f"turn-earlier-{first}").click().run()
    assert "does not wait any more" in said(app), "it was begun since the page was drawn"
