"""Copies of a recording are known; other takes of it are not taken for copies.

The figures stand in the docstring of engine/audio/likeness.py: copies 0.932 and above, others 0.884 and
below.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from engine.audio.files.cache import default_cache
from engine.audio.files.io import read_wave
from engine.audio.likeness import SAME, likeness, picture
from engine.audio.settings import DecodeSettings
from engine.collection import near_duplicates
from engine.collection.collection import open_collection
from tests.audio.sounds import Write, chirp

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no shared recordings beside this checkout")


def look(wave: np.ndarray) -> np.ndarray:
    return picture(np.rint(wave / np.abs(wave).max() * 32_767).astype(np.int16), 48_000)


def copies(wave: np.ndarray, place: Path) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {
        "quieter": wave * 0.05,
        "upside down": -wave,
        "noisy": wave + rng.normal(0, 0.01 * np.abs(wave).max(), wave.size),
        "later": np.concatenate([np.zeros(1617), wave]),
        "longer": np.concatenate([wave, np.zeros(24_000)]),
        "resampled": soxr.resample(soxr.resample(wave, 48_000, 22_050), 22_050, 48_000),
    }
    for suffix in ("mp3", "ogg"):
        soundfile.write(place / f"copy.{suffix}", wave, 48_000)
        made[suffix] = read_wave(place / f"copy.{suffix}", 48_000)
    return made


@needs_data
@pytest.mark.parametrize("pattern", ["drum_*", "tabla_*"])
@pytest.mark.slow
def test_copies_of_real_sounds_are_known_and_no_two_of_them_are_the_same(pattern: str, tmp_path: Path) -> None:
    waves = [read_wave(path, 48_000) for path in sorted((DATA / "sonicpi").glob(f"{pattern}.flac"))]
    looks = [look(wave) for wave in waves]
    for own, wave in zip(looks, waves, strict=True):
        alike = {name: likeness(own, look(copy)) for name, copy in copies(wave, tmp_path).items()}
        assert min(alike.values()) >= SAME + 0.02, alike
    assert max(likeness(a, b) for a, b in combinations(looks, 2)) <= SAME - 0.02


@needs_data
@pytest.mark.slow
def test_no_two_of_242_shared_files_are_the_same(tmp_path: Path) -> None:
    for name in ("fsdd_jackson", "sonicpi"):
        (tmp_path / name).symlink_to((DATA / name).resolve())
    collection = open_collection(tmp_path, DecodeSettings())
    assert len(collection.rows) == 242 and len(collection.sounds) == 242
    assert collection.groups == list(range(242))
    assert not any(row.same_as for row in collection.rows)


def test_rows_name_the_first_file_with_the_same_sound(write: Write, folder: Path) -> None:
    write("a.wav", 1)
    write("b.wav", 2)
    write("c/a again.flac", 1, gain=0.3, format="FLAC")
    write("d.ogg", 2)
    write("z.wav", 1)
    collection = open_collection(folder, DecodeSettings())
    assert {row.path: row.same_as for row in collection.rows} == {
        "a.wav": None,
        "b.wav": None,
        "c/a again.flac": "a.wav",
        "d.ogg": "b.wav",
        "z.wav": "a.wav",
    }
    assert collection.groups == [0, 1, 0, 1, 0]


def test_a_likeness_is_1_for_a_sound_and_itself_and_small_for_noises() -> None:
    one, other = look(chirp(1)), look(chirp(2))
    assert likeness(one, one) == pytest.approx(1, abs=1e-5)
    assert likeness(one, other) < 0.6
    noise = np.random.default_rng(0).standard_normal((2, 96_000))
    assert likeness(look(noise[0]), look(noise[1])) < 0.3


def limited(wave: np.ndarray) -> np.ndarray:
    return picture(np.rint(wave / np.abs(wave).max() * 32_767).astype(np.int16), 48_000, limited=True)


@needs_data
def test_clipped_copies_of_real_sounds_are_known_and_no_two_of_them_are_the_same() -> None:
    waves = [read_wave(path, 48_000) for path in sorted((DATA / "sonicpi").glob("drum_*.flac"))[::3]]
    looks = [limited(wave) for wave in waves]
    for own, wave in zip(looks, waves, strict=True):
        whole = wave / np.abs(wave).max()
        alike = [likeness(own, limited(np.clip(gain * whole, -1, 1))) for gain in (2, 4, 10)]
        assert min(alike) >= SAME, alike
    assert max(likeness(a, b) for a, b in combinations(looks, 2)) <= SAME - 0.3


def test_clipped_offset_turned_and_shifted_copies_are_named(write: Write, folder: Path) -> None:
    for seed in range(3):
        write(f"other{seed}.wav", seed + 5)
    wave = chirp(1)
    silence = np.zeros(4_800)
    made = {
        "a.wav": wave,
        "clipped.wav": np.clip(20 * wave, -1, 1),
        "low ceiling.wav": 0.3 * np.clip(20 * wave, -1, 1),
        "offset.wav": wave + 0.4,
        "shifted.wav": np.concatenate([silence, wave]),
        "turned.wav": -wave,
    }
    for name, copy in made.items():
        soundfile.write(folder / name, copy, 48_000)
    rows = open_collection(folder, DecodeSettings()).rows
    assert {row.path for row in rows if row.same_as == "a.wav"} == made.keys() - {"a.wav"}
    assert {row.path for row in rows if row.same_as is None} == {"a.wav", *(f"other{seed}.wav" for seed in range(3))}


def test_clipped_copies_are_one_sound_also_where_no_whole_one_is_at_hand(write: Write, folder: Path) -> None:
    """Cut off by so much more than the other, a wave is like it only once both are limited."""
    write("other.wav", 5)
    wave = chirp(1)
    for name, gain in (("clipped.wav", 8), ("clipped more.wav", 80)):
        soundfile.write(folder / name, np.clip(gain * wave, -1, 1), 48_000)
    assert likeness(*(look(np.clip(gain * wave, -1, 1)) for gain in (8, 80))) < SAME
    rows = open_collection(folder, DecodeSettings()).rows
    assert {row.path: row.same_as for row in rows if row.path != "other.wav"} == {
        "clipped more.wav": None,
        "clipped.wav": "clipped more.wav",
    }


@needs_data
def test_real_one_shots_with_any_offset_are_the_same(folder: Path) -> None:
    paths = [path for kind in ("drum", "elec") for path in sorted((DATA / "sonicpi").glob(f"{kind}_*.flac"))]
    assert len(paths) == 45
    for path in paths:
        wave = read_wave(path, 48_000)
        wave = wave / np.abs(wave).max()
        for gain, offset in ((0.9, 0.05), (0.5, 0.4), (0.5, -0.4)):
            assert likeness(look(wave), look(gain * wave + offset)) >= SAME + 0.08, (path.stem, offset)


@needs_data
def test_clipped_copies_of_two_strokes_of_one_drum_join_each_its_own(folder: Path) -> None:
    """Cut off by 6 dB the soft stroke is more like the hard one than the threshold, and more like itself."""
    for name in ("drum_bass_hard", "drum_bass_soft", "drum_snare_hard"):
        wave = read_wave(DATA / "sonicpi" / f"{name}.flac", 48_000)
        wave = wave / np.abs(wave).max()
        soundfile.write(folder / f"{name}.wav", wave, 48_000)
        for loud_db in (6, 12, 20):
            soundfile.write(folder / f"{name} {loud_db}.wav", np.clip(10 ** (loud_db / 20) * wave, -1, 1), 48_000)
    rows = open_collection(folder, DecodeSettings()).rows
    assert sum(any(fault.code == "clipped" for fault in row.faults) for row in rows) >= 7
    firsts = {row.path: (row.same_as or row.path).split(".")[0].split(" ")[0] for row in rows}
    assert firsts == {path: path.split(".")[0].split(" ")[0] for path in firsts}
    assert len({row.same_as for row in rows}) == 4


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The likeness of each pair that was really compared."""
    found: list[float] = []

    def counted(one: np.ndarray, other: np.ndarray) -> float:
        found.append(likeness(one, other))
        return found[-1]

    monkeypatch.setattr(near_duplicates, "likeness", counted)
    return found


