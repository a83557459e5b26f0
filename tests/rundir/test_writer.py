"""What the training process writes, also when it was killed before or the disk is full."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import RunDirectoryError, StorageError
from engine.rundir import protocol
from engine.rundir.heart import BUSY_BEAT_S
from engine.rundir.layout import Layout, manifest
from engine.rundir.protocol import Manifest, PlanRecord
from engine.rundir.reader import RunReader
from engine.rundir.record import DatasetRecord, FileRow
from engine.rundir.status import ErrorInfo, State, Status
from engine.rundir.writer import RunWriter
from tests.conftest import until
from tests.reliability.disk import Disk
from tests.reliability.faults import Shim
from tests.rundir.conftest import REPOSITORY, StartTrainer, open_writer
from tests.rundir.test_encoding import RUN


def test_a_session_says_who_it_is_and_that_it_starts(writer: RunWriter) -> None:
    reader = RunReader(writer.root)
    status = reader.status()
    assert reader.sessions() == [writer.session]
    assert status is not None
    assert (status.session, status.state) == (writer.session.session, State.STARTING)
    assert reader.events().events[0]["event"] == "state"


def test_the_status_follows_within_a_second_and_its_heartbeat_moves(writer: RunWriter) -> None:
    reader = RunReader(writer.root)
    writer.update(step=7, metrics={"train_loss": 0.5})
    writer.update(metrics={"kl_loss": 0.1})
    began = time.monotonic()
    first = _beating(reader, 0)
    last = _beating(reader, first.heartbeat + 4)
    assert last.step == 7
    assert last.metrics == {"train_loss": 0.5, "kl_loss": 0.1}
    assert last.heartbeat - first.heartbeat <= 2 + (time.monotonic() - began) / BUSY_BEAT_S, "twice a second at most"
    assert last.memory is not None
    assert last.memory.process_bytes > 1 << 20


def _beating(reader: RunReader, beats: int) -> Status:
    """The status once its heart has beaten so often."""
    found: Status = until(lambda: (now := reader.status()) is not None and now.heartbeat >= beats and now)
    return found


def test_the_clock_of_a_run_goes_on_in_a_later_session_from_its_first_event(root: Path) -> None:
    with open_writer(root) as writer:
        writer.write_run(RUN)
        writer.go_on_after(52.3)
        writer.event("epoch", epoch=1)
    with open_writer(root, resume=True) as writer:
        writer.warn("what the cache held was damaged")
        writer.go_on_after(40.0)  # of a checkpoint before the crash
        writer.event("epoch", epoch=2)
    reader = RunReader(root)
    events = reader.events().events
    times = [event["elapsed_s"] for event in events[[event["event"] for event in events].index("epoch") :]]
    assert len(times) >= 4 and times == sorted(times) and times[0] > 52
    status = reader.status()
    assert status is not None and status.elapsed_s >= times[-1]


def test_every_new_plan_survives_a_power_cut_once_it_is_followed(root: Path) -> None:
    plan = PlanRecord(
        step=10, total_steps=90, progress=0.1, epoch=1, epoch_ends=20, steps_per_epoch=10, total_epochs=9,
        reason="slower than planned", at=0.0, elapsed_s=1.0, session="s",
    )  # fmt: skip
    root.mkdir()
    with Shim(root).installed() as shim, open_writer(root) as writer:
        for step in (10, 20, 30):
            assert writer.plan_anew(plan.model_copy(update={"step": step}))
            left = Disk.after(list(shim.operations)).names_lost()["plans.jsonl"]
            assert [json.loads(line)["step"] for line in left.splitlines()] == list(range(10, step + 1, 10))


def test_a_name_the_status_does_not_have_is_refused(writer: RunWriter) -> None:
    with pytest.raises(TypeError, match="stepp"):
        writer.update(stepp=1)


def test_a_state_is_in_the_status_at_once(writer: RunWriter) -> None:
    writer.state(State.FAILED, "diverged", error=ErrorInfo(kind="x", cause="The loss is NaN."))
    status = RunReader(writer.root).status()
    assert status is not None
    assert status.error is not None
    assert (status.state, status.error.cause) == (State.FAILED, "The loss is NaN.")
    last = RunReader(writer.root).metrics_tail(1, "state")[0]
    assert (last["state"], last["reason"]) == ("failed", "diverged")


def test_a_warning_is_told_once_in_a_run_and_not_again_after_a_resume(root: Path) -> None:
    for resume in (False, True):
        with open_writer(root, resume=resume) as writer:
            writer.warn("The curves part.", code="overfitting")
            writer.warn("The curves part.", code="overfitting")
    told = [event for event in RunReader(root).events().events if event["event"] == "warning"]
    assert [(event["message"], event["code"]) for event in told] == [("The curves part.", "overfitting")]


def test_events_of_many_threads_are_whole_lines(writer: RunWriter) -> None:
    def write(name: int) -> None:
        for number in range(300):
            writer.event("step", thread=name, number=number, padding="x" * (number % 90))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = [event for event in RunReader(writer.root).events().events if event["event"] == "step"]
    for name in range(6):
        assert [event["number"] for event in steps if event["thread"] == name] == list(range(300))


def test_elapsed_time_goes_on_where_the_last_session_stopped(root: Path) -> None:
    began = time.monotonic()
    with open_writer(root) as writer:
        writer.go_on_after(1000.0)
        writer.event("step", step=1)
    took = time.monotonic() - began
    assert 1000 <= RunReader(root).metrics_tail(1, "step")[0]["elapsed_s"] <= 1000 + took


# Entering a directory


def test_a_run_that_exists_is_only_entered_to_resume_it(root: Path) -> None:
    with open_writer(root) as writer:
        writer.write_run(RUN)
    with pytest.raises(
        RunDirectoryError,
        match=r"holds a run already\. Name another directory, or continue it with: sweetspot train --resume",
    ):
        open_writer(root)
    open_writer(root, resume=True).close()
    assert len(RunReader(root).sessions()) == 2


def test_a_run_that_ended_before_it_was_laid_out_is_begun_again_in_its_place(root: Path) -> None:
    """It has no configuration to go on with: if neither a fresh run nor --resume could enter, nothing could."""
    with open_writer(root) as writer:
        writer.write_dataset(DatasetRecord(files=[]))
        (root / ".staged.1-0.tmp").write_bytes(b"half")
    with open_writer(root) as writer:
        writer.write_run(RUN)
    assert len(RunReader(root).sessions()) == 2
    assert not list(root.glob(".*"))


def test_a_directory_with_other_things_in_it_is_left_alone(root: Path) -> None:
    root.mkdir()
    (root / "thesis.doc").write_text("years of work")
    with pytest.raises(RunDirectoryError, match="it has thesis"):
        open_writer(root)
    assert [path.name for path in root.iterdir()] == ["thesis.doc"]


def test_the_log_of_the_launcher_is_no_obstacle(root: Path) -> None:
    root.mkdir()
    (root / "log.txt").write_text("")
    open_writer(root).close()


def test_nothing_can_be_resumed_where_there_is_no_run(root: Path) -> None:
    with pytest.raises(RunDirectoryError, match="no run that could be resumed"):
        open_writer(root, resume=True)
    assert not root.exists()


def test_a_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="cannot name a run"):
        open_writer(tmp_path / "my run")


@pytest.mark.parametrize(("by", "words"), [(1, "a newer version"), (-1, "an older version")])
def test_a_run_of_another_version_is_not_resumed(root: Path, by: int, words: str) -> None:
    with open_writer(root) as writer:
        writer.write_run(RUN.model_copy(update={"protocol": protocol.PROTOCOL + by}))
    with pytest.raises(RunDirectoryError, match=words):
        open_writer(root, resume=True)


def test_one_process_opens_a_directory_once(writer: RunWriter) -> None:
    with pytest.raises(RunDirectoryError, match=f"Another process trains this run .*pid {os.getpid()}"):
        open_writer(writer.root, resume=True)


def test_of_two_trainers_exactly_one_wins(
    tmp_path: Path, start_trainer: StartTrainer, one_in: Callable[[int], int]
) -> None:
    for turn in range(6 // one_in(3)):  # a new run and one that goes on, in turns
        root = tmp_path / f"run-{turn}"
        if turn % 2:
            open_writer(root).close()
        arguments = [root, "--at", time.time() + 1.5, *(["--resume"] if turn % 2 else [])]
        rivals = [start_trainer(*arguments, wait=False) for _ in range(3)]
        said = [rival.stdout.readline() for rival in rivals if rival.stdout]
        assert sorted(words.split()[0] for words in said) == ["ready", "refused", "refused"], said
        assert len(RunReader(root).sessions()) == 1 + turn % 2


def test_the_lock_is_free_once_its_owner_is_killed_though_a_child_lives_on(
    root: Path, start_trainer: StartTrainer
) -> None:
    owner = start_trainer(root, "--zombie-child")
    with pytest.raises(RunDirectoryError, match=f"pid {owner.pid}"):
        open_writer(root, resume=True)
    owner.kill()
    owner.wait()
    open_writer(root, resume=True).close()


# After a kill


@pytest.mark.parametrize("tail", [b'{"event": "st', b"\0" * 70_000, b"x" * 200_000])
def test_a_torn_tail_is_cut_and_nothing_else(root: Path, tail: bytes) -> None:
    with open_writer(root) as writer:
        writer.event("step", step=1)
    place = Layout(root)
    whole = {path: path.read_bytes() for path in (place.metrics, place.sessions)}
    for path in whole:
        with path.open("ab") as file:
            file.write(tail)
    with open_writer(root, resume=True) as writer:
        writer.event("step", step=2)
    assert all(path.read_bytes().startswith(content) for path, content in whole.items())
    steps = [event["step"] for event in RunReader(root).events().events if event["event"] == "step"]
    assert steps == [1, 2]
    assert len(RunReader(root).sessions()) == 2
    assert all(map(json.loads, place.metrics.read_bytes().splitlines()))


def test_temporaries_of_a_killed_session_are_swept_and_other_files_are_not(root: Path) -> None:
    open_writer(root).close()
    left = root / "checkpoints" / ".staged.123-0.tmp"
    left.parent.mkdir()
    left.write_bytes(b"half")
    kept = [root / ".status.json.tmp", root / "checkpoints" / "notes.tmp"]
    for path in kept:
        path.write_text("the user's")
    open_writer(root, resume=True).close()
    assert not left.exists()
    assert all(path.exists() for path in kept)


def test_halves_of_a_killed_session_go_and_what_somebody_put_there_stays(root: Path) -> None:
    with open_writer(root) as writer:
        places = [writer.layout.checkpoints, writer.layout.snapshots]
    halves = ["best.json", "step-00000003.safetensors", "step-00000004.json"]
    own = ["my-remarks.json", "step.json", "best.txt", "mine.safetensors"]
    for place in places:
        place.mkdir()
        for name in (*halves, *own):
            (place / name).write_text("{}")
    with open_writer(root, resume=True):
        assert [sorted(path.name for path in place.iterdir()) for place in places] == [sorted(own)] * 2


def test_a_resumed_run_begins_where_its_status_stood(root: Path) -> None:
    with open_writer(root) as writer:
        writer.state(State.FAILED, step=12, epoch=2, error=ErrorInfo(kind="x", cause="y"))
    with open_writer(root, resume=True) as writer:
        status = RunReader(root).status()
        assert status is not None
        assert (status.session, status.state) == (writer.session.session, State.STARTING)
        assert (status.step, status.epoch, status.error) == (12, 2, None)


# Records and artefacts


def test_run_json_is_written_once(writer: RunWriter) -> None:
    writer.write_run(RUN)
    with pytest.raises(RunDirectoryError, match="already"):
        writer.write_run(RUN.model_copy(update={"name": "other"}))
    assert RunReader(writer.root).run() == RUN


def test_the_data_of_a_run_that_has_begun_is_kept(writer: RunWriter) -> None:
    records = [DatasetRecord(files=[FileRow(path=name, verdict="used")]) for name in "abc"]
    writer.write_dataset(records[0])
    writer.write_dataset(records[1])
    writer.write_run(RUN)
    writer.write_dataset(records[2])
    assert RunReader(writer.root).dataset() == records[1]


def test_a_checkpoint_verifies_until_one_bit_of_it_turns(writer: RunWriter) -> None:
    data = os.urandom(100_000)
    place = writer.layout
    for step in (3, 12):
        described = Manifest(
            file=place.checkpoint(step).name,
            step=step,
            epoch=1,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        assert writer.write_artefact(place.checkpoint(step), data, described)
    assert [found.verified for found in RunReader(writer.root).checkpoints()] == [True, True]
    raw = bytearray(data)
    raw[77_777] ^= 4
    place.checkpoint(12).write_bytes(raw)
    manifest(place.checkpoint(3)).unlink()
    assert [(found.path.name, found.verified) for found in RunReader(writer.root).checkpoints()] == [
        ("step-00000003.safetensors", False),
        ("step-00000012.safetensors", False),
    ]


def test_a_preview_that_exists_is_kept(writer: RunWriter) -> None:
    path = writer.layout.preview(5, 10, "sample", 0, "wav")
    assert writer.write_preview(path, b"first")
    assert writer.write_preview(path, b"second")
    assert path.read_bytes() == b"first"


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", where], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("mounting needs root")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def test_a_full_disk_stops_no_training_and_is_told_when_there_is_room(small_disk: Path) -> None:
    with open_writer(small_disk / "run-1") as writer:
        ballast = small_disk / "ballast"
        with pytest.raises(OSError) as full, ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        assert full.value.errno == errno.ENOSPC
        for step in range(100):
            writer.event("step", step=step, padding="x" * 200)
        place = writer.layout
        described = Manifest(file="step-00000001.safetensors", step=1, epoch=1, bytes=9000, sha256="")
        assert not writer.write_artefact(place.checkpoint(1), b"x" * 9000, described)
        assert not writer.write_preview(place.preview(1, 1, "sample", 0, "wav"), b"x" * 9000)
        writer.state(State.RUNNING)
        assert not [path for path in place.root.rglob("*") if path.suffix in (".safetensors", ".wav", ".tmp")]
        ballast.unlink()
        writer.event("step", step=100)
        writer.state(State.RUNNING)
        lines = place.metrics.read_bytes().splitlines()
        status = RunReader(place.root).status()
    events = list(map(json.loads, lines))
    steps = [event["step"] for event in events if event["event"] == "step"]
    # One line or another may find room: who keeps the run alive replaces a file of it now and then.
    assert steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == 100 and len(steps) < 101
    told = [event for event in events if event["event"] == "warning" and "gaps" in event["message"]]
    assert sum(event["lost_lines"] for event in told) >= 101 - len(steps)
    assert status is not None
    assert any("curves have gaps" in warning for warning in status.warnings)
    refused = [warning for warning in status.warnings if "takes no new files" in warning]
    assert refused and all(warning.endswith("of this time. Free some space.") for warning in refused)


def test_a_file_in_the_way_is_named_and_is_no_full_disk(writer: RunWriter) -> None:
    place = writer.layout
    for folder in (place.previews, place.checkpoints):
        folder.write_bytes(b"x")
    described = Manifest(file="step-00000001.safetensors", step=1, epoch=1, bytes=1, sha256="")
    assert not writer.write_artefact(place.checkpoint(1), b"x", described)
    assert writer.remedy == "Remove what lies in its place"
    for step in (1, 2):
        assert not writer.write_preview(place.preview(1, step, "sample", 0, "wav"), b"x")
    said = [warning for warning in writer.status.warnings if "File exists" in warning]
    assert [warning.split(" takes no new files")[0] for warning in said] == [
        str(place.checkpoints),
        str(place.previews),
    ]
    assert all(warning.endswith("Remove what lies in its place.") for warning in said)


def test_a_line_the_disk_takes_in_part_leaves_no_half_line(root: Path) -> None:
    """With a limit on the size of a file, the last ``write()`` before it is short: as on a full disk."""
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom tests.rundir.conftest import open_writer\n"
        "writer = open_writer(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n"
        "for step in range(300): writer.event('step', step=step, padding='x' * 100)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "writer.event('step', step=300)\nwriter.close()\n"
    )
    subprocess.run([sys.executable, "-c", program, root], cwd=REPOSITORY, check=True)
    lines = Layout(root).metrics.read_bytes().split(b"\n")
    steps = [event["step"] for event in map(json.loads, lines[:-1]) if event["event"] == "step"]
    assert 50 < len(steps) < 300
    assert steps == [*range(len(steps) - 1), 300]


# Readers meanwhile


def test_a_status_is_never_torn_in_the_eyes_of_its_readers(root: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom engine.rundir.reader import RunReader\n"
        "reader, bad, good, step = RunReader(Path(sys.argv[1])), 0, 0, 0\nprint('ready', flush=True)\n"
        "while good <= 500 or step <= 100:\n"
        "    status = reader.status()\n"
        "    bad, good = bad + (status is None or status.step != status.epoch), good + 1\n"
        "    step = status.step if status else step\n"
        "print(bad, good)\n"
    )
    with open_writer(root) as writer:
        argv = [sys.executable, "-c", program, str(root)]
        readers = [subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        step = 0
        while any(reader.poll() is None for reader in readers):
            step += 1
            writer.state(State.RUNNING, step=step, epoch=step, warnings=["w" * (step % 5000)])
        for reader in readers:
            bad, good = map(int, reader.communicate()[0].split())
            assert bad == 0 and good > 500
        assert step > 100


def test_a_killed_writer_leaves_whole_lines_and_a_readable_status(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root)
    reader = RunReader(root)
    until(lambda: len(reader.events().events) > 30)
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    steps = [event["step"] for event in reader.events().events if event["event"] == "step"]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) > 10
    assert reader.status() is not None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of this kind are POSIX")
@pytest.mark.parametrize("name", ["run.lock", "metrics.jsonl", "sessions.jsonl"])
def test_a_pipe_where_a_run_writes_is_named(root: Path, name: str) -> None:
    root.mkdir()
    os.mkfifo(root / name)
    with pytest.raises(StorageError, match=rf"^{re.escape(str(root / name))} is no regular file\. Remove it\.$"):
        open_writer(root)
