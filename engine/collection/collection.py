"""A folder of sounds, judged file by file and decoded once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from engine.audio.files.cache import VERSION, Cache, Facts, default_cache
from engine.audio.files.decode import DEADLINE_S
from engine.audio.files.find import find_files
from engine.audio.files.memo import memo_key, programs, recall
from engine.audio.levels import amplitude_to_db
from engine.audio.settings import DecodeSettings
from engine.audio.stereo import StereoImage
from engine.collection.comparisons import Comparisons
from engine.collection.lookup import Entry, decode_unknown, look_up_all
from engine.collection.near_duplicates import group_copies
from engine.errors import DataError
from engine.home import expanded
from engine.printable import escaped, printable
from engine.quantities import counted
from engine.rundir.record import FileFault, FileRow

log = logging.getLogger(__name__)
LEFT_OUT = "left out by you"
LEAST_S = 0.01  # shorter files hold a click and no sound
_SLACK_S = 1e-6


@dataclass(frozen=True)
class Sound:
    """A usable file. Its samples are ``pcm() / 32767 * gain``: peak at full scale, and the gain that takes them back.

    path: relative to the collection, forward slashes. file: where it lies. num_samples: at the collection's rate,
    ``padding`` included: the silence that brings a short sound to the shortest duration. duration_s, peak_db: of the
    file. group: files with one number hold the same sound. image: of a stereo sound.
    """

    path: str
    file: Path
    num_samples: int
    padding: int
    duration_s: float
    peak_db: float
    gain: float
    digest: str
    group: int
    key: str
    cache: Cache
    image: StereoImage | None = None

    def pcm(self) -> np.ndarray:
        """int16 [num_samples], mono, mapped from the cache: reading a slice reads only that slice."""
        pcm = self.cache.open(self.key, self.num_samples - self.padding)
        return np.pad(pcm, (0, self.padding)) if self.padding else pcm


@dataclass(frozen=True)
class Collection:
    """What a folder holds. rows: every file found. sounds: the usable ones; both sorted by relative path.

    fingerprint: changes with any usable file's path or sound, and with the settings. runs_inside: run directories below
    the folder, which were passed over. links_up: links in it that lead to a folder above, by their relative paths;
    passed over too.
    """

    root: Path
    settings: DecodeSettings
    rows: list[FileRow]
    sounds: list[Sound]
    fingerprint: str
    runs_inside: int = 0
    links_up: tuple[str, ...] = ()

    @property
    def groups(self) -> list[int]:
        return [sound.group for sound in self.sounds]


def open_collection(
    folder: Path,
    settings: DecodeSettings,
    report: Callable[[str, int, int], None] = lambda phase, done, total: None,
    check: Callable[[], None] = lambda: None,
    *,
    warn: Callable[[str], None] = log.warning,
    exclude: Sequence[str] = (),
    minimum: int = 2,
    cache: Cache | None = None,
    deadline_s: float = DEADLINE_S,
) -> Collection:
    """Find, decode and judge the sounds below ``folder``. What the cache holds whole is not decoded again.

    report: called with ("scan", "decode" or "compare", done, total). check: called often; what it raises stops
    everything and leaves no process behind. warn: told when something in the cache was damaged, or nothing bears an
    excluded name. exclude: paths below the folder of files to leave out, as the rows have them. minimum: usable sounds
    below which the folder is refused. Raises DataError, StorageError.
    """
    cache = cache or default_cache()
    folder = expanded(folder)
    report("scan", 0, 0)
    runs: list[Path] = []
    links: list[Path] = []
    found = find_files(folder, check, runs.append, links.append)
    if not found:
        raise DataError(f"{printable(folder)} has no sound files.", "Put WAV, FLAC, OGG, MP3 or AIFF files into it.")
    entries = look_up_all(found, cache, settings.sample_rate, partial(report, "scan"), check)
    decode_unknown(entries, cache, settings.sample_rate, partial(report, "decode"), check, warn, deadline_s)
    if absent := sorted(set(exclude) - {entry.file.shown for entry in entries}):
        warn(f"Nothing there is called {', '.join(map(escaped, absent))}: it cannot be left out.")
    collection = _judge(folder, entries, settings, frozenset(exclude), cache, partial(report, "compare"), check)
    if len(collection.sounds) < minimum:
        raise _too_few(collection, minimum)
    return replace(
        collection, runs_inside=len(runs), links_up=tuple(printable(link.relative_to(folder)) for link in links)
    )


def _judge(
    folder: Path,
    entries: Sequence[Entry],
    settings: DecodeSettings,
    exclude: frozenset[str],
    cache: Cache,
    report: Callable[[int, int], None],
    check: Callable[[], None],
) -> Collection:
    judged = [
        (entry, facts, LEFT_OUT if entry.file.shown in exclude else _failure(facts, settings))
        for entry in entries
        if (facts := entry.facts)
    ]
    usable = [(entry, facts) for entry, facts, failure in judged if failure is None]
    groups = _groups(usable, settings.sample_rate, cache, report, check)
    shortest = round(settings.min_duration_s * settings.sample_rate)
    sounds = [
        Sound(
            path=entry.file.shown,
            file=entry.file.path,
            num_samples=max(facts.num_samples, shortest),
            padding=max(0, shortest - facts.num_samples),
            duration_s=facts.num_samples / settings.sample_rate,
            peak_db=amplitude_to_db(facts.file_peak),
            gain=facts.peak,
            digest=facts.digest,
            group=group,
            key=entry.key,
            cache=cache,
            image=facts.image,
        )
        for (entry, facts), group in zip(usable, groups, strict=True)
    ]
    first: dict[int, str] = {}
    same_as = {sound.path: first.setdefault(sound.group, sound.path) for sound in sounds}
    rows = [_row(entry.file.shown, facts, failure, same_as, settings) for entry, facts, failure in judged]
    return Collection(folder, settings, rows, sounds, _fingerprint(sounds, settings))


def _groups(
    usable: Sequence[tuple[Entry, Facts]],
    sample_rate: int,
    cache: Cache,
    report: Callable[[int, int], None],
    check: Callable[[], None],
) -> list[int]:
    """:func:`group_copies` of the same sounds is asked once: with a thousand it looks at half a million pairs."""
    every = [facts for _, facts in usable]

    def compare() -> bytes:
        found = group_copies(
            every,
            lambda index: cache.open(usable[index][0].key, usable[index][1].num_samples),
            sample_rate,
            Comparisons(cache.comparisons),
            report,
            check,
        )
        return np.array(found, "<i4").tobytes()

    identity = [(facts.digest, [fault.code for fault in facts.faults]) for facts in every]
    of = programs("collection/near_duplicates.py", "audio/likeness.py", "audio/levels.py")
    kept = recall(cache, memo_key("groups", of, VERSION, sample_rate, identity), compare)
    return [int(group) for group in np.frombuffer(kept, "<i4")]


def _failure(facts: Facts, settings: DecodeSettings) -> str | None:
    """Why a file is skipped. The shortest duration is judged here, so that changing it decodes nothing again."""
    if facts.failure is not None or facts.duration_s is None:
        return facts.failure
    if facts.missing_s and _is_short(facts, settings):
        least = f"{settings.min_duration_s:g} s"
        return f"cut off: only {facts.duration_s:.3g} s can be read; without its end it needs {least}"
    if facts.duration_s < LEAST_S - _SLACK_S:
        return f"too short: {facts.duration_s:.3g} s, {LEAST_S:g} s are needed"
    return None


def _is_short(facts: Facts, settings: DecodeSettings) -> bool:
    return facts.duration_s is not None and facts.duration_s < settings.min_duration_s - _SLACK_S


def _notes(facts: Facts, settings: DecodeSettings) -> str | None:
    notes = list(facts.notes)
    if _is_short(facts, settings):
        notes.append(f"short: {facts.duration_s:.3g} s, silence added up to {settings.min_duration_s:g} s")
    return "; ".join(notes) or None


def _row(path: str, facts: Facts, failure: str | None, same_as: dict[str, str], settings: DecodeSettings) -> FileRow:
    notes = _notes(facts, settings)
    original = same_as.get(path, path)
    return FileRow(
        path=path,
        verdict="skipped" if failure else "used_with_note" if notes else "used",
        reason=failure or notes,
        duration_s=facts.duration_s,
        sample_rate=facts.sample_rate,
        channels=facts.channels,
        peak_db=amplitude_to_db(facts.file_peak) if facts.peak > 0 else None,
        same_as=original if original != path else None,
        faults=[FileFault(code=fault.code, words=fault.words) for fault in facts.faults],
    )


def _fingerprint(sounds: Sequence[Sound], settings: DecodeSettings) -> str:
    identity = [settings.model_dump(), [(sound.path, sound.digest) for sound in sounds]]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _too_few(collection: Collection, minimum: int) -> DataError:
    skipped = [f"{escaped(row.path)} ({row.reason})" for row in collection.rows if row.verdict == "skipped"]
    if len(skipped) > 5:
        skipped[5:] = [f"and {len(skipped) - 5} more"]
    count = len(collection.rows)
    cause = (
        f"{counted(count, 'file')} found, {len(collection.sounds) or 'none'} usable: "
        f"training needs at least {minimum} (one to learn from, one to check)."
    )
    return DataError(cause, f"Skipped: {', '.join(skipped)}." if skipped else "Add more sounds.")
