"""Several processes that train one model: that it is the model of one process, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed import HashStore, ProcessGroupGloo, TCPStore

from engine.errors import OutOfMemoryError, ProcessLostError
from engine.loop.checkpoint import load
from engine.loop.ranks import items_in, part_of
from engine.loop.rehearsal import Rehearsal
from engine.process.failures import recognise
from engine.process.torchrun import _do
from engine.rundir import control
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.view import ShownState
from tests import forkserver
from tests.conftest import ROOT, SMALL, until
from tests.loop.test_trainer import equal, without

STEPS, EPOCH = 24, 6  # updates
CLOSE = 1e-4  # of losses in another order of adding: rounding moved them by at most 1e-6 in twenty updates
CLOCKS = {"at", "elapsed_s", "step_time_s"}


@contextmanager
def together(processes: int, module: str, *arguments: object) -> Iterator[list[subprocess.Popen[str]]]:
    """``module`` in so many processes, as torchrun starts them, but forked: they need not import anything."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": store.port, "WORLD_SIZE": processes,
             "LOCAL_WORLD_SIZE": processes, "TORCHELASTIC_RUN_ID": "test", "TORCHELASTIC_USE_AGENT_STORE": "True",
             "TORCHELASTIC_RESTART_COUNT": 0, "GLOO_SOCKET_IFNAME": "lo"}  # fmt: skip
    started = []
    for rank in range(processes):
        own = {name: str(value) for name, value in (group | {"RANK": rank, "LOCAL_RANK": rank}).items()}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(forkserver.Popen(module, *arguments, environment=os.environ | own, **pipes))
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """The exit code of each, and what it said."""
    said = [process.communicate(timeout=300) for process in processes]
    return [(process.returncode, "".join(words)) for process, words in zip(processes, said, strict=True)]


def train(processes: int, *arguments: object, stop_at: int = 0) -> list[tuple[int, str]]:
    """A training to its end, or to the update at which it is told to end."""
    module = "tests.process.stopped_at" if stop_at else "engine.train"
    with together(processes, module, *([stop_at] if stop_at else []), *arguments) as started:
        return ended(started)


def arguments(source: Path, root: Path, *more: object) -> list[object]:
    return [source, "--run-dir", root, "--max-steps", STEPS, *SMALL, "--batch-size", 5, *more]


