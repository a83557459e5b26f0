"""``sweetspot instrument RUN_DIR --out kit.zip``: new sounds on keys, for the samplers that musicians play."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from engine import completion
from engine.errors import ConfigError, DataError
from engine.flags import WholeRange
from engine.piano_keys import asked_key, asked_keys
from engine.process.path_type import UserPath
from engine.regular_file import refuse_what_is_there
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.validation import validated

_SAYS = {name: field.description for name, field in InstrumentRequest.model_fields.items()}


@click.command("instrument")
@click.argument("run_dir", metavar="RUN_DIR|MODEL.zip", type=UserPath())
@click.option("--out", required=True, type=UserPath(), help="The zip to write; kit and files are named after it.")
@click.option("--sounds", type=int, help=_SAYS["sounds"])
@click.option("--starred", is_flag=True, help="Sounds that have a star in the app, no new ones.")
@click.option("--places", is_flag=True, help="The collection's own sounds, as the model knows them.")
@click.option("--region", type=float, nargs=3, metavar="X Y RADIUS",
              help=f"{_SAYS['region']} The app's page Explore shows where things lie.")  # fmt: skip
@click.option("--keys", type=click.Choice(["kit", "chromatic"]), default="kit", show_default=True, help=_SAYS["keys"])
@click.option("--first-key", metavar="KEY", help=f"{_SAYS['first_key']} Named as 36 or C2.")
@click.option("--round-robins", type=int, default=1, show_default=True, help=_SAYS["round_robins"])
@click.option("--velocity-layers", type=int, default=1, show_default=True, help=_SAYS["velocity_layers"])
@click.option("--choke", multiple=True, metavar="KEY,KEY",
              help=f"{_SAYS['choke']} Keys as 42 or F#2; may be named several times.")  # fmt: skip
@click.option("--duration", "duration_s", type=float, metavar="S", help=_SAYS["duration_s"])
@click.option("--seed", type=int, default=0, show_default=True, help=_SAYS["seed"])
@click.option("--temperature", type=float, help=_SAYS["temperature"])
@click.option("--quality", type=click.Choice(["best", "fast"]), default="best", show_default=True,
              help=_SAYS["quality"])  # fmt: skip
@click.option("--stereo/--mono", default=None, help=_SAYS["stereo"])
@click.option(
    "--checkpoint", shell_complete=completion.states, help="best, last, step-N or epoch-N; by default best, else last."
)
@click.option("--threads", type=WholeRange(1, 256), help="CPU threads; automatic: the cores, at most 4.")
def command(
    run_dir: Path, out: Path, starred: bool, places: bool, region: tuple[float, float, float] | None,
    first_key: str | None, choke: tuple[str, ...], checkpoint: str | None, threads: int | None, **options: Any,
) -> None:  # fmt: skip
    """Make a playable instrument of a trained model.

    Writes one zip: a folder of WAV files, and beside it the same keys as SFZ, DecentSampler (.dspreset), Bitwig and
    Studio One (.multisample) and SoundFont 2 (.sf2). The same model and seed give the same bytes. Nothing is
    overwritten.
    """
    asked = {**_which(starred, places, region), "choke": [asked_keys(group, "--choke") for group in choke], **options}
    if first_key is not None:
        asked["first_key"] = asked_key(first_key, "--first-key")
    request: InstrumentRequest = validated(InstrumentRequest, asked)
    refuse_what_is_there(out)
    from engine.device import choose
    from engine.sharing.deterministic_zip import write_zip
    from engine.tasks.vae.instrument.kit_zip import members
    from engine.tasks.vae.instrument.make import make_kit
    from engine.tasks.vae.instrument.stars import starred_in
    from engine.tasks.vae.sounds.generate import SoundGenerator
    from engine.tasks.vae.sounds.load import open_model

    choose("cpu", threads)
    generator = SoundGenerator(open_model(run_dir, checkpoint))
    if request.source == "starred" and run_dir.is_file():
        raise DataError(f"{run_dir.name} is an exported model and knows no stars.", "Name the run it came from.")
    stars = starred_in(run_dir) if request.source == "starred" else []
    kit = make_kit(generator, out.stem, request, stars, _told)
    write_zip(out, members(kit, request))
    for one in kit.instruments:
        low, high = min(zone.low_key for zone in one.zones), max(zone.high_key for zone in one.zones)
        click.echo(f"{one.name}: keys {low} to {high}")
    click.echo(f"{out}: {len(kit.samples)} samples, {out.stat().st_size / 1e6:.1f} MB")
    for remark in kit.remarks:
        click.echo(remark, err=True)


def _told(done: int, total: int) -> None:
    """A line that is written over, for who looks on."""
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {total} samples" + ("\n" if done == total else ""), err=True, nl=False)


def _which(starred: bool, places: bool, region: tuple[float, float, float] | None) -> dict[str, Any]:
    asked = {"--starred": starred, "--places": places, "--region": region is not None}
    named = [option for option, given in asked.items() if given]
    if len(named) > 1:
        others = " and ".join(named[:-1])
        raise ConfigError(
            f"{others} say{'s' if len(named) == 2 else ''} nothing beside {named[-1]}.",
            "Name one of them: it says which sounds.",
        )
    if region is not None:
        return {"source": "region", "region": dict(zip(("x", "y", "radius"), region, strict=True))}
    return {"source": "starred" if starred else "places" if places else "new"}
