"""Instruments in real players: the right key sounds at the right moment, in tune, as loud as it should, to its end."""

from __future__ import annotations

import shutil
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.audio import finish
from engine.audio.files.io import wave_bytes
from engine.audio.levels import rms
from engine.audio.pitch import estimate_pitch
from engine.sharing.deterministic_zip import write_zip
from engine.tasks.vae.instrument.kit_zip import members
from engine.tasks.vae.instrument.model import ATTACK_S, Instrument, Kit, Loop, Sample, Zone
from engine.tasks.vae.instrument.request import InstrumentRequest
from tests.audio.files.marks import SamplerMarks, sampler_marks
from tests.tasks.vae.instrument.kits import RING_S, WAVES, kit
from tests.tasks.vae.instrument.players import RATE, Note, Sfizz, by_fluidsynth, by_polyphone

Play = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("kit")
    write_zip(place / "kit.zip", members(kit(), InstrumentRequest()))
    shutil.unpack_archive(place / "kit.zip", place)
    return place / "drums"


@pytest.fixture(params=["fluidsynth", "sfizz"])
def play(request: pytest.FixtureRequest, unpacked: Path) -> Play:
    """``play(notes, seconds, preset)`` in one of the players."""

    def fluid(notes: Sequence[Note], seconds: float, preset: int = 0) -> np.ndarray:
        return by_fluidsynth(unpacked / "drums.sf2", notes, seconds, preset)

    def sfizz(notes: Sequence[Note], seconds: float, preset: int = 0) -> np.ndarray:
        return Sfizz(unpacked / ("drums.sfz", "drums-06-A4.sfz")[preset]).play(notes, seconds)

    return {"fluidsynth": fluid, "sfizz": sfizz}[request.param]


def onset(sound: np.ndarray) -> float:
    """Seconds until a hundredth of its peak."""
    loud = np.abs(sound).max(-1) if sound.ndim > 1 else np.abs(sound)
    return float((loud > 0.01 * loud.max()).argmax()) / RATE


def pitch(sound: np.ndarray) -> float:
    found = estimate_pitch(sound.mean(1) if sound.ndim > 1 else sound, RATE)
    assert found is not None
    return found.hz


def level(sound: np.ndarray) -> float:
    return float(20 * np.log10(np.abs(sound).max()))


def test_a_key_sounds_at_its_moment_in_its_pitch(play: Play) -> None:
    for key, hz in ((36, 220.0), (37, 660.0)):
        sound = play([Note(key, start=0.5)], 2.0)
        assert 0.499 < onset(sound) < 0.515
        assert pitch(sound) == pytest.approx(hz, rel=1e-3)


def test_keys_are_as_loud_beside_each_other_as_their_samples(play: Play) -> None:
    loud, soft = (play([Note(key)], 0.5) for key in (36, 37))
    assert level(loud) - level(soft) == pytest.approx(
        level(WAVES["drums-001.wav"]) - level(WAVES["drums-002.wav"]), abs=0.2
    )
    assert np.abs(loud[:, 0] - loud[:, 1]).max() < 1e-3 * np.abs(loud).max(), "a mono sample is in the middle"


def test_a_one_shot_plays_to_its_end_whether_or_not_its_key_is_let_go(play: Play) -> None:
    tapped, held = (play([Note(36, held=held)], RING_S + 0.3) for held in (0.02, 2.0))
    for start in (0.3, 0.6, 1.0):
        late = slice(round(start * RATE), round((start + 0.15) * RATE))
        assert level(tapped[late]) - level(held[late]) == pytest.approx(0, abs=1.2)
    assert np.abs(tapped[round((RING_S + 0.1) * RATE) :]).max() < 1e-3


def test_velocity_chooses_the_layer_and_the_level(play: Play) -> None:
    soft, loud = (play([Note(38, velocity)], 0.8) for velocity in (60, 127))
    assert pitch(soft) == pytest.approx(300, rel=1e-3) and pitch(loud) == pytest.approx(500, rel=1e-3)
    assert level(soft) - level(loud) == pytest.approx(40 * np.log10(60 / 127), abs=0.5)


