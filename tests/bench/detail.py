"""``python -m tests.bench detail``: train the net that infers a second picture, fine in time (engine.audio.detail).

Half of the inputs are blurred and noisy, as a model gives them back. --leave-out keeps families of sounds away, so that
``python -m tests.bench inversion --net FILE --set FAMILY`` measures sounds that nobody trained on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from safetensors.torch import save_file

from engine import rng
from engine.audio.detail import BANDS, FINER, RANGE_DB, DetailNet
from engine.audio.mel import AudioSpectrogram, filterbank, power_to_db
from engine.audio.settings import SpectrogramConfig
from tests.bench.detail_sounds import recorded, synthesised

CROP_S = 0.6
HEARD_DB = -70.0
LEARNING_RATE = 2e-3


class Crops:
    """Batches as a pure function of (seed, step): mel and second picture in dB below the crop's loudest bin."""

    def __init__(self, waves: Sequence[np.ndarray], seed: int, size: int) -> None:
        self.waves, self.seed, self.size = waves, seed, size
        self.config = SpectrogramConfig()
        self.mel = AudioSpectrogram(self.config)
        self.n_fft, self.hop = self.config.n_fft // FINER, self.config.hop_length // FINER
        self.bank = filterbank(self.n_fft, self.config.sample_rate, BANDS, 0.0, self.config.top_hz)
        self.window = torch.hann_window(self.n_fft)

    def fine(self, wave: torch.Tensor) -> torch.Tensor:
        """[B, 32, S] in dB."""
        spectrum = torch.stft(wave, self.n_fft, self.hop, window=self.window, pad_mode="constant", return_complex=True)
        return power_to_db(self.bank.T @ spectrum.abs().square())

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        draws = rng.generator(self.seed, "detail-crops", step)
        waves = torch.from_numpy(np.stack([self._mixed(draws) for _ in range(self.size)]))
        mel, fine = self.mel(waves), self.fine(waves)
        top = mel.amax((1, 2), keepdim=True)
        return blurred((mel - top).clamp_min(-RANGE_DB), draws), fine - top

    def _mixed(self, draws: np.random.Generator) -> np.ndarray:
        wave = self._crop(draws)
        if draws.random() < 0.4:
            wave = wave + 10 ** (draws.uniform(-30, 0) / 20) * self._crop(draws)
        return wave

    def _crop(self, draws: np.random.Generator) -> np.ndarray:
        """From anywhere, or (two in three) with silence before the beginning."""
        count = round(CROP_S * self.config.sample_rate) // self.config.hop_length * self.config.hop_length
        wave = self.waves[int(draws.integers(len(self.waves)))]
        lead = int(draws.integers(count // 2)) if draws.random() < 0.65 else 0
        start = 0 if lead else int(draws.integers(max(1, len(wave) - count // 2)))
        part = wave[start : start + count - lead]
        part = part / max(float(np.abs(part).max()), 1e-4)
        return np.pad(part, (lead, count - lead - len(part))).astype(np.float32)


def blurred(db: torch.Tensor, draws: np.random.Generator) -> torch.Tensor:
    """Half of a batch [B, M, F] as a model gives it back: smoothed over time and bands, and with errors of its own."""
    out = []
    for picture in db:
        if draws.random() < 0.5:
            for axis, most in ((0, 1.5), (1, 0.8)):
                if draws.random() < 0.5:
                    picture = smoothed(picture, axis, draws.uniform(0, most))
            noise = torch.from_numpy(draws.standard_normal(tuple(picture.shape), dtype=np.float32))
            picture = picture + draws.uniform(0, 3) * noise
        out.append(picture)
    return torch.stack(out)


def smoothed(picture: torch.Tensor, axis: int, deviation: float) -> torch.Tensor:
    """[M, F] through a Gaussian of ``deviation`` bins along ``axis``."""
    places = torch.arange(-4, 5)
    kernel = torch.exp(-0.5 * (places / max(deviation, 0.1)) ** 2)
    moved = picture.movedim(axis, -1)[:, None]
    padded = torch.nn.functional.pad(moved, (4, 4), mode="replicate")
    return torch.nn.functional.conv1d(padded, (kernel / kernel.sum())[None, None])[:, 0].movedim(-1, axis)


def train(crops: Crops, steps: int, seed: int) -> DetailNet:
    """Mean |dB| over what either of answer and truth has above -70 dB, by AdamW with one cycle."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.generator(seed, "detail-init").integers(2**32)))
        net = DetailNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.05)
    total, began = 0.0, time.process_time()
    for step in range(1, steps + 1):
        mel, fine = crops.batch(step)
        answer = net(mel)
        weight = (torch.maximum(fine, answer.detach()) > HEARD_DB).float()
        error = (answer.clamp_min(HEARD_DB) - fine.clamp_min(HEARD_DB)).abs() * weight
        loss = error.sum() / weight.sum().clamp_min(1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += float(loss.detach())
        if step % 250 == 0:
            click.echo(f"{step:6} {total / 250:.3f} dB  {time.process_time() - began:.0f} s")
            total = 0.0
    return net.eval().requires_grad_(False)


@click.command()
@click.option("--data", required=True, multiple=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--leave-out", default="", help="Patterns of names, commas between.")
@click.option("--synthesised", "made", default=240, show_default=True)
@click.option("--steps", default=1600, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--out", required=True, type=click.Path(path_type=Path))
def command(data: tuple[Path, ...], leave_out: str, made: int, steps: int, seed: int, out: Path) -> None:
    """Train on the recordings of --data (CC0 alone may be shipped) and on synthesised sounds, and write --out."""
    torch.set_num_threads(1)
    patterns = [part for part in leave_out.split(",") if part]
    waves = [wave for folder in data for wave in recorded(folder, patterns)] + synthesised(made, seed)
    click.echo(f"{len(waves)} sounds")
    net = train(Crops(waves, seed, 8), steps, seed)
    save_file(net.state_dict(), out)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    click.echo(
        json.dumps({"sounds": len(waves), "weights": sum(p.numel() for p in net.parameters()), "sha256": digest})
    )
