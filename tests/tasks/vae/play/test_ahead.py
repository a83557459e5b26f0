"""What is made before it is asked for, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from engine.errors import DataError
from engine.tasks.vae.play.ahead import SPOTS, RenderAhead, wishes
from engine.tasks.vae.play.rendered import Rendered, RenderedSounds
from engine.tasks.vae.play.spot import Spot
from engine.tasks.vae.sounds.request import FromPrior, MapPoint, Moved
from tests.conftest import until

HERE = Spot().moved(1, 1.0)
SOUND = Rendered(np.zeros((4, 2), np.float32))


def test_the_present_spot_comes_first_then_where_the_controller_goes() -> None:
    up = [(slot, dict(spot.steps)[1]) for slot, spot in wishes(HERE, 1, [2, 0])]
    assert up == [(2, 4), (0, 4), (2, 5), (0, 5), (2, 3), (0, 3), (2, 6), (0, 6), (2, 2), (0, 2)]
    assert [dict(spot.steps).get(1) for _, spot in wishes(HERE, -1, [0])] == [4, 3, 5, 2, 6]
    assert list(wishes(HERE, 0, [0, 1])) == [(0, HERE), (1, HERE)], "nothing was moved: nothing lies around"
    assert len(list(wishes(HERE, 1, [0]))) == SPOTS


@contextmanager
def running(ahead: RenderAhead) -> Iterator[None]:
    thread = threading.Thread(target=ahead.run)
    thread.start()
    try:
        yield
    finally:
        ahead.end()
        thread.join(120)
        assert not thread.is_alive()


def test_all_around_a_spot_is_made_once_and_what_was_played_last_first() -> None:
    made: list[tuple[int, Spot]] = []
    sounds = RenderedSounds(64)

    def render(slot: int, spot: Spot) -> Rendered:
        made.append((slot, spot))
        return SOUND

    ahead = RenderAhead(render, 3, sounds, lambda said: None)
    ahead.played(2)
    ahead.aim(HERE, 1)
    with running(ahead):
        until(lambda: len(made) == 3 * SPOTS)
        ahead.aim(HERE.moved(1, 1.25), 1)  # most of what lies around it is there
        until(lambda: len(made) == 3 * (SPOTS + 1))
    assert made[:3] == [(2, HERE), (0, HERE), (1, HERE)] and len(set(made)) == len(made)


def test_what_cannot_be_made_is_said_and_the_rest_is_made() -> None:
    said: list[str] = []
    tried: list[tuple[int, Spot]] = []
    sounds = RenderedSounds(64)

    def render(slot: int, spot: Spot) -> Rendered:
        tried.append((slot, spot))
        if (slot, spot) == (0, Spot()):
            raise DataError("Too far.", "Stay nearer.")
        return SOUND

    ahead = RenderAhead(render, 2, sounds, said.append)
    with running(ahead):
        until(lambda: (1, Spot()) in sounds)
        ahead.aim(Spot(), 1)  # again, and now around it too
        until(lambda: len(tried) == 2 * SPOTS)
    assert len(set(tried)) == len(tried), "once each"
    assert said == ["Too far. Stay nearer."] and (0, Spot()) not in sounds


def test_the_nearest_sound_of_a_slot_is_found_and_the_least_used_goes() -> None:
    sounds = RenderedSounds(3)
    ways = [Spot().moved(1, far) for far in (0.0, 1.0, 2.0)]
    waves = [Rendered(np.full((1, 2), number, np.float32)) for number in range(4)]
    for way, wave in zip(ways, waves, strict=False):
        sounds.put(5, way, wave)
    assert sounds.nearest(5, Spot().moved(1, 0.25)) == (waves[0], False)
    assert sounds.nearest(5, ways[2]) == (waves[2], True) and sounds.nearest(4, ways[2]) is None
    sounds.put(5, Spot((1.0, 1.0)), waves[3])
    assert (5, ways[1]) not in sounds and (5, ways[0]) in sounds, "the one that was asked for least lately"
    assert sounds.nearest(5, Spot((2.0, 2.0))) is not None


def test_a_spot_says_where_a_sound_comes_from() -> None:
    spot = Spot().moved(2, 0.6).moved(1, -9).moved(3, 0.1)
    assert spot.origin(7) == Moved(of=FromPrior(index=7), axes={1: -4.0, 2: 0.5})
    assert Spot((1.0, 2.0)).origin(0) == MapPoint(x=1.0, y=2.0)
    assert spot.moved(1, 0).moved(2, 0) == Spot() and Spot().beside(1, -1).beside(1, 1) == Spot()
    assert Spot().moved(1, 1).distance(Spot().moved(2, 0.75)) == 5 and Spot().distance(Spot()) == 0
