"""What is fitted to the codes of the sounds each time a state is kept: where new sounds come from, and the map.

Letters: D latent_dim, L latent frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch

from engine.audio.levels import active_rms, even_level, from_db
from engine.audio.mel import power_to_db
from engine.audio.segments import evenly
from engine.collection.collection import Sound
from engine.rundir.record import Side
from engine.tasks.vae.codec import AUDIBLE_DB, Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.dataset import AudioTrainingDataset
from engine.tasks.vae.edges import Edges
from engine.tasks.vae.file_codes import FileCodes
from engine.tasks.vae.model import STRIDE
from engine.tasks.vae.prior import OneShotPrior, Prior, TexturePrior, is_texture
from engine.tasks.vae.refinement import AROUND
from engine.tasks.vae.residual import ONSET_FRAMES
from engine.tasks.vae.stereo_images import collection_images

FITTED_SOUNDS = 256
MAPPED_HELD_OUT = 64
TEXTURE_SECONDS = 20.0
EARLIEST_END_DB = 20.0
Kind = Literal["one-shots", "textures"]


class Fitting:
    """Fits prior and map to at most 256 sounds of the training side and 64 held-out ones, evenly chosen of each.

    kind: of sounds; a code that is one vector knows one-shots alone. level: of all that is made, see
    :func:`engine.audio.levels.even_level`. end_db: how far below its loudest a recording ends, the median
    of all, 20 to 60. images: how the sounds that are fitted to lie between two channels.
    """

    def __init__(
        self, train: AudioTrainingDataset, val: AudioTrainingDataset, config: VAEConfig, shapes: torch.Tensor
    ) -> None:
        """shapes: of the training sounds, from :func:`sound_shapes`."""
        self.train, self.config = train, config
        self.learned = evenly(range(len(train.sounds)), FITTED_SOUNDS)
        self._val, self._held_out = val, evenly(range(len(val.sounds)), MAPPED_HELD_OUT)
        halves, actives, ends, levels = shapes.tolist()
        found: Kind = "textures" if is_texture(torch.tensor(halves), torch.tensor(actives)) else "one-shots"
        self.kind: Kind = found if config.kind == "auto" else config.kind
        self.of_textures = self.kind == "textures" and config.code != "vector"
        sounds = [train.sounds[sound] for sound in self.learned]
        self.images = collection_images([sound.image for sound in sounds])
        self.level = even_level(levels if self.images is None else _in_stereo(levels, sounds))
        self._ends = torch.tensor(ends).clamp(EARLIEST_END_DB, AUDIBLE_DB)
        self.end_db = float(np.clip(np.median(ends), EARLIEST_END_DB, AUDIBLE_DB))

    def fit(self, codec: Codec) -> tuple[Prior, FileCodes]:
        """For the codes that ``codec`` gives the sounds."""
        means, variances = self._codes(codec, self.train, self.learned)
        held_out, _ = self._codes(codec, self._val, self._held_out)
        return self._prior(means, variances), self._file_codes(means, held_out)

    def edges(self, codec: Codec) -> Edges | None:
        """How each learned sound begins, beside what ``codec``, fitted, makes of its code, and how it ends. None of
        textures, and of a code that is one vector: neither was measured."""
        if codec.model.vector or not isinstance(codec.prior, OneShotPrior):
            return None
        begun = [self.train.frames_db(sound, 0, ONSET_FRAMES, codec.transform) for sound in self.learned]
        means = codec.prior.means[..., : 1 + AROUND].to(codec.device)
        decoded = codec.struck(codec.decode(means, ONSET_FRAMES)).cpu()
        return Edges.measure(self._ends, torch.stack(begun).clamp_min(codec.scale.floor), decoded)

    def _codes(
        self, codec: Codec, data: AudioTrainingDataset, sounds: Sequence[int]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Posterior means and variances [D, L] of ``sounds``, as the prior and the map need them.

        One-shots are of one length, silence after them; textures are at most 20 seconds.
        """
        samples, frames = self._code_samples()
        means, variances = [], []
        for sound in sounds:
            wave = data.whole(sound, samples)
            if not self.of_textures:
                wave = torch.nn.functional.pad(wave, (0, samples - len(wave)))
            mean, log_var = codec.encode(wave)
            means.append(mean[0, :, :frames].cpu())
            variances.append(log_var[0, :, :frames].exp().cpu())
        return means, variances

    def _code_samples(self) -> tuple[int, int | None]:
        """How much of a sound is read for its code, and how many latent frames of that are kept."""
        if self.of_textures:
            return round(TEXTURE_SECONDS * self.config.spectrogram.sample_rate), None
        samples = self._one_shot_samples()
        if self.config.code == "vector":
            return samples, 1
        # Read past the end: a longer sound cut right there would end in a click, and every new sound with it.
        hop = self.config.spectrogram.hop_length
        return samples + STRIDE * hop, (samples // hop + 1) // STRIDE

    def _one_shot_samples(self) -> int:
        """The common length of one-shots: nine in ten fit in, up to a preview's length; a vector's is its chunk."""
        hop, rate = self.config.spectrogram.hop_length, self.config.spectrogram.sample_rate
        if self.config.code == "vector":
            return (self.train.frames - 1) * hop
        longest = min(np.quantile(self.train.lengths, 0.9), self.config.preview_duration_s * rate)
        frames = max(6 * STRIDE, -(-int(longest) // hop // STRIDE) * STRIDE)
        return int((frames - 1) * hop)

    def _prior(self, means: list[torch.Tensor], variances: list[torch.Tensor]) -> Prior:
        if self.of_textures:
            return TexturePrior.fit(means, torch.stack([variance.mean(1) for variance in variances]).mean(0))
        return OneShotPrior.fit(torch.stack(means), torch.stack(variances))

    def _file_codes(self, learned: list[torch.Tensor], held_out: list[torch.Tensor]) -> FileCodes:
        paths = [self.train.sounds[sound].path for sound in self.learned]
        paths += [self._val.sounds[sound].path for sound in self._held_out]
        sides: list[Side] = ["train"] * len(learned) + ["val"] * len(held_out)  # type: ignore[assignment]
        codes = [code.mean(1, keepdim=True) if self.of_textures else code for code in learned + held_out]
        return FileCodes(tuple(paths), tuple(sides), torch.stack(codes))


def _in_stereo(levels: Sequence[float], sounds: Sequence[Sound]) -> list[float]:
    """``levels`` of the middles of ``sounds`` at peak 1, of their louder channel at peak 1: that is what has to fit."""
    return [level * min(1.0, sound.gain / from_db(sound.peak_db)) for level, sound in zip(levels, sounds, strict=True)]


def sound_shapes(train: AudioTrainingDataset, check: Callable[[], None]) -> torch.Tensor:
    """Of the sounds that are fitted to, float64 [4, N]: what :func:`_shape` says, and their active RMS."""
    found = []
    for sound in evenly(range(len(train.sounds)), FITTED_SOUNDS):
        check()
        wave = train.whole(sound)
        found.append(
            (*_shape(wave, train.spectrogram.hop_length, train.spectrogram.sample_rate), active_rms(wave.numpy()))
        )
    return torch.tensor(found, dtype=torch.float64).T


def _shape(wave: torch.Tensor, hop: int, sample_rate: int) -> tuple[float, float, float]:
    """Where in a wave [T] half its energy has passed (0...1), the seconds within 25 dB of its peak, and by how many dB
    its last four hops lie below its loudest."""
    energy = torch.nn.functional.pad(wave, (0, -len(wave) % hop)).view(-1, hop).square().mean(1)
    passed = energy.cumsum(0)
    half = int((passed < passed[-1] / 2).sum()) / len(energy)
    end = float(power_to_db(energy.max()) - power_to_db(energy[-4:].max()))
    return half, int((energy > energy.max() * 10**-2.5).sum()) * hop / sample_rate, end
