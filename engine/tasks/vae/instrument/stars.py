"""The sounds that were given a star on the page Sounds: their files, with the recipes they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from engine.errors import StorageError
from engine.rundir.layout import Layout
from engine.rundir.reading import own_file, read_own
from engine.rundir.stars import starred_names
from engine.tasks.vae.sounds.request import FromPrior, Moved, Recipe


@dataclass(frozen=True)
class Star:
    """A kept sound. path: its WAV."""

    path: Path
    recipe: Recipe

    @property
    def name(self) -> str:
        """Seed and number of a new sound; what else it is."""
        origin = self.recipe.sound.origin
        inner = origin.of if isinstance(origin, Moved) else origin
        if isinstance(inner, FromPrior):
            return f"seed{self.recipe.sound.seed}-{inner.index + 1}" + ("-moved" if inner is not origin else "")
        return origin.kind


def starred_in(run_dir: Path) -> list[Star]:
    """The sounds of a run that have a star, as :func:`read_stars` orders them; none when it keeps none.

    ``StorageError`` where it cannot be read which have one.
    """
    layout = Layout(run_dir)
    try:
        names = starred_names(layout.sounds)
    except OSError as error:
        raise StorageError.of(error) from error
    return read_stars([layout.sounds / name for name in names if Path(name).name == name])


def read_stars(paths: Sequence[Path]) -> list[Star]:
    """Those of ``paths`` that have a recipe of this version beside them: by their seeds, of one seed by their numbers,
    then by the names of their files. A copy of a run, whose times are its own, has the same order."""
    found = []
    for path in paths:
        if not own_file(path):
            continue
        try:
            recipe = Recipe.model_validate_json(read_own(path.with_suffix(".json")) or b"")
        except (OSError, ValidationError):
            continue
        found.append(Star(path, recipe))
    return sorted(found, key=lambda star: (star.recipe.sound.seed, star.recipe.sound.index, star.path.name))
