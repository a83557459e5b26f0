"""``python -m tests.bench playing RUN_DIR``: from a note to its first samples, by OSC, into a WAV file.

still: nothing is rendered meanwhile. moving: every tenth note a controller moves, so that rendering never rests. Played
on the clock of a device, blocks of 256 samples; what a device adds it says itself. The last line is one JSON object.
"""

from __future__ import annotations

import json
import queue
import tempfile
import threading
import time
from pathlib import Path

import click
import numpy as np
from pythonosc.udp_client import SimpleUDPClient

from engine.device import choose
from engine.tasks.vae.play.inputs import Inputs
from engine.tasks.vae.play.player import Player
from engine.tasks.vae.play.request import PlayRequest
from engine.tasks.vae.play.session import perform
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--notes", default=200, show_default=True)
@click.option("--sounds", default=16, show_default=True)
@click.option("--keys", type=click.Choice(["kit", "chromatic"]), default="kit", show_default=True)
@click.option("--threads", default=1, show_default=True)
def command(run_dir: Path, notes: int, sounds: int, keys: str, threads: int) -> None:
    """Waits of notes in milliseconds, and how many played a sound from nearby."""
    choose("cpu", threads)
    generator = SoundGenerator(open_model(run_dir))
    request = PlayRequest.model_validate({"keys": keys, "sounds": sounds})
    result: dict[str, object] = {"run": generator.trained.run, "keys": keys, "sounds": sounds, "threads": threads}
    for name, moving in {"still": False, "moving": True}.items():
        result[name] = _told(_played(generator, request, notes, moving))
    click.echo(json.dumps(result))


def _played(generator: SoundGenerator, request: PlayRequest, notes: int, moving: bool) -> Player:
    """``notes`` notes, a tenth of a second apart on average, at times that know nothing of blocks."""
    said: queue.Queue[str] = queue.Queue()
    over = threading.Event()
    draws = np.random.default_rng(0)

    def play() -> None:
        port = 0
        while not (line := said.get()).startswith("Ready"):
            port = int(line.split()[2].rstrip(":").rpartition(":")[2]) if line.startswith("OSC on") else port
        client = SimpleUDPClient("127.0.0.1", port)
        for number in range(notes):
            if moving and number % 10 == 0:
                client.send_message("/axis/1", float(draws.uniform(-2, 2)))
            client.send_message("/note", [36 + int(draws.integers(16)), 100])
            time.sleep(draws.uniform(0.05, 0.15))
        over.set()

    inputs = Inputs(messages=None, port=None, osc=("127.0.0.1", 0), controllers=request.controllers)
    thread = threading.Thread(target=play)
    thread.start()
    with tempfile.TemporaryDirectory() as place:
        player = perform(generator, request, inputs, Path(place) / "take.wav", said.put, click.echo, over.is_set)
    thread.join()
    return player


def _told(player: Player) -> dict[str, float]:
    waits_ms = 1000 * np.array(player.waits_s)
    figures = {f"p{part}_ms": round(float(np.percentile(waits_ms, part)), 2) for part in (50, 95, 99)}
    return {**figures, "most_ms": round(float(waits_ms.max()), 2), "notes": player.notes, "nearby": player.nearby}
