"""``sweetspot serve RUN_DIR``: one warm process that makes sounds for a viewer (the protocol is in docs/serve.md), or
one that is played by notes and controllers (docs/play.md)."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import click

from engine import completion
from engine.errors import ConfigError, SweetspotError
from engine.flags import FiniteRange, WholeRange
from engine.installation import PLAYING, install
from engine.printable import escaped
from engine.process.path_type import UserPath
from engine.process.signals import SignalFlag
from engine.regular_file import refuse_what_is_there
from engine.rundir.encoding import encode
from engine.tasks.vae.play.request import PlayRequest
from engine.validation import validated

IDLE_S = 600.0
LONGEST_LINE = 1 << 20
_MOST_WARNINGS = 100
_SAYS = {name: field.description for name, field in PlayRequest.model_fields.items()}
_HELP = f"""Answer requests for sounds over stdin and stdout, or play: with --midi or --osc.

One JSON object a line comes in, one goes out (docs/serve.md). Reads the run only, also while it trains. Ends when stdin
closes, after ten idle minutes, or with a line over 1 MiB.

With --midi or --osc stdin is not read: notes make sounds, controllers move along the main axes of the map
(docs/play.md). Sounds are made ahead, so that a note answers at once. Ctrl-C ends it. All options from --out on are for
that. It needs:

\b
  {install(*PLAYING)}
