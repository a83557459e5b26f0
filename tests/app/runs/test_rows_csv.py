"""Every row of a run as CSV, whatever the charts leave out."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from app.runs import rows_csv
from app.runs.rows_csv import all_rows


def written(path: Path, *events: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events))
    return path


def step(number: int, **more: object) -> dict[str, object]:
    return {"event": "step", "step": number, "loss": number / 4, **more}


def rows(path: Path, event: str = "step") -> list[dict[str, str]]:
    with all_rows(path, event) as file:  # type: ignore[arg-type]
        return list(csv.DictReader(io.StringIO(file.read().decode())))


@pytest.mark.parametrize("block", [1 << 23, 100])
def test_every_row_is_there_also_of_columns_that_come_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(rows_csv, "BLOCK", block)
    events = [step(n) if n < 900 else step(n, extra=n) for n in range(1, 1001)]
    found = rows(written(tmp_path / "m.jsonl", *events, {"event": "epoch", "epoch": 1, "val": 2.5}))
    assert [int(row["step"]) for row in found] == list(range(1, 1001))
    assert [float(row["loss"]) for row in found] == [n / 4 for n in range(1, 1001)]
    assert [row["extra"] for row in found[897:900]] == ["", "", "900"]
    assert rows(tmp_path / "m.jsonl", "epoch") == [{"epoch": "1", "val": "2.5"}]


def test_what_a_killed_process_wrote_beyond_its_checkpoint_counts_once(tmp_path: Path) -> None:
    first, again = [step(n, life=1) for n in range(1, 9)], [step(n, life=2) for n in range(5, 7)]
    found = rows(written(tmp_path / "m.jsonl", *first, *again))
    assert [(row["step"], row["life"]) for row in found] == [
        ("1", "1"), ("2", "1"), ("3", "1"), ("4", "1"), ("5", "2"), ("6", "2"),
    ]  # fmt: skip


def test_damage_formulas_and_half_a_line_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "m.jsonl", step(1), step(2, loss=float("nan"), **{"=1+1": 3}))
    with path.open("a") as file:
        file.write('{"event":"step","step":1e99,"loss":1}\nnot json\n{"event":"step","st')
    assert rows(path) == [{"step": "1", "loss": "0.25"}, {"step": "2", "loss": ""}]


def test_no_rows_are_an_empty_table_and_no_pipe_is_read(tmp_path: Path) -> None:
    assert rows(written(tmp_path / "m.jsonl")) == []
    os.mkfifo(tmp_path / "pipe")
    assert rows(tmp_path / "pipe") == []


def test_rows_that_a_training_adds_meanwhile_are_left_for_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "m.jsonl", *[step(n) for n in range(1, 4)])
    real = rows_csv._kept

    def meanwhile(index: rows_csv.Floats) -> object:
        with path.open("a") as file:
            file.write(json.dumps(step(4), separators=(",", ":")) + "\n")
        return real(index)

    monkeypatch.setattr(rows_csv, "_kept", meanwhile)
    assert [row["step"] for row in rows(path)] == ["1", "2", "3"]
