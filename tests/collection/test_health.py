"""What is said of a collection before training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from engine.collection.health import Health, examine
from tests.audio.sounds import Write, chirp


def health(folder: Path) -> Health:
    return examine(open_collection(folder, DecodeSettings(), minimum=0))


def codes(found: Health) -> list[str]:
    return [finding.code for finding in found.findings]


def test_a_sound_collection_is_ready_and_its_rows_have_sides(write: Write, folder: Path) -> None:
    for seed in range(12):
        write(f"{seed:02}.wav", seed, duration_s=1.0)
    found = health(folder)
    assert (found.ready, found.usable, found.skipped, found.learn, found.check) == (True, 12, 0, 8, 4)
    assert (found.preset, found.val_fraction) == ("conservative", 0.3)
    assert [row.split for row in found.files].count("val") == 4
    assert codes(found) == ["levels_even"]
    assert Health.model_validate_json(found.model_dump_json()) == found


def test_each_weakness_is_named(write: Write, folder: Path) -> None:
    for seed in range(4):
        write(f"{seed}.wav", seed, gain=0.05 if seed else 1.0, rate=8000)
    write("copy.wav", 0, rate=8000)
    (folder / "empty.wav").touch()
    found = health(folder)
    assert codes(found) == ["skipped", "few_to_check", "short", "same_sounds", "levels_apart", "narrow"]
    assert found.findings[0].message == "1 of 6 files cannot be used."
    assert found.findings[3].message == (
        "1 file repeats the sound of another: copy.wav repeats 0.wav. Each stays on the side of what it repeats."
    )


@pytest.mark.parametrize(("files", "said"), [(1, "The only file cannot be used."), (2, "None of 2 files can be used.")])
def test_where_no_file_can_be_used_it_says_so(folder: Path, files: int, said: str) -> None:
    for number in range(files):
        (folder / f"{number}.wav").touch()
    assert said in [finding.message for finding in health(folder).findings]


def test_faults_are_findings_that_name_the_files_and_say_what_to_do(write: Write, folder: Path) -> None:
    for seed in range(5):
        write(f"{seed}.wav", seed)
    for seed in range(4):
        soundfile.write(folder / f"hot{seed}.wav", np.clip(10 * chirp(seed + 9), -1, 1), 48_000)
    soundfile.write(folder / "twice.wav", np.stack([chirp(20)] * 2, 1), 48_000)
    found = health(folder)
    said = {finding.code: finding.message for finding in found.findings}
    assert said["clipped"].startswith("4 files are clipped: hot0.wav (clipped: ")
    assert " and 1 more. The model learns the crackle too" in said["clipped"]
    assert said["same_channels"].startswith("1 file is mono in several channels: twice.wav (")
    assert [len(row.faults) for row in found.files] == [0] * 5 + [1] * 5


def test_a_file_used_with_a_note_is_named_with_it(write: Write, folder: Path) -> None:
    for seed in range(4):
        write(f"{seed}.wav", seed, duration_s=0.05 if seed > 2 else 0.5)
    said = [finding.message for finding in health(folder).findings if finding.code == "noted"]
    assert said == ["1 file used with a note: 3.wav (short: 0.05 s, silence added up to 0.1 s)."]
    write("4.wav", 4, duration_s=0.05)
    said = [finding.message for finding in health(folder).findings if finding.code == "noted"]
    assert said == ["2 files used with a note: 3.wav, 4.wav. The table has the notes."]


def test_runs_inside_are_no_sounds_and_said_once(write: Write, folder: Path) -> None:
    for seed in range(3):
        write(f"{seed}.wav", seed)
    write("runs/a/previews/x.wav", 5)
    (folder / "runs" / "a" / "run.json").touch()
    found = health(folder)
    assert found.usable == 3
    said = [finding.message for finding in found.findings if finding.code == "runs_inside"]
    assert said == ["1 folder of a run lies inside: passed over, the sounds in there are previews."]


def test_links_to_folders_above_are_passed_over_and_named(write: Write, folder: Path) -> None:
    for seed in range(3):
        write(f"kit/{seed}.wav", seed)
    write("beside.wav", 4)
    for name in ("drive", "up"):
        (folder / "kit" / name).symlink_to("/" if name == "drive" else folder)
    found = health(folder / "kit")
    assert found.usable == 3
    said = [finding.message for finding in found.findings if finding.code == "links_up"]
    assert said == [
        "drive, up are links that lead to a folder above: passed over, what lies there is no part of this one."
    ]


def test_one_usable_file_is_not_enough_and_its_row_has_no_side(write: Write, folder: Path) -> None:
    write("a.wav", 1)
    found = health(folder)
    assert not found.ready and found.findings[0].code == "too_few" and found.findings[0].severity == "error"
    assert found.files[0].split is None


def test_copies_alone_are_not_enough(write: Write, folder: Path) -> None:
    write("a.wav", 1)
    write("b.wav", 1, gain=0.5)
    found = health(folder)
    assert not found.ready
    assert found.findings[0].message.startswith("All 2 usable files hold the same sound")


def test_copies_of_ten_sounds_are_a_collection_of_ten(write: Write, folder: Path) -> None:
    for seed in range(9):
        for copy in range(6):
            write(f"{seed}-{copy}.wav", seed, duration_s=0.2, gain=1 - 0.1 * copy)
    found = health(folder)
    assert (found.usable, found.different) == (54, 9)
    assert (found.preset, found.val_fraction) == ("conservative", 0.5), "what nine sounds get"
    assert (found.learn, found.check) == (30, 24), "five and four of them"


def test_copies_that_check_are_told_as_the_few_sounds_they_are(write: Write, folder: Path) -> None:
    for seed in range(5):
        for copy in range(3):
            write(f"{seed}-{copy}.wav", seed, duration_s=0.2, gain=1 - 0.2 * copy)
    said = [one.message for one in health(folder).findings if one.code == "few_to_check"]
    assert [one.split(":")[0] for one in said] == ["Only 2 sounds, in 6 files, to check with"]


@pytest.mark.parametrize(("gain", "code"), [(0.6, "levels_even"), (0.3, "levels_apart")])
def test_levels_are_even_within_a_factor_of_two(write: Write, folder: Path, gain: float, code: str) -> None:
    for seed in range(4):
        write(f"{seed}.wav", 1 if seed == 3 else seed, duration_s=0.5, gain=gain if seed else 1.0)
    found = health(folder)
    assert [one for one in codes(found) if one.startswith("levels")] == [code], found.findings
