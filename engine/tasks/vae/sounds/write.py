"""Made sounds as files: the sound, and beside it the recipe that makes it again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from engine import __version__
from engine.audio.files.encode import encode_sound
from engine.audio.files.io import UNMARKED
from engine.audio.files.marks import Marks
from engine.audio.pitch import clear_pitch
from engine.errors import RunDirectoryError
from engine.rundir.atomic import replace_bytes
from engine.tasks.vae.sounds.generate import Made, SoundGenerator
from engine.tasks.vae.sounds.load import Trained
from engine.tasks.vae.sounds.request import FileRequest, FromFile, FromGrains, FromPrior, Moved, Recipe, SoundRequest
from engine.tasks.vae.sounds.resynthesis import resynthesise

PROGRAM = f"sweetspot {__version__}"


@dataclass(frozen=True)
class Delivered:
    """Where a sound and its recipe lie. path, recipe: files; duration_s, sample_rate: of the sound."""

    path: Path
    recipe: Path
    duration_s: float
    sample_rate: int
    remarks: tuple[str, ...]


def deliver(generator: SoundGenerator, sound: SoundRequest, file: FileRequest, out: Path, name: str) -> Delivered:
    """Make a sound and write ``out/name`` with its recipe, whatever lay there. Raises OSError."""
    made, data = _rendered(generator, sound, file)
    trained = generator.trained
    recipe = Recipe(
        program=PROGRAM,
        run=trained.run,
        uuid=trained.uuid,
        state=trained.state,
        weights=trained.weights,
        threads=torch.get_num_threads(),
        sound=sound,
        file=file,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    path = sound_path(out, name, file)
    replace_bytes(path, data, durable=False)
    beside = path.with_suffix(".json")
    text = recipe.model_dump_json(indent=2, exclude={"made_at"})  # equal sounds have equal recipes
    replace_bytes(beside, text.encode() + b"\n", durable=False)
    return Delivered(path, beside, len(made.wave) / made.sample_rate, made.sample_rate, made.remarks)


def deliver_alone(generator: SoundGenerator, sound: SoundRequest, file: FileRequest, path: Path) -> None:
    """:func:`deliver` to ``path``, without a recipe. Raises OSError."""
    replace_bytes(path, _rendered(generator, sound, file)[1], durable=False)


def _rendered(generator: SoundGenerator, sound: SoundRequest, file: FileRequest) -> tuple[Made, bytes]:
    """A sound, and the file of it."""
    origin, rate = sound.origin, file.sample_rate
    if isinstance(origin, FromGrains):
        made = resynthesise(generator, origin.file, sound, rate)
    else:
        made = generator.make(sound, rate)
    tags = _tags(generator.trained, sound)
    marks = _marks(made, sound) if file.format == "wav" else UNMARKED
    depth = file.bit_depth or 24
    return made, encode_sound(made.wave, made.sample_rate, file.format, depth, tags=tags, marks=marks)


def _marks(made: Made, sound: SoundRequest) -> Marks:
    pitch = clear_pitch(made.wave, made.sample_rate)
    return Marks(sound.loop, pitch.key if pitch else None, sound.tempo)


def sound_path(out: Path, name: str, file: FileRequest) -> Path:
    return out / f"{name}.{file.format}"


def fingerprint(trained: Trained, sound: SoundRequest, file: FileRequest) -> str:
    """Names what a request makes of a model: equal ones are equal sounds."""
    parts = (PROGRAM, trained.weights, str(torch.get_num_threads()), sound.model_dump_json(), file.model_dump_json())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def check_model(trained: Trained, recipe: Recipe) -> None:
    """``RunDirectoryError`` unless ``trained`` is the model that the recipe was made with."""
    if trained.weights == recipe.weights:
        return
    if trained.uuid != recipe.uuid:
        raise RunDirectoryError(f"The recipe is of another run, {recipe.run}.", "Name that one.")
    raise RunDirectoryError(
        f"{recipe.state} of {recipe.run} is no longer what this sound was made with: training went on.",
        "Make sounds to keep from an epoch, as --checkpoint epoch-N: those stay as they are.",
    )


def _tags(trained: Trained, sound: SoundRequest) -> dict[str, str]:
    """No moment of making, no machine, no path: equal sounds are equal bytes everywhere."""
    origin = sound.origin.of if isinstance(sound.origin, Moved) else sound.origin
    number = f", sound {origin.index + 1}" if isinstance(origin, FromPrior | FromFile) else ""
    tempo = sound.tempo
    time = f", {tempo.bpm:g} bpm, {tempo.beats} beats in {tempo.beats_per_bar}/4" if tempo else ""
    name = f"seed {sound.seed}{number}"
    return {
        "title": f"{trained.run}, {name}{time}",
        "comment": f"run {trained.run} ({trained.uuid}), {trained.state}, {sound.origin.kind}, {name}",
        "software": PROGRAM,
    }
