"""Bad sound: each file of the corpus gets its exact verdict, and nothing a file holds or does stops a scan."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine.audio.files import decode_worker
from engine.audio.files.decode import DecodeJob, decode_files
from engine.audio.files.decode_process import DecodeProcess
from engine.audio.files.io import read_wave
from engine.audio.files.stream import AudioError, refuse_special
from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from tests.audio.sounds import chirp
from tests.bench.mutations import Damage, seeds
from tests.conftest import ROOT
from tests.reliability import corpus, verdicts
from tests.reliability.verdicts import GOLDEN, lines, scan
from tests.sampling import sample

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names and special files that other systems refuse")
SETTINGS = DecodeSettings()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("corpus") / "sounds"
    place.mkdir()
    corpus.build(place)
    return place


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scan(folder, "--json"))
    return found


@pytest.mark.slow
def test_every_file_of_the_corpus_gets_its_exact_verdict(said: dict[str, Any]) -> None:
    found = lines(said)
    assert len(found) >= 100
    assert found == GOLDEN.read_text(encoding="utf-8").splitlines(), (
        f"if the new words are better: python -m {verdicts.__name__}"
    )


@pytest.mark.slow
def test_copies_of_a_sound_stand_on_one_side_of_the_split(said: dict[str, Any]) -> None:
    used = {row["path"]: row for row in said["files"] if row["split"]}
    copies = [row for row in used.values() if row["same_as"]]
    assert len(copies) >= 5
    assert all(row["split"] == used[row["same_as"]]["split"] for row in copies)
    assert {row["split"] for row in used.values()} == {"train", "val"}


@pytest.mark.slow
def test_nothing_in_a_name_reaches_the_terminal_as_a_command(folder: Path) -> None:
    page = scan(folder)
    assert "\\x1b[31mred" in page and "\\u202egpj" in page
    assert not {char for char in page if unicodedata.category(char) in ("Cc", "Cf")} - {"\n"}
    assert max(map(len, page.splitlines())) < 240


@pytest.mark.parametrize("name", ["recorder-crashed-0.wav", "recorder-crashed-36.wav", "claims-0.rf64"])
def test_a_recording_whose_header_was_never_finished_is_read_to_its_end(folder: Path, name: str) -> None:
    seed = {"recorder-crashed-0.wav": 8, "recorder-crashed-36.wav": 9, "claims-0.rf64": 13}[name]
    wave = read_wave(folder / name, corpus.RATE)
    assert np.abs(wave - corpus.sound(seed)).max() < 1e-4


@pytest.mark.slow
def test_levels_far_above_full_scale_are_brought_down_and_keep_their_shape(folder: Path) -> None:
    collection = open_collection(folder, SETTINGS, cache=decode_worker.Cache(Path(f"{folder}.cache")))
    sound = next(sound for sound in collection.sounds if sound.path == "peaks-of-3000.wav")
    assert sound.gain == pytest.approx(3_000, rel=1e-3)
    assert np.abs(sound.pcm() / 32_767 - corpus.sound(40) * 2).max() < 1e-4


def test_silence_is_kept_whether_a_long_sound_waits_in_memory_or_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = np.zeros(5 * corpus.RATE)
    soundfile.write(tmp_path / "a.wav", np.concatenate([quiet, chirp(1), quiet, chirp(2), quiet]), corpus.RATE)
    cache = decode_worker.Cache(tmp_path / "cache")
    in_memory = decode_worker.decode(tmp_path / "a.wav", "memory", cache, corpus.RATE, lambda: None)
    monkeypatch.setattr(decode_worker, "SPOOL", 400_000)
    on_disk = decode_worker.decode(tmp_path / "a.wav", "disk", cache, corpus.RATE, lambda: None)
    assert in_memory.num_samples == 16 * corpus.RATE
    assert cache.pcm("disk").read_bytes() == cache.pcm("memory").read_bytes()
    assert on_disk == in_memory


def test_a_file_that_vanishes_during_the_scan_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEETSPOT_CACHE", str(tmp_path / "cache"))
    for seed in range(3):
        soundfile.write(tmp_path / f"{seed}.wav", chirp(seed), corpus.RATE)

    def report(phase: str, done: int, total: int) -> None:
        if phase == "scan" and done == total > 0:
            (tmp_path / "1.wav").unlink(missing_ok=True)

    rows = open_collection(tmp_path, SETTINGS, report).rows
    assert [(row.path, row.reason) for row in rows] == [
        ("0.wav", None), ("1.wav", "not there any more"), ("2.wav", None),
    ]  # fmt: skip


def test_a_file_that_is_still_being_written_is_skipped_and_read_when_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEETSPOT_CACHE", str(tmp_path / "cache"))
    for seed in range(2):
        soundfile.write(tmp_path / f"{seed}.wav", chirp(seed), corpus.RATE)
    growing = tmp_path / "2.wav"
    soundfile.write(growing, np.resize(chirp(2), 120 * corpus.RATE), corpus.RATE)

    seen = threading.Event()

    def write_on() -> None:  # beside it: on a busy machine the child may be done before its parent looks again
        with growing.open("ab", buffering=0) as file:
            while not seen.wait(0.001):
                file.write(b"\0\0")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        rows = open_collection(tmp_path, SETTINGS).rows
    finally:
        seen.set()
        writer.join()
    assert rows[2].reason == "changed while it was read: scan again when nothing writes to it"
    assert open_collection(tmp_path, SETTINGS).rows[2].verdict.startswith("used"), (
        "with a note of the bytes past its end"
    )


def test_a_file_that_may_not_be_read_is_named_as_such(folder: Path) -> None:
    path = folder / "unreadable.wav"
    path.write_bytes(corpus.encoded(corpus.sound(1)))
    path.chmod(0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # root may read everything, so somebody else looks
        os.chdir(folder)
        if os.geteuid() == 0:
            os.setuid(65_534)
        try:
            refuse_special(Path("unreadable.wav"))
        except AudioError as error:
            os.write(writing, error.reason.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "may not be read: its permissions forbid it"
    path.unlink()


def test_the_decode_child_lives_under_a_limit_of_memory(tmp_path: Path) -> None:
    import resource

    with DecodeProcess(decode_worker.Cache(tmp_path), 48_000, 1) as child:
        soundfile.write(tmp_path / "a.wav", chirp(1), 48_000)
        child.send(0, tmp_path / "a.wav", "ab" * 20)
        while child.receive(60.0) != {"id": 0, "event": "begin"}:
            pass
        assert resource.prlimit(child.pid, resource.RLIMIT_AS) == (decode_worker.MEMORY_LIMIT,) * 2


def test_a_sound_that_asks_for_more_memory_than_one_may_have_costs_itself_only(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "small.wav", chirp(1), 48_000)
    soundfile.write(tmp_path / "large.wav", np.resize(chirp(2), 40 * 48_000), 48_000)
    script = f"""
