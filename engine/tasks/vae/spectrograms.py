"""Spectrograms of the training sounds, transformed once and cropped often. Letters: B batch, N files, M mel bands,
F frames.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from engine import rng
from engine.audio.mel import SILENCE_DB, AudioSpectrogram
from engine.tasks.vae.dataset import AudioTrainingDataset

SHOWINGS = 10
BLOCK_FRAMES = 96
MOST_BYTES = 256 << 20


class KeptSpectrograms:
    """Crops of clean mel spectrograms, from blocks of 96 frames that are transformed when first needed and then kept.

    All crops of a sound lie on one grid of frames for as long as each chunk is shown ten times. Then the sound gets
    another grid, at a random offset: on one grid for good the model learns worse (docs/model.md). The sounds change
    at different updates, so that none waits for all. A grid is a pure function of the seed and the update, a block of
    its grid: what is kept decides how long a crop takes, never what it holds.

    Kept in half precision, at most 256 MiB: three hours of sound. Beyond that blocks take each other's places.
    """

    def __init__(
        self,
        data: AudioTrainingDataset,
        transform: AudioSpectrogram,
        batch_size: int,
        lead_in: int,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """lead_in: how many samples before a sound a crop may begin."""
        self.data, self.transform = data, transform
        self.hop = data.spectrogram.hop_length
        self.period = max(1, SHOWINGS * len(data.chunks) // batch_size)
        self._lay_out(np.array(data.lengths) - data.chunk_samples, lead_in)
        bands = data.spectrogram.n_mels
        most, fewest = most_bytes // (2 * bands * BLOCK_FRAMES), 2 + data.frames // BLOCK_FRAMES  # those of one crop
        self._places = max(fewest, min(len(self._piece), most))
        self._held = np.full(self._places, -1)  # which block, at which offset
        shape = (self._places * BLOCK_FRAMES, bands)
        self._kept = torch.empty(shape, dtype=torch.float16, device=transform.window.device)
        self._phase = lru_cache(maxsize=1)(self._phases)
        self._offset = lru_cache(maxsize=3)(self._offsets)

    def _lay_out(self, room: np.ndarray, lead_in: int) -> None:
        """Pieces of blocks: all N sounds, then N beginnings.

        room [N]: by how many samples each sound is longer than a chunk.
        """
        before = np.minimum(lead_in, np.maximum(-room, 0))
        frames_before = (before + 2 * (self.hop - 1)) // self.hop  # a grid may begin a hop earlier
        self._lead = np.append(frames_before, np.zeros_like(room))  # frames before the sound, of each piece
        frames = np.append(np.maximum(room, 0) // self.hop, np.zeros_like(room)) + self._lead + self.data.frames
        blocks = -(-frames // BLOCK_FRAMES)
        self._first_block = np.cumsum(blocks) - blocks
        self._piece = np.repeat(np.arange(len(blocks)), blocks)  # of each block

    def crops(self, sounds: np.ndarray, starts: np.ndarray, seed: int, step: int) -> torch.Tensor:
        """Mel power in dB [B, M, F] from the last frames of the grid at or before ``starts``, in samples.

        A crop from the very beginning of a sound is exact: half of those near it are, and all one checks on.
        """
        begins = starts == 0
        offsets = np.where(begins, 0, self._offsets_at(sounds, seed, step))
        pieces = sounds + len(self.data.sounds) * begins
        first = (starts - offsets) // self.hop + self._lead[pieces] + self._first_block[pieces] * BLOCK_FRAMES
        rows = first[:, None] + np.arange(self.data.frames)
        if self._places == len(self._piece):
            return self._gather(rows, offsets)
        return torch.cat([self._gather(rows[[item]], offsets[[item]]) for item in range(len(rows))])

    def _offsets_at(self, sounds: np.ndarray, seed: int, step: int) -> np.ndarray:
        """By how many samples the frames of each of ``sounds`` lie later, in update ``step``."""
        turns = (step + self._phase(seed)[sounds]) // self.period
        return np.array([self._offset(seed, int(turn))[sound] for sound, turn in zip(sounds, turns, strict=True)])

    def _phases(self, seed: int) -> np.ndarray:
        return rng.generator(seed, "grid-phase").integers(self.period, size=len(self.data.sounds))

    def _offsets(self, seed: int, turn: int) -> np.ndarray:
        return rng.generator(seed, "grid", turn).integers(self.hop, size=len(self.data.sounds))

    def _gather(self, rows: np.ndarray, offsets: np.ndarray) -> torch.Tensor:
        """rows [B, F]: frames of all sounds, counted through block by block."""
        blocks = rows[:, [*range(0, rows.shape[1], BLOCK_FRAMES), -1]] // BLOCK_FRAMES
        wanted = blocks * self.hop + offsets[:, None]
        for missing in set(wanted[self._held[blocks % self._places] != wanted].tolist()):
            self._transform(*divmod(missing, self.hop))
        places = torch.from_numpy(rows % len(self._kept)).to(self._kept.device)
        return self._kept[places].float().mT

    def _transform(self, block: int, offset: int) -> None:
        place = block % self._places
        piece = int(self._piece[block])
        sound = piece % len(self.data.sounds)
        first = int((block - self._first_block[piece]) * BLOCK_FRAMES - self._lead[piece])
        end = -(-(self.data.lengths[sound] + self.data.spectrogram.n_fft // 2 - offset) // self.hop)
        count = min(max(end - first, 0), BLOCK_FRAMES)
        kept = self._kept[place * BLOCK_FRAMES :][:BLOCK_FRAMES]
        kept[count:] = SILENCE_DB
        if count:
            kept[:count] = self.data.frames_db(sound, first, count, self.transform, offset).T
        self._held[place] = block * self.hop + offset
