"""A trained model of sounds, ready to use: from a run directory, or from the model.zip of an export."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch.overrides import TorchFunctionMode

from engine.audio.mel import Scale
from engine.errors import DataError, RunDirectoryError, lacks_memory
from engine.loop.snapshot import find, parse_snapshot
from engine.loop.state_file import UnreadableError
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow, RunRecord
from engine.stamp import stamp
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.sounds.model_file import WEIGHTS, read_model
from engine.validation import validated

Ability = Literal["make_sounds", "reconstruct", "export"]
_CANNOT = {"make_sounds": "makes no sounds", "reconstruct": "copies no sounds", "export": "cannot be exported"}
MOST = 1e9  # of any weight or measure: those of a run that went well stay below a thousand


@dataclass(frozen=True)
class Trained:
    """A model in use, and whose it is.

    run, uuid: of the run. state: the file it came from. weights: a digest of the weights and of all that was measured
    with them: equal ones make equal sounds. temperature: the run's own. source: the collection's folder, when the run
    is one's own and names one; it may be gone. files: those that were trained or checked on, as rows of the run's data
    set. at: the run's directory; None of a model.zip.
    """

    codec: Codec
    run: str
    uuid: str
    state: str
    weights: str
    temperature: float
    source: Path | None
    files: tuple[FileRow, ...]
    at: Layout | None = None


def open_model(place: Path, which: str | None = None, to: Ability = "make_sounds") -> Trained:
    """The model in ``place``, on the CPU: a run's directory or a model.zip. Reads only.

    which: of a run of sounds, as :func:`engine.loop.snapshot.find` takes it; a model.zip holds one state, so there it
    is None or that state's name. to: what the run must be able to do. ``RunDirectoryError`` or ``DataError`` when there
    is none, or it does not fit.
    """
    if place.is_file():
        return _from_file(place, which)
    reader = RunReader(place)
    record = check_can(place, to)
    task = validated(VAEConfig, record.config.task)
    name, state = find(Layout(place), which)
    dataset = reader.dataset()
    return Trained(
        codec=build_codec(task, name, state),
        run=reader.id,
        uuid=record.uuid,
        state=name,
        weights=digest(state),
        temperature=task.temperature,
        source=_own_folder(reader, record),
        files=tuple(row for row in dataset.files if row.split) if dataset else (),
        at=Layout(place),
    )


def _own_folder(reader: RunReader, record: RunRecord) -> Path | None:
    """Where the collection lies, when the run may say so."""
    path = record.source.located().path
    return Path(path) if path and reader.is_own else None


def name_of(place: Path) -> str:
    """What the run or the exported model in ``place`` is called now, as the app calls it."""
    return place.stem if place.is_file() else RunReader(place).view().name


def traces(place: Path) -> object:
    """Inode, size and time of change of every file that :func:`open_model` may read: equal ones, equal models.

    Costs a look at each: some fifty microseconds a run, where reading, verifying and building takes a second.
    """
    if not place.is_dir():
        return stamp(place)
    at = Layout(place)
    saved = sorted(path for folder in (at.checkpoints, at.snapshots) for path in folder.glob("*"))
    return [(path.name, stamp(path)) for path in (at.run, at.dataset, at.sessions, *saved)]


def _from_file(path: Path, which: str | None) -> Trained:
    file = read_model(path)
    made = file.manifest
    if which not in (None, made.checkpoint):
        raise DataError(f"{path.name} holds {made.checkpoint} and no other state.", "Leave the checkpoint out.")
    task = validated(VAEConfig, file.config.task)
    try:
        state = parse_snapshot(file.members[WEIGHTS])
    except UnreadableError as error:
        raise DataError(f"{path.name} is damaged: its weights cannot be read.", "Use another copy of it.") from error
    return Trained(
        codec=build_codec(task, path.name, state),
        run=made.run,
        uuid=made.uuid,
        state=made.checkpoint,
        weights=digest(state),
        temperature=task.temperature,
        source=None,
        files=tuple(file.config.files),
    )


def check_can(place: Path, what: Ability) -> RunRecord:
    """What the run is; ``RunDirectoryError`` when there is none, ``DataError`` when it says that it cannot do that."""
    record = RunReader(place).require_run("Name a run's directory, or an exported model.")
    if not getattr(record.can, what):
        raise DataError(
            f"This run {_CANNOT[what]}: it learned something else.", "Name a run that was trained on sounds."
        )
    return record


def load_codec(run_dir: Path, which: str | None) -> Codec:
    """The model of :func:`open_model` alone, to take sounds through it and back."""
    return open_model(run_dir, which, "reconstruct").codec


def build_codec(task: VAEConfig, name: str, state: Mapping[str, Any]) -> Codec:
    """A codec from {"average": weights, "task": state}; ``RunDirectoryError`` when they do not fit."""
    spectrogram = task.spectrogram
    chunk = max(spectrogram.n_fft, round(task.chunk_duration_s * spectrogram.sample_rate))
    shape = (spectrogram.n_mels, task.latent_dim, task.channels, task.code, spectrogram.frames(chunk))
    if not _sane(state):
        raise RunDirectoryError(
            f"{name} holds numbers that no training leaves (NaN, infinite or above 1e9).", "Use another one."
        )
    try:
        # Settings that do not belong to these weights may ask for any amount of memory.
        with torch.device("meta"), _Undrawn():
            model = ConvVAE(*shape)
        model.load_state_dict(state["average"], assign=True)
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        measured = state["task"]
        codec = Codec(
            model.eval().requires_grad_(False),
            spectrogram,
            Scale(0.0, 0.0, 1.0),
            measured["ceiling"],
            sharp_attacks=task.sharp_attacks,
        )
        codec.load_state_dict(measured)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if lacks_memory(error):  # torch says so by a RuntimeError
            raise
        raise RunDirectoryError(
            f"{name} does not fit this run, or another version of Sweetspot made it.", "Use another one."
        ) from error
    return codec


class _Undrawn(TorchFunctionMode):
    """No weight is drawn that will be replaced: on the meta device a draw imports torch's compiler, which takes as long
    as a process needs otherwise until it can make sounds."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        return given["tensor"] if func is torch.nn.init.normal_ else func(*args, **given)


def _sane(value: Any) -> bool:
    """Whether every number in a state is one that a model can work with."""
    if isinstance(value, Mapping):
        return all(map(_sane, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_sane, value))
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return not value.numel() or bool(value.abs().max() <= MOST)  # false for NaN
    return abs(value) <= MOST if isinstance(value, float) else True


def digest(state: Mapping[str, Any]) -> str:
    """Names the model in {"average": weights, "task": state}: equal numbers, equal names, whatever file held them."""
    found = hashlib.sha256()
    _feed(found, {"average": dict(state["average"]), "task": dict(state["task"])})
    return found.hexdigest()


def _feed(found: hashlib._Hash, value: Any) -> None:
    if isinstance(value, dict):
        for name in sorted(value):
            found.update(f"{name}\0".encode())
            _feed(found, value[name])
    elif isinstance(value, torch.Tensor):
        found.update(f"{tuple(value.shape)}\0".encode())
        found.update(value.detach().float().contiguous().numpy().tobytes())
    else:
        found.update(f"{value!r}\0".encode())
