"""Ten thousand commands of eight processes: none lost, none obeyed twice, none obeyed by another session."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from engine.config import TrainingConfig
from engine.loop.trainer import Trainer
from engine.plan import Length
from engine.rundir import control
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.task import StepOutput
from tests.audio.files.test_decode import endless
from tests.conftest import ROOT, SMALL
from tests.rundir.conftest import StartTrainer, open_writer, root, start_trainer
from tests.toy import Line

__all__ = ["root", "start_trainer"]
VIEWERS, EACH = 8, 1250
SENDS = """
import random, sys
from pathlib import Path
from engine.rundir import control
root, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
draw, live = random.Random(seed), control.live_session(control.RunReader(root))
for number in range(count):
    if draw.random() < 0.1:  # a cancel for a session that is gone
        control.send(root, "cancel", session="another")
    print(control.send(root, "save_now", session=None if number % 25 == 0 else live).id)
"""
TEARS = """
import os, sys, time
from pathlib import Path
from engine.rundir.atomic import open_append
from engine.rundir.layout import Layout
where = open_append(Layout(Path(sys.argv[1])).control)
while True:
    os.write(where, b'\\n{"id":"torn","command":"cancel","sess')
    time.sleep(0.01)
"""


def start_viewers(place: Path, count: int) -> list[Popen[str]]:
    argv = [sys.executable, "-c", SENDS, str(place), str(count)]
    return [
        Popen([*argv, str(seed)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for seed in range(VIEWERS)
    ]


def sent_by(viewers: list[Popen[str]]) -> list[str]:
    said = [viewer.communicate(timeout=300) for viewer in viewers]
    assert not any(errors for _, errors in said), said
    return [line for lines, _ in said for line in lines.split()]


def obeyed(place: Path, result: str) -> Counter[str]:
    events = RunReader(place).events().events
    return Counter(event["id"] for event in events if event["event"] == "control" and event["result"] == result)


@pytest.mark.slow
def test_ten_thousand_commands_are_each_obeyed_once_beside_torn_lines(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root, "--hold", 500)
    tearing = Popen([sys.executable, "-c", TEARS, str(root)], cwd=ROOT)
    sent = sent_by(start_viewers(root, EACH))
    tearing.send_signal(signal.SIGKILL)
    tearing.wait()
    last = control.send(root, "save_now").id
    assert control.wait_for(root, last, "done", timeout_s=120) is not None  # so all before it are
    expected = Counter([*sent, last])
    assert len(expected) == VIEWERS * EACH + 1
    assert obeyed(root, "acknowledged") == expected
    assert obeyed(root, "done") == expected
    assert not obeyed(root, "refused")
    assert trainer.poll() is None and RunReader(root).view().state == State.RUNNING  # no cancel was for this session
    lines = RunReader(root).layout.control.read_bytes().split(b"\n")
    assert sum(line.startswith(b'{"id":"torn"') for line in lines) > 10


@pytest.mark.slow
def test_a_real_training_obeys_a_few_hundred(tmp_path: Path, start: Callable[..., Popen[str]]) -> None:
    table, place = tmp_path / "table.csv", tmp_path / "run"
    table.write_text("a,b\n" + "".join(f"{number},{2 * number}\n" for number in range(40)))
    process = start("train", table, "--run-dir", place, "--max-steps", 1_000_000, "--threads", 1)
    reader, deadline = RunReader(place), time.monotonic() + 120
    while (status := reader.status()) is None or status.step == 0:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    sent = sent_by(start_viewers(place, 40))
    cancel = control.send(place, "cancel").id
    assert process.wait(120) == 0
    expected = Counter([*sent, cancel])
    assert obeyed(place, "acknowledged") == expected
    assert obeyed(place, "done") + obeyed(place, "refused") == expected
    assert obeyed(place, "done")[cancel] == 1
    checkpoints = [event for event in reader.events().events if event["event"] == "checkpoint"]
    assert len(checkpoints) == len({event["step"] for event in checkpoints})
    assert any(event["reason"] == "asked" for event in checkpoints)


class Held(Line):
    """Stays in one of its phases until the cancel that comes in the midst of it is acknowledged."""

    def __init__(self, place: Path, phase: str) -> None:
        super().__init__(TrainingConfig(max_steps=4, batch_size=4))
        self.place, self.phase = place, phase
        self.answers: list[str] = []

    def pause(self, phase: str) -> None:
        if phase == self.phase and not self.answers:
            answer = control.wait_for(self.place, control.send(self.place, "cancel").id, timeout_s=120)
            self.answers.append(answer.result if answer else "none")

    def training_step(self, model: object, batch: dict, knobs: object) -> StepOutput:
        self.pause("train")
        return super().training_step(model, batch, knobs)

    def evaluate(self, model: object, part: str) -> dict[str, float]:
        self.pause("validate")
        return super().evaluate(model, part)

    def previews(self, model: object, epoch: int) -> itertools.chain:
        self.pause("preview")
        return super().previews(model, epoch)

    def state_dict(self) -> dict:
        self.pause("save")
        return super().state_dict()


@pytest.mark.parametrize("phase", ["train", "validate", "preview", "save"])
def test_a_cancel_is_acknowledged_in_the_midst_of_every_phase(root: Path, phase: str) -> None:
    with open_writer(root) as writer:
        task = Held(root, phase)
        length = Length(steps_per_epoch=2, total_steps=4)
        Trainer(task, length, writer, lambda: writer.control.cancel).fit()
        assert task.answers == ["acknowledged"]


def test_a_cancel_is_acknowledged_while_sounds_are_read(tmp_path: Path, start: Callable[..., Popen[str]]) -> None:
    folder, place = tmp_path / "sounds", tmp_path / "run"
    folder.mkdir()
    for number in range(3):
        endless(folder / f"endless-{number}.wav")
    process = start("train", folder, "--run-dir", place, *SMALL)
    reader, deadline = RunReader(place), time.monotonic() + 120
    while (status := reader.status()) is None or status.phase != "decode":
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    sent = control.send(place, "cancel")
    assert control.wait_for(place, sent.id, timeout_s=120) is not None
    assert process.wait(120) == 0
    assert reader.view().state == State.CANCELLED
