"""A folder with everything that can be wrong with sound files: built from nothing, the same at every call.

Each builder makes the bytes of one file, or does something worse at its path. What a scan says of each stands in
``verdicts.txt``.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from tests.audio.sounds import chirp

RATE = 48_000
Build = Callable[[], bytes]


def sound(seed: int, duration_s: float = 0.5, rate: int = RATE) -> np.ndarray:
    return chirp(seed, duration_s, rate)


def encoded(wave: np.ndarray, rate: int = RATE, format: str = "WAV", subtype: str | None = None) -> bytes:
    """``wave`` in any format of libsndfile."""
    out = io.BytesIO()
    soundfile.write(out, wave, rate, format=format, subtype=subtype)
    return out.getvalue()


def chunk(name: bytes, body: bytes, size: int | None = None, padded: bool = True) -> bytes:
    """A RIFF chunk; ``size`` is what it claims."""
    told = len(body) if size is None else size
    return name + struct.pack("<I", told) + body + (b"\0" if padded and len(body) % 2 else b"")


def pcm16(wave: np.ndarray) -> bytes:
    return np.rint(wave * 32_767).astype("<i2").tobytes()


def form(channels: int = 1, rate: int = RATE, bits: int = 16, kind: int = 1, align: int | None = None) -> bytes:
    """A format chunk that says what it is told to."""
    align = channels * bits // 8 if align is None else align
    block = struct.pack("<HHIIHH", kind, channels & 0xFFFF, rate, rate * align & 0xFFFF_FFFF, align & 0xFFFF, bits)
    return chunk(b"fmt ", block)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks), size)


def wav(seed: int, data_size: int | None = None, riff_size: int | None = None, **told: int) -> bytes:
    """A WAV whose header may lie."""
    return riff(form(**told), chunk(b"data", pcm16(sound(seed)), data_size), size=riff_size)


def noise(seed: int, duration_s: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(duration_s * RATE))


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flac_claiming(frames: int) -> bytes:
    """A FLAC whose header tells another length: the low 36 bits of eight bytes at 18."""
    content = bytearray(encoded(sound(10), format="FLAC"))
    packed = int.from_bytes(content[18:26], "big")
    content[18:26] = ((packed & ~(2**36 - 1)) | frames).to_bytes(8, "big")
    return bytes(content)


def hour_of_silence() -> bytes:
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", RATE, 1, format="FLAC", compression_level=0.9) as file:
        minute = np.zeros(60 * RATE, np.int16)
        for _ in range(60):
            file.write(minute)
    return out.getvalue()


def spoilt(seed: int, values: dict[int, float]) -> bytes:
    """A float WAV with some samples replaced."""
    wave = sound(seed)
    for place, value in values.items():
        wave[place] = value
    return encoded(wave, subtype="FLOAT")


def with_art() -> bytes:
    """An MP3 behind 200 kB of cover picture."""
    picture = b"\0image/png\0\3\0\x89PNG\r\n\x1a\n" + bytes(range(256)) * 800
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    size = len(frame)
    safe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + safe + frame + encoded(sound(11), format="MP3")


def w64() -> bytes:
    return encoded(sound(12), format="W64")


def rf64_claiming(size: int) -> bytes:
    content = bytearray(encoded(sound(13), format="RF64"))
    at = content.index(b"ds64") + 16
    content[at : at + 8] = struct.pack("<Q", size)
    return bytes(content)


def many(channels: int) -> bytes:
    """Interleaved noise on so many channels."""
    frames = np.random.default_rng(14).integers(-9_000, 9_000, (4_800, channels)).astype("<i2")
    return riff(form(channels), chunk(b"data", frames.tobytes()))


def surround() -> bytes:
    return encoded(np.stack([sound(20 + channel) for channel in range(8)], 1))


def dc() -> np.ndarray:
    return sound(30) * 0.2 + 0.5


FILES: dict[str, Build] = {
    # Nothing, or not enough.
    "empty.wav": lambda: b"",
    "one-byte.flac": lambda: b"f",
    "stub.wav": lambda: b"RIFF\x24\0\0\0WAVEfmt ",
    "header-only.wav": lambda: riff(form(), chunk(b"data", b"")),
    "header-and-list.wav": lambda: riff(form(), chunk(b"data", b""), chunk(b"LIST", b"INFOISFT\4\0\0\0abcd")),
    "no-data-chunk.wav": lambda: riff(form()),
    "no-format-chunk.wav": lambda: riff(chunk(b"data", pcm16(sound(1)))),
    "one-sample.wav": lambda: riff(form(), chunk(b"data", pcm16(np.array([0.5])))),
    "too-short.wav": lambda: encoded(sound(2, 0.05)),
    "cut.wav": lambda: half(encoded(noise(3))),
    "cut.flac": lambda: half(encoded(noise(4), format="FLAC")),
    "cut.ogg": lambda: half(encoded(noise(5), format="OGG")),
    "cut-long.ogg": lambda: half(encoded(noise(5, 6.0), format="OGG")),
    "cut.mp3": lambda: half(encoded(noise(6), format="MP3")),
    "cut.aiff": lambda: half(encoded(noise(7), format="AIFF")),
    "stub.flac": lambda: encoded(noise(4), format="FLAC")[:200],
    "stub.ogg": lambda: encoded(noise(5), format="OGG")[:200],
    "stub.mp3": lambda: encoded(noise(6), format="MP3")[:60],
    # Headers that lie.
    "recorder-crashed-0.wav": lambda: wav(8, data_size=0, riff_size=0),
    "recorder-crashed-36.wav": lambda: wav(9, data_size=0, riff_size=36),
    "recorder-crashed-stereo-24.wav": lambda: riff(
        form(2, bits=24), chunk(b"data", np.random.default_rng(8).bytes(6 * 24_000), 0), size=0
    ),
    "recorder-streams.wav": lambda: wav(15, data_size=0xFFFF_FFFF, riff_size=0xFFFF_FFFF),
    "claims-2-gib.wav": lambda: wav(16, data_size=0x7FFF_0000, riff_size=0x7FFF_0024),
    "claims-a-second.wav": lambda: wav(17, data_size=96_000),
    "claims-too-little.wav": lambda: wav(18, data_size=24_000),
    "recorder-crashed-later.wav": lambda: wav(49, data_size=40_000, riff_size=40_036),
    "riff-size-0.wav": lambda: wav(19, riff_size=0),
    "rate-0.wav": lambda: wav(1, rate=0),
    "rate-1.wav": lambda: wav(1, rate=1),
    "rate-4-ghz.wav": lambda: wav(1, rate=0xFFFF_FFFF),
    "channels-0.wav": lambda: wav(1, channels=0),
    "channels-1000.wav": lambda: many(1_000),
    "channels-65535.wav": lambda: wav(1, channels=65_535),
    "bits-0.wav": lambda: wav(1, bits=0),
    "bits-7.wav": lambda: wav(1, bits=7),
    "bits-640.wav": lambda: wav(1, bits=640),
    "align-0.wav": lambda: wav(21, align=0),
    "unknown-codec.wav": lambda: wav(1, kind=0x1234),
    "claims-2-to-the-36.flac": lambda: flac_claiming(2**36 - 1),
    "claims-0.flac": lambda: flac_claiming(0),
    "claims-2-to-the-60.rf64": lambda: rf64_claiming(2**60),
    "claims-0.rf64": lambda: rf64_claiming(0),
    # Unusual and right.
    "odd-chunk.wav": lambda: riff(form(), chunk(b"LIST", b"abc"), chunk(b"data", pcm16(sound(22)))),
    "odd-chunk-unpadded.wav": lambda: riff(
        form(), chunk(b"junk", b"abc", padded=False), chunk(b"data", pcm16(sound(23)))
    ),
    "pcm-8.wav": lambda: encoded(sound(24), subtype="PCM_U8"),
    "pcm-16.wav": lambda: encoded(sound(25), subtype="PCM_16"),
    "pcm-24.wav": lambda: encoded(sound(26), subtype="PCM_24"),
    "pcm-32.wav": lambda: encoded(sound(27), subtype="PCM_32"),
    "float-64.wav": lambda: encoded(sound(28), subtype="DOUBLE"),
    "ulaw.wav": lambda: encoded(sound(29), subtype="ULAW"),
    "adpcm.wav": lambda: encoded(sound(31), subtype="IMA_ADPCM"),
    "opus.ogg": lambda: encoded(sound(32), format="OGG", subtype="OPUS"),
    "192-khz.wav": lambda: encoded(sound(33, rate=192_000), 192_000),
    "8-khz.au": lambda: encoded(sound(34, rate=8_000), 8_000, format="AU"),
    "7.1.wav": surround,
    "long.w64": w64,
    "long.rf64": lambda: encoded(sound(35), format="RF64"),
    "apple.caf": lambda: encoded(sound(36), format="CAF"),
    "art.mp3": with_art,
    # Samples that are wrong.
    "nan.wav": lambda: spoilt(37, {100: np.nan, 101: np.nan, 200: np.inf, 300: -np.inf}),
    "one-nan.wav": lambda: spoilt(38, {100: np.nan}),
    "all-nan.wav": lambda: encoded(np.full(24_000, np.nan), subtype="FLOAT"),
    "huge-sample.wav": lambda: spoilt(39, {100: 1e30}),
    "peaks-of-3000.wav": lambda: encoded(sound(40) * 6_000, subtype="FLOAT"),
    "integers-as-floats.wav": lambda: encoded(sound(41) * 65_536, subtype="FLOAT"),
    "denormal.wav": lambda: encoded(sound(42) * 1e-40, subtype="DOUBLE"),
    "dc.wav": lambda: encoded(dc()),
    "dc-alone.wav": lambda: encoded(np.full(24_000, 0.5)),
    "silent.wav": lambda: encoded(np.zeros(24_000)),
    "hour-of-silence.flac": hour_of_silence,
    "anti-phase.wav": lambda: encoded(np.stack([sound(43), -sound(43)], 1)),
    # Names that lie.
    "really-flac.wav": lambda: encoded(sound(44), format="FLAC"),
    "really-mp3.wav": lambda: encoded(sound(45), format="MP3"),
    "really-wav.mp3": lambda: encoded(sound(46)),
    "really-ogg.flac": lambda: encoded(sound(47), format="OGG"),
    "shopping-list.wav": lambda: b"eggs, milk, strings for the bass\n" * 40,
    "not-found.mp3": lambda: b"<!DOCTYPE html><html><title>404 Not Found</title></html>\n" * 9,
    "picture.wav": lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9,
    "zip.wav": lambda: b"PK\3\4" + bytes(500),
    "zeros.wav": lambda: bytes(100_000),
    "randomness.mp3": lambda: np.random.default_rng(48).bytes(50_000),
    "apple-double.wav": lambda: b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4_000),
    "phone.m4a": lambda: b"\0\0\0\x20ftypM4A " * 9,
    "phone.wav": lambda: b"\0\0\0\x20ftypM4A " * 9,
    "notes.mid": lambda: b"MThd\0\0\0\6\0\1\0\1\0\x60",
    "browser.ogg": lambda: b"\x1a\x45\xdf\xa3" + bytes(500),
    # Copies: they must not stand on both sides of the split.
    "copy/a.wav": lambda: encoded(sound(50)),
    "copy/a again.wav": lambda: encoded(sound(50)),
    "copy/a.flac": lambda: encoded(sound(50), format="FLAC"),
    "copy/a quieter.wav": lambda: encoded(sound(50) * 0.1, subtype="PCM_24"),
    "copy/a upside down.wav": lambda: encoded(-sound(50)),
    "copy/a.mp3": lambda: encoded(sound(50), format="MP3"),
    "copy/b.wav": lambda: encoded(sound(51)),
    # Names that would act.
    "name \x1b[31mred\x07\n.wav": lambda: encoded(sound(52)),
    "name \u202egpj.wav": lambda: encoded(sound(53)),
    "name ![x](x.png) **bold** <b>bold.wav": lambda: encoded(sound(54)),
    "name größe 音 🎸.wav": lambda: encoded(sound(55)),
    "name " + "x" * 240 + ".wav": lambda: encoded(sound(56)),
    "=1+1.wav": lambda: encoded(sound(57)),
    "-rf.wav": lambda: encoded(sound(58)),
    " .wav": lambda: encoded(sound(59)),
    # Never listed: the halves that macOS leaves, the trash, hidden files.
    "._kick.wav": lambda: b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4_000),
    ".hidden.wav": lambda: encoded(sound(60)),
    ".Trash/old.wav": lambda: encoded(sound(61)),
    "__MACOSX/._kick.wav": lambda: b"\0\5\x16\7",
}


def build(folder: Path) -> None:
    """Put the whole corpus into ``folder``, which exists. For systems with POSIX file names and special files."""
    for name, make in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(make())
    _name_of_bytes(folder)
    _specials(folder)


def _name_of_bytes(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/name caf\xe9.wav")).write_bytes(encoded(sound(62)))


def _specials(folder: Path) -> None:
    """What is no file, or no file of its own."""
    os.mkfifo(folder / "special-pipe.wav")
    (folder / "special-device.wav").symlink_to("/dev/zero")
    (folder / "special-folder.wav").mkdir()
    (folder / "special-gone.wav").symlink_to(folder / "nowhere.wav")
    (folder / "special-loop.wav").symlink_to(folder / "special-loop.wav")
    (folder / "special-circle").symlink_to(folder)
    (folder / "special-link.wav").symlink_to(folder / "pcm-16.wav")
    (folder / "special-hard.wav").hardlink_to(folder / "pcm-24.wav")