def test_a_loop_goes_on_while_its_key_is_held_and_no_longer(play: Play) -> None:
    sound = play([Note(39, held=3.0)], 4.5)
    steady = sound[round(0.1 * RATE) : round(2.9 * RATE)]
    parts = np.sqrt(np.square(steady).mean(1))[: len(steady) // 4800 * 4800].reshape(-1, 4800)
    assert parts.mean(1).min() > 0.9 * parts.mean(1).max(), "no gap at its seam"
    bend = np.abs(np.diff(steady, 2, axis=0)).max(1)
    assert bend.max() < 1.2 * np.quantile(bend, 0.99), "no click either"
    assert np.abs(sound[round(4.2 * RATE) :]).max() < 0.01 * np.abs(steady).max()


@pytest.mark.parametrize("player", ["fluidsynth", "sfizz"])
def test_a_stroke_keeps_its_first_five_milliseconds_also_in_a_loop(player: str, tmp_path: Path) -> None:
    moment = np.arange(RATE // 3) / RATE
    stroke = (0.1 * np.random.default_rng(0).standard_normal(len(moment)) * np.exp(-20 * moment)).astype(np.float32)
    sample = Sample(stroke, RATE, wave_bytes(stroke, RATE, "PCM_24"))
    begun: dict[float | None, float] = {}
    for attack_s in (None, finish.ATTACK_S, ATTACK_S):
        loop = None if attack_s is None else Loop(0, len(stroke), attack_s)
        zone = Zone("stroke.wav", "stroke", 36, 36, 36, loop=loop)
        one = Kit(f"attack{attack_s}", "noise", (Instrument("strokes", (zone,)),), {"stroke.wav": sample})
        write_zip(tmp_path / "kit.zip", members(one, InstrumentRequest()))
        shutil.unpack_archive(tmp_path / "kit.zip", tmp_path)
        (tmp_path / "kit.zip").unlink()
        place, notes = tmp_path / one.name, [Note(36, held=0.3)]
        if player == "sfizz":
            sound = Sfizz(place / "strokes.sfz").play(notes, 0.3)
        else:
            sound = by_fluidsynth(place / f"{one.name}.sf2", notes, 0.3)
        first = int((np.abs(sound).max(1) > 0).argmax())
        begun[attack_s] = 20 * np.log10(rms(sound[first : first + 240]) / rms(sound[first + 480 : first + 4_800]))
    own = 20 * np.log10(rms(stroke[:240]) / rms(stroke[480:4_800]))
    assert begun[None] == pytest.approx(own, abs=0.3), "a one-shot"
    assert begun[finish.ATTACK_S] == pytest.approx(own, abs=0.3)
    assert begun[ATTACK_S] < own - 1.5, "of a SoundFont's 5 ms 1.5 lie before the sound"


def test_keys_of_a_choke_group_cut_one_another_off(play: Play) -> None:
    alone = play([Note(36, start=0.0)], 1.0)
    cut = play([Note(36, start=0.0), Note(37, velocity=1, start=0.4)], 1.0)
    before, after = slice(0, round(0.39 * RATE)), slice(round(0.75 * RATE), round(0.95 * RATE))
    assert np.abs(cut[before] - alone[before]).max() < 1e-3
    assert np.abs(cut[after]).max() < 0.05 * np.abs(alone[after]).max()
    both = play([Note(36, start=0.0), Note(40, velocity=1, start=0.4)], 1.0)
    assert np.abs(both[after]).max() > 0.8 * np.abs(alone[after]).max(), "of no group, nothing is cut"


def test_both_sides_of_a_stereo_sample_stay_apart(play: Play) -> None:
    sound = play([Note(40)], 1.0)
    assert pitch(sound[:, 0]) == pytest.approx(400, rel=1e-3) and pitch(sound[:, 1]) == pytest.approx(800, rel=1e-3)


def test_a_stereo_key_is_as_loud_beside_a_mono_one_as_their_samples(play: Play) -> None:
    """Players put a mono sample into the middle at equal power, which takes 3 dB off on either side; the softest tells
    that nothing was cut off at full scale."""
    for velocity in (127, 60):
        mono, stereo = (play([Note(key, velocity)], 0.5) for key in (36, 40))
        beside = level(stereo) - level(mono)
        assert beside == pytest.approx(level(WAVES["drums-005.wav"]) - level(WAVES["drums-001.wav"]), abs=0.2)


@pytest.mark.parametrize("key", [57, 69, 81])
def test_a_sound_over_all_keys_is_in_tune_on_each(play: Play, key: int) -> None:
    """The sample lies 47 cents beside its key."""
    sound = play([Note(key, held=0.5)], 1.0, 1)
    assert pitch(sound) == pytest.approx(440 * 2 ** ((key - 69) / 12), rel=5e-4)


def test_variations_take_turns(unpacked: Path) -> None:
    player = Sfizz(unpacked / "drums.sfz")
    assert player.keys == [36, 37, 38, 39, 40]
    heard = [round(pitch(player.play([Note(38)], 1.5)), -1) for _ in range(4)]
    assert heard == [500, 510, 500, 510]


def test_the_samples_are_wav_files_of_24_bits_with_the_marks_of_their_loops(unpacked: Path) -> None:
    for path in sorted((unpacked / "samples").iterdir()):
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getsampwidth()) == (RATE, 3)
        loop = SamplerMarks(60, (0, len(WAVES["drums-004.wav"])))
        assert sampler_marks(path) == (loop if path.name == "drums-004.wav" else None)


def test_polyphone_takes_the_sfz_for_a_soundfont(unpacked: Path, tmp_path: Path) -> None:
    """Debian's editor of SoundFonts reads the SFZ and its samples, and what it writes plays as ours does."""
    converted = by_polyphone(unpacked / "drums.sfz", tmp_path)
    for key, hz in ((36, 220.0), (37, 660.0)):
        sound, ours = (by_fluidsynth(font, [Note(key, start=0.5)], 2.0) for font in (converted, unpacked / "drums.sf2"))
        assert 0.499 < onset(sound) < 0.515 and pitch(sound) == pytest.approx(hz, rel=1e-3)
        assert level(sound) == pytest.approx(level(ours), abs=0.2)
