"""Whole training sessions of the real engine in forks of one process that has imported everything.

The task is a small table, so that a session takes a tenth of a second and a fault can be put at every place of it. The
heartbeat, a thread elsewhere, beats here between steps: then the file operations have an order that can be counted.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import engine.rundir.writer
import engine.tasks.mlp.task
import engine.train
from engine.errors import RunDirectoryError, SweetspotError
from engine.loop.checkpoint import load
from engine.loop.plan_history import PlanSegment
from engine.loop.timekeeper import Timekeeper
from engine.metrics import StepMetrics
from engine.process.job import Job, plain_job, resumed_job
from engine.process.resume_point import resume_point
from engine.process.signals import SignalFlag
from engine.process.terminal import Terminal
from engine.registry import Resolved
from engine.rundir.heart import Heart
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import Source
from tests.reliability.faults import Shim

# By the step after which a plan is made: longer, shorter, longer near its end. No checkpoint is of these steps: who
# goes on from one looks at the clock after the next update.
NEW_ENDS = {3: 16, 7: 11, 10: 14}
PLANNED_BY = {"at", "elapsed_s", "session", "steps_per_s"}
CLOCKS = {"at", "elapsed_s", "step_time_s", "eta_seconds", "elapsed_seconds"}
STEPS = 12
SETTINGS: dict[str, Any] = {
    "max_steps": STEPS,
    "batch_size": 7,
    "checkpoint_interval": 1,
    "max_checkpoints": 2,
    "threads": 1,
    "device": "cpu",
    "regularization": {"dropout": 0.1},
}


class SteppedHeart(Heart):
    """Beats when it is told to."""

    running: SteppedHeart | None = None

    def start(self) -> None:
        SteppedHeart.running = self
        self.beat()

    def stop(self) -> None:
        SteppedHeart.running = None

    def beat(self) -> None:
        self.poll()
        self.measure()
        self.publish()


class Quiet(Terminal):
    """Says nothing; after some steps the heart beats, after each ``told`` hears of it."""

    def __init__(self, told: Callable[[int], None]) -> None:
        super().__init__()
        self.told = told

    def opened(self, *known: object) -> None:
        pass

    def phase(self, phase: str, done: int, total: int) -> None:
        pass

    def begin(self, record: Any) -> None:
        pass

    def at(self, step: int) -> None:
        pass

    def callback(self, event: object) -> None:
        if isinstance(event, StepMetrics):
            if SteppedHeart.running is not None and event.step % 4 == 1:
                SteppedHeart.running.beat()
            self.told(event.step)


def write_table(path: Path) -> Path:
    """40 rows of two features and a number that depends on them."""
    generator = torch.Generator().manual_seed(5)
    rows = torch.rand(40, 2, generator=generator)
    lines = [f"{a:.6f},{b:.6f},{2 * a - b + a * b:.6f}" for a, b in rows.tolist()]
    path.write_text("\n".join(["a,b,y", *lines]) + "\n")
    return path


def job(table: Path, root: Path, **settings: Any) -> Job:
    """A fresh run, or the one in ``root`` once more when it has begun: what the engine tells its user to do."""
    if RunReader(root).run() is not None:
        point = resume_point(root)
        return replace(resumed_job(root, None), resumed_from_step=point.step if point else None)
    resolved = Resolved(Source(kind="file", name="table", path=str(table)), "mlp", {}, {})
    layers = {"layers": [{"units": 4}], "task_type": "regression"}
    return plain_job(resolved, {**SETTINGS, **settings}, layers, root, "table")


def session(table: Path, root: Path, shim: Shim | None = None, stop_at: int | None = None, **settings: Any) -> int:
    """One session in this process; its exit code. ``stop_at``: asked to end once that step is done (0: at once)."""
    signals = SignalFlag()
    if stop_at == 0:
        signals.received = 15

    def told(step: int) -> None:
        if step == stop_at:
            signals.received = 15

    with (shim or Shim(root.with_name("nowhere"))).installed():
        try:
            return engine.train.execute(job(table, root, **settings), signals, Quiet(told))
        except SweetspotError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            return error.exit_code


def start(act: Callable[[], int]) -> tuple[int, int]:
    """Run ``act`` in a fork; its pid, and where what it writes to stderr can be read."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(write, 2)
            code = act()
        except BaseException:  # noqa: BLE001 - whatever it was, the process it was forked from hears of it
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    return child, read


def end(child: int, read: int) -> tuple[int, str]:
    """The exit code of a fork (minus a signal's number), and what it wrote to stderr."""
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said


def fork(act: Callable[[], int]) -> tuple[int, str]:
    """:func:`start`, then :func:`end`."""
    return end(*start(act))


