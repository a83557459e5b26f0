"""Waves read from files of any kind, and written so that equal waves make equal bytes."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.files import decode_worker, stream
from engine.audio.files.cache import Cache
from engine.audio.files.io import (
    AudioError,
    read_beginning,
    read_stereo,
    read_usable,
    read_wave,
    unusable,
    wave_bytes,
    write_wave,
)
from engine.audio.files.stream import SoundFile
from engine.audio.files.verdict import notes
from engine.audio.levels import amplitude_to_db, at_level, peak, rms


def test_a_wave_written_and_read_again_is_the_same_to_half_a_step(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, 4801).astype(np.float32)
    for subtype, step in (("PCM_16", 2.0**-15), ("PCM_24", 2.0**-23), ("FLOAT", 0.0)):
        write_wave(tmp_path / "a.wav", wave, 48_000, subtype)  # type: ignore[arg-type]
        again = read_wave(tmp_path / "a.wav", 48_000)
        assert soundfile.info(tmp_path / "a.wav").subtype == subtype
        assert again.dtype == np.float32 and again.shape == wave.shape
        assert np.abs(again - np.clip(wave, -1, 1 - step)).max() <= step / 2 + 6e-8


def test_the_same_wave_gives_the_same_bytes_a_second_later() -> None:
    wave = np.linspace(-1, 1, 1001, dtype=np.float32)
    first = [wave_bytes(wave, 48_000, subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT")]
    time.sleep(1.1)  # libsndfile's PEAK chunk counts seconds
    assert first == [wave_bytes(wave, 48_000, subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT")]
    assert b"PEAK" not in first[2]
    for content in first:
        assert struct.unpack("<I", content[4:8])[0] == len(content) - 8


def test_levels_above_full_scale_survive_in_float_and_clip_in_16_bits() -> None:
    wave = np.array([0.0, 2.0, -2.0], np.float32)
    assert soundfile.read(io.BytesIO(wave_bytes(wave, 8000, "FLOAT")))[0].tolist() == [0, 2, -2]
    assert soundfile.read(io.BytesIO(wave_bytes(wave, 8000)), dtype="int16")[0].tolist() == [0, 32767, -32768]


def test_a_wave_with_nan_is_not_written() -> None:
    with pytest.raises(ValueError, match="NaN"):
        wave_bytes(np.array([0.0, np.nan], np.float32), 8000)


def test_channels_are_averaged_and_other_rates_resampled_to_the_same_length_in_time(tmp_path: Path) -> None:
    moment = np.arange(96_000) / 96_000
    left, right = np.sin(2 * np.pi * 1000 * moment), 0.2 * np.sin(2 * np.pi * 3000 * moment)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 96_000, subtype="FLOAT")
    wave = read_wave(tmp_path / "a.wav", 48_000)
    assert wave.shape == (48_000,)
    want = ((left + right) / 2)[::2]
    assert np.abs(wave - want)[500:-500].max() < 1e-4


def test_a_truncated_flac_is_read_up_to_the_damage(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000)
    soundfile.write(tmp_path / "a.flac", noise, 48_000)
    whole = read_wave(tmp_path / "a.flac", 48_000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    part = read_wave(tmp_path / "a.flac", 48_000)
    assert 16_000 < part.size < 26_000
    assert np.array_equal(part, whole[: part.size])


def test_a_header_that_promises_2_to_the_36_frames_costs_no_memory(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).uniform(-0.5, 0.5, 48_000), 48_000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] |= 0x0F  # the 36 bits of the number of frames in STREAMINFO
    content[22:26] = b"\xff" * 4
    (tmp_path / "a.flac").write_bytes(content)
    assert soundfile.info(tmp_path / "a.flac").frames == 2**36 - 1
    assert read_wave(tmp_path / "a.flac", 48_000).size == 48_000


def test_a_file_without_sound_says_why(tmp_path: Path) -> None:
    for content, reason in (
        (b"", "empty: the file has no bytes"),
        (b"dear diary " * 20, "not sound: nothing in it looks like audio"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0" * 4, "an M4A or MP4 file inside: convert it to WAV or FLAC"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "damaged: it begins like a sound file and cannot be read further; export it again"),
    ):
        (tmp_path / "a.wav").write_bytes(content)
        with pytest.raises(AudioError) as caught:
            read_wave(tmp_path / "a.wav", 48_000)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AudioError("not sound: nothing in it looks like audio"), "not sound (nothing in it looks like audio)"),
        (AudioError("not there any more"), "not there any more"),
        (PermissionError(13, "Permission denied", "a.wav"), "permission denied"),
    ],
)
def test_a_file_that_was_named_and_cannot_be_used_gets_one_sentence(error: AudioError | OSError, said: str) -> None:
    found = unusable(Path("a.wav"), error, "Name another one.")
    assert str(found) == f"a.wav cannot be used: {said}. Name another one."


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A second of 255 channels."""
    path = tmp_path / "crowd.ogg"
    soundfile.write(path, np.sin(np.arange(8_000) / 5)[:, None].repeat(255, 1) / 4, 8_000)
    return path


