"""One sound file as a stream of mono blocks at one rate.

The header is believed for the rate and the channels only. How long a sound is shows when it has been read: headers are
wrong in cut-off downloads, in recordings whose device lost power, and in files made to do harm.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import soundfile
import soxr

from engine.audio.faults import ChannelMeter
from engine.audio.files.riff import Mended, Sizes, sizes
from engine.audio.flac import stated_sum
from engine.audio.stereo import StereoMeter
from engine.errors import DataError
from engine.quantities import duration

MAX_DURATION_S = 3 * 3600.0
MOST_CHANNELS = 8  # of which a sound may last as long as any; of more it may last as much less
ABSURD = 1e6  # 120 dB above full scale: a broken sample, and enough to bury all others when it sets the peak
_BLOCK = 65_536  # values in one block, all channels together
_RATES = range(1_000, 768_001)
_OPENING = re.compile(r"^ ?(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_CONVERT = "convert it to WAV or FLAC"
_INSIDE = {
    b"ftyp": f"an M4A or MP4 file inside: {_CONVERT}",
    b"\x1a\x45\xdf\xa3": f"a Matroska or WebM file inside: {_CONVERT}",
    b"\x30\x26\xb2\x75": f"a WMA file inside: {_CONVERT}",
    b"MThd": "a MIDI file inside, notes and no sound: play it and record that",
    b"ID3": "damaged: it begins like an MP3 and no sound follows",
    b"\x00\x05\x16\x07": "not sound: the companion that a Mac leaves beside a file on other disks",
    b"<!DO": "not sound but a web page: download the file again",
    b"<htm": "not sound but a web page: download the file again",
}


class AudioError(DataError):
    """A file that gives no sound. ``reason`` is a phrase for its user, without the file's name.

    lasting: whether the reason lies in the content of the file, so that only a change of it can help.
    """

    def __init__(self, reason: str, lasting: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting

    @property
    def in_sentence(self) -> str:
        """The reason where a colon stands before it: "not sound (nothing in it looks like audio)"."""
        what, _, more = self.reason.partition(": ")
        return f"{what} ({more})" if more else what


class TooLongError(AudioError):
    """A sound of more seconds than were asked for."""


class SoundFile:
    """An open sound file. Iterate :meth:`blocks` once; the facts about what was read stand in the attributes after.

    sample_rate, channels: as the file has them. frames: read so far, at the file's own rate. broken: samples that
    were NaN, infinite or above 120 dBFS, replaced by silence. missing_s: seconds that the file declares and does not
    contain, 0 when nothing is missing. unfinished: whether its header never got its size, so that all behind it was
    read. beyond: bytes behind the sound that its header leaves out. coded: whether samples come out of a decoder, which
    damage can keep from giving any. shortened: whether reading stopped at ``max_duration_s``. channel_peak: the
    largest absolute sample of any channel, before mixing. meter: saw every channel. stereo: saw both of two, else None.
    altered: whether the checksum that a FLAC states of its sound is not that of what was read. Raises AudioError.
    """

    def __init__(self, path: Path, sample_rate: int, max_duration_s: float = MAX_DURATION_S) -> None:
        refuse_special(path)
        self._out_rate = sample_rate
        self._file, self._under, found = _open(path)
        self.unfinished, self.beyond = found.mend is not None, found.beyond
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.coded = self._file.format in ("FLAC", "OGG", "MP3", "MPEG")
        self.frames = 0
        self.broken = 0
        self.missing_s = 0.0
        self.shortened = False
        self.channel_peak = 0.0
        self.meter = ChannelMeter(self.channels)
        self.stereo = StereoMeter(self.sample_rate) if self.channels == 2 else None
        self.altered = False
        self._sum = stated_sum(path) if self._file.format == "FLAC" else None
        self._limit = int(min(max_duration_s, MAX_DURATION_S * MOST_CHANNELS / self.channels) * self.sample_rate)
        if self.sample_rate not in _RATES:
            self.close()
            raise AudioError(f"its header says {self.sample_rate:,} Hz, which is no sample rate of a sound")

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate

    @property
    def known_s(self) -> float:
        """Seconds that there must be, before any is read: as many bytes are there. 0 where a decoder makes them, whose
        headers may say anything."""
        return 0.0 if self.coded else self._declared_s

    def refuse_crowd(self, most_s: float) -> None:
        """Raise AudioError, and close it, where the header tells of more than eight channels with more in them than
        eight of ``most_s`` have: each is decoded, and a megabyte can hold hundreds of them."""
        if self.channels > MOST_CHANNELS and self.channels * self._declared_s > MOST_CHANNELS * most_s:
            self.close()
            raise self.crowd(self._declared_s)

    def crowd(self, seconds: float) -> AudioError:
        """What is said of a sound that has too many channels to last so long."""
        much = f"{self.channels} channels of {duration(seconds)}"
        return AudioError(f"{much}: too much to decode, so save those that you want in a file of their own")

    @property
    def _declared_s(self) -> float:
        return float(self._file.frames / self.sample_rate)

    def close(self) -> None:
        """Of one whose :meth:`blocks` are not wanted."""
        with self._under, self._file:
            pass

    def blocks(self, *, mixed: bool = True) -> Iterator[np.ndarray]:
        """Float32 blocks of any length at the rate asked for: channels averaged, [samples]; or, not mixed, both of two
        as they are, [samples, 2]."""
        channels = 2 if self.channels == 2 and not mixed else 1
        with self._under, self._file:
            if self.sample_rate == self._out_rate:
                yield from self._heard(channels)
                return
            # soxr HQ: 44.1 to 48 kHz at 133 dB; a windowed sinc of torchaudio's default size has 11 to 17 near 20 kHz.
            stream = soxr.ResampleStream(self.sample_rate, self._out_rate, channels, dtype="float32", quality="HQ")
            for block in self._heard(channels):
                yield stream.resample_chunk(block)
            if self.frames:
                nothing = np.zeros((0, 2) if channels == 2 else 0, np.float32)
                yield stream.resample_chunk(nothing, last=True)

    def _heard(self, channels: int) -> Iterator[np.ndarray]:
        for block in self._raw():
            whole = np.abs(block) <= ABSURD  # false for NaN
            if not whole.all():
                self.broken += int(np.count_nonzero(~whole.all(axis=1)))
                block = np.where(whole, block, np.float32(0))
            self.channel_peak = max(self.channel_peak, float(np.abs(block).max(initial=0.0)))
            self.meter.add(block)
            if self.stereo is not None:
                self.stereo.add(block)
            # A copy of both channels: the buffer they stand in is read into again.
            yield block.copy() if channels == 2 else np.ascontiguousarray(block.mean(axis=1, dtype=np.float32))

    def _raw(self) -> Iterator[np.ndarray]:
        buffer = np.empty((max(1, _BLOCK // self.channels), self.channels), np.float32)
        failed = False
        while not failed and self.frames < self._limit:
            buffer.fill(0)
            try:
                count = self._file.buffer_read_into(buffer, "float32")
            except soundfile.SoundFileError:
                # The decoder hit damage inside this block and reports no count: what it wrote before is sound.
                failed = True
                count = int(np.flatnonzero(buffer.any(axis=1)).max(initial=-1)) + 1
            count = min(count, self._limit - self.frames)
            if count == 0:
                break
            self.frames += count
            if self._sum is not None:
                self._sum.update(buffer[:count])
            yield buffer[:count]
        self.shortened = self.frames >= self._limit
        self.missing_s = 0.0 if self.shortened else self._missing(failed)
        whole = not (failed or self.shortened or self.missing_s)
        self.altered = whole and self._sum is not None and not self._sum.fits

    def _missing(self, failed: bool) -> float:
        declared = self._declared_s
        cut = _OPENING.search(self._file.extra_info)  # WAV and AIFF: frames already says what is really there
        if cut and 0 < int(cut[2]) < int(cut[1]) < 0x7FFF_0000:  # a recorder that streams writes the largest size
            declared *= int(cut[1]) / int(cut[2])
        missing = declared - self.duration_s
        # MP3 counts its own frames wrong by a few.
        return missing if missing > 0.05 or (failed and missing > 0) else 0.0


def refuse_special(path: Path) -> None:
    """Raise AudioError unless ``path`` is a regular file that may be opened. Opens nothing: a FIFO would wait."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        reason = "a link to a file that is not there" if path.is_symlink() else "not there any more"
        raise AudioError(reason, lasting=False) from None
    except OSError as error:
        loop = error.errno == errno.ELOOP
        reason = "a link that leads back to itself" if loop else f"cannot be reached: {(error.strerror or '').lower()}"
        raise AudioError(reason, lasting=False) from None
    if not stat.S_ISREG(mode):
        raise AudioError("not a file but a pipe, device or folder", lasting=False)
    if not os.access(path, os.R_OK):
        raise AudioError("may not be read: its permissions forbid it", lasting=False)


