"""The queue from outside: what is asked for is trained once, in its order, whoever is killed meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.claims.figures import figure
from engine.errors import RunDirectoryError
from engine.loop.checkpoint import steps_saved
from engine.process.job import asked_job
from engine.queue.files import Queue, Queued
from engine.queue.request import Outcome
from engine.queue.standing import Standing, best_so_far, row_of, take_out_all
from engine.queue.training import was_stopped
from engine.rundir.layout import Layout
from engine.rundir.protocol import LAST_MOMENT
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests import forkserver
from tests.app.library import write
from tests.bits import flip
from tests.conftest import until
from tests.reliability.sessions import session, write_table
from tests.run_list import list_runs
from tests.test_train_process import comparable, step_of

Engine = Callable[..., subprocess.CompletedProcess[str]]
LENGTH = ("--max-epochs", "60", "--checkpoint-interval", "5", "--threads", "1", "--target", "kind")
PID = re.compile(r"^(\S+) (?:begins|goes on) \(pid (\d+)(?:, GPU \S+)?\)$", re.MULTILINE)


HEAR = 'echo "$SWEETSPOT_EVENT: $SWEETSPOT_MESSAGE" >> "$SWEETSPOT_RUN/../heard"'


def heard(root: Path) -> list[str]:
    """What the command above was told of the run in ``root`` and of those beside it."""
    place = root.parent / "heard"
    return place.read_text().splitlines() if place.exists() else []


class Night:
    """Workers on one directory of runs, and what they say. Whatever still lives is killed at the end of the test."""

    def __init__(self, runs: Path) -> None:
        self.runs, self.said = runs, runs.with_name("worker.txt")
        self._workers: list[forkserver.Popen] = []

    def work(self, *options: object) -> forkserver.Popen:
        with self.said.open("a") as log:
            worker = forkserver.Popen(
                "engine", "queue", "run", "--runs-dir", self.runs, *options, stdout=log, stderr=subprocess.STDOUT
            )
        self._workers.append(worker)
        return worker

    def trainers(self) -> dict[str, int]:
        """The last process of each request, by its id."""
        return {name: int(pid) for name, pid in PID.findall(self.said.read_text())}

    def kill_trainers(self) -> None:
        for pid in self.trainers().values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            until(lambda pid=pid: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)

    def dawn(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
        self.kill_trainers()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def night(runs: Path) -> Iterator[Night]:
    one = Night(runs)
    one.said.touch()
    yield one
    one.dawn()


@pytest.fixture
def forked_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started is forked from a warm process. Where a worker is killed with all of its own, it starts Python."""
    monkeypatch.setenv(forkserver.FORKED, "1")


@pytest.fixture
def queue(engine: Engine, runs: Path) -> Engine:
    """``sweetspot queue WORD …`` on this test's runs."""
    return lambda word, *arguments: engine("queue", word, *arguments, "--runs-dir", runs)


def listed(queue: Engine) -> list[dict[str, Any]]:
    return json.loads(queue("list", "--json").stdout)["requests"]


def states(queue: Engine) -> list[str]:
    return [one["state"] for one in listed(queue)]


def added(queue: Engine, *arguments: object) -> Path:
    done = queue("add", *arguments)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def table(path: Path) -> Path:
    path.write_text("a,b,kind\n" + "".join(f"{n},{n % 7},{'odd' if n % 2 else 'even'}\n" for n in range(150)))
    return path


def test_three_presets_with_two_seeds_are_six_requests_in_one_line(queue: Engine, runs: Path, tmp_path: Path) -> None:
    source = table(tmp_path / "mine.csv")
    done = queue("add", source, "--target", "kind", "--presets", "conservative,balanced,aggressive", "--seeds", 2)
    roots = [Path(line) for line in done.stdout.splitlines()]
    found = listed(queue)
    assert [one["run_dir"] for one in found] == [str(root) for root in roots] and len(set(roots)) == 6
    assert [one["name"] for one in found] == [
        f"mine {preset} seed {seed}" for seed in (0, 1) for preset in ("conservative", "balanced", "aggressive")
    ]
    assert {one["state"] for one in found} == {"waiting"} and list_runs(runs) == []
    shown = queue("list").stdout
    assert all(root.name in shown for root in roots) and "sweetspot queue run" in shown


