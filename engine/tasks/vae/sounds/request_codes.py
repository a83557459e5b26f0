"""The codes that sounds of requests are decoded from: from the prior, given sounds, and places among what was learned.

Letters: D latent_dim, L latent frames, W windows (1 but for codes that are one vector).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from engine import rng
from engine.audio import finish
from engine.audio.levels import beginning
from engine.audio.stereo import StereoImage
from engine.errors import ConfigError
from engine.tasks.vae.codec import normal
from engine.tasks.vae.model import STRIDE
from engine.tasks.vae.prior import BURN_IN, OneShotPrior, Prior, nearer
from engine.tasks.vae.sounds.collection_codes import collection_codes
from engine.tasks.vae.sounds.inputs import Given, open_sound
from engine.tasks.vae.sounds.latent_map import LatentMap, fitted
from engine.tasks.vae.sounds.load import Trained
from engine.tasks.vae.sounds.request import Between, FromFile, FromPrior, MapPoint, Moved, SoundRequest

TEXTURE_S = 4.0
LOOP_FADE_S = 1.0


@dataclass(frozen=True)
class Code:
    """values [W, D, L]: what is decoded. place [W, D, L]: the same by the encoder's answer, which the map knows.

    samples: length of the sound it stands for; None: until that has died away. silence: samples before that. beside:
    the training sound that a new one was drawn nearest to. image: how the given sound lies that it is a variation of.
    remarks: what is to be said of it.
    """

    values: torch.Tensor
    place: torch.Tensor
    samples: int | None = None
    silence: int = 0
    beside: int | None = None
    image: StereoImage | None = None
    remarks: tuple[str, ...] = ()


class RequestCodes:
    """Finds the code of any request to one model. ``ConfigError`` when it was saved before its prior was fitted."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.codec = trained.codec
        self.rate = self.codec.config.sample_rate

    @property
    def prior(self) -> Prior:
        if self.codec.prior is None:
            raise ConfigError(f"{self.trained.state} was saved before it could make sounds.", "Name a later one.")
        return self.codec.prior

    @property
    def of_textures(self) -> bool:
        return not isinstance(self.prior, OneShotPrior)

    @cached_property
    def map(self) -> LatentMap:
        """Where the collection lies. ``DataError`` when neither the model nor the disk knows it."""
        return LatentMap(self.codec, collection_codes(self.trained))

    def of(self, request: SoundRequest) -> Code:
        """``DataError`` where a given sound cannot be used, or the map is asked for and cannot be known."""
        origin = request.origin
        if isinstance(origin, Moved):
            return self._moved(self.of(request.model_copy(update={"origin": origin.of})), origin)
        if isinstance(origin, FromFile):
            return self._variation(origin, request)
        if isinstance(origin, Between):
            return self._morph(origin, request)
        if isinstance(origin, MapPoint):
            return self._at(origin, request)
        assert isinstance(origin, FromPrior), "what is made of grains has no code"
        return self._new(origin, request)

    def texture_samples(self, request: SoundRequest, own: int | None = None) -> int:
        """How long a texture lasts: as asked for, else ``own``, else 4 s."""
        return request.samples(self.rate) or own or round(TEXTURE_S * self.rate)

    def beyond(self, request: SoundRequest, samples: int) -> int:
        """What a loop needs past its end to fade into its beginning."""
        return min(round(LOOP_FADE_S * self.rate), samples // 2) if request.loop else 0

    def _moved(self, code: Code, origin: Moved) -> Code:
        step = self.map.move(origin.axes, code.place.shape[-1])
        place = code.place + step
        samples = code.samples if self.of_textures else None
        remarks = (*code.remarks, *self.map.remarks(place))
        return replace(code, values=code.values + step, place=place, samples=samples, remarks=remarks)

    def _at(self, point: MapPoint, request: SoundRequest) -> Code:
        values = self.map.code_at(point.x, point.y)
        moving = (values + self._wander(request) if self.of_textures else values)[None]
        return Code(moving, moving, remarks=tuple(self.map.remarks(values[None])))

    def _new(self, origin: FromPrior, request: SoundRequest) -> Code:
        draws = rng.generator(request.seed, "generate-place", origin.index).random((1, 3), dtype=np.float32)
        picks = torch.from_numpy(draws)
        values = self.prior.new(self._wander(request)[None], picks)
        return Code(values, values, beside=int(nearer(len(self.prior.means), picks)))

    def _wander(self, request: SoundRequest, frames: int | None = None) -> torch.Tensor:
        """Deviations [D, L] as the prior draws them; of ``frames`` latent frames, or what the request asks for."""
        temperature = self.trained.temperature if request.temperature is None else request.temperature
        if isinstance(self.prior, OneShotPrior):
            length = self.prior.frames
        else:
            samples = self.texture_samples(request)
            needed = self.codec.config.frames(samples + self.beyond(request, samples))
            length = (frames or -(-needed // STRIDE)) + BURN_IN
        draws = rng.generator(request.seed, "generate-code", request.index)
        shape = (length, self.codec.model.latent_dim)  # time first: a longer sound begins like a shorter one
        drawn = normal(draws, shape).T
        wandered = self.prior.deviate(drawn[None].contiguous(), temperature)[0]
        return wandered if frames is None else fitted(wandered, frames)

    def _variation(self, origin: FromFile, request: SoundRequest) -> Code:
        """The sound's own deviation and a drawn one, mixed so that the spread stays what it was."""
        given, silence = self._open(origin.file)
        own = self._lasting(self._encode(given, request), request, given)
        centre = self._centre(own)
        fresh = self._fresh(origin, request, centre, own.shape[-1])
        kept = (1 - origin.amount**2) ** 0.5
        values, place = centre + kept * (own - centre) + origin.amount * fresh
        return Code(values, place, given.samples, silence, image=given.image)

    def _fresh(self, origin: FromFile, request: SoundRequest, centre: torch.Tensor, frames: int) -> torch.Tensor:
        """What a new sound of ``frames`` latent frames differs by from ``centre``; of a texture, its motion alone."""
        if self.of_textures:
            return self._wander(request, frames)
        return fitted(self._new(FromPrior(index=origin.index), request).values, frames) - centre

    def _morph(self, origin: Between, request: SoundRequest) -> Code:
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
            return Code(values, known, samples, silence)
        means = first.mean(-1, keepdim=True), second.mean(-1, keepdim=True)
        angle = place * math.pi / 2
        moving = math.cos(angle) * (first - means[0]) + math.sin(angle) * (second - means[1])
        values, known = torch.lerp(means[0], means[1], place) + moving
        return Code(values, known, samples)

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
        samples = self.texture_samples(request, given.samples)
        frames = -(-self.codec.config.frames(samples + self.beyond(request, samples)) // STRIDE)
        there = torch.arange(code.shape[-1])
        round_trip = torch.cat([there, there.flip(0)])
        return code[..., round_trip[torch.arange(frames) % len(round_trip)]]

    def _centre(self, own: torch.Tensor) -> torch.Tensor:
        """What deviations of ``own`` [W, D, L] are taken from: the collection's mean, or a texture's own over time."""
        if isinstance(self.prior, OneShotPrior):
            return fitted(self.prior.mean.view(self.codec.model.latent_dim, -1), own.shape[-1])
        return own.mean(-1, keepdim=True)