"""


@click.command("serve", help=_HELP)
@click.argument("run_dir", metavar="RUN_DIR|MODEL.zip", type=UserPath())
@click.option("--threads", type=WholeRange(1, 256), help="CPU threads; automatic: the cores, at most 4.")
@click.option("--idle-s", type=FiniteRange(0.1), default=IDLE_S, show_default=True,
              help="Ends after so long without a request.")  # fmt: skip
@click.option("--midi", metavar="PORT|FILE.mid", shell_complete=completion.files,
              help="Play what comes from this MIDI input, part of its name will do, or from this file.")  # fmt: skip
@click.option("--osc", metavar="[HOST:]PORT", help="Play what comes as OSC to this UDP port, of this computer alone "
              "unless a host is named; 0: one that is free.")  # fmt: skip
@click.option("--out", type=UserPath(), help="Play into this WAV file in place of an audio device; a MIDI file "
              "alone is played into it as fast as it can be made.")  # fmt: skip
@click.option("--device", help="Audio device to play on; automatic: the system's own.")
@click.option("--keys", type=click.Choice(["kit", "chromatic"]), help=_SAYS["keys"])
@click.option("--sounds", type=int, help=_SAYS["sounds"])
@click.option("--controllers", metavar="CC,CC", help=_SAYS["controllers"])
@click.option("--duration", "duration_s", type=float, metavar="S", help=_SAYS["duration_s"])
@click.option("--seed", type=int, help=_SAYS["seed"])
@click.option("--temperature", type=float, help=_SAYS["temperature"])
@click.option("--quality", type=click.Choice(["best", "fast"]), help=_SAYS["quality"])
@click.option("--stereo/--mono", default=None, help=_SAYS["stereo"])
@click.option("--checkpoint", shell_complete=completion.states, help="State to play, as in generate.")
def command(run_dir: Path, threads: int | None, idle_s: float, **playing: Any) -> None:
    asked = {name: value for name, value in playing.items() if value is not None}
    if "midi" in asked or "osc" in asked:
        _refuse_what_says_nothing(asked)
        _play(run_dir, threads, asked)
    elif asked:
        raise ConfigError("What is to be played comes from nowhere.", "Name --midi or --osc beside the other options.")
    else:
        _answer(run_dir, threads, idle_s)


def _refuse_what_says_nothing(asked: dict[str, Any]) -> None:
    """``ConfigError`` for an option that nothing would come of."""
    if click.get_current_context().get_parameter_source("idle_s") is not click.core.ParameterSource.DEFAULT:
        raise ConfigError("--idle-s says nothing beside --midi or --osc.", "Leave it out: Ctrl-C ends playing.")
    if asked.get("keys") == "chromatic" and "sounds" in asked:
        raise ConfigError("--sounds says nothing beside --keys chromatic, which has one.", "Leave one of them out.")


def _play(run_dir: Path, threads: int | None, asked: dict[str, Any]) -> None:
    from engine.tasks.vae.play import midi, osc
    from engine.tasks.vae.play.inputs import Inputs
    from engine.tasks.vae.play.session import perform, take

    source, address, checkpoint = (asked.pop(name, None) for name in ("midi", "osc", "checkpoint"))
    out, device = asked.pop("out", None), asked.pop("device", None)
    if out is not None and device is not None:
        raise ConfigError("Sounds go to a file or to a device, not to both.", "Leave out --out or --device.")
    if "controllers" in asked:
        asked["controllers"] = asked["controllers"].split(",")
    request: PlayRequest = validated(PlayRequest, asked)
    if out is not None:
        refuse_what_is_there(out)
    of_file = source is not None and midi.is_file(source)
    inputs = Inputs(
        midi.read_file(Path(source)) if of_file else None,
        None if of_file else source,
        osc.parsed(address) if address is not None else None,
        request.controllers,
    )
    from engine.device import choose
    from engine.tasks.vae.sounds.generate import SoundGenerator
    from engine.tasks.vae.sounds.load import open_model

    choose("cpu", threads)
    generator = SoundGenerator(open_model(run_dir, checkpoint))
    signals = SignalFlag()
    signals.install()

    def stopped() -> bool:
        return signals.received is not None

    def tell(sentence: str) -> None:
        click.echo(escaped(sentence))

    if inputs.messages is not None and inputs.osc is None and out is not None:
        if not take(generator, request, inputs, out, tell, _warner(), stopped):
            sys.exit(signals.exit_code)
        return
    perform(generator, request, inputs, out or device, tell, _warner(), stopped)


def _warner() -> Callable[[str], None]:
    """Says each sentence once on stderr, from any thread, and no more than a hundred."""
    said: set[str] = set()

    def warn(sentence: str) -> None:
        if sentence in said or len(said) >= _MOST_WARNINGS:
            return
        said.add(sentence)
        with suppress(OSError):  # nobody reads it; playing goes on
            click.echo(escaped(sentence), err=True)

    return warn


def _answer(run_dir: Path, threads: int | None, idle_s: float) -> None:
    answers_to = _own_stdout()
    lines = _lines(sys.stdin.fileno())
    from engine.device import choose
    from engine.tasks.vae.instrument.request_handler import KitRequestHandler
    from engine.tasks.vae.sounds.load import check_can
    from engine.tasks.vae.sounds.wire import told

    choose("cpu", threads)
    try:
        if not run_dir.is_file():  # an exported model is checked when it is opened
            check_can(run_dir, "make_sounds")
    except SweetspotError as error:
        _send(answers_to, {"id": None, "ok": False, "error": told(error)})
        raise
    handler = KitRequestHandler(run_dir)
    while True:
        try:
            line = lines.get(timeout=idle_s)
        except queue.Empty:
            return
        if line is None or not _send(answers_to, handler.answer(line)):
            return


def _own_stdout() -> BinaryIO:
    """The stream of the answers. Whatever else prints in this process goes to stderr from now on."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream


def _send(stream: BinaryIO, answer: dict[str, object]) -> bool:
    """Whether anybody still reads."""
    try:
        stream.write(encode(answer))
        stream.flush()
    except BrokenPipeError:
        return False
    return True


def _lines(descriptor: int) -> queue.Queue[bytes | None]:
    """Lines as they come; None at the end. By a thread: Windows cannot wait for a pipe.

    It reads the descriptor itself: a thread that waits in ``sys.stdin`` holds its lock, and Python aborts at the end.
    """
    found: queue.Queue[bytes | None] = queue.Queue(maxsize=64)

    def read() -> None:
        pending = b""
        while block := os.read(descriptor, 1 << 16):
            *whole, pending = (pending + block).split(b"\n")
            for line in filter(bytes.strip, whole):
                found.put(line)
            if len(pending) > LONGEST_LINE:
                break
        found.put(pending or None)
        found.put(None)

    threading.Thread(target=read, daemon=True, name="requests").start()
    return found
