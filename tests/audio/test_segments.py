"""Chunks of sounds."""

from __future__ import annotations

import numpy as np

from engine.audio.segments import Chunk, cut, evenly, random_starts, read_window


def test_every_sound_is_cut_end_to_end_and_the_last_chunk_is_what_is_left() -> None:
    assert cut([250, 80], 100) == [Chunk(0, 0, 100), Chunk(0, 100, 100), Chunk(0, 200, 50), Chunk(1, 0, 80)]


def test_a_window_is_silent_outside_its_sound() -> None:
    pcm = np.arange(1, 6, dtype=np.int16)
    assert read_window(pcm, -2, 4).tolist() == [0, 0, 1, 2]
    assert read_window(pcm, 3, 4).tolist() == [4, 5, 0, 0]
    assert read_window(pcm, 9, 2).tolist() == [0, 0]


def test_crops_of_a_long_sound_stay_inside_and_near_their_chunk() -> None:
    starts = random_starts(np.array([300]), np.array([1000]), 100, 10, np.linspace(0, 1, 101))
    assert min(starts) == 250 and max(starts) == 350
    ends = random_starts(np.array([900]), np.array([950]), 100, 10, np.linspace(0, 1, 11))
    assert max(ends) == 850, "the last crop ends where the sound ends"


def test_a_short_sound_gets_a_little_silence_before_it_half_of_the_time() -> None:
    draws = np.array([0.0, 0.5, 0.75, 1.0, 1.0])
    starts = random_starts(np.zeros(5, int), np.array([60, 60, 60, 60, 96]), 100, 10, draws)
    assert starts.tolist() == [0, 0, -5, -10, -4], "never so much that its end is lost"


def test_a_selection_is_even_and_begins_at_the_beginning() -> None:
    chunks = cut([1000], 10)
    some = evenly(chunks, 10)
    assert some[0] == chunks[0] and some[-1] == chunks[-1] and len(set(some)) == 10
    assert evenly(chunks[:5], 10) == chunks[:5]
