"""New sounds from a trained model: from its prior, from given sounds, from places among what it learned.

A sound is a pure function of the model and its request. Letters: D latent_dim, L latent frames, M bands, F frames,
W windows (1 but for codes that are one vector), T samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from engine import rng
from engine.audio import finish
from engine.audio.inversion import BEST, FAST
from engine.audio.levels import beginning
from engine.audio.mel import power_to_db
from engine.audio.stereo import StereoImage, laid_out
from engine.errors import ConfigError
from engine.tasks.vae.codec import AUDIBLE_DB, normal
from engine.tasks.vae.model import STRIDE
from engine.tasks.vae.prior import BURN_IN, OneShotPrior, Prior, nearer
from engine.tasks.vae.sounds.collection_codes import collection_codes
from engine.tasks.vae.sounds.inputs import Given, open_sound
from engine.tasks.vae.sounds.latent_map import LatentMap, fitted, too_far
from engine.tasks.vae.sounds.load import Trained
from engine.tasks.vae.sounds.request import Between, FromFile, FromGrains, FromPrior, MapPoint, Moved, SoundRequest

TEXTURE_S = 4.0
LEVEL = 0.1  # for runs of a version that did not keep the level of its collection
GAP_S = 0.15
RELEASE_S = 0.03
SHORTEST_S = 0.05
LOOP_FADE_S = 1.0


@dataclass(frozen=True)
class Made:
    """A sound [T] or [T, 2], and what is to be said of it."""

    wave: np.ndarray
    sample_rate: int
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Code:
    """values [W, D, L]: what is decoded. place [W, D, L]: the same by the encoder's answer, which the map knows.

    samples: length of the sound it stands for; None: until that has died away. silence: samples before that. beside:
    the training sound that a new one was drawn nearest to. image: how the given sound lies that it is a variation of.
    """

    values: torch.Tensor
    place: torch.Tensor
    samples: int | None = None
    silence: int = 0
    beside: int | None = None
    image: StereoImage | None = None


class SoundGenerator:
    """Makes sounds with one model. ``RunDirectoryError`` when it was saved before its prior was fitted."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.codec = trained.codec
        self.rate = self.codec.config.sample_rate
        self.hop = self.codec.config.hop_length

    @property
    def prior(self) -> Prior:
        if self.codec.prior is None:
            raise ConfigError(f"{self.trained.state} was saved before it could make sounds.", "Name a later one.")
        return self.codec.prior

    @property
    def of_textures(self) -> bool:
        return not isinstance(self.prior, OneShotPrior)

    @property
    def in_stereo(self) -> bool:
        """Whether the collection was recorded so, most of it."""
        return self.codec.images is not None

    @cached_property
    def map(self) -> LatentMap:
        """Where the collection lies. ``DataError`` when neither the model nor the disk knows it."""
        return LatentMap(self.codec, collection_codes(self.trained))

    def make(self, request: SoundRequest, sample_rate: int | None = None, rings: int | None = None) -> Made:
        """The sound of a request, at the model's rate unless another is named. rings: as :meth:`rings` says it of
        another sound that this one is to end with."""
        remarks: list[str] = []
        code = self._code(request, remarks)
        wave = self._texture(code, request) if self.of_textures else self._one_shot(code, request, remarks, rings)
        if not np.isfinite(wave).all():
            raise too_far()
        rate = sample_rate or self.rate
        wave = finish.resample(wave, self.rate, rate, samples=request.samples(rate), loop=request.loop)
        return Made(finish.level_out(wave, self.codec.level or LEVEL), rate, tuple(remarks))

    def rings(self, request: SoundRequest) -> int | None:
        """For how many samples at the model's rate a one-shot is heard; None for textures, which last as asked for."""
        return None if self.of_textures else self._struck(self._code(request, []))[1]

    def code(self, request: SoundRequest) -> torch.Tensor:
        """The code [W, D, L] of a request's sound, for the map: a given sound's is the encoder's answer."""
        return self._code(request, []).place

    def spectrogram(self, request: SoundRequest) -> np.ndarray:
        """Mel power in dB [M, F] of a request's sound without its roughness, from where it begins: what its picture
        shows, in a fraction of the time that the sound takes."""
        code = self._code(request, [])
        if self.of_textures:
            db, samples = self._decoded(code), self._texture_samples(request, code.samples)
        else:
            db, audible = self._struck(code)
            samples = request.samples(self.rate) or audible
        if not torch.isfinite(db).all():
            raise too_far()
        return np.asarray(db[:, : self.codec.config.frames(samples)].cpu())

    def _decoded(self, code: _Code) -> torch.Tensor:
        """Mel power in dB [M, F]."""
        return torch.cat(list(self.codec.decode(code.values)), dim=-1)

    def _struck(self, code: _Code) -> tuple[torch.Tensor, int]:
        """A one-shot's mel power in dB [M, F], and for how many samples it is heard; a given sound ends as it does, a
        new one begins and ends as the recording that it was drawn nearest to."""
        db = self.codec.struck(self._decoded(code)[None], None if code.beside is None else [code.beside])[0]
        audible = self._audible(db, self.codec.end_of(code.beside) if code.samples is None else AUDIBLE_DB)
        return db, min(audible, code.samples or audible)

    def _one_shot(
        self, code: _Code, request: SoundRequest, remarks: list[str], rings: int | None = None
    ) -> finish.Wave:
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

    def _texture(self, code: _Code, request: SoundRequest) -> finish.Wave:
        samples = self._texture_samples(request, code.samples)
        beyond = self._beyond(request, samples)
        db = self._decoded(code)[:, : self.codec.config.frames(samples + beyond)]
        wave = self._wave(db, code, request)[: samples + beyond]
        wave = finish.lengthen(wave, samples + beyond)
        return finish.crossfade_loop(wave, samples) if request.loop else finish.fade_edges(wave, self.rate)

    def _texture_samples(self, request: SoundRequest, own: int | None) -> int:
        return request.samples(self.rate) or own or round(TEXTURE_S * self.rate)

    def _beyond(self, request: SoundRequest, samples: int) -> int:
        """What a loop needs past its end to fade into its beginning."""
        return min(round(LOOP_FADE_S * self.rate), samples // 2) if request.loop else 0

    def _wave(self, db: torch.Tensor, code: _Code, request: SoundRequest) -> finish.Wave:
        """Mel power in dB [M, F] with its roughness, as a wave [T] or [T, 2]."""
        middle = self._voice(db, request, 0)
        if not (self.in_stereo if request.stereo is None else request.stereo):
            return middle
        other = self._voice(db, request, 1)
        image = self._image(code) if self.in_stereo else None
        return laid_out(middle, other, image, self.rate, True) if image else finish.widen(middle, other, self.rate)

    def _image(self, code: _Code) -> StereoImage | None:
        """A new sound lies as the recording that it was drawn nearest to, so that all of them lie as the collection; a
        variation as the stereo sound that it varies."""
        if code.image is not None:
            return code.image
        return self.map.image(code.place) if code.beside is None else self.codec.image_of(code.beside)

    def _voice(self, db: torch.Tensor, request: SoundRequest, variant: int) -> finish.Wave:
        # Variations of one sound share their roughness: at amount 0 they are one.
        index = 0 if request.origin.kind == "file" else _index(request)
        draws = rng.generator(request.seed, "generate-texture", index, variant)
        rough = self.codec.roughen(db[None].cpu(), draws)
        quality = BEST if request.quality == "best" else FAST
        return np.asarray(self.codec.to_wave(rough, db.shape[1] * self.hop, quality, variant)[0])

    def _code(self, request: SoundRequest, remarks: list[str]) -> _Code:
        origin = request.origin
        if isinstance(origin, Moved):
            code = self._code(request.model_copy(update={"origin": origin.of}), remarks)
            step = self.map.move(origin.axes, code.place.shape[-1])
            remarks.extend(self.map.remarks(code.place + step))
            samples = code.samples if self.of_textures else None
            return replace(code, values=code.values + step, place=code.place + step, samples=samples)
        if isinstance(origin, FromFile):
            return self._variation(origin, request)
        if isinstance(origin, Between):
            return self._morph(origin, request)
        if isinstance(origin, MapPoint):
            values = self.map.code_at(origin.x, origin.y)
            remarks.extend(self.map.remarks(values[None]))
            moving = (values + self._wander(request) if self.of_textures else values)[None]
            return _Code(moving, moving)
        assert isinstance(origin, FromPrior), "what is made of grains has no code"
        return self._new(origin, request)

    def _new(self, origin: FromPrior, request: SoundRequest) -> _Code:
        draws = rng.generator(request.seed, "generate-place", origin.index).random((1, 3), dtype=np.float32)
        picks = torch.from_numpy(draws)
        values = self.prior.new(self._wander(request)[None], picks)
        return _Code(values, values, beside=int(nearer(len(self.prior.means), picks)))

    def _wander(self, request: SoundRequest, frames: int | None = None) -> torch.Tensor:
        """Deviations [D, L] as the prior draws them; of ``frames`` latent frames, or what the request asks for."""
        temperature = self.trained.temperature if request.temperature is None else request.temperature
        if isinstance(self.prior, OneShotPrior):
            length = self.prior.frames
        else:
            samples = self._texture_samples(request, None)
            needed = self.codec.config.frames(samples + self._beyond(request, samples))
            length = (frames or -(-needed // STRIDE)) + BURN_IN
        draws = rng.generator(request.seed, "generate-code", _index(request))
        shape = (length, self.codec.model.latent_dim)  # time first: a longer sound begins like a shorter one
        drawn = normal(draws, shape).T
        wandered = self.prior.deviate(drawn[None].contiguous(), temperature)[0]
        return wandered if frames is None else fitted(wandered, frames)

    def _variation(self, origin: FromFile, request: SoundRequest) -> _Code:
        """The sound's own deviation and a drawn one, mixed so that the spread stays what it was."""
        given, silence = self._open(origin.file)
        own = self._lasting(self._encode(given, request), request, given)
        centre = self._centre(own)
        fresh = self._fresh(origin, request, centre, own.shape[-1])
        kept = (1 - origin.amount**2) ** 0.5
        values, place = centre + kept * (own - centre) + origin.amount * fresh
        return _Code(values, place, given.samples, silence, image=given.image)

    def _fresh(self, origin: FromFile, request: SoundRequest, centre: torch.Tensor, frames: int) -> torch.Tensor:
        """What a new sound of ``frames`` latent frames differs by from ``centre``; of a texture, its motion alone."""
        if self.of_textures:
            return self._wander(request, frames)
        return fitted(self._new(FromPrior(index=origin.index), request).values, frames) - centre

    def _morph(self, origin: Between, request: SoundRequest) -> _Code:
        """One-shots: a straight line. Textures: their means on a line, what moves around them at equal power."""
        opened = [self._open(name) for name in (origin.first, origin.second)]
        pair, silences = zip(*opened, strict=True)
        samples = max(given.samples for given in pair)
        codes = [self._encode(given, request, samples) for given in pair]
        first, second = (self._lasting(code, request, given) for code, given in zip(codes, pair, strict=True))
        frames = max(first.shape[-1], second.shape[-1])
        first, second = fitted(first, frames), fitted(second, frames)
        place = origin.position
        if not self.of_textures:
            silence = round((1 - place) * silences[0] + place * silences[1])
            values, known = torch.lerp(first, second, place)
            return _Code(values, known, samples, silence)
        means = first.mean(-1, keepdim=True), second.mean(-1, keepdim=True)
        angle = place * math.pi / 2
        moving = math.cos(angle) * (first - means[0]) + math.sin(angle) * (second - means[1])
        values, known = torch.lerp(means[0], means[1], place) + moving
        return _Code(values, known, samples)

    def _open(self, name: str) -> tuple[Given, int]:
        """A given sound, and how many samples of silence were left out before a stroke: its code begins with it."""
        given = open_sound(self.trained, name)
        if self.of_textures or given.wave is None:
            return given, 0
        start = beginning(given.wave)
        return replace(given, samples=given.samples - start, wave=given.wave[start:]), start

    def _encode(self, given: Given, request: SoundRequest, samples: int = 0) -> torch.Tensor:
        """Codes [2, W, D, L] of a given sound, silence after it up to ``samples``: fitted to it, and the encoder's."""
        if given.code is not None:  # only the model's memory of it is left
            code = given.code + self._wander(request) if self.of_textures else given.code
            return code.expand(2, 1, -1, -1)
        assert given.wave is not None
        wave = given.wave if self.of_textures else finish.lengthen(given.wave, samples)
        both = self.codec.fit_code(torch.from_numpy(wave)), self.codec.encode(torch.from_numpy(wave))[0]
        code = torch.stack(both).cpu()
        frames = -(-self.codec.config.frames(len(wave)) // STRIDE)
        return code if self.codec.model.vector else code[..., :frames]

    def _lasting(self, code: torch.Tensor, request: SoundRequest, given: Given) -> torch.Tensor:
        """A texture's code for as long as is asked for: longer than the sound, it goes to and fro."""
        if not self.of_textures:
            return code
        samples = self._texture_samples(request, given.samples)
        frames = -(-self.codec.config.frames(samples + self._beyond(request, samples)) // STRIDE)
        there = torch.arange(code.shape[-1])
        round_trip = torch.cat([there, there.flip(0)])
        return code[..., round_trip[torch.arange(frames) % len(round_trip)]]

    def _centre(self, own: torch.Tensor) -> torch.Tensor:
        """What deviations of ``own`` [W, D, L] are taken from: the collection's mean, or a texture's own over time."""
        if isinstance(self.prior, OneShotPrior):
            return fitted(self.prior.mean.view(self.codec.model.latent_dim, -1), own.shape[-1])
        return own.mean(-1, keepdim=True)


def _start(request: SoundRequest) -> FromPrior | FromFile | Between | MapPoint | FromGrains:
    """Where a sound comes from before it is moved along the axes."""
    return request.origin.of if isinstance(request.origin, Moved) else request.origin


def _index(request: SoundRequest) -> int:
    """Which of a seed's draws a request is for."""
    origin = _start(request)
    return origin.index if isinstance(origin, FromPrior | FromFile) else 0
