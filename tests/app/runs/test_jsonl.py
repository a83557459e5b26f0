"""Lines of steps that are read by their places say what a parser of JSON finds in each of them."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest

from app.runs.jsonl import parse
from app.runs.step_lines import FEW, columns
from engine.rundir.encoding import decode

COUNT = 6 * FEW


def told(step: int, **more: Any) -> bytes:
    """What a training writes of a step."""
    fields = {"at": 1795375818.25 + step, "elapsed_s": step / 7, "step": step, "total_steps": 10**6, "loss": 1 / step}
    return json.dumps({"event": "step", **fields, **more}, separators=(",", ":")).encode() + b"\n"


def one_by_one(block: bytes) -> tuple[dict[str, Any], int]:
    """(the columns of all steps, how many lines are damaged), each line read as JSON."""
    rows = [decode(line) for line in block.split(b"\n")[:-1] if line]
    table = columns(row for row in rows if row is not None)
    return {name: table[name] for name in table if name not in ("at", "total_steps")}, rows.count(None)


def same(block: bytes) -> None:
    parsed, (expected, damaged) = parse(block), one_by_one(block)
    assert parsed.damaged == damaged and parsed.others == []
    assert parsed.steps.keys() == expected.keys()
    for name, column in expected.items():
        assert np.array_equal(parsed.steps[name], column, equal_nan=True), name


@pytest.mark.parametrize(
    "of_step",
    [
        {},
        {"grad_norm": 1e-07, "kl_weight": -0.0, "big": 10**30},
        {"loss": "NaN", "grad_norm": "-Infinity"},
        {"note": "a, b", "list": [1, 2], "none": None, "nested": {"loss": 9}},
    ],
)
def test_all_numbers_come_as_json_has_them(of_step: dict[str, Any]) -> None:
    same(b"".join(told(step, **of_step) for step in range(1, COUNT)))


def test_names_of_one_length_that_change_places_are_told_apart() -> None:
    in_turn = [{"a_recon_db": 1.0, "b_recon_db": 2.0}, {"b_recon_db": 3.0, "a_recon_db": 4.0}]
    same(b"".join(told(step, **in_turn[step % 2]) for step in range(1, COUNT)))


def test_a_name_that_comes_late_goes_and_comes_again_is_kept() -> None:
    extra = [{"extra": step} if step // 90 % 2 or step % 7 == 0 else {} for step in range(COUNT)]
    same(b"".join(told(step, **extra[step]) for step in range(1, COUNT)))


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_byte_costs_what_a_parser_would_lose(seed: int) -> None:
    chance = random.Random(seed)
    lines = [bytearray(told(step, grad_norm=0.5)) for step in range(1, COUNT)]
    for _ in range(8):
        line = chance.choice(lines)
        # Past the kind and not the newline; never a digit for a digit, a sign or a point, which JSON may not mind.
        line[chance.randrange(len(b'{"event":"step",'), len(line) - 1)] = chance.choice(b'\x00":,{}[ nx\xff\\')
    same(b"".join(lines))


def test_of_every_so_many_steps_one_is_read_and_the_last() -> None:
    other = b'{"event":"epoch","epoch":1,"elapsed_s":1.0}\n'
    block = b"".join(told(step) + (other if step % 50 == 0 else b"") for step in range(1, 1000))
    parsed = parse(block + b'{"event":"st', every=4)
    assert parsed.steps["step"].tolist() == [*range(1, 999, 4), 999]
    assert len(parsed.others) == 19 and parsed.damaged == 0
    assert math.isclose(parsed.steps["loss"][3], 1 / 13)


def test_blocks_without_a_step_or_a_line_hold_none() -> None:
    assert parse(b"").steps == {} and parse(b'{"event":"step","st').steps == {}
    assert parse(b"\n\nnothing\n", every=4).damaged == 1
