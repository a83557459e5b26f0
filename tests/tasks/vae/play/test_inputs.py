"""Messages of MIDI and OSC: what each does, and what is said of those that do nothing."""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import mido
import numpy as np
import pytest
import soundfile
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

from engine.errors import ConfigError, DataError
from engine.tasks.vae.play import midi, osc
from engine.tasks.vae.play.keyboard import Keyboard
from engine.tasks.vae.play.midi_bounds import more_than
from engine.tasks.vae.play.output import BLOCK, Recording, open_device, record
from engine.tasks.vae.play.player import HEADROOM, Player
from engine.tasks.vae.play.rendered import Rendered, RenderedSounds
from engine.tasks.vae.play.spot import Spot
from tests.conftest import until

RATE = 8_000


@pytest.fixture
def player() -> Player:
    ready = RenderedSounds(4)
    ready.put(0, Spot(), Rendered(np.ones((RATE, 2), np.float32)))
    return Player(Keyboard("chromatic", 1), RATE, 6, ready.nearest, lambda spot, heading: None)


def test_notes_and_controllers_of_any_channel_are_obeyed(player: Player) -> None:
    said: list[str] = []
    for message in (
        mido.Message("note_on", note=60, velocity=127, channel=9),
        mido.Message("control_change", control=74, value=127),
        mido.Message("control_change", control=22, value=1),
        mido.Message("pitchwheel", pitch=100),
        mido.MetaMessage("set_tempo", tempo=500_000),
    ):
        midi.obey(player, message, [1, 74], said.append)
    assert player.notes == 1 and player.spot == Spot(steps=((2, 8),))
    assert said == ["Controller 22 moves nothing: --controllers says which do."]


@pytest.mark.parametrize("control", [120, 123])
def test_a_controller_that_means_silence_silences(control: int, player: Player) -> None:
    said: list[str] = []
    player.note_on(60, 127)
    assert player.block(64).any()
    midi.obey(player, mido.Message("control_change", control=control), [1], said.append)
    player.block(RATE // 10)
    assert not player.sounding and not said


def test_a_note_of_osc_without_a_velocity_has_a_usual_one(player: Player) -> None:
    osc.obey(player, "/note", 60)
    np.testing.assert_allclose(player.block(64), HEADROOM * (100 / 127) ** 2, rtol=1e-6)


def test_a_controller_of_an_axis_that_the_map_lacks_moves_nothing(player: Player) -> None:
    said: list[str] = []
    midi.obey(player, mido.Message("control_change", control=77, value=1), [1, 2, 3, 4, 5, 6, 77], said.append)
    assert len(said) == 1 and player.spot == Spot()


def test_a_bundle_that_is_dated_ahead_counts_when_it_comes(player: Player) -> None:
    bundle = OscBundleBuilder(time.time() + 1e6)
    note = OscMessageBuilder("/note")
    note.add_arg(60)
    bundle.add_content(note.build())
    with osc.listen("127.0.0.1", 0, player, print, print) as place:
        SimpleUDPClient("127.0.0.1", int(place.rpartition(":")[2])).send(bundle.build())
        until(lambda: player.notes)


def song(path: Path, *messages: mido.Message, kind: int = 1) -> Path:
    file = mido.MidiFile(type=kind)
    file.tracks += [mido.MidiTrack(messages), mido.MidiTrack()]
    file.save(path)
    return path


def one_note(division: int, after: bytes = b"\x60") -> bytes:
    """A MIDI file of one note that ends ``after`` a time in variable length."""
    track = b"\x00\x90\x24\x64" + after + b"\x80\x24\x00\x00\xff\x2f\x00"
    head = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, division)
    return head + struct.pack(">4sI", b"MTrk", len(track)) + track


