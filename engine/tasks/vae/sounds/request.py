"""What one can ask of a trained model, as values. A sound is made from these alone: written beside it, they make it
again. No torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from engine.audio.files.encode import BitDepth, Format
from engine.audio.files.marks import Tempo
from engine.quantities import plural
from engine.settings import Settings

SHORTEST = 0.05  # seconds
MOST_SECONDS = 600.0
LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # of what is written, in Hz
USUAL_BEATS = 4
AXES_REACH = 4.0


def _one_name(number: Any) -> Any:
    """Of 1 and 01, which JSON tells apart, the second would silently take the place of the first."""
    if isinstance(number, str) and number.isdecimal() and str(int(number[:9])) != number:
        raise ValueError(f"{number[:20]} is no axis: they are numbered 1, 2, 3")
    return number


AxisNumber = Annotated[int, BeforeValidator(_one_name)]


class FromPrior(Settings):
    """A new sound: number ``index`` of a seed."""

    kind: Literal["prior"] = "prior"
    index: int = Field(0, ge=0, description="Which of the seed's sounds; it does not depend on how many are made.")


class FromFile(Settings):
    """A variation of a given sound."""

    kind: Literal["file"] = "file"
    file: str = Field(description="A sound file, or the name of one in the collection.")
    amount: float = Field(0.5, ge=0, le=1, description="0: the sound as the model knows it; 1: nothing is left of it.")
    index: int = Field(0, ge=0, description="Which of the seed's variations.")


class Between(Settings):
    """A sound on the way from one file to another."""

    kind: Literal["between"] = "between"
    first: str = Field(description="A sound file, or the name of one in the collection.")
    second: str = Field(description="Another one.")
    position: float = Field(0.5, ge=0, le=1, description="0: the first; 1: the second.")


class MapPoint(Settings):
    """A place on the map of the collection."""

    kind: Literal["place"] = "place"
    x: float
    y: float


class Moved(Settings):
    """Another sound, moved along main axes of the collection."""

    kind: Literal["moved"] = "moved"
    of: FromPrior | FromFile | Between | MapPoint = Field(discriminator="kind")
    axes: dict[AxisNumber, Annotated[float, Field(ge=-AXES_REACH, le=AXES_REACH)]] = Field(
        description="Number of an axis (from 1) to how far along it, in standard deviations of the collection."
    )


class FromGrains(Settings):
    """A given sound made again from grains of the collection: as long as it is, and without a place on the map."""

    kind: Literal["resynthesis"] = "resynthesis"
    file: str = Field(description="A sound file, or the name of one in the collection.")


Origin = Annotated[FromPrior | FromFile | Between | MapPoint | Moved, Field(discriminator="kind")]


class Making(Settings):
    """How any sound is made. Unset values follow the run and the kind of its collection."""

    seed: int = Field(0, ge=0, lt=2**63, description="Equal seeds give equal sounds where all else is equal.")
    duration_s: float | None = Field(
        None,
        ge=SHORTEST,
        le=MOST_SECONDS,
        description="Length in seconds; automatic: until a one-shot has died away, 4 s of texture.",
    )
    temperature: float | None = Field(
        None, ge=0, le=2, description="Spread of new sounds around what was learned; automatic: the run's."
    )
    quality: Literal["best", "fast"] = Field("best", description="Care in finding phases; fast takes less time.")
    stereo: bool | None = Field(
        None, description="Two channels, whose sum is the mono sound, or one; automatic: as most recordings are."
    )


class Treatment(Making):
    """How a single sound is made. One whose length is told in bars is a loop, whatever ``loop`` says."""

    loop: bool = Field(False, description="Make the end lead into the beginning.")
    bars: int | None = Field(
        None, ge=1, le=256, description="Length in bars, in place of seconds: a loop of exactly that length."
    )
    bpm: float | None = Field(None, ge=20, le=400, description="Tempo in beats a minute, for the length in bars.")
    beats_per_bar: int | None = Field(None, ge=1, le=32, description="Beats in a bar; automatic: 4.")

    @model_validator(mode="before")
    @classmethod
    def _goes_round(cls, values: Any) -> Any:
        in_bars = isinstance(values, dict) and values.get("bars") is not None
        return {**values, "loop": True} if in_bars else values

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if (self.bars is None) != (self.bpm is None):
            raise ValueError("A length in bars takes both bars and bpm")
        if self.beats_per_bar is not None and self.bars is None:
            raise ValueError("beats_per_bar says nothing without bars and bpm")
        if self.bars is not None and self.duration_s is not None:
            raise ValueError("A length in bars leaves no other one in seconds")
        if self.tempo is not None and not SHORTEST <= (self.seconds or 0) <= MOST_SECONDS:
            raise ValueError(
                f"{self.bars} bars at {self.bpm:g} bpm are {self.seconds:.4g} s; from {SHORTEST:g} to "
                f"{MOST_SECONDS:g} can be made"
            )
        return self

    def of(self, origin: Origin | FromGrains) -> SoundRequest:
        """The sound from ``origin``, treated so."""
        return SoundRequest(**dict(self), origin=origin)

    @property
    def tempo(self) -> Tempo | None:
        """Of a length in bars."""
        if self.bars is None or self.bpm is None:
            return None
        beats_per_bar = self.beats_per_bar or USUAL_BEATS
        return Tempo(self.bpm, self.bars * beats_per_bar, beats_per_bar)

    @property
    def seconds(self) -> float | None:
        """The length that is asked for, however it is told; None: the sound's own."""
        return self.duration_s if self.tempo is None else 60 * self.tempo.beats / self.tempo.bpm

    def samples(self, sample_rate: int) -> int | None:
        """The same in samples, rounded to the nearest."""
        return None if self.seconds is None else round(self.seconds * sample_rate)

    @property
    def in_name(self) -> str:
        """What the name of a sound's file says of its time: "-120bpm-2bars", "-90bpm-4bars-of-3", or nothing."""
        if self.tempo is None:
            return ""
        metre = "" if self.tempo.beats_per_bar == USUAL_BEATS else f"-of-{self.tempo.beats_per_bar}"
        return f"-{self.bpm:g}bpm-{self.bars}{plural(self.bars or 0, 'bar')}{metre}"