import psutil, sys
from pathlib import Path
from engine.audio.files import decode_worker
from engine.audio.files.cache import Cache
place = Path({str(tmp_path)!r})
decode = lambda name: decode_worker.decode(place / name, name, Cache(place / "cache"), 48_000, lambda: None).failure
decode("small.wav")
decode_worker.SPOOL = 1 << 40  # in memory, as though there were plenty
decode_worker.MEMORY_LIMIT = psutil.Process().memory_info().vms + (8 << 20)
decode_worker._limit_memory()
print([decode("large.wav"), decode("small.wav")])
"""
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == "['needs more memory to decode than one sound may have', None]"


def test_a_thousand_mutated_files_crash_nothing_and_hang_nowhere(tmp_path: Path, one_in: Callable[[int], int]) -> None:
    """The whole ten thousand: ``python -m tests.bench mutations``."""
    damage = Damage(seeds(), tmp_path)
    few = one_in(10)
    found = damage.run(sample(range(0, 10_000, 10), few))
    assert found.files == 1_000 / few
    assert (found.crashes, found.hangs) == (0, 0)
    assert found.peak_bytes < 1e9
    assert min(found.used, found.skipped) > 100 / few, "else nothing was tried"


def test_the_decoder_still_reads_what_is_whole_after_all_that(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", chirp(1), 48_000)
    (tmp_path / "b.wav").write_bytes(bytes(100))
    jobs = [DecodeJob(tmp_path / name, name) for name in ("b.wav", "a.wav")]
    facts = decode_files(jobs, decode_worker.Cache(tmp_path / "cache"), 48_000, lambda done: None, lambda: None)
    assert [fact.failure is None for fact in facts] == [False, True]
