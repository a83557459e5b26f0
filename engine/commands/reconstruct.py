"""``sweetspot reconstruct``: any sound through a trained model and back."""

from __future__ import annotations

from pathlib import Path

import click

from engine import completion
from engine.errors import DataError
from engine.process.path_type import UserPath
from engine.quantities import duration
from engine.regular_file import refuse_files_there
from engine.tasks.vae.sounds.request import MOST_SECONDS


@click.command("reconstruct")
@click.argument("run_dir", metavar="RUN_DIR|MODEL.zip", type=UserPath())
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=UserPath())
@click.option("--out", required=True, type=UserPath(file_okay=False), help="Directory for the sounds.")
@click.option(
    "--checkpoint", shell_complete=completion.states, help="best, last, step-N or epoch-N; by default best, else last."
)
def command(run_dir: Path, files: tuple[Path, ...], out: Path, checkpoint: str | None) -> None:
    """Pass sounds through a trained model and back.

    Writes NAME.recon.wav beside NAME.orig.wav into --out: float at the model's rate, levels untouched. The copy of a
    stereo file lies between both channels as that does; more channels than two are averaged. A sound may last ten
    minutes: the model takes it in one pass. Nothing is overwritten.
    """
    from engine.audio.files.io import AudioError, TooLongError, read_stereo, unusable, write_wave
    from engine.audio.inversion import BEST
    from engine.audio.stereo import middle_of
    from engine.tasks.vae.sounds.load import load_codec

    names = _names(files)
    refuse_files_there(out, [f"{name}.{kind}.wav" for name in names for kind in ("orig", "recon")])
    codec = load_codec(run_dir, checkpoint)
    rate = codec.config.sample_rate
    out.mkdir(parents=True, exist_ok=True)
    for path, name in zip(files, names, strict=True):
        if not path.exists():
            raise DataError(f"{path} does not exist.", "Name a sound file.")
        try:
            wave, image = read_stereo(path, rate, MOST_SECONDS)
        except TooLongError as error:
            raise DataError(
                f"{path} lasts more than {duration(MOST_SECONDS)}, the most that is taken.", "Cut it into pieces."
            ) from error
        except (AudioError, OSError) as error:
            raise unusable(path, error, "Leave it out or convert it to WAV.") from error
        write_wave(out / f"{name}.orig.wav", wave, rate, "FLOAT")
        write_wave(out / f"{name}.recon.wav", codec.reconstruct(middle_of(wave), BEST, image), rate, "FLOAT")
        click.echo(out / f"{name}.recon.wav")


def _names(files: tuple[Path, ...]) -> list[str]:
    """Each file's stem, made unique where two agree."""
    used: set[str] = set()
    names = []
    for path in files:
        name, number = path.stem, 2
        while name in used:
            name, number = f"{path.stem}-{number}", number + 1
        used.add(name)
        names.append(name)
    return names
