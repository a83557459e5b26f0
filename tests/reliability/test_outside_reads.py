"""What a run that is not one's own may make this computer read: nothing outside of its directory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.audio.files.cache import default_cache
from engine.audio.files.io import write_wave
from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from engine.errors import DataError
from engine.rundir.encoding import seal
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.tasks.vae.sounds.inputs import find_sound, open_sound
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.pictures import original
from engine.tasks.vae.sounds.server import RequestHandler
from tests.app.conftest import runs_dir, said, visit  # noqa: F401  (fixtures)
from tests.bits import flip

ELSEWHERE = {"machine_id": "f" * 32, "boot_id": "another", "host": "elsewhere"}


@pytest.fixture
def run(drum_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drum_run, tmp_path / "runs" / "drums"))


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    """A sound that is nobody's business."""
    path = tmp_path / "private" / "diary.wav"
    path.parent.mkdir()
    write_wave(path, np.sin(np.arange(24_000) / 17).astype(np.float32), 48_000)
    return path


def edited(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a record as whoever made the run could: with a digest that fits."""
    lines = path.suffix == ".jsonl"
    values = [json.loads(line) for line in (path.read_text().splitlines() if lines else [path.read_text()])]
    for value in values:
        change(value)
    path.write_bytes(b"".join(json.dumps(value).encode() + b"\n" if lines else seal(value) for value in values))


def from_elsewhere(root: Path) -> None:
    edited(Layout(root).sessions, lambda one: one.update(ELSEWHERE))


def named_in_the_data_set(root: Path, name: str) -> None:
    edited(Layout(root).dataset, lambda one: one["files"][0].update(path=name, split="train", verdict="used"))


def test_a_name_in_the_data_set_leads_to_no_place_outside_the_collection(
    run: Path, drums: Path, diary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(diary.parent)
    up = "/".join([".."] * (len(drums.parts) - 1))
    for name in (f"{up}{diary}", str(diary), "./../private/diary.wav", "~/diary.wav", "sub/../../private/diary.wav"):
        named_in_the_data_set(run, name)
        trained = open_model(run)
        assert trained.source == drums, "this run is one's own"
        assert find_sound(trained, name) is None
        with pytest.raises(DataError):
            original(trained, name, diary.parent)
    assert [path.name for path in diary.parent.iterdir()] == ["diary.wav"]


def test_a_name_on_the_map_leads_to_no_place_outside_the_collection(run: Path, diary: Path) -> None:
    trained = open_model(run)
    file_codes = trained.codec.file_codes
    assert file_codes is not None
    trained.codec.file_codes = type(file_codes)((str(diary), *file_codes.paths[1:]), file_codes.sides, file_codes.codes)
    assert find_sound(trained, str(diary)) is None
    assert open_sound(trained, str(diary)).wave is None, "what is heard is the model's own memory of it"


def test_a_sound_whose_cached_samples_are_damaged_or_gone_is_decoded_anew(run: Path, cache_place: Path) -> None:
    trained = open_model(run)
    assert trained.source is not None
    open_collection(trained.source, DecodeSettings())  # in a cache of its own: that of all tests is read meanwhile
    name = trained.files[0].path
    before, cache = open_sound(trained, name).wave, default_cache()
    path = find_sound(trained, name)
    assert before is not None and path is not None
    samples = cache.pcm(cache.key(path, trained.codec.config.sample_rate))
    assert samples.is_relative_to(cache_place)
    for damage in (lambda: flip(samples, 4_001), samples.unlink):
        damage()
        again = open_sound(trained, name).wave
        assert again is not None and len(again) == len(before) and np.abs(again - before).max() < 1e-3


def test_the_folder_that_a_strangers_run_names_is_not_read(run: Path, diary: Path) -> None:
    edited(Layout(run).run, lambda one: one["source"].update(path=str(diary.parent)))
    named_in_the_data_set(run, "diary.wav")
    assert find_sound(open_model(run), "diary.wav") == diary, "one's own run may say where its sounds are"
    from_elsewhere(run)
    trained = open_model(run)
    assert trained.source is None and find_sound(trained, "diary.wav") is None
    points = RequestHandler(run).map({})["points"]
    assert points and all(point["file"] is None for point in points)
    with pytest.raises(DataError):
        original(trained, "diary.wav", diary.parent)


def test_a_run_is_ones_own_that_began_here_by_this_user(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert RunReader(run).is_own
    with monkeypatch.context() as other:
        other.setattr("os.getuid", lambda: 4321)
        assert not RunReader(run).is_own
    first = Layout(run).sessions.read_text()
    from_elsewhere(run)
    Layout(run).sessions.write_text(Layout(run).sessions.read_text() + first)
    assert not RunReader(run).is_own, "who went on with a stranger's run did not write what it says"
    Layout(run).sessions.unlink()
    assert not RunReader(run).is_own


def test_the_form_does_not_look_into_a_folder_that_a_strangers_run_names(
    visit: Callable[..., Any], runs_dir: Path, drum_run: Path, diary: Path  # noqa: F811
) -> None:  # fmt: skip
    shutil.copytree(drum_run, runs_dir / "drums")
    edited(Layout(runs_dir / "drums").run, lambda one: one["source"].update(path=str(diary.parent)))
    from_elsewhere(runs_dir / "drums")
    app = visit("new", copy="drums")
    assert app.text_input(key="folder").value == "" and str(diary.parent) not in said(app)


def test_a_file_that_its_user_names_is_read(run: Path, diary: Path) -> None:
    assert find_sound(open_model(run), str(diary)) == diary
    for name in ("~nosuchuser/x.wav", "a\0b", "x" * 10_000, ""):
        assert find_sound(open_model(run), name) is None
