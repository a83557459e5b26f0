"""What the model learns from and is checked on. Letters: B batch, N files, M mel bands, F frames,
T samples, D latent_dim, L latent frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.audio.mel import ACTIVE_DB, AudioSpectrogram, Scale
from engine.audio.segments import Chunk, cut, evenly, read_window
from engine.audio.settings import SpectrogramConfig
from engine.audio.window_index import WindowIndex
from engine.collection.collection import Sound

STATISTICS_CHUNKS = 1024
EVALUATION_CHUNKS = 256
STRETCH_FRAMES = 96


class AudioTrainingDataset:
    """Sounds as chunks of one length, from memory-mapped peak-normalised PCM.

    No ``torch.utils.data.Dataset``: a batch is a function of (seed, step), so that a run goes on exactly from any step;
    a ``DataLoader`` has a sampler and workers whose state no checkpoint could hold. Reading a chunk also reads
    ``n_fft // 2`` samples on either side, so that its frames equal those of its sound.
    """

    def __init__(self, sounds: Sequence[Sound], spectrogram: SpectrogramConfig, chunk_duration_s: float) -> None:
        self.sounds = list(sounds)
        self.spectrogram = spectrogram
        self.chunk_samples = max(spectrogram.n_fft, round(chunk_duration_s * spectrogram.sample_rate))
        self.lengths = [sound.num_samples for sound in self.sounds]
        self.chunks = cut(self.lengths, self.chunk_samples)
        self._pcm = [sound.pcm() for sound in self.sounds]

    @property
    def frames(self) -> int:
        """Frames of one chunk."""
        return self.spectrogram.frames(self.chunk_samples)

    def window(self, sound: int, start: int) -> torch.Tensor:
        """int16 [T + n_fft]: a chunk from ``start`` with its surroundings."""
        margin = self.spectrogram.n_fft // 2
        return torch.from_numpy(read_window(self._pcm[sound], start - margin, self.chunk_samples + 2 * margin))

    def whole(self, sound: int, most_samples: int | None = None) -> torch.Tensor:
        """float32 [T]: a sound from its beginning, at most ``most_samples`` long."""
        return to_float(torch.from_numpy(np.array(self._pcm[sound][:most_samples])))

    def mel_db(self, chunks: Sequence[Chunk], transform: AudioSpectrogram) -> torch.Tensor:
        """Clean mel power in dB [len(chunks), M, F] on the CPU."""
        device = transform.window.device
        batch = 1 if device.type == "cpu" else 64  # one stays in the cache: 0.8 instead of 2.4 ms a second of sound
        parts = []
        for first in range(0, len(chunks), batch):
            windows = torch.stack([self.window(chunk.sound, chunk.start) for chunk in chunks[first : first + batch]])
            parts.append(transform(to_float(windows.to(device)), padded=True).cpu())
        return torch.cat(parts)

    def frames_db(
        self, sound: int, first: int, count: int, transform: AudioSpectrogram, offset: int = 0
    ) -> torch.Tensor:
        """Clean mel power in dB [M, count] of a sound's frames from ``first``, silent outside it, on the CPU.

        offset: samples by which the frames lie later.
        """
        hop, n_fft = self.spectrogram.hop_length, self.spectrogram.n_fft
        start = first * hop - n_fft // 2 + offset
        wave = to_float(torch.from_numpy(read_window(self._pcm[sound], start, (count - 1) * hop + n_fft)))
        db: torch.Tensor = transform(wave.to(transform.window.device)[None], padded=True)[0].cpu()
        return db

    def stretches(self, transform: AudioSpectrogram) -> Iterator[tuple[int, int, torch.Tensor]]:
        """All frames of all sounds, in order: the sound, the first frame, and at most 96 frames in dB [M, F]."""
        for sound, length in enumerate(self.lengths):
            frames = self.spectrogram.frames(length)
            for first in range(0, frames, STRETCH_FRAMES):
                yield sound, first, self.frames_db(sound, first, min(STRETCH_FRAMES, frames - first), transform)

    def valid_frames(self, chunks: Sequence[Chunk]) -> torch.Tensor:
        """bool [len(chunks), F]: frames whose centre lies inside the sound, not in its padding."""
        centres = torch.arange(self.frames) * self.spectrogram.hop_length
        lengths = torch.tensor([chunk.samples for chunk in chunks])
        return centres[None, :] <= lengths[:, None]


def to_float(pcm: torch.Tensor) -> torch.Tensor:
    """Peak-normalised int16 to float32 of peak 1."""
    return pcm.float() / 32767


class EvaluationItems:
    """Fixed clean chunks of one side, at most 256, their mel spectrograms in memory. Of copies of a sound one is there.

    active [N, M, F] marks unpadded bins above their own file's maximum - 60 dB: those whose error counts.
    """

    def __init__(self, data: AudioTrainingDataset, db: torch.Tensor, loudest: torch.Tensor) -> None:
        """db: from :func:`evaluation_db`. loudest: of each sound, see :class:`Sweep`."""
        self.chunks = _evaluated(data)
        self.db = db
        self.files = torch.tensor([chunk.sound for chunk in self.chunks])
        valid = data.valid_frames(self.chunks)[:, None, :]
        self.active = (self.db > (loudest[self.files] - ACTIVE_DB)[:, None, None]) & valid

    def error_db(self, db: torch.Tensor) -> torch.Tensor:
        """Mean absolute error of ``db`` [N, M, F] (or one broadcast over them) over active bins, one number a file."""
        error = torch.where(self.active, (db - self.db).abs(), 0.0).sum((1, 2))
        count = self.active.sum((1, 2)).float()
        files, place = torch.unique(self.files, return_inverse=True)
        total = torch.zeros(len(files)).index_add_(0, place, error)
        bins = torch.zeros(len(files)).index_add_(0, place, count)
        return total / bins.clamp_min(1)

    def average(self) -> torch.Tensor:
        """The average sound [M], dB: the median of each band over active bins, of a band without any over all.

        No other answer that is always the same has less error on all these bins. With the silence around sounds in it,
        as a mean over all frames, it had up to 2.3 times as much on new ones (docs/model.md).
        """
        middle = torch.where(self.active, self.db, torch.nan).transpose(0, 1).flatten(1).nanmedian(1).values
        return torch.where(middle.isnan(), self.db.transpose(0, 1).flatten(1).median(1).values, middle)


def evaluation_db(data: AudioTrainingDataset, transform: AudioSpectrogram) -> torch.Tensor:
    """Clean mel power in dB [N, M, F] of the chunks that :class:`EvaluationItems` holds."""
    return data.mel_db(_evaluated(data), transform)


def _evaluated(data: AudioTrainingDataset) -> list[Chunk]:
    """A sound that lies there four times, be it louder or later once, would count as four that agree."""
    first: dict[int, int] = {}
    for place, sound in enumerate(data.sounds):
        first.setdefault(sound.group, place)
    return evenly(
        [chunk for chunk in data.chunks if first[data.sounds[chunk.sound].group] == chunk.sound], EVALUATION_CHUNKS
    )


@dataclass(frozen=True)
class Sweep:
    """The largest mel power in dB over all frames of a side. loudest [N]: of each sound; ceiling [M]: of each band."""

    loudest: torch.Tensor
    ceiling: torch.Tensor


@torch.inference_mode()
def sweep(
    data: AudioTrainingDataset,
    transform: AudioSpectrogram,
    index: WindowIndex | None = None,
    check: Callable[[], None] = lambda: None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Sweep:
    """Hear all of a side once: 0.8 ms a second of sound. index: is given all of it. report: called with the sounds
    heard and their number."""
    peaks = torch.full((len(data.sounds), data.spectrogram.n_mels), -torch.inf)
    for sound, first, db in data.stretches(transform):
        check()
        if first == 0:
            report(sound, len(data.sounds))
        if index is not None:
            index.add(db, goes_on=first > 0)
        peaks[sound] = torch.maximum(peaks[sound], db.amax(1))
    return Sweep(peaks.amax(1), peaks.amax(0))


def measure(data: AudioTrainingDataset, transform: AudioSpectrogram, ref: float) -> Scale:
    """The scale of the training set, unpadded frames only.

    ref: the largest mel power of all its sounds in dB; the rest from at most 1,024 chunks, evenly spread.
    """
    chunks = evenly(data.chunks, STATISTICS_CHUNKS)
    db = data.mel_db(chunks, transform)
    valid = data.valid_frames(chunks)
    bands = db.transpose(1, 2)[valid]  # [frames, M]
    floored = Scale(ref, 0.0, 1.0).standardise(bands)
    return Scale(ref, float(floored.mean()), max(float(floored.std()), 1.0))
