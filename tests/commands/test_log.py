"""``sweetspot log``: what TensorBoard's own reader finds in what was written."""

from __future__ import annotations

import errno
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.audio.files.io import wave_bytes
from engine.commands.log import command
from engine.errors import ConfigError, DataError, RunDirectoryError, StorageError
from engine.rundir import control
from engine.rundir.reader import RunReader
from engine.rundir.writer import RunWriter
from tests.conftest import until
from tests.rundir.conftest import StartTrainer, open_writer, start_trainer

__all__ = ["start_trainer"]
AXES = {"at", "elapsed_s", "elapsed_seconds", "step", "epoch", "total_steps", "total_epochs"}


def log(run: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(command, [str(run), "--to", "tensorboard", "--out", str(out), *options])


def written(run: Path, out: Path, *options: str) -> EventAccumulator:
    result = log(run, out, *options)
    assert result.exit_code == 0, result.exception
    return opened(out)


def opened(out: Path) -> EventAccumulator:
    everything = EventAccumulator(str(out), dict.fromkeys(("scalars", "images", "audio"), 0))
    return everything.Reload()


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_every_figure_of_the_run_is_there_at_its_step_and_its_time(drum_run: Path, tmp_path: Path) -> None:
    before = state_of(drum_run)
    found = written(drum_run, tmp_path / "out")
    assert state_of(drum_run) == before, "the run is only read"
    expected: dict[str, list[tuple[int, float, np.float32]]] = {}
    for line in (drum_run / "metrics.jsonl").read_text().splitlines():
        event = json.loads(line)
        for name, value in event.items():
            if event["event"] in ("step", "epoch") and name not in AXES and isinstance(value, int | float):
                points = expected.setdefault(f"{event['event']}/{name}", [])
                points.append((event["step"], event["at"], np.float32(value)))
    assert len(expected["step/train_loss"]) == 30 and len(expected["epoch/val_recon_db"]) > 1
    assert {tag for tag in found.Tags()["scalars"] if not tag.startswith("memory/")} == expected.keys()
    for tag, points in expected.items():
        assert [(one.step, one.wall_time, np.float32(one.value)) for one in found.Scalars(tag)] == points


def test_previews_are_heard_and_seen_as_they_lie_in_the_run(drum_run: Path, tmp_path: Path) -> None:
    found = written(drum_run, tmp_path / "out")
    tags = found.Tags()
    assert not set(tags["images"]) & set(tags["audio"]), "one tag is one kind of thing"
    previews = [one for one in RunReader(drum_run).previews() if one.role == "sample"]
    assert len(previews) > 1
    sounds, pictures = found.Audio("sounds/sample-00"), found.Images("pictures/sample-00")
    assert [one.step for one in sounds] == [one.step for one in pictures] == [one.step for one in previews]
    for sound, picture, preview in zip(sounds, pictures, previews, strict=True):
        wave, rate = soundfile.read(drum_run / preview.files["wav"])
        heard, said = soundfile.read(io.BytesIO(sound.encoded_audio_string))
        assert np.array_equal(heard, wave) and said == rate == sound.sample_rate and sound.length_frames == len(wave)
        with (
            Image.open(drum_run / preview.files["png"]) as drawn,
            Image.open(io.BytesIO(picture.encoded_image_string)) as seen,
        ):
            assert np.array_equal(np.asarray(seen), np.asarray(drawn)) and seen.size == (picture.width, picture.height)
    assert len(found.Audio("sounds/reference-00")) == len(found.Images("pictures/reference-00")) == 1


def test_asked_again_it_writes_nothing(drum_run: Path, tmp_path: Path) -> None:
    written(drum_run, tmp_path / "out")
    before = state_of(tmp_path)
    again = log(drum_run, tmp_path / "out")
    assert isinstance(again.exception, DataError) and "event files already" in str(again.exception)
    assert state_of(tmp_path) == before


def test_the_run_directory_takes_none_and_what_is_no_run_has_none(drum_run: Path, tmp_path: Path) -> None:
    inside, nowhere = log(drum_run, drum_run / "sounds"), log(tmp_path, tmp_path / "out")
    assert isinstance(inside.exception, ConfigError) and "only read" in str(inside.exception)
    assert isinstance(nowhere.exception, RunDirectoryError) and not (tmp_path / "out").exists()


def test_without_tensorboard_one_sentence_says_what_to_install(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)  # as where it is not installed
    error = log(drum_run, tmp_path / "out").exception
    assert isinstance(error, ConfigError)
    assert str(error) == "TensorBoard is not installed. Install it: pip install tensorboard."


def test_no_torch_is_loaded_for_it(drum_run: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from engine.commands.log import command; command(sys.argv[1:], standalone_mode=False); "
        "sys.exit('torch' in sys.modules)"
    )
    arguments = [str(drum_run), "--to", "tensorboard", "--out", str(tmp_path / "out")]
    assert subprocess.run([sys.executable, "-c", program, *arguments]).returncode == 0


def test_following_ends_with_the_run_and_has_all_of_it(
    start_trainer: StartTrainer, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    run, out = tmp_path / "run-1", tmp_path / "out"
    trainer = start_trainer(run)
    following = start("log", run, "--to", "tensorboard", "--out", out, "--follow")
    while not (out.exists() and list(out.iterdir()) and opened(out).Tags()["scalars"]):
        assert following.poll() is None
    assert following.poll() is None and trainer.poll() is None, "both go on"
    seen = len(opened(out).Scalars("step/train_loss"))
    control.send(run, "cancel")
    assert trainer.wait(120) == 0 and following.wait(120) == 0
    steps = [event["step"] for event in RunReader(run).all_of("step")]
    assert [one.step for one in opened(out).Scalars("step/train_loss")] == steps and len(steps) > seen > 0


def _train(writer: RunWriter, steps: range, previews: tuple[int, ...], loss: float) -> None:
    layout = RunReader(writer.root).layout
    for step in steps:
        writer.event("step", step=step, epoch=1, train_loss=loss)
        if step in previews:
            path = layout.preview(1, step, "sample", 0, "wav")
            assert writer.write_preview(path, wave_bytes(np.full(100, step / 100), 8000))
            name = path.relative_to(writer.root).as_posix()
            writer.event("preview", step=step, epoch=1, role="sample", index=0, audio_path=name, image_path=None)


def test_steps_that_came_twice_are_there_once_and_kept_previews_stay(tmp_path: Path) -> None:
    """A resumed run repeats the steps since its checkpoint, and says no preview again that it finds."""
    with open_writer(tmp_path / "run-1") as writer:
        _train(writer, range(1, 11), (2, 8), loss=1.0)
    with open_writer(tmp_path / "run-1", resume=True) as writer:
        _train(writer, range(6, 13), (12,), loss=2.0)
    found = written(tmp_path / "run-1", tmp_path / "out")
    points = [(one.step, one.value) for one in found.Scalars("step/train_loss")]
    assert points == [(step, 1.0 if step < 6 else 2.0) for step in range(1, 13)]
    assert [one.step for one in found.Audio("sounds/sample-00")] == [2, 8, 12]


def test_memory_lies_at_the_step_before_it_was_measured(tmp_path: Path) -> None:
    with open_writer(tmp_path / "run-1") as writer:
        writer.event("memory", held=1.0)
        for step in (3, 4):
            writer.event("step", step=step, epoch=1, train_loss=1.0)
            writer.event("memory", held=float(step))
    found = written(tmp_path / "run-1", tmp_path / "out")
    assert [(one.step, one.value) for one in found.Scalars("memory/held")] == [(0, 1.0), (3, 3.0), (4, 4.0)]


def test_a_strangers_run_leads_to_no_file_but_its_own(tmp_path: Path) -> None:
    run = tmp_path / "run-1"
    (tmp_path / "diary.wav").write_bytes(wave_bytes(np.zeros(100), 8000))
    with open_writer(run) as writer:
        good = RunReader(run).layout.preview(1, 3, "sample", 0, "wav")
        assert writer.write_preview(good, b"no sound at all")
        for path in ("../diary.wav", str(tmp_path / "diary.wav"), good.relative_to(run).as_posix()):
            writer.event("preview", step=3, epoch=1, role="sample", index=0, audio_path=path)
        writer.event("step", step=4, epoch=1, train_loss=float("nan"), words="many", huge=10**400, yes=True)
        writer.event("step", step="far", epoch=1, train_loss=1.0)
        writer.event("step", step=-1, epoch=1, train_loss=1.0)
    result = log(run, tmp_path / "out")
    assert result.exit_code == 0 and "3 files of previews are gone or damaged" in result.stderr
    found = opened(tmp_path / "out")
    assert found.Tags()["audio"] == []
    assert [tag for tag in found.Tags()["scalars"] if not tag.startswith("memory/")] == ["step/train_loss"]
    (point,) = found.Scalars("step/train_loss")
    assert point.step == 4 and np.isnan(point.value)


def test_steps_that_come_again_without_end_write_each_preview_a_few_times(tmp_path: Path) -> None:
    """Nor is one written for each name that it is given beside another."""
    run, data = tmp_path / "run-1", wave_bytes(np.full(20_000, 0.5), 8000)
    with open_writer(run) as writer:
        path = RunReader(run).layout.preview(1, 3, "sample", 0, "wav")
        assert writer.write_preview(path, data)
        name = path.relative_to(run).as_posix()
        for number in range(100):
            picture = f"no/{number}.png"
            writer.event("preview", step=3, epoch=1, role="sample", index=0, audio_path=name, image_path=picture)
            writer.event("step", step=3, epoch=1, train_loss=number)
    result = log(run, tmp_path / "out")
    assert result.exit_code == 0 and "Steps came again more than 10 times" in result.stderr
    (file,) = (tmp_path / "out").iterdir()
    assert len(data) < file.stat().st_size < 12 * len(data)
    found = opened(tmp_path / "out")
    assert len(found.Audio("sounds/sample-00")) == 1
    assert found.Scalars("step/train_loss")[-1].value == 99


def test_a_run_that_was_killed_before_ten_previews_keeps_all_of_them(tmp_path: Path) -> None:
    with open_writer(tmp_path / "run-1") as writer:
        _train(writer, range(1, 11), (2, 5, 8), loss=1.0)
    for loss in range(2, 12):
        with open_writer(tmp_path / "run-1", resume=True) as writer:
            _train(writer, range(4, 11), (), loss=loss)
    result = log(tmp_path / "run-1", tmp_path / "out")
    assert result.exit_code == 0 and not result.stderr
    found = opened(tmp_path / "out")
    assert [one.step for one in found.Audio("sounds/sample-00")] == [2, 5, 8]
    assert [one.value for one in found.Scalars("step/train_loss")] == [1.0] * 3 + [11.0] * 7


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_one_that_is_ended_leaves_nothing_that_is_in_the_way_of_the_next(
    ending: signal.Signals, drum_run: Path, tmp_path: Path
) -> None:
    program = (
        "import os, sys; from engine.commands.log import command; from engine.sharing.event_file import EventFile; "
        "EventFile.scalars = lambda *given: os.kill(os.getpid(), int(sys.argv[1])); command(sys.argv[2:])"
    )
    arguments = [str(drum_run), "--to", "tensorboard", "--out", str(tmp_path / "out")]
    ended = subprocess.run([sys.executable, "-c", program, str(int(ending)), *arguments], capture_output=True)
    assert ended.returncode == (-ending if ending == signal.SIGKILL else 128 + ending), ended.stderr
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert not [name for name in left if ending != signal.SIGKILL or "tfevents" in name]
    assert written(drum_run, tmp_path / "out").Scalars("step/train_loss")


def test_a_signal_ends_following_and_what_was_written_stays_whole(
    start_trainer: StartTrainer, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    run, out = tmp_path / "run-1", tmp_path / "out"
    start_trainer(run)
    following = start("log", run, "--to", "tensorboard", "--out", out, "--follow")
    until(lambda: out.exists() and list(out.iterdir()) and opened(out).Tags()["scalars"])
    following.terminate()
    said, _ = following.communicate(timeout=120)
    assert following.returncode == 0 and "figures" in said
    (file,) = out.iterdir()
    points = re.findall(r"([\d,]+) figures", said)
    found = opened(out)
    assert "tfevents" in file.name
    assert sum(len(found.Scalars(tag)) for tag in found.Tags()["scalars"]) == int(points[0].replace(",", ""))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said_of_the_directory_that_was_named(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.sharing.event_file._created", lambda *_: Path("/dev/full").open("wb"))  # noqa: SIM115 - closed by its user
    refused = log(drum_run, tmp_path / "monitor").exception
    assert isinstance(refused, OSError) and refused.errno == errno.ENOSPC
    assert str(StorageError.of(refused)).startswith(f"{tmp_path / 'monitor'} cannot be written or read: no space left")
