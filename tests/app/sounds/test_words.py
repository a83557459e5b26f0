"""What is said of a sound."""

from __future__ import annotations

from typing import Any

import pytest

from app.sounds.words import detail, in_time


@pytest.mark.parametrize(
    ("request_", "said_of_it"),
    [
        ({"bars": 2, "bpm": 97.0}, "2 bars at 97\N{NO-BREAK SPACE}BPM"),
        ({"bars": 1, "bpm": 92.5, "beats_per_bar": 4}, "1 bar at 92.5\N{NO-BREAK SPACE}BPM"),
        ({"bars": 2, "bpm": 97, "beats_per_bar": 3}, "2 bars of 3 beats at 97\N{NO-BREAK SPACE}BPM"),
        ({"loop": True}, ""),
        ({"bars": "2", "bpm": {}}, ""), ({"bars": 2, "bpm": float("nan")}, ""),
    ],
)  # fmt: skip
def test_a_loop_in_time_says_its_bars_and_its_tempo(request_: dict[str, Any], said_of_it: str) -> None:
    assert in_time(request_) == said_of_it


def test_two_that_were_moved_from_one_place_are_told_apart() -> None:
    place = {"kind": "place", "x": -6.4, "y": 2.0}
    said = [detail({"kind": "moved", "axes": axes, "of": place}) for axes in ({"2": -2.0}, {"1": 0.25, "3": 0.0})]
    assert said == ["direction 2 by −2.0, from place −6.4, 2.0", "direction 1 by 0.25, from place −6.4, 2.0"]
