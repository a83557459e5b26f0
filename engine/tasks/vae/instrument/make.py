"""Makes the sounds of an instrument: each with its variations that take turns, and its steps from soft to loud."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from engine import rng
from engine.audio import finish
from engine.audio.files.encode import encode_sound
from engine.audio.files.marks import Marks
from engine.audio.levels import at_level, rms
from engine.audio.pitch import clear_pitch
from engine.errors import ConfigError
from engine.piano_keys import key_name
from engine.tasks.vae.instrument.layout import Take, Voice, lay_out
from engine.tasks.vae.instrument.model import ATTACK_S, Kit, Loop, Sample
from engine.tasks.vae.instrument.naming import plain
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.stars import Star
from engine.tasks.vae.instrument.wishes import Wish, read_file, wishes_for
from engine.tasks.vae.sounds.generate import Made, SoundGenerator
from engine.tasks.vae.sounds.latent_map import LatentMap
from engine.tasks.vae.sounds.request import AXES_REACH, FromGrains, Moved, Origin, SoundRequest
from engine.tasks.vae.sounds.write import PROGRAM

MOST_SAMPLES = 512
# In standard deviations of the collection along its main axes. Of eight drums from a run of twenty the mel spectrograms
# differ by 6.3 dB from one another, those of variations by 0.7 dB, and the softest layer is 1.1 octaves duller.
VARIED = 0.2  # along each
MOST_VARIED_DB = 2.0  # of the mel spectrogram; where the model turns sharply, a step of that size is another sound
HALVINGS = 4
SOFTEST = 0.4  # along the way that the layers take
Progress = Callable[[int, int], None]


def make_kit(
    generator: SoundGenerator, called: str, request: InstrumentRequest, stars: Sequence[Star], progress: Progress
) -> Kit:
    """The kit that ``request`` describes; the same for the same model, name, request and number of threads.

    called: names the kit, its instruments and its samples. stars: the sounds with a star, where those are asked for.
    progress: told after each sample how many there are, and of how many. ``ConfigError`` for what cannot be together,
    ``DataError`` where there is nothing to make it of.
    """
    wishes = wishes_for(generator, request, stars)
    remarks: list[str] = []
    layers = _layers(generator, request.velocity_layers, remarks)
    total = sum(len(layers) * request.round_robins if one.request else 1 for one in wishes)
    if total > MOST_SAMPLES:
        raise ConfigError(
            f"That would be {total} samples; an instrument has at most {MOST_SAMPLES}.",
            "Ask for fewer sounds, round robins or velocity layers.",
        )
    about, name = _about(generator, request), plain(called)
    maker = _Maker(generator, request, layers, name, about, lambda done: progress(done, total))
    voices = [maker.voice(number, wish) for number, wish in enumerate(wishes, 1)]
    remarks += _remarks(voices, wishes, request, maker.strange)
    instruments = lay_out(name, voices, request.keys, request.choke, request.first_key)
    return Kit(name, about, instruments, maker.samples, tuple(remarks))


class _Maker:
    """Makes samples one by one. strange: what was said of samples that are far from all that was learned."""

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
        self.strange: list[str] = []

    def voice(self, number: int, wish: Wish) -> Voice:
        stem = f"{number:03d}-{plain(wish.name)}" if wish.name else f"{number:03d}"
        if wish.request is None:
            assert wish.file is not None
            takes: tuple[tuple[Take, ...], ...] = ((self._take(stem, *read_file(wish.file), loops=wish.loops),),)
        else:
            takes = self._takes(stem, number, wish.request)
        pitch = takes[-1][0].pitch
        note = key_name(pitch.key) if pitch else ""
        # The number keeps two of one name apart, as those of two folders.
        return Voice(" ".join(filter(None, (f"{number:02d}", wish.name, note))), takes)

    def _takes(self, stem: str, number: int, request: SoundRequest) -> tuple[tuple[Take, ...], ...]:
        """All as long and as loud as the sound itself: velocity alone decides how loud a stroke is."""
        sound = self._made(request)
        level = rms(sound.wave)
        rings = self.generator.rings(request) if len(self.layers) * self.request.round_robins > 1 else None

        def take(layer: int, turn: int) -> Take:
            layered = f"-v{layer + 1}" if len(self.layers) > 1 else ""
            turned = f"-r{turn + 1}" if self.request.round_robins > 1 else ""
            moved_on = _moved_on(request, self.layers[layer])
            if turn:
                moved_on = self._varied(moved_on, number, turn)
            wave = sound.wave
            if moved_on != request:
                other = self._made(moved_on, rings).wave
                wave = at_level(other, rms(other), level)
            return self._take(f"{stem}{layered}{turned}", wave, sound.sample_rate, loops=request.loop)

        turns = range(self.request.round_robins)
        return tuple(tuple(take(layer, turn) for turn in turns) for layer in range(len(self.layers)))

    def _made(self, request: SoundRequest, rings: int | None = None) -> Made:
        made = self.generator.make(request, rings=rings)
        self.strange += made.remarks
        return made

    def _varied(self, request: SoundRequest, number: int, turn: int) -> SoundRequest:
        """A small random step from a sound, half as long and half again until it leads to nothing else."""
        draws = rng.generator(self.request.seed, "instrument-turn", number, turn)
        step = VARIED * draws.standard_normal(self.generator.map.count)
        own = self.generator.spectrogram(request)
        for _ in range(HALVINGS):
            varied = _moved_on(request, dict(enumerate(map(float, step), 1)))
            if _apart(own, self.generator.spectrogram(varied)) <= MOST_VARIED_DB:
                break
            step /= 2
        return varied

    def _take(self, stem: str, wave: np.ndarray, sample_rate: int, loops: bool) -> Take:
        tags = {"title": f"{self.kit}-{stem}", "comment": self.about, "software": PROGRAM}
        name = f"{self.kit}-{stem}.wav"
        pitch = clear_pitch(wave, sample_rate)
        marks = Marks(loops, pitch.key if pitch else None)
        data = encode_sound(wave, sample_rate, "wav", 24, tags=tags, marks=marks)
        self.samples[name] = Sample(wave, sample_rate, data)
        self.done(len(self.samples))
        attack_s = ATTACK_S if self.generator.of_textures else finish.ATTACK_S  # or a stroke would lose its beginning
        return Take(name, pitch, Loop(0, len(wave), attack_s) if loops else None)


def _apart(first: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference in dB of two mel spectrograms [M, F], as far as both reach."""
    frames = min(first.shape[1], other.shape[1])
    return float(np.abs(first[:, :frames] - other[:, :frames]).mean())


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


def _about(generator: SoundGenerator, request: InstrumentRequest) -> str:
    """No moment of making, no machine, no path: equal kits are equal bytes everywhere."""
    trained = generator.trained
    return f"{PROGRAM}, run {trained.run} ({trained.uuid}), {trained.state}, {request.source}, seed {request.seed}"


def _remarks(
    voices: Sequence[Voice], wishes: Sequence[Wish], request: InstrumentRequest, strange: Sequence[str]
) -> Iterator[str]:
    if request.keys == "chromatic" and not any(voice.pitch for voice in voices):
        yield "None of these sounds has a clear pitch: each sits on a key of its own."
    others = sum(wish.request is None for wish in wishes)
    if others:
        yield (
            f"{others} of them came from another state of the model or a file outside the collection: as they are, "
            "without variations and layers."
        )
    if strange:
        count = "one sample" if len(strange) == 1 else f"{len(strange)} samples, the first"
        yield f"Of {count}: {strange[0]}"