def test_of_many_channels_no_more_is_decoded_than_of_eight(crowd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of them are a few megabytes and minutes of decoding; the header is enough to refuse them."""
    assert len(read_usable(crowd, 8_000, 32)[0]) == 8_000
    assert len(read_beginning(crowd, 8_000, 0.5)[0]) == 4_000
    monkeypatch.setattr(SoundFile, "_raw", lambda one: pytest.fail("it was decoded"))
    for read in (read_usable, read_stereo):
        with pytest.raises(AudioError) as caught:
            read(crowd, 8_000, 31)
        assert caught.value.reason == (
            "255 channels of 1 s: too much to decode, so save those that you want in a file of their own"
        )


def test_many_channels_of_which_the_header_tells_nothing_end_all_the_same(
    crowd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_DURATION_S", 10)
    monkeypatch.setattr(SoundFile, "_declared_s", 0.0)
    source = SoundFile(crowd, 8_000)
    assert sum(map(len, source.blocks())) == int(10 * 8 / 255 * 8_000) and source.shortened
    assert [note for note in notes(source, 0.25) if note.startswith("very long: its first")]
    with pytest.raises(AudioError, match="255 channels of under 1 s: too much to decode"):
        read_usable(crowd, 8_000)


def test_a_scan_leaves_out_what_has_too_many_channels(
    crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_worker, "MAX_DURATION_S", 10)
    facts = decode_worker.decode(crowd, "0" * 32, Cache(tmp_path / "cache"), 8_000, lambda: None)
    assert facts.failure is not None and facts.failure.startswith("255 channels of 1 s: too much") and facts.lasting


def test_a_wave_reaches_its_level_unless_the_peak_would_pass_the_ceiling() -> None:
    wave = np.sin(np.arange(48_000) / 10).astype(np.float32) * 0.1
    assert rms(at_level(wave, rms(wave), 0.2)) == pytest.approx(0.2, rel=1e-5)
    assert amplitude_to_db(peak(at_level(wave, rms(wave), 5.0))) == pytest.approx(-1.0, abs=1e-3)
    assert not at_level(np.zeros(10, np.float32), 0.0, 0.2).any()


def test_a_wave_is_replaced_as_a_whole_so_that_a_reader_of_the_old_one_is_not_disturbed(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", np.zeros(100, np.float32), 48_000)
    with (tmp_path / "a.wav").open("rb") as reader:
        write_wave(tmp_path / "a.wav", np.ones(7, np.float32), 48_000)
        assert len(reader.read()) == 44 + 200
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_both_channels_of_a_stereo_file_are_read_and_their_mean_is_the_mono_sound(tmp_path: Path, rate: int) -> None:
    draws = np.random.default_rng(0)
    both = 0.1 * draws.standard_normal((2 * rate, 2))
    soundfile.write(tmp_path / "wide.wav", both, rate, subtype="FLOAT")
    soundfile.write(tmp_path / "twice.wav", both[:, [0, 0]], rate, subtype="FLOAT")
    soundfile.write(tmp_path / "three.wav", draws.standard_normal((rate, 3)) / 10, rate, subtype="FLOAT")
    wave, image = read_stereo(tmp_path / "wide.wav", 48_000)
    assert wave.shape == (96_000, 2) and image is not None
    np.testing.assert_allclose(wave.mean(1), read_wave(tmp_path / "wide.wav", 48_000), atol=1e-6)
    begins, of_that = read_beginning(tmp_path / "wide.wav", 48_000, 0.5)
    assert len(begins) == 24_000 and of_that is not None and of_that != image
    np.testing.assert_allclose(begins[:20_000], wave[:20_000], atol=1e-6)
    for name in ("twice.wav", "three.wav"):
        mono, none = read_stereo(tmp_path / name, 48_000)
        assert none is None and np.array_equal(mono, read_wave(tmp_path / name, 48_000)), name
