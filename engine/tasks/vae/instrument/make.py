"""Makes the sounds of an instrument: each with its variations that take turns, and its steps from soft to loud."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from engine import rng
from engine.audio import finish
from engine.audio.files.encode import encode_sound
from engine.audio.files.marks import Marks
from engine.audio.levels import at_level, rms
from engine.audio.pitch import clear_pitch
from engine.errors import ConfigError
from engine.piano_keys import key_name
from engine.printable import escaped
from engine.quantities import long_duration, small
from engine.tasks.vae.instrument.layout import Take, Voice, check_keys, lay_out, left_out
from engine.tasks.vae.instrument.model import ATTACK_S, Kit, Loop, Sample
from engine.tasks.vae.instrument.naming import file_stem
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.stars import Star
from engine.tasks.vae.instrument.wishes import Wish, read_file, wishes_for
from engine.tasks.vae.sounds.descriptors import centroid
from engine.tasks.vae.sounds.generate import Made, SoundGenerator
from engine.tasks.vae.sounds.latent_map import LatentMap
from engine.tasks.vae.sounds.request import AXES_REACH, FromGrains, Moved, Origin, SoundRequest
from engine.tasks.vae.sounds.write import PROGRAM

MOST_SAMPLES = 512
# Of all samples together, as memory holds them at once, and a SoundFont four gibibytes: both channels of an hour at
# 192 kHz are 2.6.
MOST_S = 3_600.0
# In standard deviations of the collection along its main axes. Of eight drums from a run of twenty the mel spectrograms
# differ by 13.2 dB from one another, those of variations by 0.9 dB, and the softest layer is 0.9 octaves duller.
VARIED = 0.2  # along each
# Where the model turns sharply, a step of that size is another sound. Decibels are a mean over all of the mel
# spectrogram, of which most is faint: what a few loud bands do between them, the centroid alone sees.
MOST_VARIED_DB = 2.0
MOST_VARIED_OCTAVES = 1 / 3
HALVINGS = 4
SOFTEST = 0.4  # along the way that the layers take
Progress = Callable[[int, int], None]
_FIGURE = re.compile(r"\d+(\.\d+)?")  # in which alone remarks of one kind differ


def make_kit(
    generator: SoundGenerator, called: str, request: InstrumentRequest, stars: Sequence[Star], progress: Progress
) -> Kit:
    """The kit that ``request`` describes; the same for the same model, name, request and number of threads.

    called: names the kit, its instruments and its samples. stars: the sounds with a star, where those are asked for.
    progress: told after each sample how many there are, and of how many. ``ConfigError`` for what cannot be together,
    ``DataError`` where there is nothing to make it of.
    """
    wishes = wishes_for(generator, request, stars)
    check_keys(len(wishes), request.keys, request.choke, request.first_key)
    remarks: list[str] = []
    layers = _layers(generator, request.velocity_layers, remarks)
    takes = len(layers) * request.round_robins
    total = sum(1 if one.file else takes for one in wishes)
    if total > MOST_SAMPLES:
        raise ConfigError(
            f"That would be {total} samples; an instrument has at most {MOST_SAMPLES}.",
            "Ask for fewer sounds, round robins or velocity layers.",
        )
    _check_length(sum(takes * (one.request.seconds or 0) for one in wishes if one.file is None))
    about, name = _about(generator, request), file_stem(called)
    maker = _Maker(generator, request, layers, name, about, lambda done: progress(done, total))
    voices = [maker.voice(number, wish) for number, wish in enumerate(wishes, 1)]
    remarks += left_out(voices, request.keys, request.choke, request.first_key)
    remarks += _remarks(voices, wishes, request.keys)
    remarks += _of_samples(maker.remarks)
    instruments = lay_out(name, voices, request.keys, request.choke, request.first_key)
    return Kit(name, about, instruments, maker.samples, tuple(remarks), torch.get_num_threads())


class _Maker:
    """Makes samples one by one. remarks: of each kind what was said of which samples, by their names."""

    def __init__(
        self,
        generator: SoundGenerator,
        request: InstrumentRequest,
        layers: Sequence[Mapping[int, float]],
        kit: str,
        about: str,
        done: Callable[[int], None],
    ) -> None:
        self.generator, self.request, self.layers, self.done = generator, request, layers, done
        self.kit, self.about = kit, about
        self.samples: dict[str, Sample] = {}
        self.seconds = 0.0
        self.remarks: dict[str, dict[str, str]] = {}

    def voice(self, number: int, wish: Wish) -> Voice:
        stem = file_stem(f"{number:03d} {wish.name}")
        if wish.file is not None:
            takes: tuple[tuple[Take, ...], ...] = ((self._take(stem, Made(*read_file(wish.file)), wish.request),),)
        else:
            takes = self._takes(stem, number, wish.request)
        pitch = takes[-1][0].pitch
        note = key_name(pitch.key) if pitch else ""
        # The number keeps two of one name apart, as those of two folders.
        return Voice(" ".join(filter(None, (f"{number:02d}", escaped(wish.name), note))), takes)

    def _takes(self, stem: str, number: int, request: SoundRequest) -> tuple[tuple[Take, ...], ...]:
        """All as long and as loud as the sound itself: velocity alone decides how loud a stroke is."""
        sound = self.generator.make(request)
        level = rms(sound.wave)
        rings = self.generator.rings(request) if len(self.layers) * self.request.round_robins > 1 else None

        def take(layer: int, turn: int, moved_on: SoundRequest) -> Take:
            layered = f"-v{layer + 1}" if len(self.layers) > 1 else ""
            turned = f"-r{turn + 1}" if self.request.round_robins > 1 else ""
            made = sound
            if moved_on != request:
                other = self.generator.make(moved_on, rings=rings)
                made = replace(other, wave=at_level(other.wave, rms(other.wave), level))
            return self._take(f"{stem}{layered}{turned}", made, request)

        strokes = [_moved_on(request, axes) for axes in self.layers]
        return tuple(
            tuple(take(layer, turn, one) for turn, one in enumerate(self._turns(stroke, number)))
            for layer, stroke in enumerate(strokes)
        )

    def _turns(self, request: SoundRequest, number: int) -> Iterator[SoundRequest]:
        """A sound, then small random steps from it, each halved until it leads to nothing else."""
        yield request
        if self.request.round_robins == 1:
            return
        own = self.generator.spectrogram(request)
        for turn in range(1, self.request.round_robins):
            draws = rng.generator(self.request.seed, "instrument-turn", number, turn)
            step = VARIED * draws.standard_normal(self.generator.map.count)
            for halved in range(HALVINGS + 1):
                varied = _moved_on(request, dict(enumerate(map(float, step * 0.5**halved), 1)))
                if self._is_near(own, self.generator.spectrogram(varied)):
                    break
            yield varied

    def _is_near(self, own: np.ndarray, varied: np.ndarray) -> bool:
        """Whether two mel spectrograms [M, F] in dB are of one sound, as far as both reach."""
        frames = min(own.shape[1], varied.shape[1])
        pair = own[:, :frames], varied[:, :frames]
        codec = self.generator.codec
        first, other = (centroid(torch.from_numpy(one), codec.config, codec.scale.floor) for one in pair)
        differs = float(np.abs(pair[0] - pair[1]).mean())
        return differs <= MOST_VARIED_DB and abs(first - other) <= MOST_VARIED_OCTAVES

    def _take(self, stem: str, made: Made, request: SoundRequest) -> Take:
        wave, sample_rate = made.wave, made.sample_rate
        tags = {"title": f"{self.kit}-{stem}", "comment": self.about, "software": PROGRAM}
        name = f"{self.kit}-{stem}.wav"
        pitch = clear_pitch(wave, sample_rate)
        marks = Marks(request.loop, pitch.key if pitch else None, request.tempo)
        data = encode_sound(wave, sample_rate, "wav", 24, tags=tags, marks=marks)
        self.samples[name] = Sample(wave, sample_rate, data, pitch)
        self.seconds += len(wave) / sample_rate
        _check_length(self.seconds)
        for remark in made.remarks:
            self.remarks.setdefault(_FIGURE.sub("", remark), {})[name] = remark
        self.done(len(self.samples))
        attack_s = ATTACK_S if self.generator.of_textures else finish.ATTACK_S  # or a stroke would lose its beginning
        return Take(name, pitch, Loop(0, len(wave), attack_s) if request.loop else None)


def _moved_on(request: SoundRequest, axes: Mapping[int, float]) -> SoundRequest:
    assert not isinstance(request.origin, FromGrains), "of such a wish the file is taken as it is"
    return request.model_copy(update={"origin": moved(request.origin, axes)})


def moved(origin: Origin, axes: Mapping[int, float]) -> Origin:
    """An origin moved along main axes of the collection, as far as those may reach."""
    inner, own = (origin.of, origin.axes) if isinstance(origin, Moved) else (origin, {})
    far = {axis: own.get(axis, 0.0) + axes.get(axis, 0.0) for axis in (*own, *axes)}
    steps = {axis: max(-AXES_REACH, min(AXES_REACH, step)) for axis, step in far.items() if step}
    return Moved(of=inner, axes=steps) if steps else inner


def softer(codes: LatentMap) -> dict[int, float]:
    """The way along the main axes on which sounds become duller, or quieter where the map knows no brightness."""
    way = codes.towards("brightness") or codes.towards("loudness")
    return {axis: -part for axis, part in way.items()}


def _layers(generator: SoundGenerator, wanted: int, remarks: list[str]) -> list[Mapping[int, float]]:
    """How far each velocity layer is moved along which axes; the softest first, the last not at all."""
    if wanted == 1:
        return [{}]
    way = softer(generator.map)
    if not way:
        remarks.append(
            "The map knows no way to a duller or quieter sound of this collection: velocity changes the level and "
            "nothing else, in one layer."
        )
        return [{}]
    far = [SOFTEST * (wanted - 1 - layer) / (wanted - 1) for layer in range(wanted)]
    return [{axis: step * part for axis, part in way.items()} if step else {} for step in far]


def _check_length(seconds: float) -> None:
    """``ConfigError`` for more sound than a kit has; also as it is made, where no length was asked for."""
    if seconds > MOST_S:
        raise ConfigError(
            f"That would be more than {long_duration(MOST_S)} of sound; an instrument has no more.",
            "Ask for shorter sounds, or for fewer sounds, round robins or velocity layers.",
        )


def _about(generator: SoundGenerator, request: InstrumentRequest) -> str:
    """One line, whoever packed the model: a format may take a second one for its own words. No moment of making, no
    machine, no path: equal kits are equal bytes everywhere."""
    trained = generator.trained
    said = f"{PROGRAM}, run {trained.run} ({trained.uuid}), {trained.state}, {request.source}, seed {request.seed}"
    return escaped(said)


def _remarks(voices: Sequence[Voice], wishes: Sequence[Wish], keys: str) -> Iterator[str]:
    if keys == "chromatic" and not any(voice.pitch for voice in voices):
        yield "None of these sounds has a clear pitch: each sits on a key of its own."
    reasons = Counter(wish.why for wish in wishes if wish.file is not None)
    if reasons:
        each = ", ".join(f"{small(count)} {why}" for why, count in reasons.items())
        come = "comes as it is" if reasons.total() == 1 else "come as they are"
        yield f"{reasons.total()} of them {come}, without variations and layers: {each}."


def _of_samples(remarks: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Each kind of remark once, with how many samples it holds for."""
    for said in remarks.values():
        first, *others = said.values()
        alike = all(other == first for other in others)
        count = f"{len(said)} samples" + ("" if alike else ", the first") if others else "one sample"
        yield f"Of {count}: {first}"
