"""What a directory takes, while files of it go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.runs.disk_size import disk_size


def test_it_counts_files_in_all_folders_and_nothing_behind_links(tmp_path: Path) -> None:
    (tmp_path / "run" / "deep").mkdir(parents=True)
    (tmp_path / "run" / "a").write_bytes(bytes(1000))
    (tmp_path / "run" / "deep" / "b").write_bytes(bytes(500))
    (tmp_path / "elsewhere").write_bytes(bytes(10_000))
    (tmp_path / "run" / "link").symlink_to(tmp_path / "elsewhere")
    assert 1500 <= disk_size(tmp_path / "run") < 3000
    assert disk_size(tmp_path / "nothing") == 0


def test_a_file_that_goes_while_it_is_counted_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        (tmp_path / f"{number}").write_bytes(bytes(3000))
    whole = os.scandir

    @contextmanager
    def listed_before_it_went(path: str) -> Iterator[list[os.DirEntry[str]]]:
        with whole(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        (tmp_path / "1").unlink()
        yield entries

    monkeypatch.setattr(os, "scandir", listed_before_it_went)
    assert disk_size(tmp_path) == 21_000
