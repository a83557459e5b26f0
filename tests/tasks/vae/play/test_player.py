"""Which sound a note plays, how loud and how high: pure arithmetic on sounds that are ready."""

from __future__ import annotations

import itertools
from typing import cast

import numpy as np
import pytest

from engine.audio.pitch import estimate_pitch
from engine.errors import ConfigError
from engine.tasks.vae.play.keyboard import Keyboard
from engine.tasks.vae.play.player import HEADROOM, MOST_HELD, MOST_SOUNDING, Player
from engine.tasks.vae.play.rendered import Rendered, RenderedSounds
from engine.tasks.vae.play.renderer import Renderer
from engine.tasks.vae.play.request import PlayRequest
from engine.tasks.vae.play.session import _summary
from engine.tasks.vae.play.sounding_note import SoundingNote
from engine.tasks.vae.play.spot import Spot, deviations
from engine.tasks.vae.sounds.generate import Made, SoundGenerator
from engine.tasks.vae.sounds.request import SoundRequest

RATE = 8_000
KIT, CHROMATIC = Keyboard("kit", 4), Keyboard("chromatic", 16)


def tone(hz: float, seconds: float = 1.0, note: float | None = None, loops: bool = False) -> Rendered:
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)
    return Rendered(np.repeat(wave[:, None], 2, axis=1).astype(np.float32), note, loops)


def player(keyboard: Keyboard, *sounds: Rendered) -> Player:
    """One whose slots have these sounds at the first spot; ``find`` is that of real playing."""
    ready = RenderedSounds(64)
    for slot, sound in enumerate(sounds):
        ready.put(slot, Spot(), sound)
    return Player(keyboard, RATE, 6, ready.nearest, lambda spot, heading: None)


