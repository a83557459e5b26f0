"""``python -m tests.bench kit_page RUN_DIR KIT --out docs/kit``: the sounds and pictures of docs/kit.md, made anew.

RUN_DIR and KIT are what the commands of that page leave behind. Sounds are MP3, which every browser plays.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path

import click
import numpy as np
import soundfile
from PIL import Image, ImageDraw

from engine.audio.files.io import read_wave
from engine.audio.settings import SpectrogramConfig
from engine.rundir.artefacts import PreviewSet
from engine.rundir.reader import RunReader
from tests.bench.sheet import COLUMNS, GROUND, INK, block, cell
from tests.tasks.vae.instrument.players import RATE, Note, Sfizz

LABEL, SECONDS, BETWEEN_S = 18, 1.5, 0.36


def heard(reader: RunReader) -> list[PreviewSet]:
    """Four new sounds of one seed, from before the first update to the best epoch."""
    status = reader.status()
    assert status is not None and status.best is not None, "the run has no best epoch yet"
    samples = [one for one in reader.previews() if one.role == "sample" and one.epoch <= status.best.epoch]
    return [samples[0], samples[1], samples[len(samples) // 2], samples[-1]]


def strip(previews: list[PreviewSet], root: Path) -> Image.Image:
    """Their spectrograms below one another, each under its epoch."""
    pictures = [Image.open(root / one.files["png"]).convert("RGB") for one in previews]
    width, height = pictures[0].size
    canvas = Image.new("RGB", (width, len(pictures) * (height + LABEL)), GROUND)
    for number, (one, picture) in enumerate(zip(previews, pictures, strict=True)):
        top = number * (height + LABEL)
        ImageDraw.Draw(canvas).text((4, top + 3), "before learning" if not one.step else f"epoch {one.epoch}", fill=INK)
        canvas.paste(picture, (0, top + LABEL))
    return canvas


def played(kit: Path) -> tuple[np.ndarray, Image.Image]:
    """Every key of the kit, struck one after the other in sfizz; and the samples' spectrograms, each under its key."""
    with tempfile.TemporaryDirectory() as place:
        with zipfile.ZipFile(kit) as archive:
            archive.extractall(place)
        (sfz,) = Path(place).rglob("*.sfz")
        described = json.loads((sfz.parent / "kit.json").read_text())
        sounds = [sound for one in described["instruments"] for sound in one["sounds"]]
        files = [sfz.parent / "samples" / sound["samples"][0] for sound in sounds]
        cells = [
            cell(read_wave(path, RATE), sound["names"], SECONDS, SpectrogramConfig())
            for path, sound in zip(files, sounds, strict=True)
        ]
        notes = [Note(sound["keys"][0], 110, number * BETWEEN_S) for number, sound in enumerate(sounds)]
        render = Sfizz(sfz).play(notes, len(notes) * BETWEEN_S + SECONDS)
    picture = block(cells, "")
    rows = -(-len(cells) // COLUMNS)
    return render, picture.crop((0, 0, picture.width, picture.height * rows // 4))


def save(picture: Image.Image, path: Path) -> None:
    picture.quantize(96).save(path, optimize=True)


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.argument("kit", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the sounds and pictures.")
def command(run_dir: Path, kit: Path, out: Path) -> None:
    """Write them over those that are there, and print their sizes."""
    reader = RunReader(run_dir)
    out.mkdir(parents=True, exist_ok=True)
    previews = heard(reader)
    last_copy = [one for one in reader.previews() if one.role == "recon"][-1]
    original = next(one for one in reader.previews() if one.role == "reference")
    named = dict(zip(("before", "early", "halfway", "best"), previews, strict=True))
    for name, one in {**named, "original": original, "copy": last_copy}.items():
        wave, rate = soundfile.read(run_dir / one.files["wav"])
        soundfile.write(out / f"{name}.mp3", wave, rate, format="MP3")
    save(strip(previews, run_dir), out / "learning.png")
    render, picture = played(kit)
    soundfile.write(out / "kit.mp3", render * min(1.0, 0.9 / np.abs(render).max()), RATE, format="MP3")
    save(picture, out / "keys.png")
    print(json.dumps({path.name: path.stat().st_size for path in sorted(out.iterdir())}))
