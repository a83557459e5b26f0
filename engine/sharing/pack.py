"""A run as one zip archive to pass on: what a viewer reads, and nothing about the computer it was made on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DataError, RunDirectoryError
from engine.printable import escaped, printable
from engine.quantities import counted
from engine.rundir.artefacts import Artefact, read_verified
from engine.rundir.encoding import encode, seal
from engine.rundir.entry import check_name
from engine.rundir.layout import manifest
from engine.rundir.liveness import PACKED
from engine.rundir.lock import identity
from engine.rundir.notes import read_notes
from engine.rundir.protocol import Manifest, SessionRecord
from engine.rundir.reader import RunReader
from engine.rundir.reading import own_file, read_own
from engine.rundir.status import Status
from engine.sharing.anonymise import ELSEWHERE, Scrubber
from engine.sharing.deterministic_zip import write_zip

NOTE = "PACKED.txt"
_MOST_NAMED = 6  # damaged files in a sentence
_MOST_LINES, _MOST_LOG, _MOST_PREVIEW = 2 << 30, 64 << 20, 32 << 20  # bytes, far beyond what any run writes


@dataclass(frozen=True)
class Packed:
    """What a pack holds. live: the run may still have been training, and stood at ``step``; damaged: the files,
    by their paths in the run, that could not be read as what they are, or do not match their manifests: not in it."""

    live: bool
    step: int
    members: int
    damaged: tuple[str, ...]


def pack(reader: RunReader, out: Path, *, checkpoints: bool = True, snapshots: bool = True) -> Packed:
    """Write a copy of the run to ``out``, in one folder named after it; a run that still trains as it stands now.

    Whole lines, and only checkpoints and snapshots that match their manifests. Left out: commands, the lock, made
    sounds and their stars, notes (but for the name they give), the source's path, what belongs to no run, and, unless
    ``checkpoints``, those that only resuming needs (the best state stays), and, unless ``snapshots``, the weights of
    single epochs. ``RunDirectoryError`` when there is no run, it goes meanwhile, or the directory's name is none that a
    run may have: nobody could unpack it. Raises OSError.
    """
    if not reader.exists:
        raise RunDirectoryError(f"{reader.root} holds no run.", "Name a run's directory.")
    check_name(reader.layout)
    view = reader.view()
    live = view.session_may_live
    step = view.status.step if view.status else 0
    names: list[str] = []
    damaged: list[str] = []

    def members() -> Iterator[tuple[str, bytes]]:
        for name, data in contents(reader, damaged, checkpoints=checkpoints, snapshots=snapshots):
            names.append(name)
            yield f"{reader.id}/{name}", data
        if live:
            names.append(NOTE)
            said = f"This run was still training when it was packed, at step {step}.\n"
            yield f"{reader.id}/{NOTE}", said.encode()

    write_zip(out, members())
    return Packed(live, step, len(names), tuple(damaged))


def damaged_sentence(damaged: Sequence[str]) -> str:
    """ "2 files were damaged and left out: checkpoints/best.safetensors, snapshots/…", for who expects them."""
    shown = ", ".join(damaged[:_MOST_NAMED]) + (", …" if len(damaged) > _MOST_NAMED else "")
    return f"{counted(len(damaged), 'file was', 'files were')} damaged and left out: {shown}"


def contents(
    reader: RunReader, damaged: list[str], *, checkpoints: bool = True, snapshots: bool = True
) -> Iterator[tuple[str, bytes]]:
    """Each file of a run as :func:`pack` holds it, without what names its machine.

    damaged: takes the paths in the run of those that are left out because they are damaged.

    Status before lines before files: what an earlier one names, a later one has. ``DataError`` where a file is larger
    than any of a run, as one that is a hole may claim to be; ``RunDirectoryError`` at the end where the run has gone
    meanwhile, for then what was missing seemed never to have been.
    """
    before = identity(reader.root)
    scrub = Scrubber(reader.root, reader.run(), reader.sessions())
    layout = reader.layout
    yield from _records(reader, scrub, damaged)
    sessions = reader.sessions() or [_nobody(reader.status())]
    yield layout.sessions.name, b"".join(encode(scrub.value(_anywhere(one))) for one in sessions)
    plans = reader.plans()
    if plans:
        yield layout.plans.name, b"".join(encode(scrub.value(one.model_dump())) for one in plans)
    _check_size(layout.metrics, _MOST_LINES)
    yield layout.metrics.name, b"".join(encode(scrub.value(event)) for event in reader.all_of())
    if (log := _read(layout.log, _MOST_LOG)) is not None:
        yield layout.log.name, scrub.text(log.decode(errors="replace")).encode()
    for preview in reader.previews():
        for name in sorted(preview.files.values()):
            if (data := _read(reader.root / name, _MOST_PREVIEW)) is not None:
                yield name, data
    states = [one for one in reader.checkpoints() if checkpoints or one.path == layout.best]
    yield from _artefacts(reader, (*(reader.snapshots() if snapshots else ()), *states), scrub, damaged)
    if identity(reader.root) != before:
        raise RunDirectoryError(f"{reader.root} was removed or moved while it was packed.", "Nothing is kept of it.")


def _records(reader: RunReader, scrub: Scrubber, damaged: list[str]) -> Iterator[tuple[str, bytes]]:
    layout = reader.layout
    there = [path for path in (layout.run, layout.status, layout.dataset) if own_file(path)]
    status, run, dataset = reader.status(), reader.run(), reader.dataset()
    found = {}
    if run is not None:
        called = read_notes(layout).name or run.name
        found[layout.run] = seal(scrub.run(run.model_copy(update={"name": called})).model_dump())
    if status is not None:
        found[layout.status] = encode(scrub.value(status.model_dump()), indent=1)
    if dataset is not None:
        found[layout.dataset] = seal(scrub.value(dataset.model_dump()))
    yield from ((path.name, data) for path, data in found.items())
    damaged += [path.name for path in there if path not in found]


def _read(path: Path, most: int) -> bytes | None:
    """The bytes of a run's own file; None when it is none. ``DataError`` when it has more than ``most``."""
    _check_size(path, most)
    return read_own(path, most)