def prepare() -> None:
    """One thread, no thread for the heart, no question to git; once per process, before the first fork."""
    gc.freeze()  # what is never looked at again is never copied into a fork
    torch.set_num_threads(1)
    engine.rundir.writer.Heart = SteppedHeart
    engine.train.git_commit = lambda: None
    engine.train.kept_awake = lambda: nullcontext(None)
    drawn: dict[bytes, bytes] = {}
    draw = engine.tasks.mlp.task.scatter_png

    def remembered(true: Any, predicted: Any, *words: str) -> bytes:
        """The same picture of the same weights costs half a session: each is drawn once in this process."""
        key = true.tobytes() + predicted.tobytes()
        return drawn.get(key) or drawn.setdefault(key, draw(true, predicted, *words))

    engine.tasks.mlp.task.scatter_png = remembered


def plan_by_step() -> None:
    """A run with minutes is planned anew at ``NEW_ENDS``, not when a clock says so: the same in every session."""

    def better(keeper: Timekeeper, segment: PlanSegment, step: int) -> PlanSegment | None:
        end = NEW_ENDS.get(step, segment.total_steps)
        keeper.planned_step_s = 1.0  # what the keeper's own plan would be made for, as its reason tells
        return None if end == segment.total_steps else segment.ending(step, end)

    Timekeeper.better = better  # type: ignore[method-assign]


def plans(root: Path) -> list[dict[str, Any]]:
    """The lines of plans.jsonl without clocks, and without the session that made them."""
    records = [record.model_dump() for record in RunReader(root).plans()]
    return [{name: value for name, value in one.items() if name not in PLANNED_BY} for one in records]


def comparable(root: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The last record of every step and epoch, without clocks."""
    events = RunReader(root).events().events
    return {
        (event["event"], event["step"]): {name: value for name, value in event.items() if name not in CLOCKS}
        for event in events
        if event["event"] in ("step", "epoch")
    }


@dataclass
class Reference:
    """An uninterrupted run, and what another must share with it."""

    root: Path
    steps: int = STEPS

    def __post_init__(self) -> None:
        self.events = comparable(self.root)
        self.state = load(Layout(self.root).checkpoint(self.steps))
        self.best = load(Layout(self.root).best)
        self.names = names(self.root)
        self.plans = plans(self.root)

    def complaints(self, root: Path, *, files: bool = True) -> list[str]:
        """What differs in ``root``, in words; nothing when it is the same run."""
        wrong = [*self.state_complaints(root), *self._curves(root), *damage(root)]
        wrong += ["plans.jsonl has other lines"] * (plans(root) != self.plans)
        return wrong + (self._files(root) if files else [])

    def state_complaints(self, root: Path) -> list[str]:
        """What of the last checkpoint and of the best state differs."""
        try:
            state, best = load(Layout(root).checkpoint(self.steps)), load(Layout(root).best)
        except RunDirectoryError as error:
            return [str(error)]
        wrong = [part for part in ("model", "optimizer", "average", "task") if not same(state[part], self.state[part])]
        trackers = [
            {k: v for k, v in one["tracker"].items() if k not in ("elapsed_s", "clock")} for one in (state, self.state)
        ]
        wrong += ["tracker"] * (not same(*trackers)) + ["best"] * (not same(best["average"], self.best["average"]))
        return [f"{part} differs" for part in wrong]

    def _curves(self, root: Path) -> list[str]:
        events = comparable(root)
        return [
            f"event {key} differs"
            for key in self.events.keys() | events.keys()
            if not same(events.get(key), self.events.get(key))
        ]

    def _files(self, root: Path) -> list[str]:
        there = names(root)
        wrong = [f"{name} is left over" for name in there - self.names] + [
            f"{name} is missing" for name in self.names - there
        ]
        previews = [name for name in there & self.names if name.startswith("previews/")]
        wrong += [
            f"{name} differs" for name in previews if (root / name).read_bytes() != (self.root / name).read_bytes()
        ]
        return wrong


def damage(root: Path) -> list[str]:
    """Lines that do not parse, temporaries, artefacts that do not verify."""
    reader = RunReader(root)
    wrong = [f"{path.name} is left over" for path in root.rglob(".*")]
    for path in filter(Path.exists, (reader.layout.metrics, reader.layout.sessions, reader.layout.plans)):
        lines = path.read_bytes().split(b"\n")
        wrong += [f"{path.name} has a torn line" for line in lines[:-1] if not _parses(line)]
        wrong += [f"{path.name} has a torn tail"] * bool(lines[-1])
    artefacts = reader.checkpoints() + reader.snapshots()
    wrong += [f"{item.path.name} does not verify" for item in artefacts if not item.verified]
    return wrong


def _parses(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def same(a: Any, b: Any) -> bool:
    """Equal to the bit; NaN equals NaN."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) or (a != a and b != b)
