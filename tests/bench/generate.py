"""``python -m tests.bench generate RUN_DIR``: how much faster than it sounds. The last line is one JSON object."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import click
import torch

from engine.audio.files.encode import encode_sound
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FromPrior, SoundRequest


def timed(generator: SoundGenerator, request: SoundRequest) -> tuple[float, float, float]:
    """Wall and processor seconds it takes to make a sound's file, and seconds of sound in it without silent end."""
    began, worked = time.perf_counter(), time.process_time()
    made = generator.make(request)
    encode_sound(made.wave, made.sample_rate)
    took, work = time.perf_counter() - began, time.process_time() - worked
    return (
        took,
        work,
        float((abs(made.wave).reshape(len(made.wave), -1).max(1) > 0).nonzero()[0][-1] + 1) / made.sample_rate,
    )


def _sum(timings: Sequence[tuple[float, float, float]], part: int) -> float:
    return sum(timing[part] for timing in timings)


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--count", default=8, show_default=True)
@click.option("--duration", type=float, help="Seconds; automatic for one-shots.")
@click.option("--threads", default=2, show_default=True)
def command(run_dir: Path, count: int, duration: float | None, threads: int) -> None:
    """Both qualities, mono and stereo, warm; medians over the sounds. On a busy machine trust the processor's time."""
    torch.set_num_threads(threads)
    began = time.perf_counter()
    generator = SoundGenerator(open_model(run_dir, None))
    result: dict[str, object] = {
        "run": generator.trained.run,
        "threads": threads,
        "load_s": time.perf_counter() - began,
    }
    for name, options in {
        "fast": {"quality": "fast"},
        "best": {"quality": "best"},
        "fast_stereo": {"quality": "fast", "stereo": True},
    }.items():
        requests = [
            SoundRequest.model_validate({**options, "duration_s": duration, "origin": FromPrior(index=index)})
            for index in range(count + 1)
        ]
        timings = [timed(generator, request) for request in requests][1:]  # the first one warms up
        result[name] = {
            "sound_s": round(statistics.median(sound for _, _, sound in timings), 3),
            "took_s": round(statistics.median(took for took, _, _ in timings), 3),
            "processor_s": round(statistics.median(work for _, work, _ in timings), 3),
            "times_real_time": round(_sum(timings, 2) / _sum(timings, 0), 1),
            "times_real_time_of_processor": round(_sum(timings, 2) / _sum(timings, 1), 1),
        }
    click.echo(json.dumps(result))
