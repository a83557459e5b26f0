"""The training process from outside: what it leaves behind, how it ends, how it goes on."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from engine.claims.advice import Kept
from engine.claims.headline import headline
from engine.errors import DataError
from engine.loop.checkpoint import load
from engine.process.job import new_root, resumed_job
from engine.rundir.encoding import seal
from engine.rundir.layout import Layout, is_run_id
from engine.rundir.liveness import Liveness
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.view import ShownState
from engine.tasks.vae.sounds.load import open_model
from tests import forkserver
from tests.conftest import DATA, ROOT, SMALL, train_small, until
from tests.loop.test_trainer import equal, without

CLOCKS = {"at", "elapsed_s", "step_time_s", "eta_seconds", "elapsed_seconds"}
STEPS = 48

Engine = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def whole(drums: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One uninterrupted run of a Python that is started for it; read by several tests and changed by none.

    The others come from the fork server: that they are bit for bit the same says that a fork is as good as a start.
    """
    root = tmp_path_factory.mktemp("runs") / "whole"
    command = [sys.executable, "-m", "engine.train", *map(str, arguments(drums, root))]
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    (root.parent / "imports.txt").write_text(result.stderr, encoding="utf-8")
    return root


def arguments(source: Path, root: Path, *more: object) -> list[object]:
    long_epochs = (
        "--augmentation-expansion",
        4,
        "--preview-interval-short",
        3,
    )  # six; an epoch's end is most of its cost
    return [source, "--run-dir", root, "--max-steps", STEPS, "--checkpoint-interval", 1, *SMALL, *long_epochs, *more]


def still_at(step: int, *arguments: object) -> subprocess.Popen[str]:
    """A training that made update ``step`` and stands still, until SIGCONT or its death."""
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = forkserver.Popen("tests.process.stopped_at", f"{step},still", *arguments, **streams)
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    return process


