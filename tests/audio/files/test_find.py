"""Which files count as sounds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.audio.files.find import find_files
from engine.errors import DataError
from engine.printable import escaped


def names(folder: Path) -> list[str]:
    return [file.shown for file in find_files(folder)]


def test_sounds_are_found_in_depth_and_sorted_by_relative_path(folder: Path) -> None:
    for name in ("b.wav", "a/z.FLAC", "a/deep/er/y.mp3", "a.ogg", "notes.txt", "cover.jpg", "x.m4a"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert names(folder) == ["a.ogg", "a/deep/er/y.mp3", "a/z.FLAC", "b.wav", "x.m4a"]


def test_hidden_files_and_folders_are_passed_over(folder: Path) -> None:
    for name in ("._kick.wav", ".trash/old.wav", "kick.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    assert names(folder) == ["kick.wav"]


def test_directories_of_runs_inside_are_passed_over_and_told(folder: Path) -> None:
    names_in = (
        "kick.wav",
        "runs/one/previews/a.wav",
        "runs/one/run.json",
        "runs/two/run.lock",
        "runs/two/b.wav",
        "runs/three/sessions.jsonl",
        "runs/three/b.wav",
        "runs/c.wav",
    )
    for name in names_in:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    passed: list[Path] = []
    assert [file.shown for file in find_files(folder, passed=passed.append)] == ["kick.wav", "runs/c.wav"]
    assert sorted(passed) == [folder / "runs" / name for name in ("one", "three", "two")]


def test_links_in_a_circle_end_and_a_real_path_wins_over_a_link(folder: Path) -> None:
    (folder / "z").mkdir()
    (folder / "z" / "kick.wav").touch()
    (folder / "a").symlink_to(folder / "z")
    (folder / "z" / "up").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "self.wav").symlink_to(folder / "self.wav")
    assert names(folder) == ["self.wav", "z/kick.wav"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf8_is_shown_in_printable_form(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.wav")).touch()
    assert names(folder) == ["caf\\xe9.wav"]


def test_control_characters_are_spelled_for_a_terminal() -> None:
    assert escaped("a\x1b[31m\n\u202eé音.wav") == "a\\x1b[31m\\n\\u202eé音.wav"


def test_a_missing_folder_and_a_file_are_refused_in_one_sentence(folder: Path) -> None:
    (folder / "a.wav").touch()
    with pytest.raises(DataError, match=r"nope does not exist\. Name a folder with sound files\."):
        find_files(folder / "nope")
    with pytest.raises(DataError, match=r"a\.wav is not a folder\."):
        find_files(folder / "a.wav")


def test_links_lead_out_of_the_folder_and_those_to_nothing_are_told_by_their_names_alone(
    folder: Path, tmp_path: Path
) -> None:
    """As docs/recordings.md says: whether a link that leads nowhere was one to a folder nobody knows."""
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep" / "out.wav").write_bytes(b"")
    (tmp_path / "alone.wav").write_bytes(b"")
    mine = folder / "links"
    mine.mkdir()
    (mine / "kit").symlink_to(tmp_path / "elsewhere")
    (mine / "one.wav").symlink_to(tmp_path / "alone.wav")
    (mine / "gone.wav").symlink_to(tmp_path / "gone.wav")
    (mine / "drive").symlink_to(tmp_path / "no such drive")
    assert [file.shown for file in find_files(mine)] == ["gone.wav", "kit/deep/out.wav", "one.wav"]


def test_a_link_to_a_folder_above_is_passed_over_and_told(folder: Path) -> None:
    """Else one to / would have the whole drive looked through, and every sound on it learnt."""
    sounds, other = folder / "mine" / "sounds", folder / "other"
    for name in ("mine/beside.wav", "mine/sounds/kit/kick.wav", "other/snare.wav", "other/deep/tom.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (sounds / "drive").symlink_to("/")
    (sounds / "kit" / "up").symlink_to(folder / "mine")
    (sounds / "kit" / "home").symlink_to(sounds)  # entered already: nothing is missed
    (sounds / "elsewhere").symlink_to(other)  # a link to what lies beside is followed, but from there no higher
    (other / "deep" / "up").symlink_to(folder)
    (other / "aside").symlink_to(folder / "mine")  # above what was given, if not above itself
    told: list[Path] = []
    found = find_files(sounds, leads_up=told.append)
    assert [file.shown for file in found] == ["elsewhere/deep/tom.wav", "elsewhere/snare.wav", "kit/kick.wav"]
    assert [path.relative_to(sounds).as_posix() for path in sorted(told)] == [
        "drive",
        "elsewhere/aside",
        "elsewhere/deep/up",
        "kit/up",
    ]
