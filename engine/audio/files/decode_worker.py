"""The process that opens sound files, so that the one that wants them need not.

``python -m engine.audio.files.decode_worker CACHE SAMPLE_RATE THREADS``: jobs as JSON lines on stdin
(``{"id", "path", "key"}``), answers as JSON lines on stdout: ``{"id", "event": "begin"}`` before a file is touched,
``"progress"`` while samples come, ``"done"`` with its facts; ``{"event": "storage", "errno", "reason"}`` when the cache
cannot be written. A decoder that bursts takes this process with it and nothing else; when stdin ends, so does this
process, whatever its threads are at, a decoder that hangs with the interpreter's lock in its hands included.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import queue
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from engine.audio import faults
from engine.audio.files import verdict
from engine.audio.files.cache import Cache, Facts, make_way, sample_digest
from engine.audio.files.stream import MAX_DURATION_S, AudioError, SoundFile
from engine.audio.likeness import sketch
from engine.stamp import stamp

MEMORY_LIMIT = 6 << 30  # of address space: threads and libraries reserve far more than they use
SPOOL = 64 << 20  # a sound above this size waits for its peak on disk, not in memory
FULL_SCALE = 32_767
ORPHAN_S = 60.0  # without a turn of the interpreter; well above what the parent waits for one file


def main() -> None:
    cache, sample_rate, threads = Cache(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides what it means
    threading.excepthook = _burst
    _limit_memory()
    threading.Thread(target=_dead_mans_switch, daemon=True).start()
    say = _voice()
    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    for _ in range(threads):
        threading.Thread(target=_work, args=(jobs, cache, sample_rate, say), daemon=True).start()
    for line in sys.stdin.buffer:
        jobs.put(json.loads(line))
    os._exit(0)  # not sys.exit: a thread inside a decoder that hangs would be waited for


def _burst(args: threading.ExceptHookArgs) -> None:
    """End this process after an unforeseen failure in one file; the parent starts another one without that file."""
    sys.__excepthook__(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    sys.stderr.flush()
    os._exit(70)


def _dead_mans_switch() -> None:
    """End the process when no Python has run for ``ORPHAN_S`` seconds: it could not notice that its parent is gone.

    The watch is a thread of the C library, which needs no interpreter, on every system.
    """
    while True:
        faulthandler.dump_traceback_later(ORPHAN_S, exit=True)
        time.sleep(ORPHAN_S / 4)


def _limit_memory() -> None:
    if sys.platform != "win32":  # which has no such limit
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def _voice() -> Callable[..., None]:
    """A function that writes one answer. Decoders in C sometimes print: their stdout becomes stderr."""
    own = os.dup(1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(**answer: Any) -> None:
        data = json.dumps(answer).encode() + b"\n"
        with lock:
            while data:
                data = data[os.write(own, data) :]

    return say


def _work(jobs: queue.SimpleQueue[dict[str, Any]], cache: Cache, sample_rate: int, say: Callable[..., None]) -> None:
    while True:
        job = jobs.get()
        say(id=job["id"], event="begin")
        try:
            facts = decode(Path(job["path"]), job["key"], cache, sample_rate, _pulse(job["id"], say))
            if facts.lasting:
                cache.save(job["key"], facts)
        except OSError as error:  # of the cache: those of the sound file are in its facts
            say(event="storage", errno=error.errno, reason=error.strerror or str(error))
            continue
        say(id=job["id"], event="done", facts=asdict(facts))


def _pulse(job: int, say: Callable[..., None]) -> Callable[[], None]:
    """A function that tells the parent, at most twice a second, that this file is getting on."""
    last = time.monotonic()

    def pulse() -> None:
        nonlocal last
        if time.monotonic() - last > 0.5:
            last = time.monotonic()
            say(id=job, event="progress")

    return pulse


def decode(path: Path, key: str, cache: Cache, sample_rate: int, pulse: Callable[[], None]) -> Facts:
    """Read ``path`` to its end and put its samples into the cache. Raises OSError when the cache cannot be written.

    Memory does not grow with the sound: the peak that the samples are divided by is known only at the end, so until
    then a long one waits in a temporary file.
    """
    pcm = cache.pcm(key)
    pcm.parent.mkdir(parents=True, exist_ok=True)
    try:
        before = stamp(path)
        source = SoundFile(path, sample_rate)
        source.refuse_crowd(MAX_DURATION_S)
        with tempfile.SpooledTemporaryFile(SPOOL, "w+b", dir=str(pcm.parent), suffix=".tmp") as waiting:
            low, high, count = _spool(source, waiting, pulse)
            if stamp(path) != before:
                raise AudioError("changed while it was read: scan again when nothing writes to it", lasting=False)
            found = _facts(source, low, high, count)
            if found.failure is not None:
                return found
            digest = _normalise(waiting, found.peak, pcm, pulse)
    except AudioError as error:
        return Facts(failure=error.reason, lasting=error.lasting)
    except MemoryError:
        return Facts(failure="needs more memory to decode than one sound may have", lasting=False)
    samples = cache.open(key, count)
    heard = source.meter.faults() + faults.in_mono(samples, sample_rate)
    whole, cut = (sketch(samples, sample_rate, limited) for limited in (False, True))
    image = source.stereo.image() if source.stereo is not None else None
    return replace(found, digest=digest, faults=heard, sketch=whole, limited_sketch=cut, image=image)


def _spool(
    source: SoundFile, waiting: tempfile.SpooledTemporaryFile[bytes], pulse: Callable[[], None]
) -> tuple[float, float, int]:
    low, high, count = np.inf, -np.inf, 0
    for block in source.blocks():
        if block.size:
            low, high = min(low, float(block.min())), max(high, float(block.max()))
        count += block.size
        _put(waiting, block)
        pulse()
    waiting.truncate(waiting.tell())
    return low, high, count


def _put(waiting: tempfile.SpooledTemporaryFile[bytes], block: np.ndarray) -> None:
    """Append ``block``. An hour of silence is half a megabyte as FLAC, on disk a hole that takes no room."""
    if block.any() or waiting.tell() + block.nbytes <= SPOOL:
        waiting.write(block.tobytes())
        return
    waiting.rollover()
    waiting.seek(block.nbytes, os.SEEK_CUR)


def _facts(source: SoundFile, low: float, high: float, count: int) -> Facts:
    """All that is known before normalising: notes, or why this is no usable sound."""
    values: dict[str, Any] = {
        "duration_s": source.duration_s,
        "missing_s": source.missing_s,
        "sample_rate": source.sample_rate,
        "channels": source.channels,
        "peak": max(-low, high),
        "file_peak": source.channel_peak,
        "num_samples": count,
    }
    failure = verdict.failure(source, low, high)
    return Facts(failure=failure, notes=() if failure else verdict.notes(source, values["peak"]), **values)


def _normalise(waiting: IO[bytes], peak: float, pcm: Path, pulse: Callable[[], None]) -> str:
    """Write the float samples in ``waiting`` as int16 with their peak at full scale; returns their digest."""
    digest = sample_digest()
    temporary = pcm.with_name(f"{uuid.uuid4().hex}.tmp")
    waiting.seek(0)
    try:
        with temporary.open("wb") as file:
            while data := waiting.read(1 << 22):
                block = np.frombuffer(data, np.float32) * np.float32(FULL_SCALE / peak)
                samples = np.rint(block).astype("<i2").tobytes()
                digest.update(samples)
                file.write(samples)
                pulse()
            file.flush()
            os.fsync(file.fileno())  # or a power cut leaves a name for samples that were never written
        make_way(pcm)
        temporary.replace(pcm)
    finally:
        temporary.unlink(missing_ok=True)  # there still where it found no place
    return digest.hexdigest()


if __name__ == "__main__":
    main()