def told(root: Path, word: str, process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """What ``sweetspot control`` says, where the training that stands still goes on once it was asked."""
    with forkserver.Popen("engine", "control", root, word, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asking:
        until(lambda: asking.poll() is not None or _size(Layout(root).control))
        process.send_signal(signal.SIGCONT)
        said = asking.communicate(timeout=300)
    return subprocess.CompletedProcess(asking.args, asking.returncode, *said)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def step_of(root: Path) -> int:
    tail = RunReader(root).metrics_tail(1, "step")
    return int(tail[-1]["step"]) if tail else 0


def comparable(root: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """The last record of every step and epoch, without clocks."""
    events = RunReader(root).events().events
    wanted = [event for event in events if event["event"] in ("step", "epoch")]
    return {
        (event["event"], event["step"]): {name: value for name, value in event.items() if name not in CLOCKS}
        for event in wanted
    }


@pytest.mark.slow
def test_a_damaged_cache_changes_no_bit_of_a_run_and_is_told_in_it(
    drums: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEETSPOT_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "run"
    with still_at(3, *arguments(drums, root)) as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.wait(300)
    for path in sorted((tmp_path / "cache").glob("*/*.pcm"))[:2]:
        path.write_bytes(bytes(path.stat().st_size))
    resumed = forkserver.run("engine.train", "--resume", root)
    assert resumed.returncode == 0
    status = RunReader(root).status()
    assert status is not None and any("the cache held of" in warning for warning in status.warnings)
    assert comparable(root) == comparable(whole)


def test_a_run_leaves_everything_a_viewer_needs(whole: Path) -> None:
    reader = RunReader(whole)
    status, record = reader.status(), reader.run()
    assert status is not None and record is not None
    assert status.state is State.COMPLETED and status.step == record.total_steps == STEPS
    assert record.config.training["max_steps"] == STEPS and record.task == "vae"
    assert record.can.model_dump() == {"make_sounds": True, "reconstruct": True, "export": True}
    rows = reader.dataset().files
    assert len(rows) == 10 and {row.split for row in rows} == {"train", "val"}
    steps = {event["step"]: event for event in reader.events().events if event["event"] == "step"}
    assert sorted(steps) == list(range(1, STEPS + 1))
    for event in steps.values():
        expected = event["recon_loss"] + event["kl_weight"] * event["kl_loss"]
        assert event["train_loss"] == pytest.approx(expected, abs=1e-5)
        assert {"epoch", "total_steps", "learning_rate", "grad_norm", "step_time_s"} <= event.keys()
    epoch = reader.metrics_tail(1, "epoch")[0]
    assert {"val_recon_db", "train_recon_db", "baseline_db", "kl_divergence", "sigma_db"} <= epoch.keys()
    assert {"kl_max_dim", "kl_median_dim", "overfitting_gap", "val_loss"} <= epoch.keys()
    assert len(epoch["kl_per_dim"]) == record.config.task["latent_dim"]
    page = (ROOT / "docs" / "run-directory.md").read_text(encoding="utf-8")
    unexplained = [name for name in (*epoch, *steps[1]) if f"`{name}`" not in page]
    assert unexplained == []
    frames = epoch["kl_divergence"] / sum(epoch["kl_per_dim"])
    assert frames == pytest.approx(round(frames), rel=0.02) and frames > 0.9, "a mean over the code's time"
    assert max(epoch["kl_per_dim"]) <= epoch["kl_max_dim"] + 1e-4
    held_out = [row for row in rows if row.split == "val"]
    assert len(epoch[record.monitor.files]) == len(held_out) == status.evidence.sweet_range.files
    assert np.mean(epoch[record.monitor.files]) == pytest.approx(epoch["val_recon_db"], abs=1e-3)
    assert epoch["sweet_range"]["best"] == status.best.epoch == status.evidence.sweet_range.best
    assert epoch["val_recon_db"] < epoch["baseline_db"], "it must beat the best constant answer"
    assert status.best is not None and status.baseline == epoch["baseline_db"]
    assert all(item.verified for item in reader.checkpoints()) and len(reader.checkpoints()) == 4
    assert all(item.verified for item in reader.snapshots())


def test_a_training_imports_no_compiler(whole: Path) -> None:
    imported = set(re.findall(r"\| +(\S+)$", (whole.parent / "imports.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert "torch.optim" in imported and "torch._dynamo" not in imported


def test_previews_can_be_heard_and_share_one_level(whole: Path) -> None:
    previews = RunReader(whole).previews()
    assert {preview.role for preview in previews} == {"reference", "recon", "sample"}
    assert 0 in {preview.step for preview in previews if preview.role == "sample"}, "the first comes before any step"
    for preview in previews:
        assert set(preview.files) == {"wav", "npy", "png"}
        wave, rate = soundfile.read(whole / preview.files["wav"])
        assert rate == 48_000 and soundfile.info(whole / preview.files["wav"]).subtype == "PCM_16"
        assert abs(wave).max() <= 10 ** (-1 / 20) + 1e-3


@pytest.mark.slow
def test_killed_at_three_random_moments_it_ends_with_the_same_bits(whole: Path, drums: Path, tmp_path: Path) -> None:
    root = tmp_path / "killed"
    moments = sorted(random.Random(7).sample(range(3, STEPS - 3), 3))
    command = arguments(drums, root)
    for moment in moments:
        process = still_at(moment, *command)
        process.kill()
        process.wait()
        command = ["--resume", root]
    result = forkserver.run("engine.train", *command)
    assert result.returncode == 0, result.stderr
    assert_same_run(whole, root)


def assert_same_run(expected: Path, got: Path) -> None:
    events, others = comparable(expected), comparable(got)
    assert len(events) > STEPS and events == others
    states = [load(Layout(root).checkpoint(STEPS)) for root in (expected, got)]
    for part in ("model", "optimizer", "average", "task"):
        assert equal(states[0][part], states[1][part]), part
    assert equal(without(states[0]["tracker"], "elapsed_s"), without(states[1]["tracker"], "elapsed_s"))
    earliest = load(next(item.path for item in RunReader(expected).checkpoints()))
    assert not equal(earliest["model"], states[0]["model"]), "the weights never moved, so nothing was compared"


@pytest.mark.slow
def test_cancel_is_acknowledged_and_leaves_a_checkpoint_to_resume_from(
    whole: Path, drums: Path, tmp_path: Path, engine: Engine
) -> None:
    root = tmp_path / "cancelled"
    process = still_at(10, *arguments(drums, root))
    answer = told(root, "cancel", process)
    assert answer.returncode == 0 and "acknowledged" in answer.stdout, answer
    assert process.wait(300) == 0
    reader = RunReader(root)
    status = reader.status()
    assert status.state is State.CANCELLED and 10 <= status.step < STEPS
    assert [item.verified for item in reader.checkpoints() if item.manifest.step == status.step][:1] == [True]
    resumed = engine("train", "--resume", root)
    assert resumed.returncode == 0, resumed.stderr
    assert f"step {status.step} of {STEPS}" in resumed.stdout and "(exact)" in resumed.stdout
    assert_same_run(whole, root)


@pytest.mark.slow
def test_save_now_writes_a_checkpoint_and_training_goes_on(drums: Path, tmp_path: Path, engine: Engine) -> None:
    root = tmp_path / "saved"
    process = still_at(3, *arguments(drums, root, "--checkpoint-interval", 1000))
    assert told(root, "save-now", process).returncode == 0
    assert process.wait(300) == 0
    events = RunReader(root).events().events
    assert [event["reason"] for event in events if event["event"] == "checkpoint"] == ["asked", "end"]
    assert [event["result"] for event in events if event["event"] == "control"] == ["acknowledged", "done"]
    assert RunReader(root).status().state is State.COMPLETED


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),  # they come in test_signals too
        pytest.param(signal.SIGUSR1, 138, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_run_with_a_checkpoint_and_its_code(
    drums: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    root = tmp_path / "signalled"
    process = still_at(5, *arguments(drums, root))
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    assert process.wait(300) == code
    status = RunReader(root).status()
    assert status.state is State.INTERRUPTED
    assert status.last_checkpoint is not None and status.last_checkpoint.step == status.step


def test_a_finished_run_says_so_when_resumed(whole: Path, engine: Engine) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in whole.rglob("*") if path.is_file())
    result = engine("train", "--resume", whole)
    assert result.returncode == 0 and "is complete" in result.stdout
    assert before == sorted((path, path.stat().st_mtime_ns) for path in whole.rglob("*") if path.is_file())


def test_a_run_directory_is_never_begun_twice(whole: Path, drums: Path) -> None:
    result = forkserver.run("engine.train", *arguments(drums, whole))
    assert result.returncode == 2 and "--resume" in result.stderr
    assert RunReader(whole).status().state is State.COMPLETED


def test_how_a_run_is_divided_moves_no_update(drums: Path, tmp_path: Path) -> None:
    """A ceiling on epochs only makes them longer: what is learned is the same to the last bit."""
    ceiling = ("--max-epochs", "2")
    lengths = ("--max-steps", "96", "--augmentation-expansion", "30")
    runs = [train_small(drums, tmp_path / name, *lengths, *more) for name, more in (("a", ()), ("b", ceiling))]
    assert [RunReader(root).require_run().total_epochs for root in runs] == [3, 2]
    free, bounded = (load(Layout(root).checkpoint(96)) for root in runs)
    for part in ("model", "optimizer", "average"):
        assert equal(free[part], bounded[part]), part
    curves = [[event["train_loss"] for event in RunReader(root).all_of("step")] for root in runs]
    assert len(curves[0]) == 96 and curves[0] == curves[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sonicpi", "sonicpi_more", "fsdd_jackson"])
def test_a_whole_collection_trains_with_the_default_settings(name: str, tmp_path: Path, engine: Engine) -> None:
    """Drums are not all there is: the default model, on sounds of every length and kind, to its first previews."""
    result = engine("train", DATA / name, "--run-dir", tmp_path / "run", "--max-steps", 2, "--threads", 1)
    assert result.returncode == 0, result.stderr
    assert list(RunReader(tmp_path / "run").all_of("preview"))


@pytest.mark.slow
def test_changed_sounds_refuse_to_be_resumed(drums: Path, tmp_path: Path, engine: Engine) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for path in sorted(drums.iterdir())[:6]:
        (folder / path.name).write_bytes(path.read_bytes())
    root = tmp_path / "run"
    process = still_at(5, *arguments(folder, root))
    process.kill()
    process.wait()
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    gone = engine("train", "--resume", root)
    assert gone.returncode == 2 and "--source" in gone.stderr
    extra = sorted(drums.iterdir())[7]
    (moved / extra.name).write_bytes(extra.read_bytes())
    grown = engine("train", "--resume", root, "--source", moved)
    assert grown.returncode == 2 and "has grown since this run began" in grown.stderr and extra.name in grown.stderr
    (moved / extra.name).unlink()
    found = engine("train", "--resume", root, "--source", moved)
    assert found.returncode == 0, found.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of this kind are POSIX")
@pytest.mark.parametrize(
    "given",
    [("train", "PIPE.csv"), ("train", "DRUMS", "--labels", "PIPE.csv"), ("train", "demo", "--config", "PIPE.csv"),
     ("train", "demo", "--config", "/dev/zero"), ("generate", "DRUMS", "--out", "OUT", "--again", "PIPE.csv")],
    ids=["table", "labels", "configuration", "device", "recipe"],
)  # fmt: skip
def test_a_pipe_where_a_file_is_asked_for_is_one_sentence_and_no_wait(
    engine: Engine, drums: Path, tmp_path: Path, given: tuple[str, ...]
) -> None:
    os.mkfifo(tmp_path / "PIPE.csv")
    meant = {"PIPE.csv": tmp_path / "PIPE.csv", "DRUMS": drums, "OUT": tmp_path / "out"}
    where = ("--run-dir", tmp_path / "run") if given[0] == "train" else ()
    result = engine(*(meant.get(word, word) for word in given), *where)
    assert result.returncode == 2, result.stderr
    assert "cannot be read: it is no regular file" in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists() or "--labels" in given  # those are read by the run


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("nowhere",), "neither a folder or table here nor a data set"),
        (("--dropout", "2", "DRUMS"), "less than 1"),
        (("--f-min", "900", "--f-max", "400", "DRUMS"), "f_min = 900 Hz must lie below f_max = 400 Hz"),
        (("--width", "2", "DRUMS"), "No such option"),
        (("--device", "cuda:9", "DRUMS"), "There is no device cuda:9 here"),
        ((), "nothing to train on"),
    ],
)
def test_bad_settings_are_one_sentence_and_exit_2(
    engine: Engine, drums: Path, tmp_path: Path, given: tuple[str, ...], sentence: str
) -> None:
    result = engine("train", *(str(drums) if word == "DRUMS" else word for word in given), "--runs-dir", tmp_path)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr and "Traceback" not in result.stderr


@pytest.mark.slow
def test_what_is_left_out_is_recorded_and_stays_out_when_the_run_goes_on(
    drums: Path, tmp_path: Path, engine: Engine
) -> None:
    root, first = tmp_path / "run", sorted(drums.iterdir())[0].name
    with still_at(3, *arguments(drums, root), f"--exclude={first}", "--exclude=no-such.wav") as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.wait(300)
    resumed = engine("train", "--resume", root)
    assert resumed.returncode == 0 and "exact" in resumed.stdout + resumed.stderr
    reader = RunReader(root)
    record, status = reader.run(), reader.status()
    assert record is not None and record.config.task["exclude"] == [first, "no-such.wav"]
    assert [row.reason for row in reader.dataset().files if row.path == first] == ["left out by you"]
    assert record.num_train_files + record.num_val_files == 9
    assert status is not None and any("Nothing there is called no-such.wav" in one for one in status.warnings)


def test_fewer_than_two_usable_files_are_refused(engine: Engine, drums: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    only = sorted(drums.iterdir())[0]
    (folder / only.name).write_bytes(only.read_bytes())
    (folder / "empty.wav").touch()
    result = engine("train", folder, "--run-dir", tmp_path / "run")
    assert result.returncode == 2
    assert "2 files found, 1 usable: training needs at least 2" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_saved_configuration_trains_the_same_run_again(whole: Path, drums: Path, tmp_path: Path) -> None:
    root = tmp_path / "again"
    result = forkserver.run("engine.train", drums, "--run-dir", root, "--config", whole / "run.json")
    assert result.returncode == 0, result.stderr
    assert comparable(whole) == comparable(root)


def test_reconstruct_gives_a_wave_of_the_same_length(whole: Path, drums: Path, tmp_path: Path, engine: Engine) -> None:
    first, second = sorted(drums.iterdir())[:2]
    twin = tmp_path / first.name
    twin.write_bytes(second.read_bytes())
    out = tmp_path / "out"
    result = engine("reconstruct", whole, first, twin, "--out", out)
    assert result.returncode == 0, result.stderr
    names = {path.name for path in out.iterdir()}
    assert names == {f"{first.stem}{suffix}" for suffix in (".orig.wav", ".recon.wav", "-2.orig.wav", "-2.recon.wav")}
    original, rate = soundfile.read(out / f"{first.stem}.orig.wav")
    copy, _ = soundfile.read(out / f"{first.stem}.recon.wav")
    assert rate == 48_000 and len(original) == len(copy)
    info = soundfile.info(first)
    assert len(original) == pytest.approx(info.frames * 48_000 / info.samplerate, abs=2)
    before = {path: path.read_bytes() for path in out.iterdir()}
    (out / f"{first.stem}-2.recon.wav").unlink()
    over = engine("reconstruct", whole, first, "--out", out)
    assert over.returncode == 2 and f"{first.stem}.orig.wav and 1 more would be overwritten" in over.stderr
    assert all(path.read_bytes() == before[path] for path in out.iterdir()) and len(before) == 4
    epoch = engine("reconstruct", whole, first, "--out", tmp_path / "epoch", "--checkpoint", "epoch-99")
    assert epoch.returncode == 2 and "The weights of epoch 99 were not kept" in epoch.stderr


def test_nothing_stays_behind_after_the_end(whole: Path) -> None:
    assert not [path for path in whole.rglob("*") if path.name.startswith(".") or path.suffix == ".tmp"]
    sessions = [json.loads(line) for line in (whole / "sessions.jsonl").read_text().splitlines()]
    assert len(sessions) == 1
    assert RunReader(whole).view().liveness is Liveness.DEAD


def test_a_run_whose_spectrograms_were_changed_is_not_resumed_and_says_why(drum_run: Path, tmp_path: Path) -> None:
    root = tmp_path / "drums"
    shutil.copytree(drum_run, root)
    status, record = json.loads((root / "status.json").read_text()), json.loads((root / "run.json").read_text())
    (root / "status.json").write_text(json.dumps(status | {"state": "cancelled"}))
    record["config"]["task"]["spectrogram"]["hop_length"] //= 2
    (root / "run.json").write_bytes(seal(record))
    done = forkserver.run("engine.train", "--resume", root)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "does not fit this run's model" in done.stderr and "start a new run" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.slow
def test_a_folder_whose_name_is_no_utf8_trains_and_goes_on(drums: Path, tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    shutil.copytree(drums, folder)
    root = train_small(Path(folder), tmp_path / "run")
    record = json.loads((root / "run.json").read_text())
    assert record["source"]["path"].endswith("caf\\xe9")
    assert resumed_job(root, None).source.path == folder and open_model(root).source == Path(folder)
    shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"no longer in .*caf\\xe9"):
        resumed_job(root, None)


@pytest.mark.parametrize("option", ["--runs-dir", "--run-dir"])
def test_a_refused_folder_leaves_nothing_where_nothing_was(drums: Path, tmp_path: Path, option: str) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    shutil.copy(min(drums.iterdir()), folder)
    place = tmp_path / "runs"
    done = forkserver.run("engine.train", folder, option, place if option == "--runs-dir" else place / "first")
    assert done.returncode == 2 and "1 file found, 1 usable: training needs at least 2" in done.stderr
    assert not list(place.rglob("*")), "nobody finds a run that never was"


def test_a_refused_folder_says_why_in_a_directory_that_somebody_watches(drums: Path, tmp_path: Path) -> None:
    """As the app and the queue begin a run: they made its directory before, and show what stands in it."""
    folder = tmp_path / "one"
    folder.mkdir()
    shutil.copy(min(drums.iterdir()), folder)
    root = new_root(tmp_path / "runs", "one")
    done = forkserver.run("engine.train", folder, "--run-dir", root)
    assert done.returncode == 2
    view = RunReader(root).view()
    said = headline(view, Kept)
    assert view.state is ShownState.FAILED and said is not None
    assert "It failed before its first update: 1 file found, 1 usable" in said.message


def test_a_name_in_other_letters_names_a_directory_that_can_be_read(tmp_path: Path) -> None:
    for name, begins in (("日本語", "RiBenYu-"), ("Müsli é", "Musli-e-"), ("дождь", "dozhd-"), ("/", "run-")):
        root = new_root(tmp_path, name)
        assert root.name.startswith(begins) and is_run_id(root.name), root.name
