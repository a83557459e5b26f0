"""What an update learns from. Letters: B batch, M mel bands, F frames, D latent_dim, L latent frames."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from engine import rng
from engine.audio import augment, synthetic
from engine.audio.mel import AudioSpectrogram
from engine.audio.segments import LEAD_IN_S, random_starts
from engine.config import TrainingConfig
from engine.plan import BatchLayout
from engine.task import Batch
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.dataset import AudioTrainingDataset
from engine.tasks.vae.spectrograms import KeptSpectrograms


class TrainingLoader:
    """Batches of varied random crops as a pure function of (seed, step)."""

    def __init__(
        self,
        data: AudioTrainingDataset,
        transform: AudioSpectrogram,
        batches: BatchLayout,
        config: TrainingConfig,
        task: VAEConfig,
        latent_shape: tuple[int, int],
    ) -> None:
        self.data = data
        self.batches = batches
        self.strength = task.augment_strength
        self.dropped = round(config.regularization.dropout * (1 << 16))
        self.latent_shape = latent_shape
        files = len(data.sounds)
        self.pitch_semitones = augment.semitones(files)
        self.made_up = synthetic.share(files) if self.strength > 0 else 0.0
        self.lead_in = round(LEAD_IN_S * data.spectrogram.sample_rate)
        self.spectrograms = KeptSpectrograms(data, transform, batches.batch_size, self.lead_in)
        self._sounds = np.array([chunk.sound for chunk in data.chunks])
        self._starts = np.array([chunk.start for chunk in data.chunks])
        self._lengths = np.array(data.lengths)
        self._order = lru_cache(maxsize=2)(self._permutation)

    def batch(self, seed: int, step: int) -> Batch:
        """clean [B, M, F] in dB, on the device of its transform; parameters of the variation [B]; noise, keep
        [B, M, F]; latent [B, D, L].

        Small collections: also made_db [B, M, F] and alone [B].
        """
        size = self.batches.batch_size
        shape = (size, self.data.spectrogram.n_mels, self.data.frames)
        keep = rng.generator(seed, "dropout", step).integers(1 << 16, size=shape, dtype=np.uint16) >= self.dropped
        latent = rng.generator(seed, "latent", step).standard_normal((size, *self.latent_shape), dtype=np.float32)
        draws = augment.draw(rng.generator(seed, "augment", step), size, self.strength, self.pitch_semitones)
        noise = np.zeros(shape, dtype=np.float32)
        noisy = (draws["noise_db"] > -torch.inf).numpy()
        noise[noisy] = rng.generator(seed, "noise", step).standard_exponential(noise[noisy].shape, dtype=np.float32)
        if self.made_up:
            made, alone = synthetic.draw(rng.generator(seed, "made-up", step), *shape, self.made_up)
            draws |= {"made_db": torch.from_numpy(made), "alone": torch.from_numpy(alone)}
        return {
            "clean": self._crops(seed, step),
            "noise": torch.from_numpy(noise),
            "keep": torch.from_numpy(keep),
            "latent": torch.from_numpy(latent),
            **draws,
        }

    def _crops(self, seed: int, step: int) -> torch.Tensor:
        items = self._items(seed, step)
        sounds = self._sounds[items]
        draws = rng.generator(seed, "crop", step).random(len(items))
        starts = random_starts(self._starts[items], self._lengths[sounds], self.data.chunk_samples, self.lead_in, draws)
        return self.spectrograms.crops(sounds, starts, seed, step)

    def _items(self, seed: int, step: int) -> np.ndarray:
        """Pass after pass over all chunks in each of their variants, whatever is counted as an epoch."""
        size = self.batches.batch_size
        once = -(-len(self.data.chunks) * self.batches.expansion // size)
        passed, position = divmod(step - 1, once)
        order = self._order(seed, passed)
        places = position * size + np.arange(size)
        return order[places % len(order)] % len(self.data.chunks)

    def _permutation(self, seed: int, passed: int) -> np.ndarray:
        return rng.generator(seed, "order", passed).permutation(len(self.data.chunks) * self.batches.expansion)
