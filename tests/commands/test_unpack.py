"""``sweetspot unpack``: the command line takes a run in as the page does."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.commands.unpack import command
from engine.errors import DataError
from engine.rundir.reader import RunReader
from engine.sharing.deterministic_zip import read_zip, write_zip
from engine.sharing.pack import pack


def test_a_packed_run_lies_among_the_others_and_is_looked_at(drum_run: Path, tmp_path: Path) -> None:
    packed, runs = tmp_path / "drums.zip", tmp_path / "runs"
    pack(RunReader(drum_run), packed, checkpoints=False)
    for source, name in ((packed, drum_run.name), (drum_run, f"{drum_run.name}-2")):
        done = CliRunner().invoke(command, [str(source), "--runs-dir", str(runs)])
        assert done.exit_code == 0 and done.output == f"{runs / name}\n"
        assert RunReader(runs / name).view().read_only


def test_what_is_damaged_and_what_belongs_to_no_run_is_left_out_and_said(drum_run: Path, tmp_path: Path) -> None:
    whole, packed = tmp_path / "drums.zip", tmp_path / "damaged.zip"
    pack(RunReader(drum_run), whole)
    members = read_zip(whole, 1 << 30)
    best = f"{drum_run.name}/checkpoints/best.safetensors"
    write_zip(packed, [*(members | {best: members[best][:-1]}).items(), (f"{drum_run.name}/mine.txt", b"x")])
    done = CliRunner().invoke(command, [str(packed), "--runs-dir", str(tmp_path / "runs")])
    assert done.exit_code == 0 and done.stdout == f"{tmp_path / 'runs' / drum_run.name}\n"
    assert done.stderr == (
        "1 file was damaged and left out: checkpoints/best.safetensors.\n"
        "1 file that no packed run consists of was passed over.\n"
    )
    assert not (tmp_path / "runs" / drum_run.name / "mine.txt").exists()


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_what_is_no_run_is_refused_with_a_sentence_and_leaves_nothing(content: bytes | None, tmp_path: Path) -> None:
    source = tmp_path / "run.zip"
    if content is not None:
        source.write_bytes(content)
    refused = CliRunner().invoke(command, [str(source), "--runs-dir", str(tmp_path / "runs")])
    assert isinstance(refused.exception, DataError) and refused.exception.remedy
    assert not [path for path in tmp_path.glob("runs/*") if not path.name.startswith(".")]
