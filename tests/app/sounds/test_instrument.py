"""What the panel Instrument understands."""

from __future__ import annotations

import pytest

from app.sounds.instrument import choke_groups
from engine.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("", []), ("36,38", [[36, 38]]), ("36, 38", [[36, 38]]), (" 36 ,38 , 42, ", [[36, 38, 42]]),
        ("F#2,A#2 36,38", [[42, 46], [36, 38]]), ("F#2, A#2  36 , 38", [[42, 46], [36, 38]]),
    ],
)  # fmt: skip
def test_spaces_part_groups_where_no_comma_stands(text: str, groups: list[list[int]]) -> None:
    assert choke_groups(text) == groups


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("36", "Choke group 36 is one key."),
        ("36,36 42,46", "Choke group 36,36 is one key."),
        ("36,x", "x names no key"),
    ],
)
def test_a_group_of_one_key_or_of_none_is_refused_before_anything_is_made(text: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        choke_groups(text)
