"""``sweetspot resynthesise``: a sound of one's own in the colours of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, get_args

import click

from engine import completion
from engine.audio.files.encode import Format
from engine.errors import ConfigError
from engine.flags import WholeRange
from engine.process.path_type import UserPath
from engine.regular_file import refuse_what_is_there
from engine.tasks.vae.sounds.request import FileRequest, FromGrains, Making, SoundRequest
from engine.validation import validated

_SAYS = {name: field.description for name, field in Making.model_fields.items()}


@click.command("resynthesise")
@click.argument("run_dir", metavar="RUN_DIR|MODEL.zip", type=UserPath())
@click.argument("sound", metavar="FILE", shell_complete=completion.files)
@click.option("--out", required=True, type=UserPath(), help="The file to write: .wav, .flac or .ogg.")
@click.option("--seed", type=int, default=0, show_default=True, help=_SAYS["seed"])
@click.option("--quality", type=click.Choice(["best", "fast"]), default="best", show_default=True,
              help=_SAYS["quality"])  # fmt: skip
@click.option(
    "--checkpoint", shell_complete=completion.states, help="best, last, step-N or epoch-N; by default best, else last."
)
@click.option("--threads", type=WholeRange(1, 256), help="CPU threads; automatic: the cores, at most 4.")
def command(run_dir: Path, sound: str, out: Path, checkpoint: str | None, threads: int | None, **options: Any) -> None:
    """Make a sound again from grains of the collection.

    FILE, or the sound of the collection with that name, is cut into grains of eight spectrogram frames (85 ms at
    48 kHz); each is answered by the grain of the collection, as the model knows it, whose colour is nearest, louder
    and softer as FILE is, all in all at the level of the collection. What comes is as long as FILE, at most ten
    minutes, and lies between both channels as FILE does.
    The same model, sound and seed give the same bytes. Nothing is overwritten.
    """
    wanted: SoundRequest = validated(SoundRequest, {**options, "origin": FromGrains(file=sound)})
    file = FileRequest(format=_format(out))
    refuse_what_is_there(out)
    from engine.device import choose
    from engine.tasks.vae.sounds.generate import SoundGenerator
    from engine.tasks.vae.sounds.load import open_model
    from engine.tasks.vae.sounds.write import deliver_alone

    choose("cpu", threads)
    deliver_alone(SoundGenerator(open_model(run_dir, checkpoint)), wanted, file, out)
    click.echo(out)


def _format(out: Path) -> Format:
    """The format that a file's name ends with."""
    kind = next((kind for kind in get_args(Format) if out.suffix.lower() == f".{kind}"), None)
    if kind is None:
        raise ConfigError(f"{out} names no format.", f"End it with .{', .'.join(get_args(Format))}.")
    return cast(Format, kind)
