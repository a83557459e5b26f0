"""``sweetspot serve --midi`` and ``--osc``: real processes, a real MIDI file, real datagrams, and what they record."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from pathlib import Path
from typing import IO

import mido
import numpy as np
import pytest
import soundfile
from filelock import FileLock
from pythonosc.udp_client import SimpleUDPClient

from engine.commands.generate import command as generate
from engine.tasks.vae.play.inputs import Inputs
from engine.tasks.vae.play.player import HEADROOM
from engine.tasks.vae.play.request import PlayRequest
from engine.tasks.vae.play.session import take
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FromPrior, Moved, SoundRequest
from tests import forkserver
from tests.conftest import until
from tests.tasks.vae.instrument.players import need

ALSA = Path("/usr/share/alsa/alsa.conf")  # reads .asoundrc in the home directory
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key 37 at once, key 36 after half a second, and again after a second with the first axis up."""
    path = tmp_path_factory.mktemp("song") / "song.mid"
    file = mido.MidiFile()
    track = [
        mido.Message("note_on", note=37, velocity=127),
        mido.Message("note_on", note=36, velocity=64, time=480),
        mido.Message("control_change", control=1, value=127, time=240),
        mido.Message("note_on", note=36, velocity=127, time=240),
    ]
    file.tracks.append(mido.MidiTrack(track))
    file.save(path)
    return path


def taken(run: Path, song: Path, out: Path, *options: object) -> subprocess.CompletedProcess[str]:
    done = forkserver.run("engine", "serve", run, "--midi", song, "--out", out, "--threads", 1, "--seed", 3, *options)
    assert done.returncode == 0, done.stderr
    return done


def test_notes_on_keys_without_a_sound_are_counted_and_their_keys_named(drum_run: Path, tmp_path: Path) -> None:
    file = mido.MidiFile()
    track = mido.MidiTrack()
    for key in (36, 70, 35, 70):
        track += [mido.Message("note_on", note=key, time=10), mido.Message("note_off", note=key, time=10)]
    file.tracks.append(track)
    file.save(tmp_path / "gm.mid")
    done = taken(drum_run, tmp_path / "gm.mid", tmp_path / "take.wav", "--duration", 0.1, "--sounds", 1)
    assert "1 note, 1 sound made" in done.stdout
    assert "3 notes more on keys without a sound: 35 (B1), 70 (A#4)." in done.stdout


