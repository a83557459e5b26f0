"""One session of playing, from what was asked for to its end."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from engine.piano_keys import key_name
from engine.quantities import counted, plural
from engine.tasks.vae.play.ahead import SPOTS, RenderAhead
from engine.tasks.vae.play.inputs import Inputs, feeding, listening
from engine.tasks.vae.play.keyboard import Keyboard
from engine.tasks.vae.play.midi import Tell
from engine.tasks.vae.play.output import BLOCK, Recording, open_device, record
from engine.tasks.vae.play.player import Player
from engine.tasks.vae.play.rendered import Rendered, RenderedSounds
from engine.tasks.vae.play.renderer import Renderer
from engine.tasks.vae.play.request import PlayRequest
from engine.tasks.vae.play.spot import Spot
from engine.tasks.vae.play.take import play_file
from engine.tasks.vae.sounds.generate import SoundGenerator

FEWEST_KEPT = 256  # sounds in memory
_LOOK_S = 0.02
Stopped = Callable[[], bool]
Play = Callable[[Player, Stopped], None]


def take(
    generator: SoundGenerator, request: PlayRequest, inputs: Inputs, out: Path, tell: Tell, warn: Tell, stopped: Stopped
) -> bool:
    """Play the MIDI file of ``inputs`` into ``out``, as fast as it can be made; False when ``stopped`` before its end.

    ``out`` is there once it is whole: nothing stays of one that is stopped or fails. The same model, file, settings and
    number of threads give the same bytes. Raises OSError.
    """
    keyboard, render = Keyboard(request.keys, request.sounds), Renderer(generator, request)
    sounds = RenderedSounds(FEWEST_KEPT)

    def find(slot: int, spot: Spot) -> tuple[Rendered, bool] | None:
        if (slot, spot) not in sounds:
            sounds.put(slot, spot, render(slot, spot))
        return sounds.nearest(slot, spot)

    player = Player(keyboard, generator.rate, generator.map.count, find, lambda spot, heading: None)
    with Recording(out, generator.rate, live=False) as recording:
        if not play_file(player, inputs.messages or (), inputs.controllers, recording.write, warn, stopped):
            return False
        recording.finish()
    tell(f"{out}: {counted(player.notes, 'note')}, {counted(len(render.seconds), 'sound')} made")
    _tell_of_silence(player, tell)
    _tell_of_clipping(player, tell)
    return True


def perform(
    generator: SoundGenerator, request: PlayRequest, inputs: Inputs, output: Path | str | None, tell: Tell, warn: Tell,
    stopped: Stopped,
) -> Player:  # fmt: skip
    """Play what comes in until ``stopped``, or until a MIDI file that comes alone is over; who played it.

    output: a WAV file, or the name of an audio device, None: the system's own. ``ConfigError`` when an input or the
    device cannot be opened. Raises OSError.
    """
    keyboard, render = Keyboard(request.keys, request.sounds), Renderer(generator, request)
    sounds = RenderedSounds(max(FEWEST_KEPT, SPOTS * keyboard.slots))
    ahead = RenderAhead(render, keyboard.slots, sounds, warn)

    def find(slot: int, spot: Spot) -> tuple[Rendered, bool] | None:
        ahead.played(slot)
        return sounds.nearest(slot, spot)

    player = Player(keyboard, generator.rate, generator.map.count, find, ahead.aim)
    with ThreadPoolExecutor(1, "render") as pool, ExitStack() as opened:
        opened.callback(ahead.end)
        opened.enter_context(listening(player, inputs, tell, warn))
        play = _into(output, tell) if isinstance(output, Path) else opened.enter_context(_onto(player, output, tell))
        if not _make_first(render, sounds, keyboard.slots, stopped):
            return player
        for line in _about(generator, inputs, keyboard, render):
            tell(line)
        rendering = pool.submit(ahead.run)
        player.begin()
        tell("Ready; Ctrl-C ends it.")
        fed = opened.enter_context(feeding(player, inputs, warn))
        play(player, _ended(player, rendering, fed, stopped))
    tell(_summary(player))
    _tell_of_silence(player, tell)
    _tell_of_clipping(player, tell)
    return player


def _make_first(render: Renderer, sounds: RenderedSounds, slots: int, stopped: Stopped) -> bool:
    """Make what each key plays before an axis is moved; False when stopped before the last one."""
    render.warm_up()
    for slot in range(slots):
        if stopped():
            return False
        sounds.put(slot, Spot(), render(slot, Spot()))
    return True


def _ended(player: Player, rendering: Future[None], fed: Stopped, stopped: Stopped) -> Stopped:
    """Whether playing is over: stopped, or all that was to come in has come and sounded. Raises what ended
    ``rendering``."""

    def ended() -> bool:
        if rendering.done():
            rendering.result()
        return stopped() or (fed() and not player.sounding)

    return ended


def _into(out: Path, tell: Tell) -> Play:
    """A function that plays into a WAV file until it is told to end."""

    def play(player: Player, ended: Stopped) -> None:
        with Recording(out, player.rate, live=True) as recording:
            late = record(player, recording, ended)
        written = ", ".join(map(str, recording.paths))
        tell(f"{written}: {late} {plural(late, 'block')} came late, the computer was busy" if late else written)

    tell(f"Playing into {out}. Latency: at most a block of {BLOCK} samples")
    return play


@contextmanager
def _onto(player: Player, name: str | None, tell: Tell) -> Iterator[Play]:
    """A function that lets a device play until it is told to end."""
    block_ms = 1000 * BLOCK / player.rate
    with open_device(player, name) as device:
        device_ms = 1000 * device.latency_s
        tell(
            f"Playing on {device.name}. Latency: at most {block_ms + device_ms:.1f} ms, a block of {block_ms:.1f} ms "
            f"and {device_ms:.1f} ms of the device"
        )

        def play(player: Player, ended: Stopped) -> None:
            device.start()
            while not ended():
                time.sleep(_LOOK_S)
            if device.gaps():
                tell(f"{device.gaps()} {plural(device.gaps(), 'gap')} in what was heard, the computer was busy")

        yield play


def _about(generator: SoundGenerator, inputs: Inputs, keyboard: Keyboard, render: Renderer) -> Iterator[str]:
    """What can be played, and how fast a controller is followed."""
    trained, each_s = generator.trained, statistics.median(render.seconds)
    yield f"{trained.run}, {trained.state}: {keyboard.words}, ready after {sum(render.seconds):.1f} s"
    for axis, controller in zip(generator.map.axes, inputs.controllers, strict=False):
        changes = ", ".join(f"{'more' if r > 0 else 'less'} {name}" for name, r in axis.changes) or "no one word for it"
        yield f"axis {axis.number}, controller {controller}: {changes} ({axis.share:.0%} of the differences)"
    yield (
        f"A moved axis is heard {each_s:.2f} s later on the key played last, {each_s * keyboard.slots:.1f} s later on "
        "all; until then a note plays the sound nearest to it that is ready"
    )


def _summary(player: Player) -> str:
    """What was played, and how long notes waited."""
    told = f"{player.notes} {plural(player.notes, 'note')}"
    if player.waits_s:
        waits_ms = sorted(1000 * wait for wait in player.waits_s)
        middle, most = statistics.median(waits_ms), waits_ms[-1]
        told += f", first samples handed out after {middle:.1f} ms (median), {most:.1f} ms at most"
    if player.nearby:
        told += f"; {player.nearby} played a sound from nearby, the very one was not ready"
    if player.missing:
        told += f"; {player.missing} played nothing, no sound of their key was ready"
    return told


def _tell_of_silence(player: Player, tell: Tell) -> None:
    if player.silent:
        keys = ", ".join(f"{key} ({key_name(key)})" for key in sorted(player.silent))
        tell(f"{counted(player.silent.total(), 'note')} more on keys without a sound: {keys}.")


def _tell_of_clipping(player: Player, tell: Tell) -> None:
    if player.clipped:
        tell(f"{player.clipped} {plural(player.clipped, 'block')} went beyond full scale and were cut: play softer.")
