"""Decoded sound on disk: what a file once decoded to, found again without opening it.

An entry is ``KEY.pcm`` (int16, little-endian, mono, peak-normalised; absent when there is no sound) and ``KEY.facts``
(its :class:`Facts` as JSON behind its digest), the facts written last, each replaced in one step. The key tells files
apart by absolute path, size, time of change, and by what a copy that keeps those cannot keep: inode and change of
status. An entry whose file changed is simply never asked for again, and goes: :mod:`engine.audio.files.pruning`. Beside
the sounds, ``KEY.memo`` holds what was computed of a whole collection.

A disk may lose what it was given. So an entry is read and held against its digest before it is used: at 5 to 20 GB/s
for XXH3, which is made against accidents and not against forgers, two hours of sound take a fraction of a second.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import mmap
import os
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from xxhash import xxh3_128, xxh3_128_digest

from engine.audio.faults import Fault
from engine.audio.stereo import StereoImage
from engine.errors import StorageError, next_step
from engine.home import own_place
from engine.regular_file import check_regular, open_at_once, read_regular
from engine.rundir.atomic import replace_bytes
from engine.stamp import stamp_of

VERSION = 13
DIGEST = 16  # bytes before a record: of what follows
_BLOCK = 1 << 22
_NO_FILE = (errno.EINVAL, errno.EISDIR, errno.EFBIG, errno.ELOOP, errno.ENXIO)
_MOST_FACTS = 1 << 22  # bytes; some kilobytes are usual


@dataclass(frozen=True)
class Facts:
    """What decoding found out about one file.

    failure: why there is no sound, in words for its user; None when there is. lasting: whether decoding again would
    find the same, so that it is worth remembering. duration_s: of what was read, before resampling. peak: largest
    absolute sample of the mono sound; sample ``i`` of it is ``pcm[i] / 32767 * peak``. file_peak: largest absolute
    sample of the file, in any of its channels, at its own rate. digest: of the decoded samples (XXH3, 128 bits).
    faults: of the recording, see :mod:`engine.audio.faults`. sketch: of the sound's spectrum, by which most files are
    told from each other, and of the limited one, see :mod:`engine.audio.likeness`. image: of a stereo sound, see
    :mod:`engine.audio.stereo`.
    """

    failure: str | None = None
    lasting: bool = True
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    duration_s: float | None = None
    missing_s: float = 0.0
    sample_rate: int | None = None
    channels: int | None = None
    peak: float = 0.0
    file_peak: float = 0.0
    num_samples: int = 0
    digest: str = ""
    sketch: str = ""
    limited_sketch: str = ""
    image: StereoImage | None = None

    @classmethod
    def from_record(cls, values: Any) -> Facts:
        """From what ``asdict`` and JSON made of it. Raises TypeError or KeyError for anything else."""
        names = {field.name for field in fields(cls)}
        faults = tuple(Fault(**fault) for fault in values["faults"])
        image = (found := values["image"]) and StereoImage(tuple(found["pan"]), tuple(found["width"]), found["side"])
        made = {"notes": tuple(values["notes"]), "faults": faults, "image": image}
        return cls(**{name: values[name] for name in names} | made)


@dataclass(frozen=True)
class Cache:
    """The entries below one folder."""

    root: Path

    def key(self, path: Path, sample_rate: int) -> str:
        """The entry of ``path`` as it is now. Looks at the file from outside only. Raises OSError."""
        parts = "\0".join(map(str, (VERSION, sample_rate, *stamp_of(path.stat()))))
        name = os.fsencode(path.absolute())
        return hashlib.blake2b(parts.encode() + b"\0" + name, digest_size=20).hexdigest()

    def pcm(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.pcm"

    @property
    def comparisons(self) -> Path:
        """Which entries were compared with which: :mod:`engine.collection.comparisons`."""
        return self.root / "comparisons"

    def memo(self, key: str) -> Path:
        """What was computed of a whole collection: :mod:`engine.audio.files.memo`."""
        return self.root / key[:2] / f"{key}.memo"

    def _facts(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.facts"

    def load(self, key: str) -> Facts | None:
        """The facts of an entry that is there, None when it is not. Reads all of its samples.

        ``ValueError`` when it is damaged: another bit than was written, in the facts or in the samples, or no file.
        """
        facts = self._read_facts(key)
        try:
            if facts is not None:
                os.utime(self._facts(key))
        except OSError:
            return None
        try:
            if facts and facts.failure is None and self._sample_digest(key) != facts.digest:
                raise ValueError("the samples are others than were decoded")
        except OSError as error:
            raise ValueError(f"the samples cannot be read: {error}") from error
        return facts

    def had_sound(self, key: str) -> bool:
        """Whether a damaged entry was of a usable sound: only such a one has samples, or facts that are whole."""
        try:
            return os.path.lexists(self.pcm(key)) or self._read_facts(key) is not None
        except ValueError:
            return False

    def _read_facts(self, key: str) -> Facts | None:
        raw = read_kept(self._facts(key), _MOST_FACTS)
        if raw is None:
            return None
        if xxh3_128_digest(raw[DIGEST:]) != raw[:DIGEST]:
            raise ValueError("the facts are others than were written")
        try:
            return Facts.from_record(json.loads(raw[DIGEST:]))
        except (TypeError, KeyError) as error:
            raise ValueError(f"the facts cannot be read: {error}") from error

    def _sample_digest(self, key: str) -> str:
        digest = sample_digest()
        with open_at_once(self.pcm(key)) as file:
            check_regular(file.fileno(), self.pcm(key))
            block = memoryview(bytearray(min(_BLOCK, os.fstat(file.fileno()).st_size)))  # clearing 4 MB costs 0.1 ms
            while count := file.readinto(block):  # type: ignore[attr-defined]
                digest.update(block[:count])
        return digest.hexdigest()

    def save(self, key: str, facts: Facts) -> None:
        """Raises OSError. The samples must be in place before: the facts are what makes them an entry."""
        self._facts(key).parent.mkdir(parents=True, exist_ok=True)
        record = json.dumps(asdict(facts)).encode()
        make_way(self._facts(key))
        replace_bytes(self._facts(key), xxh3_128_digest(record) + record, durable=False)

    def open(self, key: str, num_samples: int) -> np.ndarray:
        """The samples of an entry, int16 [num_samples], mapped from disk and read-only.

        ``StorageError`` when it went since it was found.
        """
        try:
            with open_at_once(self.pcm(key)) as file:  # numpy's memmap resolves the path at the cost of ten
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return np.frombuffer(mapped, "<i2", num_samples)
        except FileNotFoundError:
            raise StorageError(
                f"The cache of decoded sounds, {self.root}, was cleared while a collection was being opened.",
                "Start again: what is missing is decoded anew.",
            ) from None


def read_kept(path: Path, most: int) -> bytes | None:
    """The bytes of what the cache keeps at ``path``; None when nothing is there, or nothing that may be read.

    ``ValueError`` when a pipe, a device or a folder has its place, or a file of more than ``most`` bytes.
    """
    try:
        return read_regular(path, most)
    except OSError as error:
        if error.errno in _NO_FILE or path.is_dir():  # Windows may not open a folder
            raise ValueError(f"it is no file of the cache: {error}") from error
        return None


def make_way(path: Path) -> None:
    """Move a folder aside that lies where a file is to be, which no rename replaces. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(FileNotFoundError):  # another thread was faster
            path.rename(path.with_name(f"{uuid.uuid4().hex}.tmp"))


def sample_digest() -> xxh3_128:
    """What is updated with an entry's samples to give :attr:`Facts.digest`."""
    return xxh3_128()


def default_cache() -> Cache:
    """``$SWEETSPOT_CACHE`` when that is set, else the place the system has for caches."""
    return Cache(
        own_place("SWEETSPOT_CACHE", lambda: f"{platformdirs.user_cache_dir('sweetspot', appauthor=False)}/pcm")
    )


def refused(cache: Cache, error: OSError) -> StorageError:
    """What to say when the cache cannot be written."""
    return StorageError(
        f"The cache of decoded sounds, {cache.root}, cannot be written: {(error.strerror or str(error)).lower()}.",
        f"{next_step(error)}, or name another place in the environment variable SWEETSPOT_CACHE.",
    )