def test_the_messages_of_a_file_come_with_their_seconds_and_its_tempo(tmp_path: Path) -> None:
    note = mido.Message("note_on", note=60, time=480)
    found = midi.read_file(song(tmp_path / "a.mid", note, mido.MetaMessage("set_tempo", tempo=250_000), note))
    assert [at for at, message in found if message.type == "note_on"] == [0.5, 0.75]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b""), "cannot be read as a MIDI file.*type 0 or 1"),
        (lambda path: path.write_bytes(one_note(0)), "counts in SMPTE frames, or in nothing"),
        (lambda path: path.write_bytes(one_note(0xE728)), "counts in SMPTE frames"),
        (lambda path: path.write_bytes(one_note(480, b"\xff" * 5_000 + b"\x7f")), "times or lengths does not end"),
        (lambda path: path.write_bytes(one_note(480, b"\xff\x01" + b"\xff" * 5_000)), "times or lengths does not end"),
        (lambda path: path.write_bytes(one_note(480, b"\x60\xf4")), "a message of no kind, 0xf4"),
        (lambda path: path.write_bytes(one_note(480, b"\x60\xff\x01\x7f")), "it ends too early"),
        (lambda path: path.write_bytes(one_note(480).replace(b"MTrk", b"MTrx")), "something else stands where"),
        (lambda path: path.write_bytes(b"RIFF and so on, which is no MIDI"), "cannot be read as a MIDI file"),
        (lambda path: song(path, *[mido.Message("note_on", time=960)] * 9_000), r"an hour\. Cut it into shorter ones"),
        (lambda path: song(path, mido.Message("note_on"), kind=2), "of type 2: its tracks are pieces of their own"),
        (lambda path: path.write_bytes(one_note(480, b"\x60\xff\x51\x00\x00")), "says what none of its kind can"),
        (lambda path: path.write_bytes(one_note(480, b"\x60\xff\x54\x05\xff\0\0\0\0\0")), "what none of its kind can"),
        (lambda path: path.write_bytes(one_note(480, b"\x60\xff\x59\x02\x07\x05\x00")), "names a key that there"),
        (lambda path: path.write_bytes(one_note(480, b"\x60\xf0\xbd\x84\x41" + bytes(1_000_002))), "a million bytes"),
        (lambda path: path.write_bytes(bytes((4 << 20) + 1)), r"more than 4 MiB.*Leave out tracks"),
        (lambda path: path.mkdir(), r"is no regular file\. Name a MIDI file"),
        pytest.param(
            lambda path: os.mkfifo(path), "is no regular file",
            marks=pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here"),
        ),
        (lambda path: None, "There is no file"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_played_is_refused_in_a_sentence(
    make: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    make(tmp_path / "a.mid")
    with pytest.raises(DataError, match=said):
        midi.read_file(tmp_path / "a.mid")


def tracks(*notes: int) -> bytes:
    """A MIDI file of tracks that sound so many notes, three bytes each."""
    bodies = [b"\0\x90" + b"\0".join([b"\x24\x64"] * count) for count in notes]
    chunks = [struct.pack(">4sI", b"MTrk", len(body)) + body for body in bodies]
    return struct.pack(">4sIHHH", b"MThd", 6, 1, len(notes), 480) + b"".join(chunks)


@pytest.mark.parametrize("notes", [(21,), (10, 11), (10, 1, 10), (1, 1_000)])
def test_a_file_of_more_messages_than_are_read_is_refused_before_mido_sees_it(
    notes: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(midi, "MOST_MESSAGES", 20)
    path = tmp_path / "a.mid"
    path.write_bytes(tracks(20))
    # mido ends each file with a message of its own.
    assert len(midi.read_file(path)) == 21
    path.write_bytes(tracks(*notes))
    monkeypatch.setattr(mido, "MidiFile", None)
    with pytest.raises(DataError, match=r"has more than 20 messages\. Cut it into shorter ones"):
        midi.read_file(path)


def test_messages_are_counted_as_mido_reads_them(tmp_path: Path) -> None:
    """Status bytes that hold on, also over texts and other data; none is refused that mido can read."""
    messages = [
        mido.Message("note_on", note=1, time=200_000), mido.Message("note_on", note=2), mido.Message("songpos", pos=1),
        mido.Message("sysex", data=[1, 2]), mido.MetaMessage("text", text="\u00fc" * 300), mido.Message("pitchwheel"),
        mido.Message("program_change"), mido.Message("aftertouch", value=1), mido.MetaMessage("set_tempo", tempo=9),
    ]  # fmt: skip
    data = song(tmp_path / "a.mid", *messages).read_bytes()
    ends = 2  # of two tracks
    count, specs = len(messages) + ends, mido.messages.SPEC_BY_STATUS
    assert not more_than(count, data, specs) and more_than(count - 1, data, specs)
    held = one_note(480).replace(b"\x60\x80\x24\x00", b"\x60\xff\x01\x00\x00\x25\x64")
    held = held.replace(b"MTrk\0\0\0\x0c", b"MTrk\0\0\0\x0f")
    (tmp_path / "b.mid").write_bytes(held)
    assert [one.type for _, one in midi.read_file(tmp_path / "b.mid")][:3] == ["note_on", "text", "note_on"]
    assert not more_than(4, held, specs) and more_than(3, held, specs)


def test_any_cut_of_a_midi_file_is_read_or_refused(tmp_path: Path) -> None:
    data = song(tmp_path / "a.mid", *[mido.Message("note_on", note=key, time=9) for key in range(20)]).read_bytes()
    for end in range(len(data)):
        (tmp_path / "b.mid").write_bytes(data[:end])
        try:
            midi.read_file(tmp_path / "b.mid")
        except DataError as error:
            assert error.remedy


def test_a_bundle_as_large_as_a_datagram_can_be_is_taken_whole(player: Player) -> None:
    bundle = OscBundleBuilder(0)
    for key in range(3_270):
        note = OscMessageBuilder("/note")
        note.add_arg(key % 128, "i")
        bundle.add_content(note.build())
    said: list[str] = []
    with osc.listen("127.0.0.1", 0, player, said.append, said.append) as place:
        whole = bundle.build()
        assert 65_400 < whole.size <= 65_507
        SimpleUDPClient("127.0.0.1", int(place.rpartition(":")[2])).send(whole)
        until(lambda: said or player.notes == 3_270)
    assert not said


def test_osc_messages_come_in_over_udp_and_bad_ones_are_said_and_survived(player: Player) -> None:
    said: list[str] = []
    with osc.listen("127.0.0.1", 0, player, said.append, print) as place:
        client = SimpleUDPClient("127.0.0.1", int(place.rpartition(":")[2]))
        for address, values in [
            ("/note", [60, 127]), ("/note", 62.0), ("/axis/2", 1.0), ("/place", [1, -2.5]),
            ("/axis/9", 1.0), ("/axis/1", 5.0), ("/note", "C4"), ("/note", [200, 1]), ("/nix", 1),
            ("/place", [float("nan"), 0.0]),
        ]:  # fmt: skip
            client.send_message(address, values)
        client._sock.sendto(b"/note\0\0\0,i\0\0\0", (client._address, client._port))
        client.send_message("/off", [])
        until(lambda: len(said) >= 7 and not player.block(RATE // 10).any())
    assert player.notes == 2 and player.spot == Spot((1.0, -2.5), ((2, 4),))
    words = ["no axis 9", "from -4 to 4, not 5", "not C4", "not 200", "/nix with 1 values", "not nan"]
    words += ["a message that cannot be read was left out"]
    assert len(said) == len(words), said
    assert all(word in sentence for word, sentence in zip(words, said, strict=True))


def bundle(parts: bytes) -> bytes:
    """Of OSC, for now; before each of its parts stands its size."""
    return b"#bundle\0" + bytes(7) + b"\1" + parts


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(b"/note\0\0\0,i\0\0\0", id="cut"),
        pytest.param(b"\x0e\x1b[2J", id="no message"),
        pytest.param(bundle(b"\0\0\0\4\x0e\x1b[2"), id="a part that is none"),
        pytest.param(b"/note\0\0\0,s\0\0\xff\xff\xff\0", id="a text that is none"),
        pytest.param(bundle(b"\xff\xff\xff\xfc"), id="a part of -4 bytes, to which python-osc comes back for ever"),
        pytest.param(bundle(b"\0\0\0\x14" + bundle(b"\xff\xff\xff\xfc")), id="one in a part"),
        pytest.param(
            reduce(lambda part, _: bundle(struct.pack(">i", len(part)) + part), range(1000), b"/off\0\0\0\0,\0\0\0"),
            id="a thousand in another",
        ),
    ],
)
def test_messages_that_cannot_be_read_are_said_once_counted_at_the_end_and_no_byte_of_them_is_shown(
    datagram: bytes, player: Player, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    told: list[str] = []
    with osc.listen("127.0.0.1", 0, player, said.append, told.append) as place:
        client = SimpleUDPClient("127.0.0.1", int(place.rpartition(":")[2]))
        for _ in range(3):
            client._sock.sendto(datagram, (client._address, client._port))
        client.send_message("/note", [60, 127])
        until(lambda: player.notes)
        assert not told
    assert said == ["OSC: a message that cannot be read was left out."]
    assert told == ["OSC: 3 messages that cannot be read were left out."]
    assert not caplog.records and capfd.readouterr() == ("", "")


def test_a_fault_of_our_own_is_not_put_on_a_message(player: Player, capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    player.all_off = lambda: {}["nothing"]  # type: ignore[method-assign]
    with osc.listen("127.0.0.1", 0, player, said.append, said.append) as place:
        client = SimpleUDPClient("127.0.0.1", int(place.rpartition(":")[2]))
        client.send_message("/off", [])
        client.send_message("/note", [60, 127])
        until(lambda: player.notes)
    assert not said and "KeyError: 'nothing'" in capfd.readouterr().err


def test_a_port_that_is_taken_and_a_place_that_is_none_are_told_apart(player: Player) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, ExitStack() as opened:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(ConfigError, match=r"taken by another program.*--osc 0"):
            opened.enter_context(osc.listen("127.0.0.1", other.getsockname()[1], player, print, print))
        with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:9000"):
            opened.enter_context(osc.listen("192.0.2.1", 9000, player, print, print))


@pytest.mark.parametrize(
    ("text", "place"),
    [("9000", ("127.0.0.1", 9000)), ("0.0.0.0:1", ("0.0.0.0", 1)), ("[::1]:7", ("::1", 7)), ("0", ("127.0.0.1", 0))],
)
def test_a_place_to_listen_is_read(text: str, place: tuple[str, int]) -> None:
    assert osc.parsed(text) == place


@pytest.mark.parametrize("text", ["", "x", "1:", "65536", "-1", "²"])
def test_what_names_no_port_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="names no port"):
        osc.parsed(text)


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "\u00fc" * 70, "a." * 200 + "..b", "\ud800"])
def test_a_name_that_no_host_can_have_is_refused_in_a_sentence(host: str) -> None:
    with pytest.raises(ConfigError, match=r"is no name that a host can have\. Name one"):
        osc.parsed(f"{host}:9000")


@pytest.mark.parametrize("package", ["mido", "rtmidi", "pythonosc.dispatcher", "sounddevice"])
def test_a_package_that_is_not_installed_is_named_with_all_that_playing_needs(
    package: str, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "mido.backends.rtmidi", raising=False)
    ways = {
        "mido": lambda: midi.open_port("x", print),
        "rtmidi": lambda: midi.open_port("x", print),
        "pythonosc.dispatcher": lambda: osc.listen("127.0.0.1", 0, player, print, print),
        "sounddevice": lambda: open_device(player, None),
    }
    with (
        pytest.raises(ConfigError, match=r"is not installed.*pip install mido python-rtmidi python-osc sounddevice"),
        ways[package](),
    ):
        pass


def test_a_midi_port_that_is_none_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError) as caught, midi.open_port("no such port", print):
        pass
    assert "MIDI input" in caught.value.cause and caught.value.remedy


def test_a_recording_is_whole_before_it_is_closed(tmp_path: Path) -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, (3 * RATE, 2)).astype(np.float32)
    path = tmp_path / "take.wav"
    with Recording(path, RATE, live=True) as recording:
        for start in range(0, len(wave) - 100, 100):
            recording.write(wave[start : start + 100])
        early = soundfile.info(path)
        recording.write(wave[-100:])
    assert early.frames == len(wave) - 100
    kept, rate = soundfile.read(path)
    assert rate == RATE and soundfile.info(path).subtype == "PCM_24"
    np.testing.assert_allclose(kept, wave, atol=2**-23)


