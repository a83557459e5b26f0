"""``sweetspot scan`` as its user meets it: a process, its output and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from engine.commands.scan import command
from tests import forkserver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "sounds"
    place.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.wav", "b.flac", "c.ogg"):
        soundfile.write(place / name, rng.uniform(-0.5, 0.5, 24_000), 48_000)
    (place / "empty.wav").touch()
    return place


def scan(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SWEETSPOT_CACHE": os.fspath(folder.parent / "cache")}
    return forkserver.run("engine.commands.scan", folder, *options, environment=environment)


def test_json_holds_the_rows_and_the_summary_and_nothing_else_is_printed(folder: Path) -> None:
    done = scan(folder, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert [(row["path"], row["verdict"]) for row in said["files"]] == [
        ("a.wav", "used"),
        ("b.flac", "used"),
        ("c.ogg", "used"),
        ("empty.wav", "skipped"),
    ]
    assert said["files"][3]["reason"] == "empty: the file has no bytes" and said["files"][3]["split"] is None
    assert sorted(row["split"] for row in said["files"][:3]) == ["train", "val", "val"]
    assert (said["usable"], said["skipped"], said["learn"], said["check"]) == (3, 1, 1, 2)
    assert said["preset"] == "conservative" and said["ready"] is True
    assert {finding["code"] for finding in said["findings"]} >= {"skipped", "few_to_check", "short"}


def test_the_table_names_each_file_and_ends_with_a_summary(folder: Path) -> None:
    done = scan(folder)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[4].split(maxsplit=1) == ["empty.wav", "skipped  empty: the file has no bytes"]
    assert any(line.endswith("1 to learn from, 2 to check; preset conservative.") for line in lines)


def test_a_peak_just_below_full_scale_is_0_without_a_sign(folder: Path) -> None:
    soundfile.write(folder / "a.wav", np.random.default_rng(1).uniform(-0.997, 0.997, 24_000), 48_000)
    head, first = scan(folder).stdout.splitlines()[:2]
    at = head.index("peak dB")
    assert first[at : at + 7].strip() == "0.0"


def test_the_shortest_duration_can_be_set(folder: Path) -> None:
    said = json.loads(scan(folder, "--json", "--min-duration-s", "0.6").stdout)
    assert said["usable"] == 3 and said["ready"] is True
    assert said["files"][0]["reason"] == "short: 0.5 s, silence added up to 0.6 s"


@pytest.mark.skipif(sys.platform == "win32", reason="no such names")
def test_control_characters_in_a_name_do_not_reach_the_terminal(folder: Path) -> None:
    (folder / "a.wav").rename(folder / "a\x1b[31m\n.wav")
    done = scan(folder)
    assert "\x1b" not in done.stdout
    assert "a\\x1b[31m\\n.wav" in done.stdout


def test_a_folder_that_cannot_be_scanned_ends_with_2_and_one_sentence(tmp_path: Path) -> None:
    missing = scan(tmp_path / "nope")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == f"Error: {tmp_path / 'nope'} does not exist. Name a folder with sound files.\n"
    (tmp_path / "bare").mkdir()
    assert scan(tmp_path / "bare").returncode == 2


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [
        (("a.wav", "empty.wav"), "1 usable file: training needs at least 2"),
        (("empty.wav",), "No usable file: training needs at least 2"),
        (("a.wav", "again.wav"), "All 2 usable files hold the same sound"),
    ],
)
def test_a_folder_that_nothing_could_train_on_shows_its_table_says_why_and_ends_with_2(
    folder: Path, kept: tuple[str, ...], sentence: str
) -> None:
    (folder / "again.wav").write_bytes((folder / "a.wav").read_bytes())
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    done, as_json = scan(folder), scan(folder, "--json")
    assert (done.returncode, as_json.returncode) == (2, 2)
    assert all(name in done.stdout for name in kept) and f"  x {sentence}" in done.stdout
    said = json.loads(as_json.stdout)
    assert [row["path"] for row in said["files"]] == sorted(kept) and said["ready"] is False
    assert said["findings"][0]["message"].startswith(sentence)


def test_a_folder_that_is_called_as_a_data_set_is_told_from_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.rename(tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command, ["demo"])
    assert done.exit_code == 0 and "usable" in done.stdout
    assert done.stderr == "demo is a data set's name as well: training takes that one, and this folder as ./demo.\n"


def test_a_setting_out_of_range_ends_with_2(folder: Path) -> None:
    done = scan(folder, "--min-duration-s", "-1")
    assert done.returncode == 2 and "min_duration_s = -1.0" in done.stderr


def test_scanning_imports_no_torch(folder: Path) -> None:
    script = "import sys, engine.commands.scan, engine.tasks.vae.demo.synthesis; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
