"""A folder as a musician has it, with everything that can be wrong in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.files.io import read_wave
from engine.audio.settings import DecodeSettings
from engine.collection.collection import Collection, open_collection
from engine.errors import DataError, StorageError
from tests.audio.sounds import Write, chirp
from tests.bits import flip

SETTINGS = DecodeSettings()


def said(collection: Collection) -> dict[str, tuple[str, str | None]]:
    return {row.path: (row.verdict, row.reason) for row in collection.rows}


@pytest.fixture
def nasty(folder: Path, write: Write) -> Path:
    """The folder of issue 2: each kind of trouble once, among two good sounds."""
    write("good.wav", 1)
    write("größe 音.wav", 2)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is a shopping list\n" * 40)
    soundfile.write(folder / "cut.flac", np.random.default_rng(3).uniform(-0.5, 0.5, 48_000), 48_000)
    content = (folder / "cut.flac").read_bytes()
    (folder / "cut.flac").write_bytes(content[: len(content) // 2])
    (folder / "stub.flac").write_bytes(content[:200])
    soundfile.write(folder / "silent.wav", np.zeros(48_000), 48_000)
    soundfile.write(folder / "phase.wav", np.stack([chirp(4), -chirp(4)], 1), 48_000, subtype="FLOAT")
    write("short.wav", 5, duration_s=0.05)
    write("click.wav", 5, duration_s=0.008)
    wave = chirp(6)
    wave[100:103] = np.nan
    wave[200] = np.inf
    soundfile.write(folder / "nan.wav", wave, 48_000, subtype="FLOAT")
    soundfile.write(folder / "allnan.wav", np.full(48_000, np.nan), 48_000, subtype="FLOAT")
    os.mkfifo(folder / "pipe.wav")
    (folder / "broken.wav").symlink_to(folder / "gone.wav")
    (folder / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " * 9)
    stereo = np.stack([chirp(7, rate=96_000), chirp(8, rate=96_000)], 1)
    soundfile.write(folder / "hires.wav", stereo, 96_000, subtype="FLOAT")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_each_nasty_file_is_used_noted_or_skipped_with_its_reason(nasty: Path) -> None:
    collection = open_collection(nasty, SETTINGS)
    verdicts = said(collection)
    cut = verdicts.pop("cut.flac")
    assert cut[0] == "used_with_note" and cut[1] is not None
    assert cut[1].startswith("cut off: 0.4") and cut[1].endswith(" s of 1.00 s could be read")
    assert verdicts == {
        "good.wav": ("used", None),
        "größe 音.wav": ("used", None),
        "hires.wav": ("used", None),
        "nan.wav": ("used_with_note", "4 broken samples (NaN, infinite or beyond 120 dB), now silent"),
        "allnan.wav": ("skipped", "broken: 100% of its samples are NaN, infinite or beyond 120 dB"),
        "empty.wav": ("skipped", "empty: the file has no bytes"),
        "text.wav": ("skipped", "not sound: nothing in it looks like audio"),
        "stub.flac": ("skipped", "damaged: no sample of it can be read"),
        "silent.wav": ("skipped", "silent: it stays more than 60 dB below full scale"),
        "phase.wav": ("skipped", "silent in mono: its channels cancel each other, so save one of them alone"),
        "short.wav": ("used_with_note", "short: 0.05 s, silence added up to 0.1 s"),
        "click.wav": ("skipped", "too short: 0.008 s, 0.01 s are needed"),
        "pipe.wav": ("skipped", "not a file but a pipe, device or folder"),
        "broken.wav": ("skipped", "a link to a file that is not there"),
        "song.m4a": ("skipped", "M4A files cannot be read: convert it to WAV or FLAC"),
    }
    assert [sound.path for sound in collection.sounds] == sorted(
        path for path, (verdict, _) in said(collection).items() if verdict != "skipped"
    )
    again = open_collection(nasty, SETTINGS)
    assert again.rows == collection.rows and again.fingerprint == collection.fingerprint


def test_samples_times_gain_are_the_sound_of_the_file(write: Write, folder: Path) -> None:
    path = write("a.wav", 1, rate=44_100, gain=0.2)
    write("b.wav", 2)
    sound = open_collection(folder, SETTINGS).sounds[0]
    pcm = sound.pcm()
    assert pcm.dtype == np.int16 and pcm.shape == (sound.num_samples,) == (24_000,)
    assert np.abs(pcm.astype(int)).max() == 32_767
    assert sound.duration_s == 0.5 and sound.gain != pytest.approx(np.abs(soundfile.read(path)[0]).max(), rel=1e-4)
    assert sound.peak_db == pytest.approx(20 * np.log10(np.abs(soundfile.read(path)[0]).max()))
    assert np.abs(pcm / 32_767 * sound.gain - read_wave(path, 48_000)).max() <= sound.gain / 65_534 * 1.01


def test_a_peak_is_the_largest_sample_of_the_file_whatever_it_is_mixed_and_resampled_to(folder: Path) -> None:
    noise = np.sign(np.random.default_rng(0).standard_normal((22_050, 2)))
    soundfile.write(folder / "full.wav", noise[:, 0], 44_100, subtype="FLOAT")
    soundfile.write(folder / "stereo.wav", noise * [0.5, 0.01], 44_100, subtype="FLOAT")
    rows = open_collection(folder, SETTINGS).rows
    assert [row.peak_db for row in rows] == pytest.approx([0.0, 20 * np.log10(0.5)])


def test_a_collection_decoded_once_opens_again_without_touching_a_sound(write: Write, folder: Path) -> None:
    for seed in range(3):
        write(f"{seed}.wav", seed)
    first = open_collection(folder, SETTINGS)
    script = """