class SoundRequest(Treatment):
    """One sound: where it comes from, and how it is made. Of that, grains follow seed, quality and ``stereo``."""

    origin: Annotated[Origin | FromGrains, Field(discriminator="kind")] = Field(default_factory=FromPrior)

    @property
    def index(self) -> int:
        """Which of the seed's draws it is made of, wherever it is moved from there."""
        start = self.origin.of if isinstance(self.origin, Moved) else self.origin
        return start.index if isinstance(start, FromPrior | FromFile) else 0


class FileRequest(Settings):
    """How a sound is written."""

    format: Format = Field("wav", description="wav, flac or ogg.")
    sample_rate: int | None = Field(None, ge=LOWEST_RATE, le=HIGHEST_RATE, description="In Hz; automatic: the model's.")
    bit_depth: BitDepth | None = Field(None, description="16, 24 or (WAV only) 32, which is float; automatic: 24.")

    @model_validator(mode="after")
    def _fits(self) -> FileRequest:
        if self.format == "flac" and self.bit_depth == 32:
            raise ValueError("FLAC holds 16 or 24 bits, not 32")
        if self.format == "ogg" and self.bit_depth is not None:
            raise ValueError("OGG has no bit depth")
        return self


class Recipe(Settings):
    """What stands beside a sound: all that makes it again."""

    recipe: Literal[1] = 1
    program: str
    run: str
    uuid: str
    state: str = Field(description="The checkpoint or snapshot it was made with.")
    weights: str = Field(description="Digest of the model in it.")
    threads: int = Field(ge=1, le=256)
    sound: SoundRequest
    file: FileRequest
    sha256: str = Field(description="Of the sound's file.")
    made_at: float | None = Field(
        None, description="When the app made it, for the order of its lists; no copy of the run changes it."
    )
