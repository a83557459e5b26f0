"""MIDI in: a port or a file, by mido. The package is imported when it is asked for: it is an extra."""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, DataError
from engine.installation import PLAYING, install
from engine.quantities import number
from engine.regular_file import read_regular
from engine.tasks.vae.play.midi_bounds import more_than
from engine.tasks.vae.play.player import Player
from engine.tasks.vae.play.spot import deviations

LONGEST_S = 3600.0  # of a file: a few bytes of it can ask for months
MOST_MESSAGES = 250_000  # of a file, one every 14 ms for an hour: mido takes 5 s and 220 MB for those
ASYNCHRONOUS = 2  # the type of a file whose tracks do not sound together
_MOST_BYTES = 4 << 20
_ALL_SOUND_OFF, _ALL_NOTES_OFF = 120, 123
_LOOK_S = 0.001
Tell = Callable[[str], None]
INSTALL = f"Install what playing needs: {install(*PLAYING)}."
_INSTALL_PORTS = f"{INSTALL} From Python 3.13 on the second is compiled."


def is_file(name: str) -> bool:
    """Whether ``name`` means a file; else it means a port."""
    return Path(name).suffix.lower() in (".mid", ".midi", ".smf") or Path(name).is_file()


def obey(player: Player, message: Any, controllers: Sequence[int], tell: Tell) -> None:
    """Do what a message of mido says, on whatever channel; what is neither note nor controller says nothing here.

    controllers: that of axis 1 first. tell: told of one that moves nothing.
    """
    if message.type == "note_on":
        player.note_on(message.note, message.velocity)
    elif message.type == "note_off":
        player.note_off(message.note)
    elif message.type == "control_change":
        if message.control in controllers[: player.axes]:
            player.move(controllers.index(message.control) + 1, deviations(message.value))
        elif message.control in (_ALL_SOUND_OFF, _ALL_NOTES_OFF):
            player.all_off()
        else:
            tell(f"Controller {message.control} moves nothing: --controllers says which do.")


def read_file(path: Path) -> list[tuple[float, Any]]:
    """The messages of a MIDI file with their seconds from its beginning, in order. ``DataError`` when it is none,
    lasts longer than an hour or has more than 250,000 messages or 4 MiB, ``ConfigError`` without mido. Raises OSError.
    """
    mido = _mido()
    data = _read(path)
    try:
        many = more_than(MOST_MESSAGES, data, mido.messages.SPEC_BY_STATUS)
    except ValueError as error:
        raise _no_midi(path, str(error)) from error
    if many:
        raise DataError(f"{path} has more than {number(MOST_MESSAGES)} messages.", "Cut it into shorter ones.")
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
        if file.ticks_per_beat <= 0:  # as mido reads frames a second
            raise DataError(f"{path} counts in SMPTE frames, or in nothing.", "Write it in ticks a quarter note.")
        if file.type == ASYNCHRONOUS:
            raise DataError(f"{path} is of type 2: its tracks are pieces of their own.", "Write one of them as type 0.")
        return list(_timed(file, path))
    # What mido and Python say of these is for who reads their programs.
    except EOFError as error:
        raise _no_midi(path, "it ends too early") from error
    except OSError as error:
        raise _no_midi(path, "one of its messages has more than a million bytes") from error
    except mido.KeySignatureError as error:
        raise _no_midi(path, "it names a key that there is none of") from error
    except (ValueError, ArithmeticError, TypeError, LookupError) as error:
        raise _no_midi(path, "one of its messages says what none of its kind can") from error


def _no_midi(path: Path, why: str) -> DataError:
    return DataError(f"{path} cannot be read as a MIDI file: {why}.", "Name a Standard MIDI File of type 0 or 1.")


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.", "Name a MIDI file, or a part of a port's name.") from error
    except OSError as error:
        if error.errno == errno.EFBIG:
            most = f"{_MOST_BYTES >> 20} MiB"
            raise DataError(
                f"{path} has more than {most}, the most that is read.", "Leave out tracks of it."
            ) from error
        if error.errno == errno.EINVAL or path.is_dir():
            raise DataError(f"{path} is no regular file.", "Name a MIDI file.") from error
        raise


def _timed(file: Any, path: Path) -> Iterator[tuple[float, Any]]:
    at = 0.0
    for message in file:
        at += message.time
        if at > LONGEST_S:
            raise DataError(f"{path} lasts longer than an hour.", "Cut it into shorter ones.")
        yield at, message


@contextmanager
def open_port(name: str, receive: Callable[[Any], None]) -> Iterator[str]:
    """Listen to the input port called ``name``, or the only one whose name holds it: what it is called in full.

    ``ConfigError`` when there is none such, which names those there are. receive: called on a thread of its own.
    """
    mido = _mido()
    try:
        ports = list(dict.fromkeys(mido.get_input_names()))
        fitting = [one for one in ports if one == name] or [one for one in ports if name.lower() in one.lower()]
        if len(fitting) != 1:
            raise ConfigError(f"{len(fitting) or 'No'} MIDI input is called {name!r}.", _those(ports))
        port = _opened(mido, fitting[0])
    except ImportError as error:
        raise ConfigError("MIDI inputs need python-rtmidi, which is not installed.", _INSTALL_PORTS) from error
    except (OSError, RuntimeError, ValueError) as error:  # rtmidi's own are such
        raise ConfigError(
            f"The MIDI inputs of this computer cannot be opened: {str(error).rstrip(' .')}.",
            "Name a MIDI file, or use --osc.",
        ) from error
    over = threading.Event()
    taking = threading.Thread(target=_take, args=(port, receive, over), daemon=True, name="midi-port")
    taking.start()
    try:
        yield fitting[0]
    finally:
        over.set()
        taking.join()
        port.close_port()
        port.delete()


def _opened(mido: Any, name: str) -> Any:
    """The input port of that name among mido's, as rtmidi has it and without a callback: one that is on its way while
    the port is closed waits for Python, which waits for it, and the program never ends.
    """
    import rtmidi

    api = mido.backend.api
    port = rtmidi.MidiIn(rtapi=getattr(rtmidi, f"API_{api}") if api else rtmidi.API_UNSPECIFIED)
    port.open_port(port.get_ports().index(name))
    return port


def _take(port: Any, receive: Callable[[Any], None], over: threading.Event) -> None:
    """Hand on what comes until it is ``over``."""
    mido = _mido()
    while not over.wait(_LOOK_S):
        while not over.is_set() and (found := port.get_message()) is not None:
            try:
                message = mido.Message.from_bytes(found[0])
            except ValueError:  # no message
                continue
            receive(message)


def _those(ports: Sequence[str]) -> str:
    if not ports:
        return "There is none: connect one, name a MIDI file, or use --osc."
    return f"Name one of: {', '.join(ports)}."


def _mido() -> Any:
    try:
        import mido
    except ImportError as error:
        raise ConfigError("mido is not installed.", INSTALL) from error
    return mido
