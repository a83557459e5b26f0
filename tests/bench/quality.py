"""``python -m tests.bench quality``: train on a collection as a user would, and measure what comes out as sound.

The last line printed is one JSON object. Three controls are measured in the same run: the best constant, the nearest
window of the training sounds with the best gain, and mel inversion alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch

from engine import rng
from engine.audio.files.io import read_wave, write_wave
from engine.audio.inversion import BEST, FAST, Quality, invert_mel
from engine.audio.mel import to_power
from engine.rundir.reader import RunReader
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.model import STRIDE
from engine.tasks.vae.prior import TexturePrior
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import Trained, open_model
from engine.tasks.vae.sounds.request import FromPrior, SoundRequest
from tests.bench import visqol
from tests.bench.attack import distributions
from tests.bench.copies import attack_scores
from tests.bench.features import WINDOW, diversity, features, frechet, onset_s, quartiles, seam
from tests.bench.memorisation import measure_memorisation, nearest_pieces
from tests.bench.scoring import RATE, best_constants, error_db, mean_score, mel_power, relative_db, score
from tests.bench.two_sample import LONGEST_S, two_sample

TEXTURE_SECONDS = 4
LONG_SECONDS = 10


@dataclass(frozen=True)
class Sounds:
    """One side of the split: peak-normalised waves, and their mel spectrograms in dB [128, F]."""

    names: list[str]
    waves: list[np.ndarray]
    db: list[torch.Tensor]

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Sounds:
        paths = list(paths)
        waves = [normalised(read_wave(path, RATE)) for path in paths]
        return cls([path.name for path in paths], waves, [relative_db(mel_power(wave)) for wave in waves])


def normalised(wave: np.ndarray) -> np.ndarray:
    peak = float(np.abs(wave).max(initial=0.0))
    return wave / peak if peak else wave


def train(folder: Path, run_dir: Path, options: Sequence[str]) -> float:
    """A real training process; its wall time in seconds."""
    began = time.monotonic()
    program = [sys.executable, "-m", "engine.train", str(folder), "--run-dir", str(run_dir), *options]
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TQDM_DISABLE": "1"})
    return time.monotonic() - began


def sides(folder: Path, run_dir: Path) -> tuple[Sounds, Sounds]:
    """Training and held-out sounds, as the run divided them."""
    record = RunReader(run_dir).dataset()
    assert record is not None
    parts = [[folder / row.path for row in record.files if row.split == side] for side in ("train", "val")]
    return Sounds.read(parts[0]), Sounds.read(parts[1])


def model_scores(codec: Codec, held_out: Sounds, keep: Path | None) -> dict[str, list[dict[str, float]]]:
    """Held-out sounds through the model and back to waves, with the gate and without."""
    found: dict[str, list[dict[str, float]]] = {"gated": [], "ungated": []}
    for name, wave in zip(held_out.names, held_out.waves, strict=True):
        db = codec.reconstruct_db(torch.from_numpy(wave))
        gated = codec.reconstruct(wave, BEST)
        found["gated"].append(score(wave, gated))
        found["ungated"].append(score(wave, without_gate(codec, db, len(wave))))
        if keep is not None:
            write_wave(keep / f"{Path(name).stem}.original.wav", wave, RATE)
            write_wave(keep / f"{Path(name).stem}.model.wav", normalised(gated), RATE)
    return found


def without_gate(codec: Codec, db: torch.Tensor, samples: int) -> np.ndarray:
    shape = (1, codec.config.n_fft // 2 + 1, db.shape[-1])
    phase = torch.from_numpy(rng.generator(0, "phase").random(shape, dtype=np.float32))
    return invert_mel(to_power(db[None]), codec.config, samples, phase, BEST)[0].numpy()


def inversion_scores(codec: Codec, held_out: Sounds, quality: Quality = BEST) -> list[dict[str, float]]:
    """Mel inversion alone: no model in between."""
    found = []
    for wave in held_out.waves:
        db = codec.transform(torch.from_numpy(wave)[None]).clamp_min(codec.scale.floor)
        found.append(score(wave, codec.to_wave(db, len(wave), quality)[0]))
    return found


def constant_scores(train: Sounds, held_out: Sounds) -> list[dict[str, float]]:
    """The constant answers that fit the training sounds best, one for either figure."""
    constants = best_constants(train.db)
    return [
        {name: error_db(db, constant.expand_as(db))[name] for name, constant in constants.items()} for db in held_out.db
    ]


def nearest_scores(train: Sounds, held_out: Sounds) -> list[dict[str, float]]:
    """Every second replaced by the nearest training window at its best gain: recall, no model at all."""
    return [
        error_db(db, torch.cat([near.window for near in nearest_pieces(db, train.db, WINDOW)], dim=1))
        for db in held_out.db
    ]


def new_sounds(trained: Trained, count: int, seed: int) -> list[np.ndarray]:
    """``count`` one-shots, or seconds of textures, as ``generate`` issues them, brought to peak 1."""
    generator = SoundGenerator(trained)
    sounds = count if not generator.of_textures else max(1, count // TEXTURE_SECONDS)
    requests = [SoundRequest(origin=FromPrior(index=index), seed=seed, quality="fast") for index in range(sounds)]
    waves = [normalised(generator.make(request).wave) for request in requests]
    return waves if not generator.of_textures else [part for wave in waves for part in np.split(wave, TEXTURE_SECONDS)]


def seconds(sounds: Sounds, whole: bool) -> list[np.ndarray]:
    """What to compare new sounds with: whole one-shots, or every second of textures."""
    if whole:
        return sounds.waves
    parts = [part for wave in sounds.waves for part in np.split(wave, range(RATE, len(wave), RATE))]
    return [part for part in parts if len(part) > RATE // 4]


def pictures(waves: Iterable[np.ndarray]) -> list[torch.Tensor]:
    """Mel spectrograms in dB below each wave's own maximum [128, F]."""
    return [relative_db(mel_power(wave)) for wave in waves]


