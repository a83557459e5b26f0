"""Archives that are the same bytes everywhere hold each name once."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sharing.deterministic_zip import write_zip


def test_of_two_members_of_one_name_neither_is_written_over_the_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a would lie in this archive twice"):
        write_zip(tmp_path / "both.zip", [("a", b"1"), ("b", b"2"), ("a", b"3")])
    assert not list(tmp_path.iterdir())
