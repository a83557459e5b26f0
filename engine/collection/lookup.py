"""The files of a collection on their way from disk: what the cache knows of each, and the rest decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from engine.audio.files.cache import Cache, Facts
from engine.audio.files.decode import DecodeJob, decode_files, usable_cpus
from engine.audio.files.find import Found
from engine.audio.files.pruning import prune
from engine.audio.files.stream import AudioError, refuse_special
from engine.printable import escaped

_NAMED = 3
_AT_ONCE = 32  # files that a thread looks up before it says so


@dataclass(frozen=True)
class Entry:
    """A file, and what is known of it. damaged: the cache had it, and not as it was written; was_sound: as usable."""

    file: Found
    key: str = ""
    facts: Facts | None = None
    damaged: bool = False
    was_sound: bool = False


def look_up_all(
    files: Sequence[Found],
    cache: Cache,
    sample_rate: int,
    progress: Callable[[int, int], None],
    check: Callable[[], None],
) -> list[Entry]:
    """What the cache knows of each file, in their order."""
    entries: list[Entry] = []
    with ThreadPoolExecutor(usable_cpus()) as threads:  # reading and hashing let each other run
        look_up = partial(_look_up, cache=cache, sample_rate=sample_rate)
        some = [files[start : start + _AT_ONCE] for start in range(0, len(files), _AT_ONCE)]
        for looked_up in threads.map(lambda part: list(map(look_up, part)), some):
            check()
            entries += looked_up
            progress(len(entries), len(files))
    return entries


def decode_unknown(
    entries: list[Entry],
    cache: Cache,
    sample_rate: int,
    progress: Callable[[int, int], None],
    check: Callable[[], None],
    warn: Callable[[str], None],
    deadline_s: float,
) -> None:
    """Decode the entries that the cache does not know, and put what comes of it into their places."""
    unknown = [index for index, entry in enumerate(entries) if entry.facts is None]
    if not unknown:
        return
    jobs = [DecodeJob(entries[index].file.path, entries[index].key) for index in unknown]
    progress(0, len(jobs))
    decoded = decode_files(jobs, cache, sample_rate, lambda done: progress(done, len(jobs)), check, deadline_s)
    for index, facts in zip(unknown, decoded, strict=True):
        entries[index] = replace(entries[index], facts=facts)
    _tell_damaged([entries[index] for index in unknown], warn)
    prune(cache)


def _look_up(file: Found, cache: Cache, sample_rate: int) -> Entry:
    """What can be said of a file without decoding it."""
    try:
        refuse_special(file.path)
        if file.convertible:
            kind = file.path.suffix.lower()[1:].upper()
            raise AudioError(f"{kind} files cannot be read: convert it to WAV or FLAC")
        key = cache.key(file.path, sample_rate)
    except AudioError as error:
        return Entry(file, facts=Facts(failure=error.reason))
    except OSError as error:  # it went away in between
        return Entry(file, facts=Facts(failure=f"cannot be reached: {(error.strerror or str(error)).lower()}"))
    try:
        return Entry(file, key, cache.load(key))
    except ValueError:
        return Entry(file, key, damaged=True, was_sound=cache.had_sound(key))


def _is_usable(entry: Entry) -> bool:
    return entry.facts is not None and entry.facts.failure is None


def _tell_damaged(entries: Sequence[Entry], warn: Callable[[str], None]) -> None:
    """Say which of the entries, all decoded just now, the cache had damaged; what was never usable is nobody's loss."""
    for again in (True, False):
        names = [
            escaped(entry.file.shown)
            for entry in entries
            if entry.damaged and _is_usable(entry) is again and (again or entry.was_sound)
        ]
        if not names:
            continue
        shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        what = "has been decoded again" if again else "cannot be decoded again, so it is left out"
        warn(f"What the cache held of {shown} was damaged and {what}.")
