"""dataset.json as pages ask for it, again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.runs import data
from app.runs.data import dataset_of
from engine.rundir.reader import RunReader
from engine.rundir.record import DatasetRecord, FileRow
from tests.rundir.conftest import open_writer


def test_what_a_run_learned_from_is_read_once_and_again_when_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [FileRow(path=f"{number:05}.wav", verdict="used", split="train") for number in range(5000)]
    reader, read = RunReader(tmp_path / "run"), []
    real = RunReader.dataset
    monkeypatch.setattr(data.RunReader, "dataset", lambda reader: read.append(reader.id) or real(reader))
    with open_writer(reader.root) as writer:
        assert dataset_of(reader) is None
        writer.write_dataset(DatasetRecord(files=rows))
        for _ in range(3):
            found = dataset_of(reader)
            assert found is not None and len(found.files) == 5000
        writer.write_dataset(DatasetRecord(files=rows[:-1]))
        again = dataset_of(reader)
    assert again is not None and len(again.files) == 4999 and read == ["run", "run"]
    reader.layout.dataset.write_text("{torn")
    assert dataset_of(reader) is None
