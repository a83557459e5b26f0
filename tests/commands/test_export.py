"""``sweetspot export``: a model that leaves the house, whole, the same every time, and refused when it is not."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner

from app.report.command import command as report
from engine.audio.files.io import read_wave
from engine.commands.export import command
from engine.commands.generate import command as generate
from engine.commands.pack import command as pack
from engine.errors import DataError, RunDirectoryError
from engine.loop.snapshot import parse_snapshot, serialise_snapshot
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.model_file import WEIGHTS, read_model, write_model
from tests.conftest import MODEL_WORDS, ROOT


@pytest.fixture
def model(drum_model: Path) -> Path:
    return drum_model


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_in_another_process(model: Path, drum_run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(drum_run), "--out", str(tmp_path / "again.zip"), *MODEL_WORDS])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "again.zip").read_bytes() == model.read_bytes()


def test_the_manifest_vouches_for_every_member_and_keeps_the_words(model: Path) -> None:
    with zipfile.ZipFile(model) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        others = {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}
    assert (manifest["format"], manifest["version"]) == ("sweetspot-model", 2)
    assert (manifest["licence"], manifest["notes"]) == ("CC0 1.0", "Ten drums, recorded in a kitchen.")
    sums = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in others.items()}
    assert manifest["members"] == sums
    assert {"config.json", "model.safetensors", "encoder.pt2", "decoder.pt2", "mel_bank.npy", "map.json"} == set(sums)


def test_file_and_run_are_the_same_model(model: Path, drum_run: Path, drums: Path) -> None:
    ours, theirs = open_model(drum_run), open_model(model)
    assert (ours.weights, ours.run, ours.uuid, ours.state) == (theirs.weights, theirs.run, theirs.uuid, theirs.state)
    wave = read_wave(sorted(drums.iterdir())[0], ours.codec.config.sample_rate)
    assert (ours.codec.reconstruct(wave) == theirs.codec.reconstruct(wave)).all()
    both = [one.codec.sample_db(2, 96, seed=3, temperature=0.8) for one in (ours, theirs)]
    assert torch.equal(*both)


def test_nothing_inside_says_where_it_was_made(model: Path, drum_run: Path, drums: Path) -> None:
    from engine.rundir.liveness import host

    with zipfile.ZipFile(model) as archive:
        for info in archive.infolist():
            data = archive.read(info)
            for secret in (str(drums), str(drum_run), str(Path.home()), str(ROOT), host(), "site-packages"):
                assert len(secret) < 4 or secret.encode() not in data, (info.filename, secret)


def _rezip(model: Path, out: Path, change, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out


def test_what_is_damaged_foreign_or_a_bomb_is_refused_with_a_sentence(model: Path, tmp_path: Path) -> None:
    def flip(members: dict[str, bytes]) -> None:
        data = bytearray(members["model.safetensors"])
        data[-5] ^= 1
        members["model.safetensors"] = bytes(data)

    def of_version(members: dict[str, bytes], version: int) -> None:
        members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | {"version": version}).encode()

    def renamed(members: dict[str, bytes]) -> None:
        members["manifest.json"] = members["manifest.json"].replace(b'"licence"', b'"license"')

    cases = {
        "renamed.zip": (renamed, "its manifest was changed"),
        "flipped.zip": (flip, "model.safetensors is not what its manifest says"),
        "missing.zip": (lambda members: members.pop("config.json"), "config.json is not what"),
        "added.zip": (lambda members: members.update({"evil.py": b"x"}), "evil.py is not what"),
        "foreign.zip": (lambda members: members.pop("manifest.json"), "is no model of Sweetspot"),
        "newer.zip": (lambda members: of_version(members, 3), "newer version (format 3, this one reads 2)"),
        "older.zip": (lambda members: of_version(members, 1), "older version (format 1, this one reads 2)"),
    }
    for name, (change, said) in cases.items():
        with pytest.raises(DataError, match=re.escape(said)):
            open_model(_rezip(model, tmp_path / name, change))
    bomb = _rezip(model, tmp_path / "bomb.zip", lambda members: members.update(x=bytes(10**7)), zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="packed by another program"):
        open_model(bomb)
    whole = model.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 30):
        (tmp_path / "cut.zip").write_bytes(whole[:size])
        with pytest.raises(DataError, match="damaged or no zip archive"):
            open_model(tmp_path / "cut.zip")
    with pytest.raises(DataError, match="no other state"):
        open_model(model, "epoch-1")


@pytest.mark.parametrize("name", ["../elsewhere/x", "a/b", "..", "", "a\n<region>", "x" * 65])
def test_a_model_whose_run_has_the_name_of_a_path_leads_nowhere(name: str, model: Path, tmp_path: Path) -> None:
    found = read_model(model)
    evil, out = tmp_path / "evil.zip", tmp_path / "out"
    (tmp_path / "elsewhere").mkdir()
    rest = {name: data for name, data in found.members.items() if name != "config.json"}
    write_model(evil, found.manifest.model_copy(update={"run": name}), found.config, rest)
    said = CliRunner().invoke(generate, [str(evil), "--out", str(out), "--count", "1", "--quality", "fast"]).exception
    assert isinstance(said, DataError) and "its run has a name that none can have" in str(said)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "elsewhere", evil]


def test_what_nobody_could_open_is_not_written(drum_run: Path, tmp_path: Path) -> None:
    (tmp_path / "my run").symlink_to(drum_run)
    for write in (command, pack):
        said = CliRunner().invoke(write, [str(tmp_path / "my run"), "--out", str(tmp_path / "a.zip")]).exception
        assert isinstance(said, RunDirectoryError) and '"my run" cannot name a run' in str(said)
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize("write", [command, pack, report])
def test_no_file_is_overwritten(write: click.Command, drum_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "song.txt"
    out.write_text("mine")
    said = CliRunner().invoke(write, [str(drum_run), "--out", str(out)]).exception
    assert isinstance(said, DataError) and "song.txt is there already. Name another file" in str(said)
    assert out.read_text() == "mine"


@pytest.mark.slow
def test_the_pages_program_makes_a_sound_without_this_project(model: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    program = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    assert len(program.splitlines()) <= 30
    (tmp_path / "model.zip").write_bytes(model.read_bytes())
    ending = (
        "\nimport sys; assert not {name.partition('.')[0] for name in sys.modules} & {'engine', 'app', 'torchaudio'}"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    argv = [sys.executable, "-c", program + ending]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    import soundfile

    wave, rate = soundfile.read(tmp_path / "new.wav")
    assert rate == 48_000 and len(wave) > 10_000 and 0.01 < abs(wave).max() <= 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38])
def test_a_model_of_numbers_that_no_training_leaves_is_refused(model: Path, tmp_path: Path, value: float) -> None:
    found = read_model(model)
    rest = {name: data for name, data in found.members.items() if name != "config.json"}
    for name in ("average", "task"):
        state = parse_snapshot(found.members[WEIGHTS])
        place = next(iter(state["average"].values())) if name == "average" else state["task"]["ceiling"]
        place.view(-1)[0] = value
        data = serialise_snapshot(_Held(state["average"]), state["task"], half=False)
        write_model(tmp_path / f"{name}.zip", found.manifest, found.config, rest | {WEIGHTS: data})
        with pytest.raises(RunDirectoryError, match="numbers that no training leaves"):
            open_model(tmp_path / f"{name}.zip")


class _Held(torch.nn.Module):
    """Weights as :func:`serialise_snapshot` takes them."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._weights = weights

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        return self._weights