def believed(codec: Codec, made: list[np.ndarray], real: list[np.ndarray], held_out: Sounds) -> dict[str, object]:
    """How new sounds begin beside all recordings, and whether new sounds and copies are told from recordings."""
    copies = [codec.reconstruct(wave[: round(LONGEST_S * RATE)], BEST) for wave in held_out.waves]
    return {
        "beginnings": distributions(made),
        "beginnings_data": distributions(real),
        "two_sample": two_sample(made, real),
        "two_sample_copies": two_sample(copies, held_out.waves, copies=True),
    }


def sample_figures(trained: Trained, train: Sounds, held_out: Sounds, count: int, seed: int) -> dict[str, object]:
    """Generated sounds against the data: likeness, diversity, onsets, distance to what was learned from."""
    codec = trained.codec
    whole = not isinstance(codec.prior, TexturePrior)
    sounds, recordings = new_sounds(trained, count, seed), seconds(train, whole)
    made, real = pictures(sounds), pictures(recordings)
    others = seconds(held_out, whole)
    unheard = pictures(others)
    of_made, of_real, of_unheard = (np.stack([features(db) for db in part]) for part in (made, real, unheard))
    scale = of_real.std(0)
    memory = measure_memorisation(made, unheard, train.db, WINDOW)
    closest = memory.closest
    click.echo(f"the nearest sample is {closest.distance_db:.1f} dB from {train.names[closest.sound]}")
    return {
        "kind": "one-shots" if whole else "textures",
        "frechet": frechet(of_real, of_made),
        "frechet_held_out": frechet(of_real, of_unheard),
        "diversity": diversity(of_made, scale) / diversity(of_real, scale),
        "nearest_db": memory.made_db,
        "nearest_held_out_db": memory.held_out_db,
        "nearest_ratio": memory.ratio,
        "onset_s": quartiles([onset_s(db) for db in made]),
        "onset_data_s": quartiles([onset_s(db) for db in real]),
        **believed(codec, sounds, recordings + others, held_out),
    }