@pytest.mark.parametrize("live", [True, False])
def test_a_recording_that_is_full_goes_on_in_another(
    live: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.tasks.vae.play.output._MOST_BYTES", 6 * 250)
    (tmp_path / "take-2.wav").write_bytes(b"mine")
    wave = np.linspace(-1, 1, 1000).reshape(500, 2)
    with Recording(tmp_path / "take.wav", RATE, live=live) as recording:
        for start in range(0, 500, 100):
            recording.write(wave[start : start + 100])
        assert (tmp_path / "take.wav").exists() == live
        recording.finish()
    assert [path.name for path in recording.paths] == ["take.wav", "take-3.wav", "take-4.wav"]
    kept = [soundfile.read(path)[0] for path in recording.paths]
    assert [len(one) for one in kept] == [200, 200, 100]
    np.testing.assert_allclose(np.concatenate(kept), wave, atol=2**-23)
    assert len(list(tmp_path.iterdir())) == 4


def test_nothing_stays_of_a_recording_that_was_not_finished_or_whose_name_was_taken_meanwhile(tmp_path: Path) -> None:
    with Recording(tmp_path / "take.wav", RATE, live=False) as recording:
        recording.write(np.zeros((100, 2)))
    assert not list(tmp_path.iterdir())
    with (
        pytest.raises(DataError, match=r"take\.wav is there already"),
        Recording(tmp_path / "take.wav", RATE, live=False) as recording,
    ):
        recording.write(np.zeros((100, 2)))
        (tmp_path / "take.wav").write_bytes(b"mine")
        recording.finish()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_a_device_counts_the_blocks_it_had_to_go_without(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        device, latency = 0, 0.01

        def __init__(self, callback: Callable[..., None], **_: object) -> None:
            self.callback = callback

        def start(self) -> None:
            for missed in (False, True, True):
                moment = SimpleNamespace(currentTime=1.0)
                self.callback(np.zeros((64, 2)), 64, moment, SimpleNamespace(output_underflow=missed))

        def close(self) -> None:
            pass

    devices = SimpleNamespace(OutputStream=Stream, PortAudioError=OSError, query_devices=lambda _: {"name": "one"})
    monkeypatch.setattr("engine.tasks.vae.play.output._sounddevice", lambda: devices)
    with open_device(player, None) as device:
        device.start()
        assert device.name == "one" and device.gaps() == 2


def test_a_block_counts_as_late_when_it_is_by_more_than_a_block(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    block_s, now = BLOCK / RATE, [0.0]
    takes = iter([0.5, 2.5, 0.25, 3.0, 0.0, 0.0])  # blocks of time; behind by more than one are the third and last two

    def block(frames: int) -> np.ndarray:
        now[0] += next(takes) * block_s
        return np.zeros((frames, 2))

    def sleep(seconds: float) -> None:
        now[0] += seconds

    clock = SimpleNamespace(perf_counter=lambda: now[0], sleep=sleep)
    monkeypatch.setattr("engine.tasks.vae.play.output.time", clock)
    player.block = block  # type: ignore[method-assign]
    written: list[np.ndarray] = []
    recording = cast(Recording, SimpleNamespace(write=written.append))
    assert record(player, recording, lambda: len(written) == 6) == 3