import sys
from collections.abc import Callable
from pathlib import Path
from engine.collection.collection import open_collection
from engine.audio.settings import DecodeSettings
def watch(event, args):
    if event == "subprocess.Popen" or event == "open" and str(args[0]).endswith(".wav"):
        sys.exit(f"{event} {args[0]}")
sys.addaudithook(watch)
print(open_collection(Path(sys.argv[1]), DecodeSettings()).fingerprint)
"""
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (first.fingerprint, "")


def test_a_changed_file_is_decoded_anew_and_changes_the_fingerprint(write: Write, folder: Path) -> None:
    write("a.wav", 1)
    path = write("b.wav", 2)
    first = open_collection(folder, SETTINGS)
    write("b.wav", 3)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
    second = open_collection(folder, SETTINGS)
    assert second.fingerprint != first.fingerprint
    assert second.sounds[0].digest == first.sounds[0].digest


def test_a_damaged_cache_entry_is_decoded_anew(write: Write, folder: Path, cache_place: Path) -> None:
    for seed in range(3):
        write(f"{seed}.wav", seed)
    first = open_collection(folder, SETTINGS)
    pcms = sorted(cache_place.glob("*/*.pcm"))
    pcms[0].write_bytes(b"short")
    pcms[1].unlink()
    sorted(cache_place.glob("*/*.facts"))[2].write_text('{"failure": 3')
    told: list[str] = []
    second = open_collection(folder, SETTINGS, warn=told.append)
    assert told == ["What the cache held of 0.wav, 1.wav, 2.wav was damaged and has been decoded again."]
    assert second.fingerprint == first.fingerprint
    assert [int(np.abs(sound.pcm().astype(int)).max()) for sound in second.sounds] == [32_767] * 3


@pytest.mark.parametrize(
    "damage", [lambda path: flip(path, 4_001), lambda path: path.write_bytes(bytes(path.stat().st_size))]
)
def test_samples_that_are_others_than_were_decoded_are_never_used(
    write: Write, folder: Path, cache_place: Path, damage: Callable[[Path], None]
) -> None:
    """One bit, or all zeros as a power cut leaves them: the size is what it was."""
    for seed in range(3):
        write(f"{seed}.wav", seed)
    first = open_collection(folder, SETTINGS)
    whole = [np.array(sound.pcm()) for sound in first.sounds]
    damage(first.sounds[1].cache.pcm(first.sounds[1].key))
    told: list[str] = []
    second = open_collection(folder, SETTINGS, warn=told.append)
    assert told == ["What the cache held of 1.wav was damaged and has been decoded again."]
    assert all(np.array_equal(sound.pcm(), samples) for sound, samples in zip(second.sounds, whole, strict=True))
    assert open_collection(folder, SETTINGS, warn=told.append).fingerprint == first.fingerprint and len(told) == 1


def test_no_bit_of_the_facts_is_believed_when_it_turned(write: Write, folder: Path) -> None:
    write("a.wav", 1)
    sound = open_collection(folder, SETTINGS, minimum=1).sounds[0]
    path = sound.cache.pcm(sound.key).with_suffix(".facts")
    facts = sound.cache.load(sound.key)
    for byte in range(path.stat().st_size):
        flip(path, byte, byte % 8)
        try:
            assert sound.cache.load(sound.key) == facts  # white space
        except ValueError:
            continue
        finally:
            flip(path, byte, byte % 8)


def test_what_was_damaged_and_cannot_be_decoded_again_is_left_out_with_its_reason(write: Write, folder: Path) -> None:
    for seed in range(3):
        write(f"{seed}.wav", seed)
    first = open_collection(folder, SETTINGS)
    lost = first.sounds[1]
    flip(lost.cache.pcm(lost.key), 77)

    def vanish(phase: str, done: int, total: int) -> None:
        if phase == "decode":  # after it was found, before it is read
            (folder / "1.wav").unlink(missing_ok=True)

    told: list[str] = []
    second = open_collection(folder, SETTINGS, vanish, warn=told.append)
    assert told == ["What the cache held of 1.wav was damaged and cannot be decoded again, so it is left out."]
    assert second.rows[1].verdict == "skipped" and second.rows[1].reason == "not there any more"
    assert second.fingerprint != first.fingerprint


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs, no /dev/zero")
@pytest.mark.parametrize("suffix", [".pcm", ".facts"])
@pytest.mark.parametrize(
    "put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)]
)
def test_what_is_no_file_in_the_cache_is_damage_not_waited_for_and_replaced(
    put: Callable[[Path], None], suffix: str, write: Write, folder: Path
) -> None:
    for seed in range(3):
        write(f"{seed}.wav", seed)
    first = open_collection(folder, SETTINGS)
    entry = first.sounds[1].cache.pcm(first.sounds[1].key).with_suffix(suffix)
    entry.unlink()
    put(entry)
    told: list[str] = []
    for _ in range(2):
        assert open_collection(folder, SETTINGS, warn=told.append).fingerprint == first.fingerprint
    assert told == ["What the cache held of 1.wav was damaged and has been decoded again."]
    assert entry.is_file() and not entry.is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_what_was_computed_of_a_collection_and_is_no_file_any_more_is_computed_again(
    write: Write, folder: Path
) -> None:
    for seed in range(2):
        write(f"{seed}.wav", seed)
    root = open_collection(folder, SETTINGS).sounds[0].cache.root
    memos = list(root.glob("??/*.memo"))
    for put in (os.mkfifo, Path.mkdir):
        for path in (*memos, root / "comparisons"):
            path.unlink(missing_ok=True)
            put(path)
        assert len(open_collection(folder, SETTINGS).sounds) == 2
        assert memos and all(path.is_file() for path in memos)


def test_of_a_file_that_was_never_usable_nothing_is_said_when_the_cache_was_damaged(
    write: Write, folder: Path, cache_place: Path
) -> None:
    for seed in range(2):
        write(f"{seed}.wav", seed)
    soundfile.write(folder / "silent.wav", np.zeros(48_000), 48_000)
    first = open_collection(folder, SETTINGS)
    (unusable,) = (path for path in cache_place.glob("??/*.facts") if not path.with_suffix(".pcm").exists())
    flip(unusable, 20)
    told: list[str] = []
    assert open_collection(folder, SETTINGS, warn=told.append).rows == first.rows and not told


def test_a_sound_replaced_at_equal_length_with_its_old_time_is_another(write: Write, folder: Path) -> None:
    path, other = write("a.wav", 1), write("b.wav", 2)
    before = path.stat()
    first = open_collection(folder, SETTINGS)
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    second = open_collection(folder, SETTINGS)
    assert second.sounds[0].digest == first.sounds[1].digest
    (folder / "c.wav").write_bytes(first.root.joinpath("a.wav").read_bytes()[:44] + bytes(before.st_size - 45) + b"x")
    os.utime(folder / "c.wav", ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder / "c.wav").rename(path)  # another file under the name: only its inode need tell
    assert open_collection(folder, SETTINGS, minimum=0).sounds[0].digest != second.sounds[0].digest


def test_another_shortest_duration_decodes_nothing_again(write: Write, folder: Path) -> None:
    for seed in range(3):
        write(f"{seed}.wav", seed, duration_s=0.2 + 0.1 * seed)
    open_collection(folder, SETTINGS)
    phases = set()
    strict = DecodeSettings(min_duration_s=0.25)
    collection = open_collection(folder, strict, lambda phase, done, total: phases.add(phase))
    assert phases == {"scan"}
    assert said(collection)["0.wav"] == ("used_with_note", "short: 0.2 s, silence added up to 0.25 s")


def test_a_short_sound_is_followed_by_silence(write: Write, folder: Path) -> None:
    path = write("short.wav", 1, duration_s=0.098)
    write("long.wav", 2)
    long, short = open_collection(folder, SETTINGS).sounds
    pcm = short.pcm()
    assert pcm.shape == (short.num_samples,) == (4_800,) and short.duration_s == pytest.approx(0.098)
    assert np.abs(pcm[:4_704] / 32_767 * short.gain - read_wave(path, 48_000)).max() <= short.gain / 65_534 * 1.01
    assert not pcm[4_704:].any() and long.padding == 0


def test_too_few_usable_files_are_refused_in_one_sentence(write: Write, folder: Path) -> None:
    write("a.wav", 1)
    (folder / "b.wav").touch()
    write("c.wav", 2, duration_s=0.005)
    with pytest.raises(DataError) as caught:
        open_collection(folder, SETTINGS)
    assert str(caught.value) == (
        "3 files found, 1 usable: training needs at least 2 (one to learn from, one to check). "
        "Skipped: b.wav (empty: the file has no bytes), c.wav (too short: 0.005 s, 0.01 s are needed)."
    )
    assert len(open_collection(folder, SETTINGS, minimum=0).sounds) == 1


def test_a_folder_without_sounds_is_refused(folder: Path) -> None:
    (folder / "notes.txt").touch()
    with pytest.raises(DataError, match="has no sound files"):
        open_collection(folder, SETTINGS)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf8_is_read_and_shown(write: Write, folder: Path) -> None:
    write("a.wav", 1).rename(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.wav"))
    write("b.wav", 2)
    collection = open_collection(folder, SETTINGS)
    assert [sound.path for sound in collection.sounds] == ["b.wav", "caf\\xe9.wav"]
    assert all(row.model_dump_json() for row in collection.rows)


def test_a_cache_that_cannot_be_written_says_what_to_do(write: Write, folder: Path, cache_place: Path) -> None:
    write("a.wav", 1)
    write("b.wav", 2)
    cache_place.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=f"{cache_place}, cannot be written: ") as refused:
        open_collection(folder, SETTINGS)
    elsewhere = "name another place in the environment variable SWEETSPOT_CACHE."
    assert refused.value.remedy == f"Remove what lies in its place, or {elsewhere}", "not to free space that there is"


def test_a_film_is_named_and_not_passed_over(write: Write, folder: Path) -> None:
    write("a.wav", 1)
    for name in ("video.mp4", "opus.webm", "clip.MOV"):
        (folder / name).write_bytes(b"x")
    rows = {row.path: row for row in open_collection(folder, SETTINGS, minimum=1).rows}
    assert set(rows) == {"a.wav", "video.mp4", "opus.webm", "clip.MOV"}
    assert rows["opus.webm"].reason == "WEBM files cannot be read: convert it to WAV or FLAC"


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_flac_is_held_against_its_own_checksum(folder: Path, subtype: str, channels: int) -> None:
    wave = np.stack([0.4 * chirp(seed) for seed in range(channels)], axis=1)
    path = folder / "a.flac"
    soundfile.write(path, wave, 44_100, subtype=subtype)
    assert open_collection(folder, SETTINGS, minimum=1).rows[0].reason is None
    data = bytearray(path.read_bytes())
    data[30] ^= 1  # of the 16 bytes from 26 on
    path.write_bytes(bytes(data))
    row = open_collection(folder, SETTINGS, minimum=1).rows[0]
    assert row.verdict == "used_with_note" and "not what its own checksum says" in str(row.reason)


def test_a_loud_channel_that_the_mix_nearly_loses_is_said(folder: Path) -> None:
    one = np.zeros((24_000, 8))
    one[:, 3] = chirp(1)
    soundfile.write(folder / "eight.wav", one, 48_000)
    soundfile.write(folder / "left.wav", np.stack([chirp(2), 0 * chirp(2)], axis=1), 48_000)
    rows = {row.path: row for row in open_collection(folder, SETTINGS).rows}
    assert "mixed from 8 channels, 18 dB below the loudest of them" in str(rows["eight.wav"].reason)
    assert rows["left.wav"].reason is None


def test_a_file_that_is_cut_off_needs_more_than_a_whole_one_and_says_why(tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        soundfile.write(tmp_path / f"{name}.wav", chirp(3)[: 4_000 if name == "whole" else None], 44_100)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(cut.read_bytes()[: (tmp_path / "whole.wav").stat().st_size])
    for name in ("other", "third"):
        soundfile.write(tmp_path / f"{name}.wav", chirp(len(name) + ord(name[0])), 44_100)
    verdicts = said(open_collection(tmp_path, SETTINGS))
    assert verdicts["whole.wav"][0] == "used_with_note"
    assert verdicts["cut.wav"] == (
        "skipped", "cut off: only 0.0907 s can be read; without its end it needs 0.1 s",
    )  # fmt: skip