@pytest.mark.parametrize("frames", [1, 37, 256, 20_000])
def test_a_key_of_a_kit_plays_its_sound_as_it_is_from_the_next_block_on(frames: int) -> None:
    low, high = tone(110), tone(330)
    played = player(KIT, low, high)
    assert not played.block(100).any()
    played.note_on(37, 127)
    out = np.concatenate([played.block(frames) for _ in range(-(-RATE // frames))])
    np.testing.assert_allclose(out[:RATE], HEADROOM * high.wave, atol=1e-7)
    assert not out[RATE:].any() and played.notes == 1


def test_velocity_follows_the_curve_of_the_instruments() -> None:
    loudness = []
    for velocity in (127, 64, 32):
        played = player(KIT, tone(110))
        played.note_on(36, velocity)
        loudness.append(np.abs(played.block(RATE)).max())
    found = 20 * np.log10(loudness / loudness[0])
    np.testing.assert_allclose(found, [40 * np.log10(velocity / 127) for velocity in (127, 64, 32)], atol=0.01)


def test_keys_beside_the_kit_are_silent_and_a_large_kit_begins_lower() -> None:
    played = player(KIT, *[tone(110)] * 4)
    for key in (0, 35, 40, 127):
        played.note_on(key, 127)
    assert not played.block(64).any() and played.notes == 0
    assert Keyboard("kit", 128).slot(127) == 127 and KIT.words == "4 sounds on the keys 36 (C2) to 39 (D#2)"
    assert Keyboard("kit", 1).words == "one sound on the key 36 (C2)"


@pytest.mark.parametrize("off", [lambda played: played.note_off(36), lambda played: played.note_on(36, 0)])
def test_a_one_shot_plays_to_its_end_and_a_loop_until_its_key_is_let_go(off) -> None:
    once, loop = player(KIT, tone(100)), player(KIT, tone(100, loops=True))
    for played in (once, loop):
        played.note_on(36, 127)
        held = played.block(RATE // 2)
        off(played)
        assert np.abs(held[-80:]).max() > 0.2
    assert np.abs(once.block(RATE // 2)[-80:]).max() > 0.2
    assert np.abs(loop.block(RATE // 2)[-80:]).max() == 0 and not loop.sounding


def test_a_held_loop_goes_round_without_a_seam_at_any_pitch() -> None:
    for key in (69, 76):
        played = player(CHROMATIC, tone(440, note=69.0, loops=True))
        played.note_on(key, 127)
        out = np.concatenate([played.block(256) for _ in range(5 * RATE // 256)])[RATE // 10 :, 0]
        hz = 440 * 2 ** ((key - 69) / 12)
        steepest = 0.5 * HEADROOM * 2 * np.pi * hz / RATE
        assert np.abs(np.diff(out)).max() < 1.01 * steepest


@pytest.mark.parametrize("key", [57, 64, 69, 74, 81])
def test_a_chromatic_keyboard_is_in_tune(key: int) -> None:
    played = player(CHROMATIC, tone(440 * 2 ** (0.3 / 12), 2.0, note=69.3))  # a sound between two keys
    played.note_on(key, 127)
    pitch = estimate_pitch(np.concatenate([played.block(256) for _ in range(20)])[:, 0], RATE)
    assert pitch is not None and abs(pitch.note - key) < 0.02


class _Tones:
    """A generator whose every sound is 466.16 Hz, key 70."""

    of_textures = False

    def make(self, sound: SoundRequest) -> Made:
        return Made(tone(466.16).wave[:, 0], RATE)


def test_what_is_made_for_a_chromatic_keyboard_is_in_tune_and_a_kit_asks_for_no_pitch() -> None:
    generator = cast(SoundGenerator, _Tones())
    made = Renderer(generator, PlayRequest(keys="chromatic"))(0, Spot())
    assert Renderer(generator, PlayRequest())(0, Spot()).note is None
    played = player(CHROMATIC, made)
    played.note_on(64, 127)
    pitch = estimate_pitch(played.block(RATE // 2)[:, 0], RATE)
    assert pitch is not None and abs(pitch.note - 64) < 0.02


def test_a_sound_without_a_pitch_is_played_as_it_is_on_the_middle_key() -> None:
    sound = tone(200)
    played = player(CHROMATIC, sound)
    played.note_on(60, 127)
    np.testing.assert_allclose(played.block(RATE), HEADROOM * sound.wave, atol=1e-7)
    played.note_on(72, 127)
    assert estimate_pitch(played.block(RATE)[: RATE // 3, 0], RATE).hz == pytest.approx(400, rel=0.002)
    assert not played.sounding, "an octave up it is half as long"


@pytest.mark.parametrize("frames", [64, 1_000])
def test_what_is_heard_does_not_depend_on_the_block(frames: int) -> None:
    def heard(block: int) -> np.ndarray:
        played = player(CHROMATIC, tone(440, note=69.0))
        played.note_on(65, 100)
        return np.concatenate([played.block(block) for _ in range(2 * RATE // block)])

    np.testing.assert_allclose(heard(frames), heard(RATE)[: 2 * RATE // frames * frames], atol=1e-6)


def test_what_is_not_ready_is_played_by_the_nearest_that_is_and_counted() -> None:
    ready = RenderedSounds(64)
    near, far = tone(200), tone(300)
    ready.put(0, Spot().moved(1, 0.5), near)
    ready.put(0, Spot().moved(1, -1), far)
    aimed = []
    played = Player(KIT, RATE, 6, ready.nearest, lambda spot, heading: aimed.append((spot, heading)))
    played.move(1, 1.0)
    played.note_on(36, 127)
    played.note_on(37, 127)
    np.testing.assert_allclose(played.block(RATE), HEADROOM * near.wave, atol=1e-7)
    assert (played.notes, played.nearby, played.missing) == (2, 1, 1)
    assert "1 played nothing, no sound of their key was ready" in _summary(played)
    played.move(1, 1.01)
    played.move(1, 0.25)
    assert aimed == [(Spot().moved(1, 1.0), 1), (Spot().moved(1, 0.25), -1)], "between two steps nothing new is wanted"


def test_a_retaken_key_lets_its_loop_go_and_no_more_than_so_many_sound() -> None:
    played = player(KIT, tone(100, loops=True), tone(100, 30.0))
    for _ in range(3):
        played.note_on(36, 127)
    played.block(RATE)
    assert len(played._playing) == 1
    for _ in range(3 * MOST_SOUNDING):
        played.note_on(37, 1)
    played.block(RATE)
    assert len(played._playing) == MOST_SOUNDING
    played.all_off()
    assert not played.block(RATE)[RATE // 50 :].any() and not played.sounding


def test_a_flood_of_notes_costs_each_of_them_no_more_than_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    released = 0
    release = SoundingNote.release

    def counted(note: SoundingNote, *given: float) -> None:
        nonlocal released
        released += 1
        release(note, *given)

    monkeypatch.setattr(SoundingNote, "release", counted)
    played = player(KIT, tone(100, 30.0))
    for _ in range(5_000):
        played.note_on(36, 1)
    played.block(1)
    assert released <= 5_000 and len(played._playing) <= MOST_HELD, "each pushes out one, and the first are not kept"
    played.block(RATE)
    assert len(played._playing) == MOST_SOUNDING


def test_one_that_fades_can_be_silenced_at_once_and_never_grows_louder() -> None:
    played = player(KIT, Rendered(np.ones((RATE, 2), np.float32), loops=True))
    played.note_on(36, 127)
    played.block(RATE // 2)
    played.note_off(36)
    before = played.block(RATE // 10)[-1, 0]
    played.all_off()
    after = played.block(RATE // 10)[:, 0]
    assert 0 < after[0] <= before and not after[RATE // 50 :].any() and (np.diff(after) <= 0).all()


def test_nothing_goes_beyond_full_scale_and_that_is_counted() -> None:
    played = player(KIT, *[tone(100)] * 4)
    for key in range(36, 40):
        played.note_on(key, 127)
        played.note_on(key, 127)
    assert np.abs(played.block(RATE)).max() == 1.0 and played.clipped == 1


def test_the_wait_of_a_note_is_from_its_coming_to_its_first_samples() -> None:
    ticks = itertools.count(10.0, 0.5)
    ready = RenderedSounds(4)
    ready.put(0, Spot(), tone(100))
    played = Player(KIT, RATE, 6, ready.nearest, lambda spot, heading: None, clock=lambda: next(ticks))
    played.note_on(36, 127)
    played.note_on(36, 127)
    played.block(64)
    assert list(played.waits_s) == [1.0, 0.5]


def test_a_note_before_the_beginning_is_forgotten_and_a_controller_is_not() -> None:
    played = player(KIT, tone(100))
    played.move(2, 1.0)
    played.note_on(36, 127)
    played.begin()
    assert not played.block(64).any() and played.notes == 0 and played.spot == Spot(steps=((2, 4),))


def test_what_cannot_be_is_refused_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match=r"no axis 7.*1 to 6"):
        player(KIT).move(7, 1.0)
    with pytest.raises(ConfigError, match="--keys chromatic"):
        player(KIT).place(0.0, 1.0)


def test_a_controller_reaches_from_end_to_end_and_its_middle_is_the_sound_itself() -> None:
    assert [deviations(value) for value in (0, 1, 64, 127)] == [-2.0, -2.0, 0.0, 2.0]
    assert Spot().moved(1, deviations(64)) == Spot()