@pytest.fixture(scope="module")
def whole(drums: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Runs that nobody disturbed, of one process and of two; changed by none."""
    found = {}
    for processes in (1, 2):
        found[processes] = tmp_path_factory.mktemp("whole") / "run"
        said = train(processes, *arguments(drums, found[processes]))
        assert [code for code, _ in said] == [0] * processes, said
    return found


def steps(root: Path) -> list[dict[str, Any]]:
    """Every update as it was told, in order, but for clocks."""
    told = RunReader(root).all_of("step")
    return [{name: value for name, value in event.items() if name not in CLOCKS} for event in told]


def apart(one: Path, other: Path, name: str = "train_loss") -> float:
    pairs = zip(steps(one), steps(other), strict=True)
    return max(abs(a[name] - b[name]) for a, b in pairs)


def state(root: Path) -> dict[str, Any]:
    loaded = load(Layout(root).checkpoint(STEPS))
    return loaded | {"tracker": without(loaded["tracker"], "elapsed_s")}


@pytest.mark.parametrize("size", range(1, 6))
def test_parts_make_up_the_batch_and_no_item_is_in_two(size: int) -> None:
    for count in range(size, 12):
        batch = {"x": torch.arange(count), "y": torch.rand(count, 2)}
        parts = [part_of(batch, rank, size) for rank in range(size)]
        assert torch.equal(torch.cat([part["x"] for part in parts]), batch["x"])
        sizes = [items_in(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1 and min(sizes) > 0


def test_it_says_when_more_runs_are_the_way() -> None:
    assert "more runs at once" in str(Rehearsal(2, 0.010, 0.009)) and "--slots 2" in str(Rehearsal(2, 0.010, 0.009))
    assert str(Rehearsal(2, 0.100, 0.056)) == "2 processes share each update: 56 ms instead of 100."
    assert "0.3 ms instead of 0.2" in str(Rehearsal(2, 0.0002, 0.0003)), "never 0 ms in place of 0"


@pytest.mark.slow
def test_only_what_gives_the_same_gradient_in_parts_is_shared() -> None:
    with together(3, "tests.process.shared_lines") as started:
        (code, said), (_, complaint), _ = ended(started)
    assert code == 0, said + complaint
    found = json.loads(said.splitlines()[-1])
    assert found["Line"] == found["Log"] == found["Branch"] == "3 processes"
    for kind in ("Sum", "Norm", "OwnLog"):
        assert "cannot be shared: a part of its batch" in found[kind], kind
    assert "do not hold equally many items" in found["Uneven"]
    assert found["few"] == "A batch of 1 cannot be shared by 3 processes."
    assert "Process 1 finds other data than the first one." in complaint and "is gone" in found["Other"]


@pytest.mark.slow
def test_two_processes_learn_what_one_does(whole: dict[int, Path]) -> None:
    one, two = steps(whole[1]), steps(whole[2])
    assert [event["step"] for event in two] == [event["step"] for event in one] == list(range(1, STEPS + 1))
    assert one[0].keys() == two[0].keys()
    for name in ("train_loss", "recon_loss", "kl_loss"):
        assert apart(whole[1], whole[2], name) < CLOSE, name
    assert all(a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-3) for a, b in zip(one, two, strict=True))
    figures = [[event["val_recon_db"] for event in RunReader(root).all_of("epoch")] for root in whole.values()]
    assert len(figures[0]) == STEPS // EPOCH and figures[0] == pytest.approx(figures[1], abs=1e-3)
    names = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in whole.values()]
    assert names[0] == names[1], "one of them writes, and writes what one process would"
    assert [RunReader(root).sessions()[0].processes for root in whole.values()] == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("chain", [(2, 2, 2, 2), (1, 2, 1, 2), (2, 1, 2, 1)], ids=str)
def test_it_goes_on_from_anywhere_with_any_number_of_processes(
    chain: Sequence[int], whole: dict[int, Path], drums: Path, tmp_path: Path
) -> None:
    """Stopped at an epoch's end, just after it, and amid the next one."""
    root, stops = tmp_path / "run", (EPOCH, EPOCH + 1, EPOCH + 4, 0)
    command = arguments(drums, root)
    for number, (processes, stop_at) in enumerate(zip(chain, stops, strict=True)):
        said = train(processes, *command, stop_at=stop_at)
        assert [code for code, _ in said] == [143 if stop_at else 0, 0][:processes], said
        if number:
            assert ("(exact)" in said[0][1]) == (len(set(chain)) == 1), said[0][1]
        assert RunReader(root).status().step == (stop_at or STEPS)
        command = ["--resume", root]
    assert [event["step"] for event in steps(root)] == list(range(1, STEPS + 1))
    if len(set(chain)) == 1:
        assert steps(root) == steps(whole[2]) and equal(state(root), state(whole[2]))
    else:
        assert apart(root, whole[1]) < CLOSE, "an item came twice, or not at all"


@pytest.mark.slow
def test_what_another_run_learned_is_begun_with_in_its_own_units(whole: dict[int, Path], tmp_path: Path) -> None:
    roots = {processes: tmp_path / str(processes) for processes in (1, 2)}
    for processes, root in roots.items():
        options = ["--from", whole[1], "--run-dir", root, "--max-steps", 6, "--preview-duration-s", 0.5]
        said = train(processes, "demo", *options)
        assert [code for code, _ in said] == [0] * processes, said
    assert len(steps(roots[1])) == 6 and apart(roots[1], roots[2]) < CLOSE


@pytest.mark.slow
def test_a_table_is_shared_and_obeys_commands(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with together(2, "engine.train", "iris", "--run-dir", root, "--max-steps", 100_000, "--threads", 1) as started:
        until(lambda: steps(root)[5:])
        saved = control.send(root, "save_now")
        until(lambda: any(event["id"] == saved.id and event["result"] == "done" for event in controls(root)))
        control.send(root, "cancel")
        said = ended(started)
    assert [code for code, _ in said] == [0, 0], said
    status = RunReader(root).status()
    assert status.state is State.CANCELLED and status.last_checkpoint.step == status.step
    assert any("more runs at once" in warning for warning in status.warnings), "an update of a table is short"
    alone = tmp_path / "alone"
    assert train(1, "iris", "--run-dir", alone, "--max-steps", 100_000, "--threads", 1, stop_at=5)[0][0] == 143
    pairs = zip(steps(alone)[:5], steps(root)[:5], strict=True)
    assert all(abs(a["train_loss"] - b["train_loss"]) < CLOSE for a, b in pairs)


def controls(root: Path) -> list[dict[str, Any]]:
    return RunReader(root).all_of("control")


@pytest.mark.slow
def test_a_training_that_fails_ends_all_with_its_own_sentence(drums: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    said = train(2, *arguments(drums, root, "--learning-rate", 1e9))
    assert [code for code, _ in said] == [1, 0], said
    assert "The loss" in said[0][1] and not said[1][1]
    assert RunReader(root).status().state is State.FAILED


def waits_in_vain() -> None:
    """Two of a group, of which one never comes."""
    store, limit = HashStore(), timedelta(seconds=0.5)
    pool = ThreadPoolExecutor(2)
    groups = list(pool.map(lambda rank: ProcessGroupGloo(store, rank, 2, limit), range(2)))
    groups[0].allreduce([torch.zeros(1)]).wait()


def test_only_what_the_connection_says_is_a_lost_process() -> None:
    with pytest.raises(ProcessLostError):
        _do(waits_in_vain)
    with pytest.raises(RuntimeError) as caught:
        _do(torch.empty, 1 << 60)
    assert isinstance(recognise(caught.value), OutOfMemoryError), "with its own remedy and exit code"
    with pytest.raises(RuntimeError, match="invalid for input of size 2"):
        _do(torch.zeros(2).view, 3)


def test_what_torchrun_did_not_start_says_what_is_missing(tmp_path: Path) -> None:
    half = os.environ | {"TORCHELASTIC_RUN_ID": "left over", "WORLD_SIZE": "2"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = forkserver.Popen("engine.train", "iris", "--run-dir", tmp_path / "run", environment=half, **pipes)
    ((code, said),) = ended([process])
    assert code == 2 and "LOCAL_RANK is not set" in said and "take TORCHELASTIC_RUN_ID out of the environment" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_arguments_that_cannot_be_end_all(tmp_path: Path) -> None:
    said = train(2, tmp_path / "nowhere")
    assert [code for code, _ in said] == [2, 0] and "nowhere does not exist" in said[0][1], said


@pytest.mark.slow
def test_one_that_is_gone_is_told_of_also_when_the_signal_for_it_is_seen_first(tmp_path: Path) -> None:
    root = tmp_path / "run"
    given = ["iris", "--run-dir", root, "--max-steps", 100_000, "--threads", 1]
    with together(2, "tests.process.stopped_at", "30,1", *given) as started:
        (code, said), (killed, _) = ended(started)
    status = RunReader(root).status()
    assert code == 1 and killed == -signal.SIGKILL and "One of the processes that trained together is gone" in said
    assert status.state is State.FAILED and status.last_checkpoint.step == status.step == 30


@pytest.mark.slow
def test_the_others_end_when_the_first_is_killed(drums: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    with together(2, "engine.train", *arguments(drums, root, "--max-steps", 100_000)) as started:
        until(lambda: steps(root)[3:])
        started[0].kill()
        _, (code, said) = ended(started)
    assert code == 1 and "One of the processes that trained together is gone" in said
    assert RunReader(root).view().state is ShownState.CRASHED


@pytest.mark.slow
def test_torchrun_ends_with_a_sentence_and_a_checkpoint_when_one_is_killed(drums: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += ["engine.train", *map(str, arguments(drums, root, "--max-steps", 100_000))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as launcher:
        try:
            until(lambda: launcher.poll() is not None or steps(root)[3:])
            others = children(launcher.pid) - {RunReader(root).sessions()[0].pid}
            os.kill(others.pop(), signal.SIGKILL)
            _, complaint = launcher.communicate(timeout=300)
        finally:
            launcher.kill()
    assert launcher.returncode == 1 and "One of the processes that trained together is gone" in complaint
    status = RunReader(root).status()
    assert status.state is State.FAILED and "One of the processes" in status.error.cause
    assert "--resume" in status.error.remedy and status.last_checkpoint.step == status.step
    assert train(1, "--resume", root, stop_at=status.step + 1)[0][0] == 143
    assert [event["step"] for event in steps(root)] == list(range(1, status.step + 2))


def children(pid: int) -> set[int]:
    """The processes that torchrun started."""
    import psutil

    return {one.pid for one in psutil.Process(pid).children() if "engine.train" in one.cmdline()}
