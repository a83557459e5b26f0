"""What a request may say, and in which words one that may not be is refused."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import ConfigError
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.sounds.wire import MorphAsk, checked

ENDS = {"out": "s", "first": "a.wav", "second": "b.wav"}


def test_a_morph_has_a_position_or_steps() -> None:
    assert checked(MorphAsk, ENDS).steps == 5 and checked(MorphAsk, ENDS | {"position": None, "steps": 3}).steps == 3
    assert checked(MorphAsk, ENDS | {"position": 0.5}).position == 0.5
    with pytest.raises(ConfigError, match="position names one sound and steps several"):
        checked(MorphAsk, ENDS | {"position": 0.5, "steps": 5})


@pytest.mark.parametrize(
    ("choke", "said"),
    [
        (None, "choke = None: input should be a list"),
        ({}, "choke = {}: input should be a list"),
        ([[36, 36]], "A choke group needs two different keys"),
        ([[]], "A choke group needs two different keys"),
    ],
)
def test_choke_groups_that_are_none_are_refused_in_words_of_json(choke: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        checked(InstrumentRequest, {"choke": choke})


def test_no_more_of_a_value_is_quoted_than_can_be_read() -> None:
    with pytest.raises(ConfigError) as refused:
        checked(InstrumentRequest, {"choke": [[key, key + 1] for key in range(100)]})
    assert "at most 16 items" in refused.value.cause and len(refused.value.cause) < 200