def test_a_request_is_begun_with_the_settings_it_was_added_with(queue: Engine, runs: Path, tmp_path: Path) -> None:
    source = table(tmp_path / "table.csv")
    config = tmp_path / "settings.json"
    config.write_text(json.dumps({"training": {"max_steps": 40, "learning_rate": 0.004}, "task": {"layers": [8]}}))
    options = ("--config", config, "--target", "kind", "--max-epochs", 3, "--seed", 5, "--name", "mine")
    root = added(queue, source, *options)
    config.unlink()
    (one,) = Queue(runs).requests()
    *given, end, named = one.request.arguments(one.path, root, 3)
    said = dict(option.split("=", 1) for option in given)
    assert (end, named, said["--name"]) == ("--", str(source.resolve()), "mine")
    file = Path(said["--config"])
    job = asked_job({}, root, source=str(source), name=None, config_file=file, origin=None, checkpoint=None)
    task = job.task_config.model_dump(exclude_unset=True)
    assert (job.task, task["target"], task["layers"]) == ("mlp", "kind", ({"units": 8},))
    assert (job.training.max_epochs, job.training.max_steps, job.training.learning_rate) == (3, None, 0.004)
    assert job.training.seed == 5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["iris", "--learning-rate", "-1"], "learning_rate"),
        (["iris", "--presets", "balanced,strong"], "'strong' is no preset"),
        (["iris", "--presets", "balanced", "--preset", "auto"], "Give one of them"),
        (["iris", "--latent-dim", "8"], "is no setting of the task 'mlp'"),
        (["no-such-place"], "is neither a folder"),
        (["iris", "--device", "cuda:7"], "There is no device cuda:7"),
        (["--from", "nowhere"], "nowhere"),
        ([], "nothing to train on"),
    ],
)
@pytest.mark.usefixtures("forked_starts")
def test_what_cannot_be_trained_is_refused_when_it_is_added(
    queue: Engine, runs: Path, arguments: list[str], told: str
) -> None:
    done = queue("add", *arguments, "--seeds", 2)
    assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") <= 4, done.stderr
    assert not runs.exists() or list(runs.iterdir()) == []


def test_what_waits_is_removed_and_no_worker_finds_it(queue: Engine, runs: Path, tmp_path: Path) -> None:
    done = queue("add", table(tmp_path / "table.csv"), "--target", "kind", "--seeds", 3)
    roots = [Path(line) for line in done.stdout.splitlines()]
    files = Queue(runs)
    seen = {one.root: one for one in files.requests()}
    assert queue("remove", roots[0].name, roots[0]).stdout == f"{roots[0].name} is out of the queue.\n"
    assert not roots[0].exists()
    assert files.begin(seen[roots[0]]) is None, "a worker that had read it begins it no more"
    assert queue("remove", roots[1]).returncode == 0 and [one["run_dir"] for one in listed(queue)] == [str(roots[2])]
    assert queue("remove", "other").returncode == 2
    assert queue("remove", "--waiting").returncode == 0 and listed(queue) == []
    files.remove(seen[roots[2]])  # somebody else was quicker
    assert "Nothing waits" in queue("list").stdout


