"""``sweetspot generate RUN_DIR``: new sounds as files, each with the recipe that makes it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from engine import completion
from engine.errors import ConfigError, DataError
from engine.flags import WholeRange
from engine.process.path_type import UserPath
from engine.regular_file import read_regular, refuse_files_there
from engine.rundir.protocol import Record
from engine.tasks.vae.sounds.request import FileRequest, Recipe, SoundRequest
from engine.validation import validated

_ASKED = ("seed", "temperature", "quality", "loop", "bars", "bpm", "beats_per_bar", "stereo")


@click.command("generate")
@click.argument("run_dir", metavar="RUN_DIR|MODEL.zip", type=UserPath())
@click.option("--out", required=True, type=UserPath(), help="Directory for the sounds.")
@click.option("--count", type=WholeRange(1, 10_000), help="How many sounds. [default: 8]")
@click.option("--duration", type=float, metavar="S", help=SoundRequest.model_fields["duration_s"].description)
@click.option("--seed", type=int, default=0, show_default=True, help=SoundRequest.model_fields["seed"].description)
@click.option(
    "--checkpoint", shell_complete=completion.states, help="best, last, step-N or epoch-N; by default best, else last."
)
@click.option("--temperature", type=float, help=SoundRequest.model_fields["temperature"].description)
@click.option("--quality", type=click.Choice(["best", "fast"]), default="best", show_default=True,
              help=SoundRequest.model_fields["quality"].description)  # fmt: skip
@click.option("--loop", is_flag=True, help=SoundRequest.model_fields["loop"].description)
@click.option("--bars", type=int, help=SoundRequest.model_fields["bars"].description)
@click.option("--bpm", type=float, help=SoundRequest.model_fields["bpm"].description)
@click.option("--beats-per-bar", type=int, help=SoundRequest.model_fields["beats_per_bar"].description)
@click.option("--stereo/--mono", default=None, help=SoundRequest.model_fields["stereo"].description)
@click.option("--format", "kind", type=click.Choice(["wav", "flac", "ogg"]), default="wav", show_default=True)
@click.option("--sample-rate", type=int, metavar="HZ", help=FileRequest.model_fields["sample_rate"].description)
@click.option("--bit-depth", type=int, help=FileRequest.model_fields["bit_depth"].description)
@click.option(
    "--from",
    "source",
    metavar="FILE",
    shell_complete=completion.files,
    help="Vary this sound; or the one of the collection with that name.",
)
@click.option("--amount", type=float, help="How far from it: 0 is the sound as the model knows it, 1 nothing of it.")
@click.option(
    "--between",
    nargs=2,
    metavar="A B",
    shell_complete=completion.files,
    help="Morph from sound A to sound B, both included.",
)
@click.option("--steps", type=WholeRange(2, 1000), help="How many sounds on that way. [default: 8]")
@click.option(
    "--again", metavar="JSON", multiple=True, type=UserPath(exists=True, dir_okay=False),
    help="Make the sound of this recipe again; may be named several times. Takes no other option but --out.",
)  # fmt: skip
@click.option("--threads", type=WholeRange(1, 256), help="CPU threads; automatic: the cores, at most 4.")
def command(run_dir: Path, out: Path, again: tuple[Path, ...], threads: int | None, **options: Any) -> None:
    """Make new sounds with a trained model, also while it trains.

    Writes exactly --count sounds into --out and a JSON beside each, from which --again makes it again. The same seed
    and settings give the same sounds, as WAV and FLAC the same bytes, and sound 3 is the same however many are made.
    Nothing is overwritten.
    """
    if again:
        _refuse_others([*options, "threads"], click.get_current_context())
        _make_again(run_dir, out, again)
        return
    wanted = _wanted(options)
    file: FileRequest = validated(
        FileRequest, {name: options[name] for name in ("sample_rate", "bit_depth")} | {"format": options["kind"]}
    )
    from engine.device import choose
    from engine.tasks.vae.sounds.generate import SoundGenerator
    from engine.tasks.vae.sounds.load import open_model
    from engine.tasks.vae.sounds.write import deliver

    choose("cpu", threads)
    generator = SoundGenerator(open_model(run_dir, options["checkpoint"]))
    names = [f"{generator.trained.run}-{name}" for name, _ in wanted]
    refuse_files_there(out, _files(names, file), "Name another directory, or another seed.")
    out.mkdir(parents=True, exist_ok=True)
    remarks: dict[str, None] = {}
    for name, (_, sound) in zip(names, wanted, strict=True):
        done = deliver(generator, sound, file, out, name)
        remarks |= dict.fromkeys(done.remarks)
        click.echo(done.path)
    for remark in remarks:
        click.echo(remark, err=True)


def _wanted(options: dict[str, Any]) -> list[tuple[str, SoundRequest]]:
    """What to make, and the end of its name."""
    seed = options["seed"]
    if options["between"]:
        first, second = options["between"]
        _refuse(options, "between", "source", "amount", "count")
        steps = options["steps"] or 8
        origins = [
            {"kind": "between", "first": first, "second": second, "position": step / (steps - 1)}
            for step in range(steps)
        ]
        stem = f"{_stem(first)}-to-{_stem(second)}"
    elif options["source"] is not None:
        _refuse(options, "from", "steps")
        amount = 0.5 if options["amount"] is None else options["amount"]
        same = {"kind": "file", "file": options["source"], "amount": amount}
        origins = [{**same, "index": index} for index in range(options["count"] or 8)]
        stem = f"{_stem(options['source'])}-varied-seed{seed}"
    else:
        _refuse(options, "count", "steps", "amount")
        origins = [{"kind": "prior", "index": index} for index in range(options["count"] or 8)]
        stem = f"seed{seed}"
    common = {name: options[name] for name in _ASKED} | {"duration_s": options["duration"]}
    sounds = [validated(SoundRequest, {**common, "origin": origin}) for origin in origins]
    digits = max(3, len(str(len(sounds))))
    return [(f"{stem}-{number:0{digits}d}{sound.in_name}", sound) for number, sound in enumerate(sounds, 1)]


def _refuse(options: dict[str, Any], mode: str, *others: str) -> None:
    for name in others:
        if options[name] is not None:
            flag = {"source": "from"}.get(name, name)
            raise ConfigError(f"--{flag} says nothing beside --{mode}.", "Leave one of them out.")


def _refuse_others(options: Iterable[str], context: click.Context) -> None:
    for name in options:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            flag = {"source": "from", "kind": "format"}.get(name, name).replace("_", "-")
            raise ConfigError(f"--{flag} says nothing beside --again.", "A recipe says all; leave it out.")


def _stem(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in Path(name).stem)[:64]


def _files(names: Iterable[str], file: FileRequest) -> list[str]:
    return [f"{name}.{suffix}" for name in names for suffix in (file.format, "json")]


def _make_again(run_dir: Path, out: Path, paths: tuple[Path, ...]) -> None:
    import hashlib

    from engine.device import choose
    from engine.tasks.vae.sounds.generate import SoundGenerator
    from engine.tasks.vae.sounds.load import open_model
    from engine.tasks.vae.sounds.write import check_model, deliver

    recipes = [(path, _recipe(path)) for path in paths]
    twice = [name for name, count in Counter(path.stem for path in paths).items() if count > 1]
    if twice:
        raise ConfigError(f"Several recipes are called {twice[0]}.", "Make each into a directory of its own.")
    refuse_files_there(out, [name for path, recipe in recipes for name in _files([path.stem], recipe.file)])
    for path, recipe in recipes:
        choose("cpu", recipe.threads)
        trained = open_model(run_dir, recipe.state)
        check_model(trained, recipe)
        out.mkdir(parents=True, exist_ok=True)
        done = deliver(SoundGenerator(trained), recipe.sound, recipe.file, out, path.stem)
        click.echo(done.path)
        # Every Ogg file has a serial number of its own, so its bytes tell nothing.
        if recipe.file.format != "ogg" and hashlib.sha256(done.path.read_bytes()).hexdigest() != recipe.sha256:
            click.echo(
                f"{done.path.name} is not the same to the last bit: it was made on another machine, or with other "
                "versions.",
                err=True,
            )


def _recipe(path: Path) -> Recipe:
    try:
        recipe: Recipe = Recipe.model_validate_json(read_regular(path, Record.most_bytes))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise DataError(f"{path} cannot be read: {why}.", "Name a JSON that generate wrote.") from error
    except ValueError as error:
        raise DataError(f"{path} is no recipe of this version.", "Name a JSON that generate wrote.") from error
    return recipe
