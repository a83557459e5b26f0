"""The sounds that were made with a run's model: where they lie, which have a star, which of them pass."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs
import soundfile
import streamlit as st

from app.runs.dropped import clean
from app.sounds.recipe import Recipe, recipe_in
from engine.errors import StorageError, SweetspotError, next_step
from engine.home import own_place
from engine.rundir.atomic import replace_bytes
from engine.rundir.encoding import encode
from engine.rundir.layout import GIVEN, is_run_id
from engine.rundir.reader import RunReader
from engine.rundir.reading import own_file, read_object
from engine.rundir.stars import standing_names, star, starred_names, while_starred
from engine.rundir.view import RunView

NEW, VARIED, MORPHED, OWN = "prior", "file", "between", "resynthesis"
MOST_PASSING = 60  # Sounds of Explore without a star: the oldest go.
_STEP_S = 1e-5  # between two moments, which a double tells apart
REMOVED = "removed"  # the folder of the recipes of sounds that were removed


@dataclass(frozen=True)
class Sound:
    """A sound that was made. number: its place in the order of making, from 1. origin: as docs/serve.md has it."""

    path: Path
    number: int
    duration_s: float
    bytes: int
    origin: Mapping[str, Any]
    state: str
    request: Mapping[str, Any]
    starred: bool

    @property
    def picture(self) -> Path:
        return self.path.with_suffix(".png")

    @property
    def given(self) -> Path:
        """The sound of one's own that it was made of, to hear beside it; there only where it was made of one."""
        return self.path.with_name(f"{self.path.stem}-given.wav")

    @property
    def files(self) -> tuple[Path, ...]:
        """All that belongs to it, the sound itself last: without it the others are nothing."""
        return self.path.with_suffix(".json"), self.picture, self.given, self.path

    @property
    def kind(self) -> str:
        return str(self.origin.get("kind", ""))

    @property
    def lasting(self) -> bool:
        """Whether it stays without a star. What a click on the map makes passes: a place, a move, a copy of a file."""
        return self.kind in (NEW, MORPHED, OWN) or (self.kind == VARIED and bool(self.origin.get("amount")))

    @property
    def seed(self) -> int:
        seed = self.request.get("seed", 0)
        return seed if isinstance(seed, int) else 0


@dataclass(frozen=True)
class Removed:
    """A sound that was removed, with all that is needed to put it back. files: by name, (content, time of change)."""

    sound: Sound
    files: Mapping[str, tuple[bytes, int]]


