"""New sounds from a trained model, of the codes that requests stand for.

A sound is a pure function of the model and its request. Letters: M bands, F frames, D latent_dim, L latent frames,
W windows (1 but for codes that are one vector), T samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from engine import rng
from engine.audio import finish
from engine.audio.inversion import BEST, FAST
from engine.audio.mel import power_to_db
from engine.audio.stereo import StereoImage, laid_out
from engine.tasks.vae.codec import AUDIBLE_DB
from engine.tasks.vae.model import STRIDE
from engine.tasks.vae.prior import Prior
from engine.tasks.vae.sounds.latent_map import LatentMap, too_far
from engine.tasks.vae.sounds.load import Trained
from engine.tasks.vae.sounds.request import SoundRequest
from engine.tasks.vae.sounds.request_codes import Code, RequestCodes

LEVEL = 0.1  # for runs of a version that did not keep the level of its collection
GAP_S = 0.15
RELEASE_S = 0.03
SHORTEST_S = 0.05


@dataclass(frozen=True)
class Made:
    """A sound [T] or [T, 2], and what is to be said of it."""

    wave: np.ndarray
    sample_rate: int
    remarks: tuple[str, ...] = ()


class SoundGenerator:
    """Makes sounds with one model. ``ConfigError`` when it was saved before its prior was fitted."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.codec = trained.codec
        self.rate = self.codec.config.sample_rate
        self.hop = self.codec.config.hop_length
        self.codes = RequestCodes(trained)

    @property
    def prior(self) -> Prior:
        return self.codes.prior

    @property
    def of_textures(self) -> bool:
        return self.codes.of_textures

    @property
    def map(self) -> LatentMap:
        return self.codes.map

    @property
    def in_stereo(self) -> bool:
        """Whether the collection was recorded so, most of it."""
        return self.codec.images is not None

    def make(self, request: SoundRequest, sample_rate: int | None = None, rings: int | None = None) -> Made:
        """The sound of a request, at the model's rate unless another is named. rings: as :meth:`rings` says it of
        another sound that this one is to end with."""
        code = self.codes.of(request)
        remarks = list(code.remarks)
        wave = self._texture(code, request) if self.of_textures else self._one_shot(code, request, remarks, rings)
        if not np.isfinite(wave).all():
            raise too_far()
        rate = sample_rate or self.rate
        wave = finish.resample(wave, self.rate, rate, samples=request.samples(rate), loop=request.loop)
        return Made(finish.level_out(wave, self.codec.level or LEVEL), rate, tuple(remarks))

    def rings(self, request: SoundRequest) -> int | None:
        """For how many samples at the model's rate a one-shot is heard; None for textures, which last as asked for."""
        return None if self.of_textures else self._struck(self.codes.of(request))[1]

    def code(self, request: SoundRequest) -> torch.Tensor:
        """The code [W, D, L] of a request's sound, for the map: a given sound's is the encoder's answer."""
        return self.codes.of(request).place

    def spectrogram(self, request: SoundRequest) -> np.ndarray:
        """Mel power in dB [M, F] of a request's sound without its roughness, from where it begins: what its picture
        shows, in a fraction of the time that the sound takes."""
        code = self.codes.of(request)
        if self.of_textures:
            db, samples = self._decoded(code), self.codes.texture_samples(request, code.samples)
        else:
            db, audible = self._struck(code)
            samples = request.samples(self.rate) or audible
        if not torch.isfinite(db).all():
            raise too_far()
        return np.asarray(db[:, : self.codec.config.frames(samples)].cpu())

    def _decoded(self, code: Code) -> torch.Tensor:
        """Mel power in dB [M, F]."""
        return torch.cat(list(self.codec.decode(code.values)), dim=-1)

    def _struck(self, code: Code) -> tuple[torch.Tensor, int]:
        """A one-shot's mel power in dB [M, F], and for how many samples it is heard; a given sound ends as it does, a
        new one begins and ends as the recording that it was drawn nearest to."""
        db = self.codec.struck(self._decoded(code)[None], None if code.beside is None else [code.beside])[0]
        audible = self._audible(db, self.codec.end_of(code.beside) if code.samples is None else AUDIBLE_DB)
        return db, min(audible, code.samples or audible)

    def _one_shot(self, code: Code, request: SoundRequest, remarks: list[str], rings: int | None = None) -> finish.Wave:
        """As long as its code and then silence; a shorter one ends in a short release, or rings on in the loop."""
        wanted = request.samples(self.rate)
        db, audible = self._struck(code)
        if rings is not None:
            audible = min(rings, (db.shape[-1] - 1) * self.hop)
        length = min(audible, max(1, wanted - code.silence)) if wanted and not request.loop else audible
        wave = self._wave(db[:, : length // self.hop + 2 * STRIDE], code, request)[:length]
        still_heard = bool(db[:, length // self.hop - 1].max() > db.max() - AUDIBLE_DB)
        wave = finish.one_shot_edges(wave, self.rate, out_s=RELEASE_S if still_heard else finish.FADE_S)
        wave = finish.delay(wave, code.silence)
        if wanted is None:
            return wave
        if wanted > code.silence + audible + self.rate // 2:
            remarks.append("One-shots are as long as those of the collection: silence follows where more is asked for.")
        return finish.fold(wave, wanted) if request.loop else finish.lengthen(wave[:wanted], wanted)

    def _audible(self, db: torch.Tensor, range_db: float) -> int:
        """Samples of ``db`` [M, F] until it has stayed ``range_db`` below its loudest for a while.

        New sounds end where the recordings do: what comes after that is no part of a one-shot, but a cloud that the
        model leaves where others still ring.
        """
        level = power_to_db(self.codec.scale.power(db).sum(0))
        heard = level > level.max() - range_db
        gap = math.ceil(GAP_S * self.rate / self.hop)
        after = torch.nn.functional.pad(heard[int(level.argmax()) :], (0, gap))
        ends = after.unfold(0, gap, 1).any(1).logical_not().nonzero()
        last = int(level.argmax()) + int(ends[0]) - 1 if len(ends) else len(level)
        return max(round(SHORTEST_S * self.rate), min((last + 2) * self.hop, (db.shape[-1] - 1) * self.hop))

    def _texture(self, code: Code, request: SoundRequest) -> finish.Wave:
        samples = self.codes.texture_samples(request, code.samples)
        beyond = self.codes.beyond(request, samples)
        db = self._decoded(code)[:, : self.codec.config.frames(samples + beyond)]
        wave = self._wave(db, code, request)[: samples + beyond]
        wave = finish.lengthen(wave, samples + beyond)
        return finish.crossfade_loop(wave, samples) if request.loop else finish.fade_edges(wave, self.rate)

    def _wave(self, db: torch.Tensor, code: Code, request: SoundRequest) -> finish.Wave:
        """Mel power in dB [M, F] with its roughness, as a wave [T] or [T, 2]."""
        middle = self._voice(db, request, 0)
        if not (self.in_stereo if request.stereo is None else request.stereo):
            return middle
        other = self._voice(db, request, 1)
        image = self._image(code) if self.in_stereo else None
        return laid_out(middle, other, image, self.rate, True) if image else finish.widen(middle, other, self.rate)

    def _image(self, code: Code) -> StereoImage | None:
        """A new sound lies as the recording that it was drawn nearest to, so that all of them lie as the collection; a
        variation as the stereo sound that it varies."""
        if code.image is not None:
            return code.image
        return self.map.image(code.place) if code.beside is None else self.codec.image_of(code.beside)

    def _voice(self, db: torch.Tensor, request: SoundRequest, variant: int) -> finish.Wave:
        # Variations of one sound share their roughness: at amount 0 they are one.
        index = 0 if request.origin.kind == "file" else request.index
        draws = rng.generator(request.seed, "generate-texture", index, variant)
        rough = self.codec.roughen(db[None].cpu(), draws)
        quality = BEST if request.quality == "best" else FAST
        return np.asarray(self.codec.to_wave(rough, db.shape[1] * self.hop, quality, variant)[0])
