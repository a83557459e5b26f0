"""What is kept between starts can be seen, bounded and cleared, and is never believed unless it is whole."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.audio.files.cache import Cache
from engine.audio.files.memo import memo_key, recall
from engine.audio.files.pruning import KEEP_S, Entry, clear, prune
from engine.collection import near_duplicates
from engine.config import TrainingConfig
from engine.errors import ConfigError, StorageError
from engine.task import OpenContext, Source
from engine.tasks.vae import preparation
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.task import VAETask, open_task
from tests.audio.sounds import Write
from tests.bits import flip

HOUR = 3_600.0


def opened(folder: Path, warn: Callable[[str], None] = lambda sentence: None, **settings: object) -> VAETask:
    source = Source(kind="folder", name="sounds", path=str(folder))
    config = VAEConfig(channels=8, **settings)
    return open_task(source, TrainingConfig(max_steps=10), config, torch.device("cpu"), OpenContext(warn=warn))


def figures(task: VAETask) -> list[torch.Tensor]:
    scale = task.codec.scale
    index = task._meter._index.state().values()
    numbers = [scale.ref, scale.mean, scale.std, task.codec.level, task._meter.held_out_db, task.monitor.baseline]
    items = [part for side in (task.train_items, task.val_items) for part in (side.db, side.active)]
    return [
        torch.tensor(numbers, dtype=torch.float64),
        task.codec.ceiling,
        *items,
        *index,
    ]


def same(one: VAETask, other: VAETask) -> bool:
    return all(torch.equal(a, b) for a, b in zip(figures(one), figures(other), strict=True))


@pytest.fixture
def sounds(write: Write, folder: Path) -> Path:
    for seed in range(5):
        write(f"{seed}.wav", seed)
    return folder


def never(*given: object) -> None:
    raise AssertionError("computed again")


def test_a_second_start_takes_the_same_bits_from_the_cache(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(sounds)
    monkeypatch.setattr(preparation, "_compute", never)
    monkeypatch.setattr("engine.collection.collection.group_copies", never)
    assert same(opened(sounds), first)


def test_a_kept_preparation_is_that_of_a_start_without_one(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(sounds)
    kept = opened(sounds)
    monkeypatch.setattr(preparation, "recall", lambda cache, key, compute, damaged: compute())
    assert same(opened(sounds), kept)


@pytest.mark.parametrize(
    "change", [{"chunk_duration_s": 0.3}, {"spectrogram": {"n_mels": 64}}, {"exclude": ("4.wav",)}]
)
def test_another_setting_is_prepared_anew(sounds: Path, change: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(sounds)
    monkeypatch.setattr(preparation, "_compute", never)
    with pytest.raises(AssertionError, match="computed again"):
        opened(sounds, **change)


def test_another_program_or_computer_prepares_anew(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = opened(sounds)
    key = preparation._key(task.train, task.val, task.transform)
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "programs", lambda *patterns: "another")
        assert preparation._key(task.train, task.val, task.transform) != key
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
    assert preparation._key(task.train, task.val, task.transform) != key


def test_no_bit_of_what_is_kept_is_believed_when_it_turned(sounds: Path, cache_place: Path) -> None:
    first = opened(sounds)
    for path in sorted(cache_place.glob("*/*.memo")):
        flip(path, path.stat().st_size // 2)
    told: list[str] = []
    assert same(opened(sounds, told.append), first)
    assert told == ["What the cache held of this collection's spectrograms was damaged and has been computed again."]
    assert same(opened(sounds, told.append), first) and len(told) == 1


def test_copies_are_found_again_from_what_was_kept(write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seed in {"a": 1, "b": 2, "c": 3, "d": 4}.items():
        write(f"{name}.wav", seed)
    write("copy.wav", 3, gain=0.5)
    groups = [sound.group for sound in opened(folder).train.sounds]
    monkeypatch.setattr(near_duplicates, "_candidates", never)
    assert [sound.group for sound in opened(folder).train.sounds] == groups


def fill(cache: Cache, name: str, size: int, age_s: float) -> Path:
    path = cache.memo(memo_key(name))
    recall(cache, memo_key(name), lambda: bytes(size))
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_the_least_recently_used_goes_when_the_limit_is_reached(
    cache_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(cache_place)
    kept = {hours: fill(cache, str(hours), 400_000, hours * HOUR) for hours in (2, 9, 5, 0)}
    ancient = fill(cache, "ancient", 10, KEEP_S + HOUR)
    half, fresh = (ancient.with_name(f"{name}.pcm") for name in ("half", "fresh"))
    for path, hours in ((half, 25), (fresh, 0)):
        path.write_bytes(b"0")
        os.utime(path, (time.time() - hours * HOUR,) * 2)
    monkeypatch.setenv("SWEETSPOT_CACHE_GB", "0.001")
    prune(cache)
    assert [hours for hours, path in kept.items() if path.exists()] == [2, 0] and not ancient.exists()
    assert fresh.exists() and not half.exists()
    monkeypatch.setenv("SWEETSPOT_CACHE_GB", "0")
    prune(cache)
    assert [hours for hours, path in kept.items() if path.exists()] == [0]


@pytest.mark.parametrize("named", ["much", "-1", "nan"])
def test_a_limit_that_is_no_number_is_refused(cache_place: Path, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEETSPOT_CACHE_GB", named)
    with pytest.raises(ConfigError, match=f"SWEETSPOT_CACHE_GB is {named}. Name the gigabytes"):
        prune(Cache(cache_place))


@pytest.mark.slow
def test_a_start_beside_one_that_clears_ends_well_or_says_what_happened(sounds: Path, cache_place: Path) -> None:
    cache, done = Cache(cache_place), threading.Event()

    def clear_on() -> None:
        while not done.is_set():
            clear(cache, 0)

    whole = opened(sounds)
    clearing = threading.Thread(target=clear_on)
    clearing.start()
    try:
        for _ in range(4):
            try:
                assert same(opened(sounds), whole)
            except StorageError as error:
                assert "was cleared while a collection was being opened" in str(error)
    finally:
        done.set()
        clearing.join()
    assert same(opened(sounds), whole)


def test_a_training_that_has_begun_loses_nothing_when_the_cache_is_cleared(sounds: Path, cache_place: Path) -> None:
    task = opened(sounds)
    before = task.batch(0, 1)
    assert clear(Cache(cache_place), 0) > 0 and not list(cache_place.glob("*/*.*"))
    assert all(torch.equal(value, before[name]) for name, value in task.batch(0, 1).items())


def test_the_command_lists_and_clears(sounds: Path, cache_place: Path, engine: Callable) -> None:
    opened(sounds)
    listed = engine("cache")
    assert listed.returncode == 0 and "decoded sounds               5" in listed.stdout
    assert "just now" in listed.stdout and f"{cache_place}: " in listed.stdout and "of at most 20.0 GB" in listed.stdout
    told = json.loads(engine("cache", "--json").stdout)
    assert {name: kind["count"] for name, kind in told["kinds"].items()} == {
        "decoded sounds": 5, "prepared collections": 2,
    }  # fmt: skip
    assert sum(kind["bytes"] for kind in told["kinds"].values()) == sum(
        path.stat().st_size for path in cache_place.glob("??/*")
    )
    kept = engine("cache", "clear")
    assert "0.0 MB are free." in kept.stdout and "--all removes them too" in kept.stdout
    for path in cache_place.glob("??/*"):
        os.utime(path, (time.time() - 2 * HOUR,) * 2)
    cleared = engine("cache", "clear")
    assert cleared.returncode == 0 and "stay" not in cleared.stdout and not list(cache_place.glob("??/*"))
    assert engine("cache").stdout.count("0.0 MB") == 3


def test_a_kept_entry_that_cannot_be_removed_frees_nothing(tmp_path: Path) -> None:
    assert Entry(tmp_path / "gone.facts", 10, 0.0).remove() == 0