def test_a_midi_file_becomes_a_take_each_note_at_its_sample_with_the_sound_that_generate_makes(
    drum_run: Path, song: Path, tmp_path: Path
) -> None:
    done = taken(drum_run, song, tmp_path / "take.wav", "--duration", 0.4)
    assert "3 notes, 3 sounds made" in done.stdout and not done.stderr
    take, rate = soundfile.read(tmp_path / "take.wav", dtype="float32")
    options = ["--out", str(tmp_path), "--seed", "3", "--count", "2", "--duration", "0.4", "--quality", "fast"]
    generate.main([str(drum_run), *options, "--threads", "1"], standalone_mode=False)
    first, second = (soundfile.read(tmp_path / f"drums-seed3-00{number}.wav", always_2d=True)[0] for number in (1, 2))
    np.testing.assert_allclose(take[: len(second)], HEADROOM * np.broadcast_to(second, (len(second), 2)), atol=1e-5)
    later = take[rate // 2 :][: len(first)]
    np.testing.assert_allclose(later, HEADROOM * (64 / 127) ** 2 * np.broadcast_to(first, (len(first), 2)), atol=1e-5)
    asked = SoundRequest(origin=Moved(of=FromPrior(index=0), axes={1: 2.0}), seed=3, duration_s=0.4, quality="fast")
    moved = SoundGenerator(open_model(drum_run)).make(asked).wave[:, None]
    np.testing.assert_allclose(take[rate:][: len(moved)], HEADROOM * np.broadcast_to(moved, (len(moved), 2)), atol=1e-5)
    assert not np.allclose(moved, first, atol=1e-3), "the controller moved it"
    taken(drum_run, song, tmp_path / "again.wav", "--duration", 0.4)
    assert (tmp_path / "take.wav").read_bytes() == (tmp_path / "again.wav").read_bytes()


def test_nothing_stays_of_a_take_that_fails(drum_run: Path, tmp_path: Path) -> None:
    def messages() -> Iterator[tuple[float, mido.Message]]:
        yield 0.5, mido.Message("note_off")
        raise KeyboardInterrupt

    inputs = Inputs(messages(), None, None, [])  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        take(_generator(drum_run), PlayRequest(), inputs, tmp_path / "take.wav", print, print, lambda: False)
    assert not list(tmp_path.iterdir())


def _generator(run: Path) -> SoundGenerator:
    return SoundGenerator(open_model(run))


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_no_wav_stays_of_a_take_that_a_signal_ends(
    ending: signal.Signals, drum_run: Path, start: Start, tmp_path: Path
) -> None:
    file, out = mido.MidiFile(), tmp_path / "out" / "take.wav"
    moves = [(axis, value) for axis in (70, 71, 72) for value in range(0, 128, 8)]
    turned = [mido.Message("control_change", control=axis, value=value) for axis, value in moves]
    note = mido.Message("note_on", note=36, velocity=100, time=240)
    file.tracks.append(mido.MidiTrack(one for turn in turned * 40 for one in (turn, note)))
    file.save(tmp_path / "long.mid")
    process = start("serve", drum_run, "--midi", tmp_path / "long.mid", "--out", out, "--threads", 1)
    until(lambda: out.parent.exists() and any(heard(one) > 0.01 for one in out.parent.iterdir()))
    process.send_signal(ending)
    said, _ = process.communicate(timeout=120)
    killed = ending == signal.SIGKILL
    assert process.returncode == (-ending if killed else 143) and not out.exists(), said
    assert len(list(out.parent.iterdir())) == killed


def test_what_is_said_at_the_end_comes_after_any_number_of_warnings(drum_run: Path, tmp_path: Path) -> None:
    file = mido.MidiFile()
    idle = [mido.Message("control_change", control=control, value=1) for control in range(2, 70)]
    idle += [mido.Message("control_change", control=control, value=1) for control in range(75, 120)]
    loud = [mido.Message("note_on", note=note, velocity=127) for note in range(36, 40)] * 8
    file.tracks.append(mido.MidiTrack([*idle, *loud]))
    file.save(tmp_path / "song.mid")
    done = taken(drum_run, tmp_path / "song.mid", tmp_path / "take.wav", "--sounds", 4, "--duration", 0.1)
    assert len(done.stderr.splitlines()) == 100 and "beyond full scale" in done.stdout


def test_a_texture_sounds_until_its_key_is_let_go(wind_run: Path, song: Path, tmp_path: Path) -> None:
    taken(wind_run, song, tmp_path / "take.wav", "--duration", 0.3, "--keys", "chromatic")
    take, rate = soundfile.read(tmp_path / "take.wav")
    level = [np.abs(take[round(at * rate) :][:4800]).max() for at in (0.4, 0.9)]
    assert min(level) > 0.01 and len(take) > 1.2 * rate, "it went round, and faded after the end of the file"


def ready(process: subprocess.Popen[str]) -> str:
    """What it said until it could be played."""
    assert process.stdout is not None
    said = ""
    while "Ready" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def test_osc_is_played_as_it_comes_and_a_signal_ends_it_whole(drum_run: Path, start: Start, tmp_path: Path) -> None:
    out = tmp_path / "take.wav"
    options = ["--osc", 0, "--out", out, "--threads", 1, "--sounds", 2, "--duration", 0.2]
    process = start("serve", drum_run, *options)
    said = ready(process)
    port = int(re.findall(r"OSC on 127\.0\.0\.1:(\d+)", said)[0])
    assert "2 sounds on the keys 36 (C2) to 37 (C#2)" in said and "Latency: at most a block of 256 samples" in said
    assert re.search(r"axis 1, controller 1: .*%", said) and "A moved axis is heard" in said
    client = SimpleUDPClient("127.0.0.1", port)
    client.send_message("/nix", 1)
    client.send_message("/axis/1", 1.0)
    client.send_message("/note", [36, 127])
    until(lambda: out.exists() and heard(out) > 0.05 and sounded_s(out) > 0.5)  # and it is over
    over_s = soundfile.info(out).duration
    client.send_message("/note", [37, 127])
    until(lambda: heard(out, from_s=over_s) > 0.05)
    process.terminate()
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and re.search(r"2 notes, first samples handed out after [\d.]+ ms", rest), rest
    assert "/nix with 1 values" in rest and heard(out) > 0.05 and soundfile.info(out).channels == 2


def heard(path: Path, from_s: float = 0.0) -> float:
    """The peak of a recording from ``from_s`` on, also of one that is being written."""
    try:
        wave, rate = soundfile.read(path)
    except soundfile.LibsndfileError:  # its header is not there yet
        return 0.0
    return float(np.abs(wave[round(from_s * rate) :]).max(initial=0.0))


def sounded_s(path: Path) -> float:
    """How much of a recording that is being written lies behind its first sound."""
    try:
        wave, rate = soundfile.read(path, always_2d=True)
    except soundfile.LibsndfileError:
        return 0.0
    loud = np.flatnonzero(np.abs(wave).max(axis=1))
    return (len(wave) - int(loud[0])) / rate if len(loud) else 0.0


def test_a_midi_file_beside_osc_is_played_in_time(drum_run: Path, song: Path, start: Start, tmp_path: Path) -> None:
    out = tmp_path / "take.wav"
    process = start("serve", drum_run, "--midi", song, "--osc", 0, "--out", out, "--threads", 1, "--sounds", 2,
                    "--duration", 0.1)  # fmt: skip
    ready(process)
    until(lambda: out.exists() and heard(out, from_s=0.9) > 0.05)  # its third note
    process.terminate()
    assert "3 notes" in process.communicate(timeout=120)[0] and process.returncode == 0


@pytest.fixture
def keyboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A keyboard that is another process, with a MIDI port of its own: what it is told, it plays. Its ports are those
    of JACK, whose server needs neither a sound card nor a sequencer in the kernel."""
    need("jackd")
    rtmidi = pytest.importorskip("rtmidi", reason="python-rtmidi is not there")
    if rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
        pytest.skip("this python-rtmidi knows no JACK")
    server = "sweetspot-tests"  # one name: eight servers are all that JACK can count, and it counts those killed too
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
    monkeypatch.setenv("MIDO_BACKEND", "mido.backends.rtmidi/UNIX_JACK")
    with FileLock(Path(tempfile.gettempdir()) / f"{server}.lock"), (tmp_path / "jackd.log").open("wb") as log:
        yield from _playing(server, log)


def _playing(server: str, log: IO[bytes]) -> Iterator[Callable[[str], None]]:
    command = ["jackd", "--no-realtime", "-n", server, "-d", "dummy", "-r", "48000", "-p", "256"]
    jack = subprocess.Popen(command, stdout=log, stderr=log)
    plays = subprocess.Popen([sys.executable, "-c", KEYBOARD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert plays.stdin is not None and plays.stdout is not None
        assert plays.stdout.readline() == "there\n", Path(log.name).read_text()

        def play(message: str) -> None:
            assert plays.stdin is not None
            plays.stdin.write(f"{message}\n")
            plays.stdin.flush()

        yield play
    finally:
        for one in (plays, jack):
            one.terminate()
            one.communicate()


KEYBOARD = """
import sys, time, mido
for _ in range(300):  # until the server answers
    try:
        port = mido.open_output("keys", virtual=True, client_name="Launchkey")
        break
    except OSError:
        time.sleep(0.1)
else:
    sys.exit("JACK does not answer")
print("there", flush=True)
for line in sys.stdin:
    port.send(mido.Message.from_str(line.strip()))
"""


def test_a_keyboard_at_a_midi_port_is_played_as_it_comes(
    keyboard: Callable[[str], None], drum_run: Path, start: Start, tmp_path: Path
) -> None:
    out = tmp_path / "take.wav"
    process = start("serve", drum_run, "--midi", "launchk", "--out", out, "--threads", 1, "--sounds", 2, "--seed", 3,
                    "--duration", 0.4)  # fmt: skip
    said = ready(process)
    assert "MIDI from Launchkey:keys" in said
    keyboard("control_change control=20 value=1")
    keyboard("note_on note=37 velocity=127")
    until(lambda: out.exists() and sounded_s(out) > 0.15)  # the tenth of a second that is compared is out
    keyboard("control_change control=120 value=0")
    for _ in range(3_000):  # what still comes while the port is closed keeps nobody
        keyboard("pitchwheel pitch=100")
    process.terminate()
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and "1 note, first samples handed out after" in rest
    assert "Controller 20 moves nothing" in rest
    options = ["--out", str(tmp_path), "--seed", "3", "--count", "2", "--duration", "0.4", "--quality", "fast"]
    generate.main([str(drum_run), *options, "--threads", "1"], standalone_mode=False)
    take, sound = soundfile.read(out)[0][:, 0], soundfile.read(tmp_path / "drums-seed3-002.wav")[0]
    begins = int(np.flatnonzero(take)[0]) - int(np.flatnonzero(sound)[0])
    length = min(len(sound), len(take) - begins, 4_800)
    np.testing.assert_allclose(take[begins:][:length], HEADROOM * sound[:length], atol=1e-5)


@pytest.mark.skipif(not (find_library("portaudio") and ALSA.exists()), reason="needs PortAudio over ALSA")
def test_an_audio_device_is_opened_played_on_and_closed(drum_run: Path, song: Path, tmp_path: Path) -> None:
    """A device of ALSA that swallows everything, faster than it would sound: no computer of ours has another."""
    (tmp_path / ".asoundrc").write_text("pcm.swallows { type null }\n")
    environment = {**os.environ, "HOME": str(tmp_path)}
    options = ["--midi", song, "--device", "swallows", "--threads", 1, "--sounds", 2, "--duration", 0.1]
    done = forkserver.run("engine", "serve", drum_run, *options, environment=environment)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Playing on swallows. Latency: at most [\d.]+ ms, a block of 5.3 ms and [\d.]+ ms", done.stdout)
    assert re.search(r"3 notes, first samples handed out after [\d.]+ ms", done.stdout)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "x.wav"], "comes from nowhere. Name --midi or --osc"),
        (["--osc", "x"], "names no port"),
        (["--osc", "0", "--out", "x.wav", "--device", "y"], "not to both"),
        (["--osc", "0", "--out", "x.wav", "--controllers", "1,x"], "controllers.1"),
        (["--osc", "0", "--out", "x.wav", "--sounds", "0"], "sounds = 0"),
        (["--osc", "0", "--out", "x.wav", "--controllers", "7,1,7"], "controllers names 7 twice"),
        (["--osc", "0", "--out", "x.wav", "--idle-s", "600"], "--idle-s says nothing beside --midi or --osc"),
        (["--osc", "0", "--keys", "chromatic", "--sounds", "2"], "--sounds says nothing beside --keys chromatic"),
        (["--midi", "no.mid", "--out", "x.wav"], "There is no file no.mid"),
        (["--midi", "no such port", "--out", "x.wav"], "MIDI input"),
        (["--osc", "0", "--device", "no such device"], "--out FILE.wav"),
    ],
)
def test_what_cannot_be_played_is_one_sentence_with_its_remedy(options: list[str], said: str, drum_run: Path) -> None:
    done = forkserver.run("engine", "serve", drum_run, "--threads", 1, *options)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert not Path("x.wav").exists()


def test_nothing_is_overwritten(drum_run: Path, song: Path, tmp_path: Path) -> None:
    (tmp_path / "take.wav").write_bytes(b"mine")
    done = forkserver.run("engine", "serve", drum_run, "--midi", song, "--out", tmp_path / "take.wav")
    assert done.returncode == 2 and "is there already" in done.stderr
    assert (tmp_path / "take.wav").read_bytes() == b"mine"
