"""``python -m tests.bench sheet``: spectrograms of sixteen generated sounds beside sixteen real ones, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image, ImageDraw

from engine.audio.files.io import read_wave
from engine.audio.mel import AudioSpectrogram
from engine.audio.picture import mel_image
from engine.audio.settings import SpectrogramConfig
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FromPrior, SoundRequest

COLUMNS, ROWS = 4, 4
CELL = (260, 120)
LABEL, GAP, DEPTH_DB = 16, 6, 80.0
GROUND, INK = (16, 16, 20), (220, 220, 220)


def cell(wave: np.ndarray, name: str, seconds: float, config: SpectrogramConfig) -> Image.Image:
    """One spectrogram, 80 dB deep, with length and peak: a click shows as a bright column."""
    peak = float(np.abs(wave).max(initial=0.0)) or 1.0
    db = AudioSpectrogram(config)(torch.from_numpy(wave / peak)[None])[0].numpy()
    frame_s = config.hop_length / config.sample_rate
    keep = round(seconds / frame_s)
    picture = Image.new("RGB", (CELL[0], CELL[1] + LABEL), GROUND)
    picture.paste(mel_image(db[:, :keep], seconds, frame_s, DEPTH_DB, CELL), (0, LABEL))
    level = 20 * np.log10(peak)
    ImageDraw.Draw(picture).text((2, 2), f"{name}  {len(wave) / config.sample_rate:.2f} s  {level:.0f} dB", fill=INK)
    return picture


def block(pictures: Sequence[Image.Image], title: str) -> Image.Image:
    """Pictures in rows of four under a title."""
    width, height = CELL[0] + GAP, CELL[1] + LABEL + GAP
    sheet = Image.new("RGB", (COLUMNS * width, ROWS * height + LABEL), GROUND)
    ImageDraw.Draw(sheet).text((2, 2), title, fill=INK)
    for place, picture in enumerate(pictures[: COLUMNS * ROWS]):
        sheet.paste(picture, (place % COLUMNS * width, LABEL + place // COLUMNS * height))
    return sheet


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="PNG to write.")
@click.option("--checkpoint")
@click.option("--seed", default=0, show_default=True)
@click.option("--seconds", default=1.5, show_default=True, help="Time that a picture's width stands for.")
@click.option("--duration", type=float, help="Length of generated sounds; automatic for one-shots.")
@click.option("--threads", default=2, show_default=True)
def command(
    run_dir: Path, out: Path, checkpoint: str | None, seed: int, seconds: float, duration: float | None, threads: int
) -> None:
    """Left: sounds of the collection, held-out ones marked. Right: generated ones, best quality, as they are issued."""
    torch.set_num_threads(threads)
    trained = open_model(run_dir, checkpoint)
    generator, config = SoundGenerator(trained), trained.codec.config
    real, made = [], []
    for row in trained.files[: COLUMNS * ROWS]:
        assert trained.source is not None
        wave = read_wave(trained.source / row.path, config.sample_rate)
        real.append(cell(wave, row.path + (" (held out)" if row.split == "val" else ""), seconds, config))
    for index in range(COLUMNS * ROWS):
        sound = generator.make(SoundRequest(origin=FromPrior(index=index), seed=seed, duration_s=duration))
        made.append(cell(sound.wave, f"sound {index + 1}", seconds, config))
    left, right = block(real, "the collection"), block(made, f"generated, seed {seed}, {trained.state}")
    sheet = Image.new("RGB", (left.width + right.width + 3 * GAP, left.height), (90, 90, 90))
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + 3 * GAP, 0))
    sheet.quantize(128).save(out, "PNG", optimize=True)
    click.echo(out)
