"""A trained model in use: any wave to codes and back, and new waves from the prior. Needs no data set.

Letters: B batch, N sounds, T samples, M mel bands, F frames, D latent_dim, L latent frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine import rng
from engine.audio import detail
from engine.audio.hiss import shaped_noise
from engine.audio.inversion import FAST, Quality, invert_mel
from engine.audio.levels import beginning
from engine.audio.mel import AudioSpectrogram, Scale
from engine.audio.settings import SpectrogramConfig
from engine.audio.stereo import StereoImage, laid_out
from engine.tasks.vae.edges import Edges
from engine.tasks.vae.file_codes import FileCodes
from engine.tasks.vae.model import STRIDE, ConvVAE
from engine.tasks.vae.prior import BURN_IN, OneShotPrior, Prior, load_prior, nearer, prior_state
from engine.tasks.vae.refinement import Refined, begun_as, refined
from engine.tasks.vae.residual import SOUNDING_DB, Residual, coloured
from engine.tasks.vae.stereo_images import check_images, image_near, image_of

SHORTEST_FRAMES = 96
AUDIBLE_DB = 60.0


@dataclass
class Codec:
    """Model, scale and prior together.

    ceiling [M]: the loudest each band was in training, in dB. file_codes: where the collection's sounds lie. level:
    how loud new sounds are, from the training sounds' (:func:`engine.audio.levels.even_level`). Runs of an older
    version have neither of the two. end_db: how far below its loudest a new one-shot ends. sharp_attacks: whether
    inversion infers a second picture (:mod:`engine.audio.detail`). images [N, 2 K + 1]: how the learned sounds of
    ``file_codes`` lie between two channels (:mod:`engine.tasks.vae.stereo_images`); none of a mono collection. edges:
    how each of them begins and ends, of one-shots whose code has a time axis; runs of an older version have none.
    """

    model: ConvVAE
    config: SpectrogramConfig
    scale: Scale
    ceiling: torch.Tensor
    prior: Prior | None = None
    residual: Residual | None = None
    file_codes: FileCodes | None = None
    level: float | None = None
    end_db: float = AUDIBLE_DB
    sharp_attacks: bool = True
    images: torch.Tensor | None = None
    edges: Edges | None = None

    def __post_init__(self) -> None:
        self.device = next(self.model.parameters()).device
        self.transform = AudioSpectrogram(self.config).to(self.device)

    @torch.inference_mode()
    def encode(self, wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A wave [T] of peak 1 to posterior mean and log-variance [windows, D, L]; a temporal code is one window."""
        return self.model.encode(self._heard(wave))

    def fit_code(self, wave: torch.Tensor) -> torch.Tensor:
        """The code [windows, D, L] of a given wave [T] of peak 1: :meth:`encode`'s mean, refined to fit that wave."""
        return self._fit(wave, self.ceiling.new_zeros(0, len(self.ceiling))).code

    @torch.inference_mode()
    def _fit(self, wave: torch.Tensor, shades: torch.Tensor) -> Refined:
        """One vector for a chunk stays as it was encoded, without a colour: refined, it was not measured."""
        heard = self._heard(wave)
        mean, _ = self.model.encode(heard)
        if self.model.vector:
            return Refined(mean, mean.new_zeros(self.config.n_mels))
        return refined(self.model, self.scale, heard, mean, shades.to(mean), self._begun)

    @torch.inference_mode()
    def decode(self, codes: torch.Tensor, frames: int | None = None) -> torch.Tensor:
        """Codes [B, D, L] to mel power in dB [B, M, frames]; all the frames they stand for by default."""
        frames = frames or self.frames_of(codes.shape[-1])
        if not self.model.vector:
            # Chunks end before the last frames their code stands for, so training never saw those: go on for a while.
            codes = torch.nn.functional.pad(codes, (0, 1), mode="replicate")
        db = self.scale.restore(self.model.decode(codes, frames)[:, 0])
        return torch.minimum(db, self.ceiling.to(db)[:, None].clamp_min(self.scale.floor))

    def frames_of(self, latent_frames: int) -> int:
        """Frames that a code of so many latent frames stands for."""
        frames: int = self.model.latent_frames if self.model.vector else latent_frames
        return STRIDE * frames

    def reconstruct_db(self, wave: torch.Tensor) -> torch.Tensor:
        """A wave [T] of peak 1 through the model: mel power in dB [M, F].

        It has the colour of that wave, where a new sound's is drawn: one number a band beside its code.
        """
        if self.residual is None:
            return self._joined(self.fit_code(wave), len(wave))
        fitted = self._fit(wave, self.residual.shades())
        return coloured(self._joined(fitted.code, len(wave)), fitted.colour, self.scale.floor)

    def _joined(self, codes: torch.Tensor, samples: int) -> torch.Tensor:
        """Codes [windows, D, L] of one sound to its mel power in dB [M, F]."""
        return torch.cat(list(self.decode(codes)), dim=-1)[:, : self.config.frames(samples)]

    def reconstruct(self, wave: np.ndarray, quality: Quality = FAST, image: StereoImage | None = None) -> np.ndarray:
        """Any wave [T], or the middle of a stereo one, through the model and back: same length, same level; [T, 2] and
        lying as ``image`` says where there is one. Silence stays silence.

        So does what lies before its beginning, and the model hears it from there: how a copy begins would depend on
        where between two frames a silence ends.
        """
        peak = float(np.abs(wave).max(initial=0.0))
        out = np.zeros_like(wave) if image is None else np.zeros((len(wave), 2), wave.dtype)
        if peak > 0.0:
            sound = torch.from_numpy(wave[(start := beginning(wave)) :] / peak)
            db = self._begun_as(self.reconstruct_db(sound)[None].cpu(), sound)
            out[start:] = self.lying(db, len(sound), image, quality) * peak
        return out

    def lying(self, db: torch.Tensor, samples: int, image: StereoImage | None, quality: Quality = FAST) -> np.ndarray:
        """Mel power in dB [1, M, F] to a wave [samples]; [samples, 2] where ``image`` says how it lies."""
        middle = self.to_wave(db, samples, quality)[0]
        if image is None:
            return np.asarray(middle)
        return laid_out(middle, self.to_wave(db, samples, quality, variant=1)[0], image, self.config.sample_rate)

    def image_of(self, sound: int) -> StereoImage | None:
        """How a learned sound lies between two channels; None where the collection is mono."""
        return None if self.images is None else image_of(self.images, sound)

    def image(self, code: torch.Tensor) -> StereoImage | None:
        """How a sound of this code [D, L] lies between two channels, by the recordings near it; None where the
        collection is mono."""
        if self.images is None or self.file_codes is None:
            return None
        place = code if isinstance(self.prior, OneShotPrior) else code.mean(-1, keepdim=True)
        known = self.file_codes.codes[self.file_codes.learned]
        return image_near(place.cpu(), known, self.images)

    def to_wave(self, db: torch.Tensor, samples: int, quality: Quality = FAST, variant: int = 0) -> np.ndarray:
        """Mel power in dB [B, M, F] to float32 waves [B, samples]. The same input gives the same wave.

        variant: another number gives the same spectrogram with other phases.
        """
        shape = (1, self.config.n_fft // 2 + 1, db.shape[-1])
        phase = torch.from_numpy(rng.generator(variant, "phase").random(shape, dtype=np.float32)).to(self.device)
        with torch.inference_mode():
            power = self.scale.power(db.to(self.device))
            fine = detail.infer(power, self.config) if self.sharp_attacks else None
            wave = invert_mel(power, self.config, samples, phase.expand(len(db), -1, -1), quality, fine)
            wave = wave + self._hiss(power, samples, variant)
        out: np.ndarray = wave.cpu().numpy()
        return out

    def _hiss(self, power: torch.Tensor, samples: int, variant: int) -> torch.Tensor | float:
        """What recordings have where ``power`` [B, M, F] was gated, [B, samples]: while something sounds, no longer."""
        if self.residual is None:
            return 0.0
        gated = (power == 0) & (power > 0).any(1, keepdim=True)
        gain = torch.where(gated, self.residual.hiss.to(power)[:, None], 0.0)
        return shaped_noise(gain, self.transform, samples, rng.generator(variant, "hiss"))

    def sample_db(self, count: int, frames: int, seed: int, temperature: float) -> torch.Tensor:
        """The sounds of :meth:`sample_codes`: mel power in dB [count, M, F], F at most ``frames`` for one-shots."""
        codes, beside = self.sample_codes(count, frames, seed, temperature)
        return self.roughen(self.sounding(codes, frames, beside), rng.generator(seed, "sample-texture"))

    def sample_codes(
        self, count: int, frames: int, seed: int, temperature: float, sound: int | None = None
    ) -> tuple[torch.Tensor, list[int]]:
        """Codes [count, D, L] of new sounds from the prior, of ``frames`` where they are textures, and the training
        sound that each was drawn nearest to.

        sound: the training sound around whose mean code a texture moves; none: around one between two of them.
        """
        if self.prior is None:
            raise ValueError("this state has no prior")
        noise = rng.generator(seed, "sample-latent")
        picks = torch.from_numpy(rng.generator(seed, "sample-picks").random((count, 3), dtype=np.float32))
        length = self.prior.frames if isinstance(self.prior, OneShotPrior) else -(-frames // STRIDE) + BURN_IN
        deviation = self.prior.deviate(normal(noise, (count, self.model.latent_dim, length)), temperature)
        if isinstance(self.prior, OneShotPrior) or sound is None:
            return self.prior.new(deviation, picks), nearer(len(self.prior.means), picks).tolist()
        return self.prior.means[sound][:, None] + deviation, [sound] * count

    def sounding(self, codes: torch.Tensor, frames: int, beside: Sequence[int]) -> torch.Tensor:
        """Mel power in dB [B, M, F] of the codes [B, D, L] of new sounds, at most ``frames``, without roughness.

        beside [B]: the training sounds that they were drawn nearest to.
        """
        return self._begun(self.decode(codes.to(self.device)).cpu()[..., :frames], beside)

    def _begun(self, db: torch.Tensor, beside: Sequence[int] | None = None) -> torch.Tensor:
        """``db`` [..., M, F] that was decoded, struck where the model's sounds are one-shots."""
        return self.struck(db, beside) if isinstance(self.prior, OneShotPrior) else db

    def _begun_as(self, db: torch.Tensor, wave: torch.Tensor) -> torch.Tensor:
        """``db`` [1, M, F] of a copy of ``wave`` [T], which begins as that does where the model's sounds are one-shots.

        One vector for a chunk stays as it was decoded, as in :meth:`_fit`.
        """
        begun = self._begun(db)
        if self.model.vector or not isinstance(self.prior, OneShotPrior):
            return begun
        return begun_as(begun, self.transform(wave.to(self.device)[None]).cpu(), self.scale.floor)

    def struck(self, db: torch.Tensor, beside: Sequence[int] | None = None) -> torch.Tensor:
        """``db`` [B, M, F] of one-shots that begin at once, first frames as much louder as recordings' are than it.

        beside [B]: the training sounds that new ones were drawn nearest to, and begin as; none: as most of them do.
        """
        if self.residual is None:
            return db
        db = torch.where(db > self.scale.floor + SOUNDING_DB, self.residual.struck(db), db)
        return db if beside is None or self.edges is None else self.edges.begun(db, beside, self.scale.floor)

    def end_of(self, sound: int | None) -> float:
        """How far below its loudest a new one-shot ends: as the training sound that it was drawn nearest to; none of
        them: as most do."""
        return self.end_db if sound is None or self.edges is None else float(self.edges.ends[sound])

    def roughen(self, db: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """``db`` [B, M, F] with what the model's output lacks, where there is sound."""
        if self.residual is None:
            return db
        return torch.where(
            db > self.scale.floor + SOUNDING_DB, db + self.residual.draw(db, self.transform, generator), db
        )

    def _heard(self, wave: torch.Tensor) -> torch.Tensor:
        """A wave [T] as the model takes it: standardised windows [windows, 1, M, F]."""
        db = self.transform(wave.to(self.device)[None])[0]
        return self._windows(self.scale.standardise(db))

    def _windows(self, x: torch.Tensor) -> torch.Tensor:
        """Standardised [M, F] to [windows, 1, M, F'], silence where there is nothing."""
        unit = self.model.latent_frames * STRIDE if self.model.vector else STRIDE
        frames = max(SHORTEST_FRAMES, x.shape[-1])
        silence = float((self.scale.floor - self.scale.mean) / self.scale.std)
        x = torch.nn.functional.pad(x, (0, frames + -frames % unit - x.shape[-1]), value=silence)
        if self.model.vector:
            return x.view(x.shape[0], -1, unit).movedim(1, 0)[:, None]
        return x[None, None]

    def state_dict(self) -> dict[str, Any]:
        """All but the model's weights."""
        state: dict[str, Any] = {
            "scale": {"ref": self.scale.ref, "mean": self.scale.mean, "std": self.scale.std},
            "ceiling": self.ceiling,
            "spectrogram": self.config.model_dump(),
            "end_db": self.end_db,
        }
        if self.prior is not None:
            state["prior"] = prior_state(self.prior)
        if self.residual is not None:
            state["residual"] = self.residual.state_dict()
        if self.file_codes is not None:
            state["file_codes"] = self.file_codes.state_dict()
        if self.level is not None:
            state["level"] = self.level
        if self.images is not None:
            state["images"] = self.images
        if self.edges is not None:
            state["edges"] = self.edges.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave; ``ValueError`` when it was made with other spectrograms."""
        if SpectrogramConfig.model_validate(state["spectrogram"]) != self.config:
            raise ValueError(f"made with spectrograms {state['spectrogram']}, not {self.config.model_dump()}")
        self.scale = Scale(**state["scale"])
        self.ceiling = state["ceiling"].float()
        self.prior = load_prior(state["prior"]) if "prior" in state else None
        self.residual = Residual.load(state["residual"]) if "residual" in state else None
        self.file_codes = FileCodes.load(state["file_codes"]) if "file_codes" in state else None
        self.level = state.get("level")
        sounds = int(self.file_codes.learned.sum()) if self.file_codes is not None else None
        self.images = check_images(state["images"], sounds) if "images" in state else None
        self.end_db = float(state["end_db"])
        learned = 0 if self.prior is None else len(self.prior.means)
        self.edges = Edges.load(state["edges"], learned) if "edges" in state else None

    def begin_with(self, state: Mapping[str, Any]) -> None:
        """Take the scale alone of another codec's state; ``ValueError`` when it was made with other spectrograms."""
        if SpectrogramConfig.model_validate(state["spectrogram"]) != self.config:
            raise ValueError(f"made with spectrograms {state['spectrogram']}, not {self.config.model_dump()}")
        self.scale = Scale(**state["scale"])


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal draws of ``shape``, float32."""
    return torch.from_numpy(generator.standard_normal(shape, dtype=np.float32))