class MadeSounds:
    """The sounds in one directory, for all tabs."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._lock = threading.RLock()
        self._read: dict[tuple[str, int], tuple[float, Recipe] | None] = {}

    def sounds(self) -> list[Sound]:
        """All of them, in the order they were made, as their recipes say it: a copy of a folder dates its files anew.
        One whose recipe does not was made when its file was changed."""
        with self._lock:
            stars = self._stars()
            found: list[tuple[float, str, Sound]] = []
            for path, stat in self._files():
                facts = self._facts(path, stat.st_mtime_ns)
                if facts is not None:
                    seconds, recipe = facts
                    asked = recipe.origin, recipe.state, recipe.request
                    one = Sound(path, 0, seconds, stat.st_size, *asked, path.name in stars)
                    found.append((_moment(recipe, stat), path.name, one))
            return [replace(one, number=number) for number, (_, _, one) in enumerate(sorted(found, key=_order), 1)]

    def recipes(self) -> list[Recipe]:
        """Of all of them and of those that were removed, also before the app was started."""
        gone = [recipe_in(read_object(path)) for path in (self.place / REMOVED).glob("*.json")]
        standing = [Recipe(one.origin, one.state, one.request) for one in self.sounds()]
        return [*standing, *(one for one in gone if one is not None)]

    def arrived(self, paths: Sequence[Path]) -> None:
        """Note in their recipes that ``paths`` were made now, in this order, and whatever the clock says after all
        others, which where a clock was ahead lie in a time to come."""
        for path in paths:
            with self._lock, suppress(OSError):  # a place that takes no more keeps what is there in the order it has
                others = [(other, stat) for other, stat in self._files() if other != path]
                newest = max((self._made_at(*one) for one in others), default=0.0)
                at = max(time.time(), newest + _STEP_S)
                recipe = path.with_suffix(".json")
                replace_bytes(recipe, encode({**read_object(recipe), "made_at": at}, indent=2), durable=False)
                os.utime(path, (at, at))  # what was read of it before is read again

    def _made_at(self, path: Path, stat: os.stat_result) -> float:
        facts = self._facts(path, stat.st_mtime_ns)
        return _moment(facts[1], stat) if facts is not None else 0.0

    def star(self, name: str, on: bool) -> None:
        """Give a sound its star or take it away. ``StorageError`` when the disk refuses."""
        try:
            star(self.place / name, on)
        except OSError as error:
            raise StorageError(
                f"The star cannot be kept: {error.strerror or error}.", f"{next_step(error)}."
            ) from error

    def remove(self, name: str) -> Removed | None:
        """Remove a sound with its picture and its star, and put its recipe aside, so that its number is not given
        again; None where it is gone already. ``StorageError`` when the disk refuses, or it is not known which have a
        star."""
        with self._lock:
            sound = next((one for one in self.sounds() if one.path.name == name), None)
            if sound is None:
                return None
            kept: dict[str, tuple[bytes, int]] = {}
            try:
                sound = replace(sound, starred=name in starred_names(self.place))
                kept = {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in sound.files if own_file(one)}
                aside = self._aside(sound)
                if (recipe := kept.get(aside.name)) and not aside.parent.is_symlink():
                    aside.parent.mkdir(exist_ok=True)
                    replace_bytes(aside, recipe[0], durable=False)
                if sound.starred:
                    star(sound.path, False)
                _unlink(sound)
            except OSError as error:
                if kept:
                    with suppress(OSError):  # what went before the refusal
                        self._place(sound, kept)
                    _let_go(self._aside(sound))
                raise StorageError.of(error) from error
            return Removed(sound, kept)

    def put_back(self, removed: Removed) -> None:
        """Where it was, in its place in the order and with its star. ``StorageError`` when the disk refuses."""
        with self._lock:
            if self.place.is_symlink():  # it was none when the page was drawn
                raise StorageError(f"{self.place} leads elsewhere now.", "Put the folder back in its place.")
            try:
                self._place(removed.sound, removed.files)
            except OSError as error:
                raise StorageError.of(error) from error
            _let_go(self._aside(removed.sound))

    def _place(self, sound: Sound, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Put the files of a sound where it lies, with their times of change, and give it the star that it had."""
        for name, (content, moment) in files.items():
            replace_bytes(self.place / name, content, durable=False)
            os.utime(self.place / name, ns=(moment, moment))
        if sound.starred:
            star(sound.path, True)

    @contextmanager
    def taken_in(self, name: str, data: memoryview) -> Iterator[Path]:
        """A sound of one's own, kept so that recipes can name it; the same one stays where it is. Where what is done
        with it is refused, it is let go, and a sentence that names its place has its name. ``StorageError``."""
        path = self.place / GIVEN / hashlib.sha256(data).hexdigest()[:16] / clean(name)
        known = path.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not known:
                replace_bytes(path, bytes(data), durable=False)
            yield path
        except OSError as error:
            raise StorageError.of(error) from error
        except SweetspotError as error:
            if not known:
                _let_go(path)
            raise type(error)(error.cause.replace(str(path), name), error.remedy) from error

    def prune(self) -> None:
        """Remove the oldest of those that were only passed by on the map; none while it is not known which have a star.

        Nobody gives one a star meanwhile, in another app neither.
        """
        with suppress(OSError, StorageError), while_starred(self.place) as stars:
            passing = [one for one in self.sounds() if not one.lasting and one.path.name not in stars]
            for one in passing[:-MOST_PASSING]:
                _unlink(one)

    @property
    def doubt(self) -> str:
        """Why it is not known which have a star, and the remedy; "" where it is known."""
        try:
            starred_names(self.place)
        except OSError as error:
            return f"{StorageError.of(error)} No sound is removed meanwhile."
        return ""

    def _aside(self, sound: Sound) -> Path:
        return self.place / REMOVED / f"{sound.path.stem}.json"

    def _stars(self) -> frozenset[str]:
        """To show, not to write by."""
        with suppress(OSError):
            return standing_names(self.place)
        return frozenset()

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Those that are there; one that goes while it is looked at takes no other with it."""
        try:
            names = [path for path in self.place.glob("*.wav") if own_file(path)]
        except OSError:
            return
        for path in names:
            with suppress(OSError):
                yield path, path.stat()

    def _facts(self, path: Path, moment: int) -> tuple[float, Recipe] | None:
        """(seconds, recipe) of a sound; None for a file that is none of ours."""
        key = (path.name, moment)
        if key not in self._read:
            self._read[key] = _look(path)
        return self._read[key]


def _unlink(sound: Sound) -> None:
    for path in reversed(sound.files):
        path.unlink(missing_ok=True)


def _let_go(path: Path) -> None:
    with suppress(OSError):  # another of the same content may lie beside it
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def _moment(recipe: Recipe, stat: os.stat_result) -> float:
    return recipe.made_at or stat.st_mtime


def _order(found: tuple[float, str, Sound]) -> tuple[float, str]:
    return found[:2]


def _look(path: Path) -> tuple[float, Recipe] | None:
    recipe = recipe_in(read_object(path.with_suffix(".json")))
    if recipe is None:
        return None
    try:
        return soundfile.info(path).duration, recipe
    except (soundfile.LibsndfileError, OSError):
        return None


def place_of(reader: RunReader, view: RunView) -> Path:
    """Where sounds of a run go: into its directory, or, when it is only to be looked at, among the user's own data."""
    inside = reader.layout.sounds
    if (
        not view.read_only
        and not inside.is_symlink()
        and os.access(inside if inside.exists() else reader.root, os.W_OK)
    ):
        return inside
    uuid = view.run.uuid if view.run else ""
    return _own_data() / (uuid if is_run_id(uuid) else reader.id)


def place_of_model(weights: str) -> Path:
    """Where sounds of an exported model go, by the name that ``hello`` gives its weights."""
    return _own_data() / weights[:32]


def _own_data() -> Path:
    return own_place("SWEETSPOT_DATA", lambda: platformdirs.user_data_dir("sweetspot", appauthor=False)) / "sounds"


@st.cache_resource(show_spinner=False, max_entries=64)
def made_sounds_at(place: str) -> MadeSounds:
    """The sounds in one directory, shared by all tabs."""
    return MadeSounds(Path(place))