def _check_size(path: Path, most: int) -> None:
    if own_file(path) and (size := path.stat().st_size) > most:
        raise DataError(
            f"{escaped(printable(path))} has {size / 1e6:,.0f} MB, more than one of a run ever has.",
            "Look at what it is, and take it out of the run's directory.",
        )


def _anywhere(session: SessionRecord) -> dict[str, object]:
    """The session without what names its machine, so that no viewer takes the copy for a run of its own machine."""
    nowhere = {"host": ELSEWHERE, "boot_id": PACKED, "machine_id": PACKED, "directory": "", "since_boot_s": None}
    return session.model_dump() | nowhere


def _nobody(status: Status | None) -> SessionRecord:
    """Stands for sessions that cannot be read: without any, the copy would count as one's own."""
    session = status.session if status is not None else ""
    return SessionRecord(
        session=session, pid=0, process_started_at=0.0, boot_id="", host="", started_at=0.0, device="unknown",
        threads=1, versions={},
    )  # fmt: skip


def _artefacts(
    reader: RunReader, listed: Sequence[Artefact], scrub: Scrubber, damaged: list[str]
) -> Iterator[tuple[str, bytes]]:
    doubtful = []
    for found in listed:
        if whole := read_verified(found.path):
            yield from _with_manifest(reader, found, whole, scrub)
        else:
            doubtful.append(found)
    for found in doubtful:  # again, last: what was being written has its manifest by now, what was thinned out is gone
        if whole := read_verified(found.path):
            yield from _with_manifest(reader, found, whole, scrub)
        elif own_file(found.path):
            damaged.append(found.path.relative_to(reader.root).as_posix())


def _with_manifest(
    reader: RunReader, found: Artefact, whole: tuple[bytes, Manifest], scrub: Scrubber
) -> Iterator[tuple[str, bytes]]:
    name = found.path.relative_to(reader.root).as_posix()
    yield name, whole[0]
    yield manifest(found.path).relative_to(reader.root).as_posix(), seal(scrub.value(whole[1].model_dump()))