@pytest.mark.usefixtures("forked_starts")
def test_a_run_that_waited_is_told_of_by_the_queues_command_and_sees_the_gpus_of_its_worker(
    queue: Engine, runs: Path, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    root = added(queue, table(tmp_path / "table.csv"), "--target", "kind", "--max-epochs", 1, "--threads", 1)
    hear = HEAR.replace("$SWEETSPOT_MESSAGE", "GPU $CUDA_VISIBLE_DEVICES")
    assert night.work("--notify", hear).wait(300) == 0, night.said.read_text()
    assert until(lambda: heard(root)) == ["done: GPU 7"]


@pytest.mark.slow
@pytest.mark.usefixtures("forked_starts")
def test_each_slot_has_a_gpu_of_its_own_and_what_wants_none_takes_none(
    queue: Engine, runs: Path, night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    options = ("--target", "kind", "--max-epochs", 1, "--threads", 1)
    source = table(tmp_path / "table.csv")
    roots = [added(queue, source, *options, "--device", device) for device in ("auto", "cpu", "auto")]
    hear = HEAR.replace("$SWEETSPOT_MESSAGE", "$SWEETSPOT_RUN on $CUDA_VISIBLE_DEVICES")
    assert night.work("--slots", 3, "--notify", hear).wait(300) == 0, night.said.read_text()
    told = until(lambda: len(heard(roots[0])) == 3 and heard(roots[0]))
    assert set(told) == {f"done: {root} on {gpu}" for root, gpu in zip(roots, ("3", "3,5", "5"), strict=True)}
    assert f"{roots[2].name} begins (pid {night.trainers()[roots[2].name]}, GPU 5)" in night.said.read_text()


@pytest.mark.usefixtures("forked_starts")
def test_no_text_of_a_request_is_taken_for_an_option(queue: Engine, runs: Path, night: Night, tmp_path: Path) -> None:
    root = added(queue, table(tmp_path / "table.csv"), "--target", "kind", "--max-epochs", 1, "--threads", 1)
    path = Queue(runs).requests()[0].path
    trap = tmp_path / "trap"
    for key, text in {"source": f"--notify=touch {trap}", "name": "--help", "checkpoint": "--version"}.items():
        request = json.loads(path.read_text())
        path.write_text(json.dumps(request | {key: text}))
        found = Queue(runs).requests()[0]
        arguments = found.request.arguments(path, root, 1)
        assert text not in arguments[: arguments.index("--")]
    path.write_text(json.dumps(request | {"source": f"--notify=touch {trap}", "checkpoint": None, "name": "x"}))
    assert night.work().wait(300) == 1 and states(queue) == ["failed"], night.said.read_text()
    assert not trap.exists() and "does not exist" in night.said.read_text()


def test_a_request_that_is_damaged_is_named_and_holds_nothing_up(queue: Engine, runs: Path, tmp_path: Path) -> None:
    assert queue("add", table(tmp_path / "table.csv"), "--target", "kind", "--seeds", 2).returncode == 0
    torn = Queue(runs).requests()[0].path
    torn.write_bytes(torn.read_bytes()[:-20])
    done = queue("list")
    assert str(torn) in done.stderr and "is damaged" in done.stderr and len(listed(queue)) == 1


def test_a_request_of_a_far_future_damages_none_that_comes_later(queue: Engine, runs: Path, tmp_path: Path) -> None:
    source = table(tmp_path / "table.csv")
    first = added(queue, source, "--target", "kind")
    far = runs / ".queue" / "waiting" / f"{first.name}.json"
    far.write_text(json.dumps(json.loads(far.read_text()) | {"added_at": LAST_MOMENT}))
    later = [added(queue, source, "--target", "kind") for _ in range(3)]
    assert Queue(runs).damaged() == []
    assert [one.id for one in Queue(runs).to_train()] == [*(root.name for root in later), first.name]


def test_a_run_that_a_worker_has_just_gone_on_with_starts_until_it_has_opened_its_run(
    queue: Engine, runs: Path, tmp_path: Path
) -> None:
    added(queue, table(tmp_path / "a.csv"))
    files = Queue(runs)
    one = files.begin(files.requests()[0])
    assert one is not None
    files.starts(one)
    write(one.root, state=State.INTERRUPTED, done=3)
    assert row_of(one, worked=True).state is Standing.INTERRUPTED, "it was opened, and has ended since"
    files.starts(one)
    assert row_of(one, worked=True).state is Standing.STARTING
    assert row_of(one, worked=False).state is Standing.INTERRUPTED, "whoever began it is gone too"
    files.set_aside(one)
    assert row_of(one, worked=True).state is Standing.INTERRUPTED


def test_forgetting_a_request_leaves_what_was_said_to_a_worker(queue: Engine, runs: Path, tmp_path: Path) -> None:
    added(queue, table(tmp_path / "a.csv"))
    files = Queue(runs)
    one = files.begin(files.requests()[0])
    assert one is not None
    (files.folder / "stop").touch()
    files.remove(one)
    assert files.seat.asked_to_end and not files.requests()
    with files.as_worker():
        assert not files.seat.asked_to_end, "that was meant for an earlier one"


def test_a_second_worker_is_refused_with_a_sentence_and_one_that_waits_leaves_at_a_signal(
    queue: Engine, runs: Path, night: Night
) -> None:
    first = night.work("--wait")
    until(lambda: Queue(runs).seat.holder())
    second = queue("run")
    assert second.returncode == 2 and f"already (pid {first.pid}" in second.stderr
    assert f"pid {first.pid}" in queue("list").stdout
    first.send_signal(signal.SIGTERM)
    assert first.wait(120) == 143 and Queue(runs).seat.holder() == ""


@pytest.mark.usefixtures("forked_starts")
def test_a_worker_is_stopped_from_anywhere_with_a_checkpoint_and_the_next_one_is_not(
    queue: Engine, runs: Path, night: Night, tmp_path: Path
) -> None:
    assert queue("stop").returncode == 2, "there is none"
    root = added(queue, table(tmp_path / "table.csv"), *LENGTH, "--max-epochs", 2000)
    worker = night.work("--wait")
    until(lambda: worker.poll() is not None or step_of(root) > 10)
    done = queue("stop")
    assert done.returncode == 0 and f"pid {worker.pid}" in done.stdout
    assert worker.wait(120) == 0, night.said.read_text()
    status = RunReader(root).status()
    assert status is not None and status.last_checkpoint is not None and status.last_checkpoint.step == status.step
    assert states(queue) == ["interrupted"]
    later = night.work()
    until(lambda: len(PID.findall(night.said.read_text())) == 2)
    later.send_signal(signal.SIGTERM)
    assert later.wait(120) == 143, "what stopped the worker before it stops this one no more"


@pytest.mark.slow
def test_killed_whole_in_the_night_it_goes_on_with_the_same_bits_and_a_failure_stops_nothing(
    queue: Engine, runs: Path, night: Night, tmp_path: Path
) -> None:
    gone = table(tmp_path / "gone.csv")
    kept = table(tmp_path / "kept.csv")
    first = added(queue, kept, "--seed", 1, *LENGTH)
    missing = added(queue, gone, "--target", "kind")
    last = added(queue, kept, "--seed", 2, *LENGTH)
    gone.unlink()
    worker = night.work("--slots", 2)
    until(lambda: worker.poll() is not None or step_of(first) > 60)
    os.kill(RunReader(first).sessions()[-1].pid, signal.SIGSTOP)  # not to its end before the other has begun
    until(lambda: worker.poll() is not None or step_of(last) > 60)
    worker.kill()
    worker.wait()
    night.kill_trainers()
    assert states(queue) == ["failed", "interrupted", "interrupted"], night.said.read_text()
    assert night.work("--slots", 2, "--notify", HEAR).wait(300) == 0, night.said.read_text()
    found = {Path(one["run_dir"]): one for one in listed(queue)}
    assert [found[root]["state"] for root in (first, missing, last)] == ["done", "failed", "done"]
    assert "gone.csv" in found[missing]["reason"] and found[first]["best"]["metric"] == "val_accuracy"
    assert [len(RunReader(root).sessions()) for root in (first, last)] == [2, 2]
    assert {reader.root for reader in list_runs(runs)} == {first, last}, "none lost, none twice"
    assert set(until(lambda: len(heard(first)) == 2 and heard(first))) == {
        f"done: All {step_of(first):,} steps are done."
    }
    whole = tmp_path / "whole"
    assert forkserver.run("engine.train", kept, "--seed", "2", "--run-dir", whole, *LENGTH).returncode == 0
    assert comparable(last) == comparable(whole) and comparable(first) != comparable(whole)
    assert queue("remove", "--ended").returncode == 0 and listed(queue) == [] and Layout(first).run.exists()


def test_the_list_says_a_figure_as_the_app_does(tmp_path: Path) -> None:
    write(tmp_path / "run")
    view = RunReader(tmp_path / "run").view()
    assert view.run is not None and view.status is not None and view.status.best is not None
    told = figure(view.status.best.raw, "dB")
    assert best_so_far(view.status, view.run) == f"new sounds {told} in epoch {view.status.best.epoch}"


@pytest.mark.slow
def test_a_training_that_outlives_its_worker_is_neither_begun_twice_nor_left_alone(
    queue: Engine, night: Night, tmp_path: Path
) -> None:
    root = added(queue, table(tmp_path / "table.csv"), *LENGTH, "--max-epochs", 2000)
    worker = night.work()
    until(lambda: worker.poll() is not None or step_of(root) > 10)
    worker.kill()
    worker.wait()
    assert states(queue) == ["running"]
    assert queue("list").stdout.endswith("\nNothing waits. 1 trains.\n")
    later = added(queue, tmp_path / "table.csv", *LENGTH)
    assert "\nNobody goes on. 1 trains, 1 run to be trained. Start with: sweetspot queue run" in queue("list").stdout
    assert queue("remove", later.name).returncode == 0
    again = night.work()
    until(lambda: "trains already" in night.said.read_text())
    refused = queue("remove", root.name)
    assert refused.returncode == 2 and f"sweetspot control {root} cancel" in refused.stderr
    again.send_signal(signal.SIGINT)
    assert again.wait(120) == 130, night.said.read_text()
    status = RunReader(root).status()
    assert status is not None and status.state is State.INTERRUPTED and len(RunReader(root).sessions()) == 1
    assert status.last_checkpoint is not None and status.last_checkpoint.step == status.step
    assert states(queue) == ["interrupted"]
    assert queue("remove", root.name).returncode == 0 and listed(queue) == [] and Layout(root).run.exists()


def test_a_training_that_is_killed_again_and_again_is_given_up_and_says_why(
    queue: Engine, night: Night, tmp_path: Path
) -> None:
    root = added(queue, table(tmp_path / "table.csv"), "--target", "kind")
    worker = night.work("--notify", HEAR)
    for number in range(2):
        until(lambda number=number: worker.poll() is not None or len(PID.findall(night.said.read_text())) > number)
        night.kill_trainers()
    assert worker.wait(120) == 1, night.said.read_text()
    (one,) = listed(queue)
    assert one["state"] == "failed" and "killed twice (signal 9)" in one["reason"] and not Layout(root).run.exists()
    assert until(lambda: heard(root)) == [f"failed: {one['reason']}"]


@pytest.mark.parametrize("name", ["worker.lock", "worker.txt", "stop", "order.json", "waiting", "jobs", "submitit", ""])
def test_a_queue_writes_through_no_link(queue: Engine, runs: Path, tmp_path: Path, name: str) -> None:
    Queue(runs).prepare()
    (runs / ".queue" / "jobs").mkdir()
    elsewhere, place = tmp_path / "elsewhere", runs / ".queue" / name
    if place.is_dir():
        place.rename(elsewhere)
    else:
        elsewhere.write_text("precious")
    place.symlink_to(elsewhere)
    refused = queue("run")
    assert refused.returncode == 2 and f"{place} is a link" in refused.stderr
    assert elsewhere.is_dir() or elsewhere.read_text() == "precious"


@pytest.mark.slow
def test_no_single_request_ends_the_worker(queue: Engine, runs: Path, tmp_path: Path) -> None:
    names = [added(queue, "iris", "--max-epochs", 1, "--name", name).name for name in ("nul", "other", "shut", "good")]
    nul, other, shut, good = names
    waiting = runs / ".queue" / "waiting"
    file = waiting / f"{nul}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "name": "a\0b"}))
    (waiting / f"{other}.json").write_text('{"protocol": 99}')
    (waiting / "..evil\n.json").write_bytes(file.read_bytes())
    (runs / ".queue" / "begun" / f"{shut}.json" / "in the way").mkdir(parents=True)
    done = queue("run", "--threads", 1)
    assert done.returncode == 1 and f"{shut} cannot be begun" in done.stdout, done.stderr
    found = {one["id"]: one for one in listed(queue)}
    assert found[good]["state"] == "done"
    assert found[nul]["state"] == "failed" and "embedded null byte" in found[nul]["reason"]
    shown = queue("list")
    assert shown.returncode == 0 and f"{waiting / other}.json is damaged and is passed over" in shown.stderr
    assert "cannot be the name of a run" in shown.stderr and "..evil\n" not in shown.stderr
    for name in (other, "..evil\n"):
        assert queue("remove", name).returncode == 0 and not (waiting / f"{name}.json").exists()


def test_a_stop_that_cannot_be_taken_away_is_named(queue: Engine, runs: Path) -> None:
    (runs / ".queue" / "stop").mkdir(parents=True)
    done = queue("run")
    assert done.returncode == 2 and f"{runs / '.queue' / 'stop'} asks every worker to end" in done.stderr


@pytest.mark.usefixtures("forked_starts")
def test_a_worker_whose_queue_was_replaced_ends_with_its_trainings_and_says_so(
    queue: Engine, night: Night, runs: Path, tmp_path: Path
) -> None:
    root = added(queue, table(tmp_path / "table.csv"), *LENGTH, "--max-epochs", 2000)
    worker = night.work("--wait")
    until(lambda: worker.poll() is not None or step_of(root) > 10)
    (runs / ".queue").rename(tmp_path / "before")
    Queue(runs).prepare()
    assert worker.wait(120) == 2
    status, said = RunReader(root).status(), night.said.read_text()
    assert status is not None and status.state is State.INTERRUPTED
    assert status.last_checkpoint is not None and status.last_checkpoint.step == status.step
    assert f"{root.name} stopped. Go on with: sweetspot train --resume {root}" in said
    assert "it was removed or replaced" in said and Queue(runs).requests() == []


@pytest.mark.parametrize("folder", ["waiting", "begun", "ended", "jobs"])
def test_a_queue_that_cannot_be_read_is_not_called_empty(folder: str, queue: Engine, runs: Path) -> None:
    asked(runs, "one")
    place = runs / ".queue" / folder
    if place.is_dir():
        place.rename(runs / "aside")
    place.touch()  # of a drive that is gone, as of a folder that may not be read, no name can be told either
    for words in (("list",), ("run",), ("next", "one"), ("remove", "--waiting")):
        done = queue(*words)
        assert done.returncode == 74 and f"{place} cannot be written or read" in done.stderr, (words, done)
        assert "Nothing waits" not in done.stdout


def test_a_queue_that_cannot_be_read_for_a_while_ends_no_training(
    queue: Engine, night: Night, runs: Path, tmp_path: Path
) -> None:
    root = added(queue, table(tmp_path / "table.csv"), *LENGTH, "--max-epochs", 2000)
    worker = night.work("--wait", "--slots", 2)
    until(lambda: worker.poll() is not None or step_of(root) > 10)
    place = runs / ".queue" / "waiting"
    place.rename(tmp_path / "aside")
    place.touch()
    until(lambda: "cannot be written or read" in night.said.read_text())
    step = step_of(root)
    until(lambda: step_of(root) > step)
    place.unlink()
    (tmp_path / "aside").rename(place)
    (later,) = asked(runs, "later")
    until(lambda: later in night.trainers())
    assert worker.poll() is None and night.said.read_text().count("cannot be written or read") == 1


def test_those_who_take_requests_out_at_once_wait_for_each_other_and_are_no_worker(runs: Path) -> None:
    one = Queue(runs)
    names = asked(runs, *map(str, range(12)))
    begun = [found for waits in one.requests() if (found := one.begin(waits)) is not None]
    ready = threading.Barrier(len(begun))

    def take_out(each: Queued) -> None:
        ready.wait()
        Queue(runs).remove(each)

    with ThreadPoolExecutor(len(begun)) as hands:
        list(hands.map(take_out, begun))
    assert len(names) == len(begun) and one.requests() == []


def test_what_a_worker_has_begun_meanwhile_keeps_no_other_in_the_queue(runs: Path) -> None:
    names, queue = asked(runs, "first", "second", "third"), Queue(runs)
    seen = queue.requests()
    queue.begin(seen[0])
    with queue.as_worker():
        out, refused = take_out_all(queue, seen)
    assert [one.id for one in out] == names[1:] and [one.id for one in queue.requests()] == names[:1]
    assert len(refused) == 1


def test_who_asks_for_the_worker_within_its_own_process_takes_nothing_from_it(queue: Engine, runs: Path) -> None:
    files = Queue(runs)
    with files.as_worker():
        assert files.seat.holder().startswith(f"pid {os.getpid()},")
        refused = queue("run")
        assert refused.returncode == 2 and f"already (pid {os.getpid()}," in refused.stderr


@pytest.mark.parametrize(
    ("code", "stopped"), [(-signal.SIGKILL, False), (-signal.SIGTERM, True), (143, True), (1, False), (None, True)]
)
def test_a_training_that_was_killed_before_it_went_on_was_not_stopped(
    code: int | None, stopped: bool, runs: Path
) -> None:
    asked(runs, "a")
    (one,) = Queue(runs).to_train()
    write(one.root, state=State.INTERRUPTED)  # as the session before left it
    assert was_stopped(one, code) is stopped


def test_a_run_whose_checkpoints_are_damaged_is_given_up_and_not_begun_over(
    queue: Engine, runs: Path, tmp_path: Path
) -> None:
    source = write_table(tmp_path / "table.csv")
    root = added(queue, source)
    (one,) = Queue(runs).to_train()
    Queue(runs).begin(one)
    assert session(source, root, stop_at=9) == 143
    for step in steps_saved(Layout(root)):
        flip(Layout(root).checkpoint(step), 500)
    done = queue("run", "--threads", 1)
    assert done.returncode == 1, done.stdout
    (found,) = listed(queue)
    assert found["state"] == "failed" and "step-00000009.safetensors" in found["reason"]
    assert f"can begin a new run: sweetspot train --from {root}" in found["reason"]
    assert done.stdout.count("goes on") == 1 and step_of(root) == 9 and len(RunReader(root).sessions()) == 1


def test_what_was_killed_while_it_noted_an_end_is_over_and_stays_so(queue: Engine, runs: Path) -> None:
    root = added(queue, "iris", "--max-epochs", 1)
    lies = Queue(runs)
    (one,) = lies.requests()
    begun = lies.begin(one)
    assert begun is not None
    written = begun.path.read_bytes()
    for forget in (lambda: queue("run"), lambda: queue("remove", root.name)):
        lies.end(begun, Outcome(state="cancelled", ended_at=1.0))
        begun.path.write_bytes(written)
        assert forget().returncode == 0 and not begun.path.exists()
    assert listed(queue) == []


def asked(runs: Path, *names: str) -> list[str]:
    """Requests of these names; their IDs."""
    one = Queue(runs)
    blank = {"config_file": None, "origin": None, "checkpoint": None}
    jobs = [asked_job({"max_epochs": 2}, runs, source="iris", name=name, **blank) for name in names]
    return [one.add(job, "iris").id for job in jobs]


def waiting(runs: Path) -> list[str]:
    return [one.request.name for one in Queue(runs).to_train() if one.state == "waiting"]


def test_what_waits_changes_its_turn_and_what_comes_later_comes_after(queue: Engine, runs: Path) -> None:
    _, b, c, d = asked(runs, *"abcd")
    done = queue("next", d, runs / b)
    assert done.stdout.splitlines() == [f"{d} comes next.", f"{b} comes after it."]
    assert waiting(runs) == ["d", "b", "a", "c"] == [one["name"] for one in listed(queue)]
    one = Queue(runs)
    for name, by in ((c, -1), (d, 1), (b, -5)):
        one.move(name, by)
    assert waiting(runs) == ["b", "d", "c", "a"]
    one.remove(one.to_train()[0])
    asked(runs, "e")
    assert waiting(runs) == ["d", "c", "a", "e"]
    (one.folder / "order.json").write_text("{ torn")
    assert waiting(runs) == ["a", "c", "d", "e"], "a damaged order orders nothing and loses nothing"


def test_a_turn_that_changes_while_a_worker_begins_it_brings_nothing_back(runs: Path) -> None:
    asked(runs, *"ab")
    one = Queue(runs)
    first, second = one.to_train()
    one.train_next([second.id, first.id])
    begun = one.begin(second)
    assert begun is not None and waiting(runs) == ["a"]
    with pytest.raises(RunDirectoryError, match="does not wait any more"):
        one.move(second.id, -1)
    one.end(begun, Outcome(state="done", ended_at=1.0))
    one.train_next([first.id])
    assert [(left.id, left.state) for left in one.requests()] == [(second.id, "ended"), (first.id, "waiting")]


@pytest.mark.slow
@pytest.mark.usefixtures("forked_starts")
def test_the_next_to_train_is_the_one_that_was_put_in_front(runs: Path, night: Night) -> None:
    a, b, c = asked(runs, *"abc")
    Queue(runs).train_next([c])
    assert night.work().wait(240) == 0
    assert re.findall(r"^(\S+) begins", night.said.read_text(), re.MULTILINE) == [c, a, b]


@pytest.mark.slow
def test_turns_that_many_change_at_once_are_changed_one_after_the_other(runs: Path) -> None:
    ids = asked(runs, *"abc")
    program = (
        "import sys; from pathlib import Path; from engine.queue.files import Queue; one = Queue(Path(sys.argv[1]))"
    )
    program += "; [one.move(sys.argv[2], by) for by in [1] * 15]"  # each comes last as often as it moves alone
    others = [subprocess.Popen([sys.executable, "-c", program, runs, one]) for one in ids[:2]]
    assert [one.wait(240) for one in others] == [0, 0]
    assert waiting(runs)[0] == "c", "a change of one that another had not seen would have been undone"


def test_who_has_what_is_read_once_for_all_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(tmp_path)
    listed: list[str] = []
    listdir = os.listdir

    def counting(path: Any = ".") -> Any:
        listed.append(Path(os.fsdecode(path)).name)
        return listdir(path)

    queue.jobs.folder.mkdir(parents=True)
    monkeypatch.setattr(os, "listdir", counting)
    assert queue.requests() == []
    assert listed.count("jobs") == 1
