"""Which key plays what."""

from __future__ import annotations

import pytest

from engine.audio.pitch import Pitch
from engine.errors import ConfigError
from engine.piano_keys import KEYS, key_name, key_of
from engine.tasks.vae.instrument.layout import Take, Voice, check_keys, lay_out, left_out
from engine.tasks.vae.instrument.model import Instrument


def voice(name: str, hz: float | None = None, layers: int = 1, turns: int = 1) -> Voice:
    pitch = Pitch(hz, 0.9) if hz else None
    takes = tuple(
        tuple(Take(f"{name}-{layer}-{turn}.wav", pitch, None) for turn in range(turns)) for layer in range(layers)
    )
    return Voice(name, takes)


def playing(instrument: Instrument, key: int, velocity: int) -> list[str]:
    """The samples of the turns that a key plays."""
    return [
        zone.sample
        for zone in instrument.zones
        if zone.low_key <= key <= zone.high_key and zone.low_velocity <= velocity <= zone.high_velocity
    ]


def test_a_kit_begins_at_c2_with_one_key_a_sound_that_plays_it_as_it_is() -> None:
    (kit,) = lay_out("kit", [voice("a", 440.0), voice("b")], "kit", ())
    assert [(zone.root, zone.low_key, zone.high_key, zone.tune) for zone in kit.zones] == [
        (36, 36, 36, 0.0),
        (37, 37, 37, 0.0),
    ]


def test_a_key_is_found_by_its_number_and_by_its_name() -> None:
    assert key_name(36) == "C2" and key_name(60) == "C4" and key_name(70) == "A#4"
    assert [key_of(key_name(key)) for key in range(KEYS)] == [key_of(str(key)) for key in range(KEYS)] == [*range(KEYS)]
    assert key_of(" gb2 ") == key_of("F#2") == 42 and key_of("Cb4") == 59
    assert [key_of(text) for text in ("128", "-1", "h2", "C", "C10", "G#9", "Cb-1", "", "2C", "1.5")] == [None] * 10


@pytest.mark.parametrize(("count", "first"), [(1, 36), (92, 36), (93, 35), (128, 0)])
def test_a_large_kit_begins_lower_so_that_all_keys_are_there(count: int, first: int) -> None:
    (kit,) = lay_out("kit", [voice(str(number)) for number in range(count)], "kit", ())
    assert [zone.root for zone in kit.zones] == list(range(first, first + count))


def test_a_kit_begins_at_the_key_that_is_asked_for_or_is_refused() -> None:
    voices = [voice(name) for name in "abcd"]
    (kit,) = lay_out("kit", voices, "kit", [(0, 3)], 0)
    assert [zone.root for zone in kit.zones] == [0, 1, 2, 3] and [zone.choke for zone in kit.zones] == [1, 0, 0, 1]
    assert [zone.root for zone in lay_out("kit", voices, "kit", (), 124)[0].zones] == [124, 125, 126, 127]
    check_keys(4, "kit", (), 124)
    with pytest.raises(ConfigError, match=r"4 sounds from key 125 \(F9\) on reach .* Begin at 124 \(E9\) or lower"):
        check_keys(4, "kit", (), 125)


@pytest.mark.parametrize("layers", range(1, 9))
def test_every_velocity_plays_one_layer_with_all_its_turns(layers: int) -> None:
    (kit,) = lay_out("kit", [voice("a", layers=layers, turns=3)], "kit", ())
    heard = [playing(kit, 36, velocity) for velocity in range(1, 128)]
    assert all(len(found) == 3 for found in heard) and playing(kit, 36, 0) == []
    assert [found[0] for found in dict.fromkeys(map(tuple, heard))] == [f"a-{layer}-0.wav" for layer in range(layers)]
    assert {(zone.position, zone.turns) for zone in kit.zones} == {(1, 3), (2, 3), (3, 3)}


def test_pitched_sounds_are_instruments_over_all_keys_and_the_others_stay_single() -> None:
    drums, high, low = lay_out("kit", [voice("a", 452.0), voice("b"), voice("c", 65.4)], "chromatic", ())
    assert (drums.name, high.name, low.name) == ("kit", "kit a", "kit c")
    assert [(zone.low_key, zone.high_key) for zone in drums.zones] == [(36, 36)]
    (zone,) = high.zones
    assert (zone.low_key, zone.high_key, zone.root) == (0, 127, 69) and zone.tune == pytest.approx(-46.6, abs=0.1)
    assert low.zones[0].root == 36 and abs(low.zones[0].tune) < 1
    (alone,) = lay_out("kit", [voice("a", 440.0)], "chromatic", ())
    assert alone.name == "kit a", "no empty instrument"


def test_each_take_is_tuned_by_its_own_pitch_and_one_without_by_its_sounds() -> None:
    """The sound's is that of its loudest layer's first take."""
    soft, loud = Take("soft.wav", Pitch(220.0, 0.9), None), Take("loud.wav", Pitch(440.0, 0.9), None)
    noisy = Take("noisy.wav", None, None)
    both = Voice("a", ((soft, noisy), (loud, noisy)))
    assert both.pitch == loud.pitch and Voice("b", ((soft,), (noisy,))).pitch is None
    (kit,) = lay_out("kit", [both], "chromatic", ())
    assert [(zone.sample, zone.root) for zone in kit.zones] == [
        ("soft.wav", 57), ("noisy.wav", 69), ("loud.wav", 69), ("noisy.wav", 69),
    ]  # fmt: skip


def test_choke_groups_are_numbered_and_name_only_keys_that_play() -> None:
    voices = [voice(name) for name in "abcd"]
    (kit,) = lay_out("kit", voices, "kit", [(36, 38), (39,)])
    assert [zone.choke for zone in kit.zones] == [1, 0, 1, 2]
    check_keys(4, "kit", [(36, 38), (39,)], None)
    with pytest.raises(ConfigError, match=r"Key 40 plays no sound.* 36 \(C2\) to 39 \(D#2\)"):
        check_keys(4, "kit", [(40,)], None)
    with pytest.raises(ConfigError, match=r"Those that do: 60 \(C4\)\.$"):
        check_keys(1, "kit", [(36, 60)], 60)


def test_what_a_chromatic_kit_surely_has_no_key_for_is_refused_and_the_rest_is_said_afterwards() -> None:
    """Until they are made nobody knows which sounds have a clear pitch, and no key of their own."""
    for key in (35, 40):
        with pytest.raises(ConfigError, match=f"Key {key} plays no sound"):
            check_keys(4, "chromatic", [(36, key)], None)
    check_keys(100, "chromatic", [(28, 127)], None)
    check_keys(4, "chromatic", [(124, 127)], 126)
    voices = [voice("a", 440.0), voice("b"), voice("c")]
    assert list(left_out(voices, "chromatic", [(36, 37)], 36)) == []
    assert list(left_out(voices, "chromatic", [(37, 38), (39, 40)], None)) == [
        "Choked keys that play no sound of their own: 38 (D2), 39 (D#2), 40 (E2)."
    ]
    (begins,) = left_out(voices, "chromatic", (), 127)
    assert begins == "The 2 sounds on keys of their own begin at 126 (F#9): higher they do not fit."
    assert lay_out("kit", voices, "chromatic", (), 127)[0].zones[0].root == 126
    (nothing,) = left_out(voices[:1], "chromatic", (), 40)
    assert "The first key says nothing" in nothing
