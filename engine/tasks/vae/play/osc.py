"""OSC in, over UDP, by python-osc, which is an extra: /note KEY VELOCITY, /axis/N DEVIATIONS, /place X Y, /off."""

from __future__ import annotations

import errno
import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import UDPServer
from typing import Any

from engine.errors import ConfigError, SweetspotError
from engine.quantities import number
from engine.tasks.vae.play.midi import INSTALL, Tell
from engine.tasks.vae.play.player import Player
from engine.tasks.vae.sounds.request import AXES_REACH

USUAL_VELOCITY = 100
FARTHEST = 1e6  # of a place; what comes from far away is refused when it is made
_MOST_BYTES = 1 << 16  # no datagram has more; socketserver cuts off what is beyond its 8,192 without a word
_FIRST_PART = 16  # bytes of a bundle before its parts: its mark and its time
_AXIS = re.compile(r"/axis/(\d{1,3})")
_KNOWN = "Send /note KEY VELOCITY, /axis/N DEVIATIONS, /place X Y or /off."


def obey(player: Player, address: str, *values: Any) -> None:
    """Do what a message says. ``ConfigError`` when it says nothing that is known, or more than can be."""
    axis = _AXIS.fullmatch(address)
    if address == "/note" and len(values) in (1, 2):
        key = _number(address, values[0], 0, 127)
        velocity = _number(address, values[1], 0, 127) if len(values) == 2 else USUAL_VELOCITY
        player.note_on(round(key), round(velocity))
    elif axis and len(values) == 1:
        player.move(int(axis[1]), _number(address, values[0], -AXES_REACH, AXES_REACH))
    elif address == "/place" and len(values) == 2:
        player.place(*(_number(address, value, -FARTHEST, FARTHEST) for value in values))
    elif address == "/off":
        player.all_off()
    else:
        raise ConfigError(f"{address[:40]} with {len(values)} values is no message for here.", _KNOWN)


def _number(address: str, value: Any, least: float, most: float) -> float:
    number = float(value) if isinstance(value, int | float) else math.nan
    if not least <= number <= most:  # NaN neither
        raise ConfigError(f"{address} takes numbers from {least:g} to {most:g}, not {str(value)[:40]}.", _KNOWN)
    return number


def parsed(text: str) -> tuple[str, int]:
    """Host and port of ``[HOST:]PORT``; ``ConfigError`` when they cannot be. Without a host, this computer alone."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 1 << 16):
        raise ConfigError(f"--osc {text} names no port.", "Name one as in --osc 9000 or --osc 0.0.0.0:9000.")
    host = host.strip("[]") or "127.0.0.1"
    try:
        host.encode("idna")  # as the system is asked for it
    except UnicodeError as error:
        said = f"{host[:40]} is no name that a host can have."
        raise ConfigError(said, "Name one, or an address of this computer, as in --osc 0.0.0.0:9000.") from error
    return host, int(port)


class _Unreadable:
    """Says of the first message that cannot be read that it was left out, and at the end how many there were.

    Anybody may send them, as fast as the net takes them. warn: for the first. tell: for their number.
    """

    def __init__(self, warn: Tell, tell: Tell) -> None:
        self._warn, self._tell = warn, tell
        self._count = 0

    def __call__(self, *_: object) -> None:
        self._count += 1
        if self._count == 1:
            self._warn("OSC: a message that cannot be read was left out.")

    def instead_of_log(self, record: logging.LogRecord) -> bool:
        """False for what python-osc logs, bytes as they came: of a part of a bundle, or of a value, that it skips."""
        ours = Path(record.pathname).parent.name != "pythonosc"
        if not ours and record.module == "osc_bundle":  # a message with too few values is told like any other
            self()
        return ours

    def sum_up(self) -> None:
        if self._count > 1:
            self._tell(f"OSC: {number(self._count)} messages that cannot be read were left out.")


@contextmanager
def listen(host: str, port: int, player: Player, warn: Tell, tell: Tell) -> Iterator[str]:
    """Take messages for ``player`` on a thread; where it listens, as HOST:PORT. port: 0 takes one that is free.

    warn: told what is wrong with a message; of those that cannot be read, the first. tell: told at the end how many
    those were. ``ConfigError`` when python-osc is not installed or the port is not free.
    """
    unreadable, root = _Unreadable(warn, tell), logging.getLogger()
    server = _server(host, port, player, warn, unreadable)
    root.addFilter(unreadable.instead_of_log)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="osc")
    thread.start()
    try:
        yield "{}:{}".format(*server.server_address[:2])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        root.removeFilter(unreadable.instead_of_log)
        unreadable.sum_up()


def _server(host: str, port: int, player: Player, warn: Tell, unreadable: _Unreadable) -> UDPServer:
    try:
        from pythonosc.dispatcher import Dispatcher
        from pythonosc.osc_packet import OscPacket, ParseError
        from pythonosc.osc_server import BlockingOSCUDPServer
    except ImportError as error:
        raise ConfigError("python-osc is not installed.", INSTALL) from error

    def take(address: str, *values: Any) -> None:
        try:
            obey(player, address, *values)
        except SweetspotError as error:
            warn(f"OSC: {error}")

    class Messages(Dispatcher):
        def call_handlers_for_packet(self, data: bytes, client_address: tuple[str, int]) -> list[Any]:
            """Take all of a packet, what is dated ahead at once: waiting for it would hold up all that comes after."""
            try:
                messages = OscPacket(_ending(data)).messages
            except (ParseError, ValueError, RecursionError):  # of a text that is none; of bundles in bundles
                unreadable()
                return []
            for one in messages:
                take(one.message.address, *one.message.params)
            return []

    class Server(BlockingOSCUDPServer):
        max_packet_size = _MOST_BYTES

        def verify_request(self, *_: Any) -> bool:
            """Of anything: else what is no message is dropped in silence."""
            return True

    try:
        return Server((host, port), Messages())
    except OSError as error:
        raise _refused(host, port, error) from error


def _ending(data: bytes) -> bytes:
    """``data``, of whose bundles each part lies behind the one before. ``ValueError`` for a part of less than no bytes:
    python-osc would go back with it and read it for ever."""
    ahead = [data]
    while ahead:
        bundle = ahead.pop()
        place = _FIRST_PART if bundle.startswith(b"#bundle\0") else len(bundle)
        while place < len(bundle):
            first, size = place + 4, int.from_bytes(bundle[place : place + 4], "big", signed=True)
            if size < 0:
                raise ValueError(f"a part of {size} bytes")
            place = first + size
            ahead.append(bundle[first:place])
    return data


def _refused(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"Port {port} is taken by another program.", "Name another, or --osc 0 for a free one.")
    why = (error.strerror or str(error)).lower()
    return ConfigError(f"OSC cannot listen on {host}:{port}: {why}.", "Name another place, as in --osc 9000.")
