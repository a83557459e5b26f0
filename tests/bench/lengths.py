"""``python -m tests.bench lengths``: the error on sounds held out against the number of updates, set by set.

Each length is a run of its own, since the learning rate falls to zero by its end. One JSON object a run, as it ends;
``--out`` keeps them, and a set that stands there already is not trained again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from engine.audio.files.io import read_wave, write_wave
from engine.rundir.reader import RunReader
from tests.bench.quality import train
from tests.bench.scoring import RATE

SETS = {
    "drums": ("sonicpi/drum_*",),
    "tabla": ("sonicpi/tabla_*",),
    "elec": ("sonicpi/elec_*",),
    "perc": ("sonicpi/perc_*",),
    "ambi": ("sonicpi/ambi_*",),
    "digits": ("fsdd_jackson/*",),
    "all 300": ("sonicpi/*", "sonicpi_more/*", "fsdd_jackson/*"),
    "all 500": ("sonicpi/*", "sonicpi_more/*", "fsdd_jackson/*"),
}
PIECE_S = 2.0


def gather(data: Path, patterns: Sequence[str], files: int, place: Path) -> Path:
    """A folder of links to what fits ``patterns``, and pieces of the longest ones, until there are ``files``."""
    place.mkdir()
    found = [path for pattern in patterns for path in sorted(data.glob(pattern)) if path.suffix != ".md"]
    for path in found:
        (place / path.name).symlink_to(path.resolve())
    missing = files - len(found)
    for path in sorted(found, key=lambda path: -path.stat().st_size):
        if missing <= 0:
            break
        wave = read_wave(path, RATE)
        size = round(PIECE_S * RATE)
        pieces = [wave[start : start + size] for start in range(0, len(wave) - size, size)][:missing]
        for number, piece in enumerate(pieces):
            write_wave(place / f"{path.stem}-{number:02}.wav", piece / max(1e-9, np.abs(piece).max()), RATE)
        missing -= len(pieces)
    return place


def measure(folder: Path, run_dir: Path, steps: int, options: Sequence[str]) -> dict[str, object]:
    """One run of ``steps`` updates: its error at the best epoch and over the last three, in dB."""
    seconds = train(folder, run_dir, ["--max-steps", str(steps), "--preview-interval", "100000", *options])
    reader = RunReader(run_dir)
    run, status = reader.run(), reader.status()
    assert run is not None and status is not None and status.best is not None
    curve = [event["val_recon_db"] for event in reader.all_of("epoch")]
    return {
        "chunks": run.num_train,
        "files": run.num_train_files + run.num_val_files,
        "batch_size": run.batch_size,
        "steps": steps,
        "epochs": run.total_epochs,
        "best_db": round(status.best.value, 3),
        "best_part": round(status.best.step / steps, 2),
        "last_db": round(float(np.mean(curve[-3:])), 3),
        "constant_db": round(float(run.monitor.baseline or 0), 2),
        "minutes": round(seconds / 60, 2),
    }


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--set", "sets", multiple=True, type=click.Choice(list(SETS)), help="Which sets; all without it.")
@click.option("--steps", "lengths", multiple=True, type=int, default=(750, 1500, 3000, 6000), show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--split-seed", default=43, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="A file of JSON lines to add to.")
def command(
    data: Path, sets: Sequence[str], lengths: Sequence[int], seed: int, split_seed: int, threads: int, out: Path | None
) -> None:
    """Train every set for every number of updates."""
    done = [json.loads(line) for line in out.read_text().splitlines()] if out and out.exists() else []
    for name in sets or SETS:
        files = int(name.split()[1]) if " " in name else 0
        with tempfile.TemporaryDirectory() as temporary:
            folder = gather(data, SETS[name], files, Path(temporary) / "sounds")
            for steps in lengths:
                facts = {"set": name, "seed": seed, "split_seed": split_seed, "steps": steps}
                if any(all(old[key] == value for key, value in facts.items()) for old in done):
                    continue
                options = ["--seed", str(seed), "--split-seed", str(split_seed), "--threads", str(threads)]
                result = facts | measure(folder, Path(temporary) / f"run-{steps}", steps, options)
                click.echo(json.dumps(result))
                if out is not None:
                    with out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(result) + "\n")