def _open(path: Path) -> tuple[soundfile.SoundFile, AbstractContextManager[object], Sizes]:
    """The open file, what has to be closed after it, and what its own header says of its size."""
    # Bytes, so that a name that is no valid UTF-8 reaches the system as it is.
    name = str(path) if sys.platform == "win32" else os.fsencode(path)
    try:
        found = sizes(path)
        if found.mend is None:
            return soundfile.SoundFile(name), nullcontext(), found
        under = Mended(path, found.mend)
        return soundfile.SoundFile(under), under, found
    except (soundfile.SoundFileError, TypeError, ValueError):
        raise _diagnosis(path, found.fault) from None
    except OSError as error:
        raise _unreadable(error) from None


def _diagnosis(path: Path, fault: str | None) -> AudioError:
    """Why a file that cannot be opened as sound is none."""
    if fault:
        return AudioError(fault)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        return _unreadable(error)
    if not head:
        return AudioError("empty: the file has no bytes")
    for mark, reason in _INSIDE.items():
        if mark in (head[: len(mark)], head[4 : 4 + len(mark)]):
            return AudioError(reason)
    if head[:4] in (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS", b"caff", b"riff", b".snd"):
        return AudioError("damaged: it begins like a sound file and cannot be read further; export it again")
    return AudioError("not sound: nothing in it looks like audio")


def _unreadable(error: OSError) -> AudioError:
    return AudioError(f"cannot be read: {(error.strerror or str(error)).lower()}", lasting=False)
