"""The benches of cost end with a line that a program can read, and take turns."""

from __future__ import annotations

import json

import pytest

from tests.bench.__main__ import names
from tests.bench.ratios import alternate, show


def test_every_bench_of_cost_can_be_asked_for() -> None:
    asked = {
        "throughput",
        "startup",
        "loading",
        "telemetry",
        "preview",
        "checkpoint",
        "cancel",
        "reader",
        "app",
        "queue",
        "ddp",
    }
    assert asked <= set(names())


def test_variants_take_turns() -> None:
    order: list[str] = []
    found = alternate({name: lambda name=name: float(order.append(name) or len(order)) for name in "ab"}, 3)
    assert order == ["a", "b"] * 3 and found == {"a": [1.0, 3.0, 5.0], "b": [2.0, 4.0, 6.0]}


def test_the_last_line_is_one_object_with_the_ratio_and_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    show("whistle", 0.5, {"tune": [0.003, 0.001, 0.002]}, notes=7)
    table = capsys.readouterr().out.splitlines()
    assert json.loads(table[-1]) == {
        "name": "whistle",
        "ratio": 0.5,
        "parts": {"tune": {"minimum_s": 0.001, "median_s": 0.002}},
        "notes": 7,
    }
    assert table[1].split() == ["tune", "1.000", "ms", "2.000", "ms", "3"]
