"""One line that is deeper than any record is one damaged line: the rest of the run is read, packed and taken in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.rundir.reader import RunReader
from engine.sharing.pack import pack
from engine.sharing.unpack import take_in


@pytest.mark.parametrize("word", [b'"NaN"', b"1"])
def test_a_hostile_line_harms_no_reader(drum_run: Path, tmp_path: Path, word: bytes) -> None:
    hostile = Path(shutil.copytree(drum_run, tmp_path / "hostile"))
    before = RunReader(drum_run).events().events
    with RunReader(hostile).layout.metrics.open("ab") as file:
        file.write(b'{"event":"x","v":' + word + b',"a":' + b"[" * 900 + b"]" * 900 + b"}\n")
    assert RunReader(hostile).events().events == before
    assert RunReader(hostile).metrics_tail(1) == before[-1:]
    pack(RunReader(hostile), tmp_path / "hostile.zip")
    for source in (hostile, tmp_path / "hostile.zip"):
        assert len(RunReader(take_in(source, tmp_path / "runs").root).events().events) == len(before)