def long_figures(codec: Codec, held_out: Sounds, seed: int) -> dict[str, list[float]]:
    """Ten seconds in one pass: change at the edges of chunks and of latent frames, against the change elsewhere.

    Two numbers each: at the edges, and the most that any of fifteen shifts of them gives. A seam is there when the
    first is above the second. copy: held-out sounds strung together and reconstructed, over the original's figures.
    sample: a new texture; one-shots end before.
    """
    samples = LONG_SECONDS * RATE
    original = np.resize(np.concatenate(held_out.waves), samples)
    frames = codec.config.frames(samples)
    db = codec.reconstruct_db(torch.from_numpy(original))
    made = {"copy": relative_db(mel_power(codec.to_wave(db[None], samples, FAST)[0]))}
    if isinstance(codec.prior, TexturePrior):
        sample = codec.sample_db(1, frames, seed, 0.85)
        made["sample"] = relative_db(mel_power(codec.to_wave(sample, samples, FAST)[0]))
    real = relative_db(mel_power(original))
    result = {}
    for name, part in made.items():
        for edge, period in (("chunk", RATE), ("latent", STRIDE * codec.config.hop_length)):
            found = [
                seam(part, period, shift) / (seam(real, period, shift) if name == "copy" else 1.0)
                for shift in range(0, period, period // 16)
            ]
            result[f"{name}_{edge}"] = [round(found[0], 3), round(max(found[1:]), 3)]
    return result


def figures(
    run_dir: Path, folder: Path, seed: int, samples: int, keep: Path | None, listen: bool = False
) -> dict[str, object]:
    """All that is measured of one run, on its best state."""
    trained = open_model(run_dir)
    codec = trained.codec
    train_side, held_out = sides(folder, run_dir)
    scores = model_scores(codec, held_out, keep)
    controls = {
        "constant": constant_scores(train_side, held_out),
        "nearest_window": nearest_scores(train_side, held_out),
        "inversion": inversion_scores(codec, held_out),
        **attack_scores(codec, held_out.waves, listen),
    }
    ours = [item["active_db"] for item in scores["gated"]]
    nearest = [item["active_db"] for item in controls["nearest_window"]]
    for name, *row in zip(held_out.names, ours, nearest, strict=True):
        click.echo(f"{name:32} model {row[0]:6.2f} dB   nearest window {row[1]:6.2f} dB")
    result: dict[str, object] = {name: _rounded(mean_score(part)) for name, part in (scores | controls).items()}
    result["wins"] = f"{sum(a < b for a, b in zip(ours, nearest, strict=True))} of {len(ours)}"
    result["part_of_constant"] = float(np.mean(ours)) / mean_score(controls["constant"])["active_db"]
    result["ten_seconds"] = long_figures(codec, held_out, seed)
    if samples:
        result["samples"] = sample_figures(trained, train_side, held_out, samples, seed)
    return result


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


def chosen(folder: Path, pattern: str, place: Path) -> Path:
    """A folder of links to the files of ``folder`` that fit ``pattern``."""
    if pattern == "*":
        return folder
    place.mkdir()
    for path in sorted(folder.glob(pattern)):
        (place / path.name).symlink_to(path.resolve())
    return place


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--pattern", default="*", show_default=True, help="Which files of the folder: drum_*")
@click.option("--minutes", type=float, help="Wall time of training.")
@click.option("--steps", type=int, help="Updates instead of minutes: comparable on a busy machine.")
@click.option("--seed", default=0, show_default=True)
@click.option("--split-seed", default=42, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--samples", default=32, show_default=True, help="New sounds to judge; 0: none.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the run and the sounds in this directory.")
@click.option("--visqol", "listen", is_flag=True, help="Also what ViSQOL hears (needs the extra bench).")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(
    data: Path, pattern: str, minutes: float | None, steps: int | None, seed: int, split_seed: int, threads: int,
    samples: int, keep: Path | None, listen: bool, options: tuple[str, ...],
) -> None:  # fmt: skip
    """Train on --data and measure the result as sound. OPTIONS go to the training process: -- --channels 24."""
    torch.set_num_threads(threads)
    if listen:
        visqol.required()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        folder = chosen(data, pattern, place / "sounds")
        run_dir = (keep or place) / "run"
        limit = ["--max-steps", str(steps)] if steps else ["--max-minutes", str(minutes)] if minutes else []
        fixed = ["--seed", str(seed), "--split-seed", str(split_seed), "--threads", str(threads)]
        wall_s = train(folder, run_dir, [*limit, *fixed, *options])
        result = figures(run_dir, folder, seed, samples, keep, listen)
        status, run = RunReader(run_dir).status(), RunReader(run_dir).run()
    facts = {"set": pattern if pattern != "*" else data.name, "seed": seed, "split_seed": split_seed}
    assert status is not None and run is not None
    facts |= {"wall_s": round(wall_s, 1), "steps": status.total_steps, "batch_size": run.batch_size}
    facts |= {"best_epoch": status.best.epoch if status.best else None, "epochs": status.total_epochs}
    click.echo(json.dumps(facts | result))
