"""The sounds that were made: which lie there, their stars, names and removal."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from app.sounds import made_sounds
from app.sounds.files import bundle, file_name
from app.sounds.made_sounds import MadeSounds
from app.sounds.recipe import recipe_in
from engine.errors import StorageError
from engine.rundir import reading
from tests import forkserver
from tests.app.library import lay_sound


def test_a_zip_sorts_in_the_order_of_making_under_names_that_every_system_takes(tmp_path: Path) -> None:
    for number in range(12):
        path = lay_sound(tmp_path / "s", f"{99 - number}", kind="prior", index=number)
        os.utime(path, (1_000 + number, 1_000 + number))
    sounds = MadeSounds(tmp_path / "s").sounds()
    with zipfile.ZipFile(bundle("../Übung ’n’ Bass", sounds)) as archive:  # type: ignore[arg-type]
        names = [name for name in archive.namelist() if name.endswith(".wav")]
        assert archive.testzip() is None and archive.read(names[0]) == (tmp_path / "s" / "99.wav").read_bytes()
        assert sum(name.startswith("recipes/") for name in archive.namelist()) == 12
    assert names == sorted(names) and names[0] == "ubung-n-bass-001-seed7-1-epoch-59.wav"
    assert names[11] == "ubung-n-bass-012-seed7-12-epoch-59.wav" == file_name("../Übung ’n’ Bass", sounds[11])


def test_a_copy_of_a_run_lists_its_sounds_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    """Files of a copy are as old as the copy, in the order in which they were copied."""
    made = MadeSounds(tmp_path / "s")
    names = [f"prior-{letter}" for letter in "cadb"]
    for name in names:
        made.arrived([lay_sound(tmp_path / "s", name, kind="prior", index=0)])
    old = lay_sound(tmp_path / "s", "before", kind="prior", index=0)  # of a version that noted nothing
    os.utime(old, (1_000, 1_000))
    shutil.copytree(tmp_path / "s", tmp_path / "copy")
    for place, age in (("s", 1_000), ("copy", 2_000)):
        for number, name in enumerate(sorted([*names, "before"])):
            os.utime(tmp_path / place / f"{name}.wav", (age + number, age + number))
        found = MadeSounds(tmp_path / place).sounds()
        assert [(one.path.stem, one.number) for one in found] == list(zip(["before", *names], range(1, 6), strict=True))
    made.arrived([tmp_path / "s" / "prior-a.wav"])
    assert [one.path.stem[-1] for one in made.sounds()] == ["e", "c", "d", "b", "a"], "made again, it is the newest"


@pytest.mark.parametrize("said", ["soon", -1.0, 1e300, None, float("nan")])
def test_a_moment_that_no_clock_says_is_none(said: object) -> None:
    recipe = recipe_in({"sound": {"origin": {}}, "made_at": said})
    assert recipe is not None and recipe.made_at == 0.0


def test_only_sounds_with_a_recipe_lie_on_the_shelf(tmp_path: Path) -> None:
    place = tmp_path / "s"
    good = lay_sound(place, "good", kind="place", x=1.0, y=2.0)
    lay_sound(place, "torn", kind="prior", index=0).with_suffix(".json").write_text("{torn")
    lay_sound(place, "odd", kind="prior", index=0).with_suffix(".json").write_text('{"sound": []}')
    lay_sound(place, "noise", kind="prior", index=0).write_bytes(b"RIFF")
    outside = lay_sound(tmp_path / "elsewhere", "secret", kind="prior", index=0)
    (place / "link.wav").symlink_to(outside)
    shutil.copy(outside.with_suffix(".json"), place / "link.json")
    (place / "stars.json").write_text('{"starred": ["good.wav", 7, "gone.wav"]}')
    made = MadeSounds(place)
    assert [(one.path, one.starred) for one in made.sounds()] == [(good, True)]
    made.star("good.wav", False)
    assert json.loads((place / "stars.json").read_text()) == {"starred": []}


def test_a_sound_that_goes_meanwhile_takes_no_other_ones_star(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [lay_sound(tmp_path, f"s{number}", kind="prior", index=number).name for number in range(3)]
    made = MadeSounds(tmp_path)
    made.star(names[0], True)
    real = made_sounds.own_file
    seen: list[Path] = []

    def goes(path: Path) -> bool:
        found = real(path)
        if not seen:
            seen.append(path)
            path.unlink()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(made_sounds, "own_file", goes)
        made.star(names[1], True)
        there = {one.path.name for one in made.sounds()}
    assert there == set(names) - {seen[0].name}
    assert set(json.loads((tmp_path / "stars.json").read_text())["starred"]) == set(names[:2])


def test_stars_that_cannot_be_read_now_are_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        lay_sound(tmp_path, f"s{number}", kind="place", x=0, y=0)
    made = MadeSounds(tmp_path)
    made.star("s0.wav", True)
    before = (tmp_path / "stars.json").read_bytes()

    def refuse(path: Path) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(reading, "open_at_once", refuse)
        with pytest.raises(StorageError, match="star cannot be kept"):
            made.star("s1.wav", True)
        patch.setattr("app.sounds.made_sounds.MOST_PASSING", 1)
        made.prune()
    assert (tmp_path / "stars.json").read_bytes() == before and len(list(tmp_path.glob("*.wav"))) == 3


def test_stars_that_are_damaged_are_put_aside_and_no_sound_goes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sounds.made_sounds.MOST_PASSING", 1)
    for number in range(3):
        lay_sound(tmp_path, f"s{number}", kind="place", x=0, y=0)
    (tmp_path / "stars.json").write_text('{"starred": ["s0.w')
    made = MadeSounds(tmp_path)
    made.prune()
    made.star("s1.wav", True)
    assert (tmp_path / "stars.damaged.json").read_text() == '{"starred": ["s0.w'
    assert [one.starred for one in made.sounds()] == [False, True, False]
    made.prune()
    assert len(made.sounds()) == 3 and "stars.damaged.json cannot be" in made.doubt
    (tmp_path / "stars.damaged.json").unlink()
    made.prune()
    assert [one.path.name for one in made.sounds()] == ["s1.wav", "s2.wav"] and made.doubt == ""


def test_of_stars_that_two_apps_give_at_once_none_is_lost(tmp_path: Path) -> None:
    names = [lay_sound(tmp_path, f"s{number}", kind="place", x=0, y=0).name for number in range(40)]
    apps = [
        forkserver.Popen("tests.app.starring", tmp_path, *half, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for half in (names[::2], names[1::2])
    ]
    for app in apps:
        assert app.stdout is not None and app.stdout.readline() == "ready\n"
    for app in apps:
        assert app.stdin is not None
        app.stdin.write("\n")
        app.stdin.flush()
    for app in apps:
        with app:
            assert app.wait(120) == 0
    assert all(one.starred for one in MadeSounds(tmp_path).sounds())


def test_a_sound_of_ones_own_goes_with_the_copy_it_is_heard_beside(tmp_path: Path) -> None:
    sound = lay_sound(tmp_path, "own-0", kind="resynthesis", file="voice.wav")
    shutil.copy(sound, tmp_path / "own-0-given.wav")
    shelf = MadeSounds(tmp_path)
    removed = shelf.remove("own-0.wav")
    assert removed is not None and not list(tmp_path.glob("own-0*"))
    assert shelf.remove("own-0.wav") is None, "another tab was first"
    shelf.put_back(removed)
    assert sorted(path.name for path in tmp_path.glob("own-0*.wav")) == ["own-0-given.wav", "own-0.wav"]


def test_nothing_is_removed_while_it_is_not_known_what_has_a_star(tmp_path: Path) -> None:
    lay_sound(tmp_path, "prior-0", kind="prior", index=0)
    (tmp_path / "stars.json").write_bytes(b"damaged")
    with pytest.raises(StorageError):
        MadeSounds(tmp_path).remove("prior-0.wav")
    assert (tmp_path / "prior-0.wav").exists()


def test_a_removal_that_is_refused_half_way_loses_nothing(tmp_path: Path) -> None:
    made, sound = MadeSounds(tmp_path), lay_sound(tmp_path, "prior-0", kind="prior", index=0)
    made.star("prior-0.wav", True)
    sound.with_suffix(".png").mkdir()  # what no file's removal takes away
    before = sound.read_bytes()
    with pytest.raises(StorageError):
        made.remove("prior-0.wav")
    (found,) = made.sounds()
    assert found.starred and sound.read_bytes() == before and len(made.recipes()) == 1


def test_nothing_is_put_back_through_a_link(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "sounds", tmp_path / "elsewhere"
    lay_sound(place, "prior-0", kind="prior", index=0)
    made = MadeSounds(place)
    removed = made.remove("prior-0.wav")
    assert removed is not None
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="leads elsewhere"):
        made.put_back(removed)
    assert not [*elsewhere.glob("*.wav")]


def test_what_was_only_passed_by_goes_and_new_and_starred_sounds_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sounds.made_sounds.MOST_PASSING", 2)
    for number in range(5):
        os.utime(lay_sound(tmp_path / "s", f"place-{number}", kind="place", x=0, y=0), (number, number))
    lay_sound(tmp_path / "s", "prior-0", kind="prior", index=0)
    made = MadeSounds(tmp_path / "s")
    made.star("place-1.wav", True)
    made.prune()
    assert {one.path.stem for one in made.sounds()} == {"place-1", "place-3", "place-4", "prior-0"}
    assert not (tmp_path / "s" / "place-0.json").exists()