def three_and_reversed(folder: Path) -> None:
    """Noises and the same backwards: equal magnitudes, so that only a comparison tells each from its other."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 24_000))
    for number, wave in enumerate(noise):
        soundfile.write(folder / f"{number}.wav", wave, 48_000)
        soundfile.write(folder / f"{number} backwards.wav", wave[::-1], 48_000)


def test_what_was_compared_once_is_not_compared_again_unless_the_results_are_damaged(
    folder: Path, compared: list[float]
) -> None:
    three_and_reversed(folder)
    phases: list[tuple[str, int, int]] = []
    first = open_collection(folder, DecodeSettings(), lambda *phase: phases.append(phase))
    assert len(compared) == 3
    assert [phase for phase in phases if phase[0] == "compare"][-1] == ("compare", 5, 6)
    soundfile.write(folder / "more.wav", chirp(3), 48_000)
    again = open_collection(folder, DecodeSettings())
    assert len(compared) == 3 and again.groups == [*first.groups, 6]
    results = default_cache().comparisons
    for path in results.parent.glob("*/*.memo"):  # what was made of them is kept as well
        path.unlink()
    raw = bytearray(results.read_bytes())
    raw[-1] ^= 1
    results.write_bytes(raw)
    assert open_collection(folder, DecodeSettings()).groups == again.groups and len(compared) == 6


def test_comparing_stops_when_told_and_keeps_what_it_found(folder: Path, compared: list[float]) -> None:
    class Cancelled(BaseException):
        pass

    def check() -> None:
        if len(compared) == 1:
            raise Cancelled

    three_and_reversed(folder)
    with pytest.raises(Cancelled):
        open_collection(folder, DecodeSettings(), check=check)
    assert len(compared) == 1
    open_collection(folder, DecodeSettings())
    assert len(compared) == 3
