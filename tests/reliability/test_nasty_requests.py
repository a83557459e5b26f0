"""Every field of every request to ``serve`` with values that nobody means: a sentence comes back, the process lives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from engine.rundir.encoding import encode
from engine.tasks.vae.sounds.server import RequestHandler
from tests.sampling import sample

NASTY: dict[str, str] = {  # as JSON
    "NaN": "NaN",
    "infinite": "Infinity",
    "minus infinite": "-Infinity",
    "huge": "1e30",
    "minus huge": "-1e300",
    "too large for a float": "1" * 400,
    "minus one": "-1",
    "half": "0.5",
    "true": "true",
    "null": "null",
    "empty": '""',
    "NUL": '"a\\u0000b"',
    "nobody's home": '"~nosuchuser/x"',
    "half a character": '"\\ud800"',
    "control": '"\\u202e\\n\\u001b[2J"',
    "device": '"/dev/null"',
    "many letters": json.dumps("x" * 100_000),
    "unicode": '"日本語 🎸"',
    "list": "[1, [2]]",
    "object": '{"a": {}}',
    "deep list": "[" * 900 + "]" * 900,
    "deep object": '{"of":' * 900 + "1" + "}" * 900,
    "NaN for a name": '{"1": NaN}',
    "axes that are none": '{"0": 1, "-1": 1}',
    "far place": '{"kind": "place", "x": 1e30, "y": -1e30}',
    "no place": '{"kind": "place", "x": NaN, "y": 0}',
    "moved for ever": '{"kind": "moved", "of": {"kind": "moved", "of": {}, "axes": {}}, "axes": {}}',
    "no file": '{"kind": "file", "file": "a\\u0000b"}',
    "many axes": json.dumps({str(axis): 4 for axis in range(1, 2_000)}),
}


def asked(out: Path, name: str) -> dict[str, dict[str, Any]]:
    """One request of each kind that would be answered well."""
    make = {
        "out": str(out), "picture": False, "quality": "fast", "seed": 1, "duration_s": 0.1, "temperature": 1.0,
        "loop": False, "stereo": False, "format": "wav", "sample_rate": 48_000, "bit_depth": 16,
    }  # fmt: skip
    place = {"kind": "place", "x": 0.0, "y": 0.0}
    return {
        "hello": {"checkpoint": "best"},
        "generate": make | {"count": 1, "first": 0, "checkpoint": "best"},
        "vary": make | {"file": name, "amount": 0.5, "count": 1, "first": 0},
        "map": {"checkpoint": "best"},
        "place": make | {"x": 0.0, "y": 0.0},
        "axes": {"checkpoint": "best"},
        "move": make | {"of": place, "axes": {"1": 1.0}},
        "morph": make | {"first": name, "second": name, "position": 0.5},
        "along": {"of": place, "axes": [1], "at": [-1.0, 1.0], "seed": 0},
        "original": {"file": name, "out": str(out), "picture": False, "checkpoint": "best"},
        "nearest": {"origin": place, "count": 1, "seed": 0, "temperature": 1.0, "duration_s": 0.1},
    }


@pytest.fixture(scope="module")
def handler(drum_run: Path) -> RequestHandler:
    return RequestHandler(drum_run)


@pytest.fixture
def wishes(handler: RequestHandler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    return asked(tmp_path / "out", handler.answer(b'{"op": "map"}')["points"][0]["path"])


def lines(op: str, wish: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(field, what is nasty, the request) for every field, those that say what is asked for included."""
    plain = {"id": 1, "op": op, **wish}
    for name, (what, nasty) in product([*plain, "strange"], NASTY.items()):
        told = json.dumps({key: value for key, value in plain.items() if key != name})
        yield name, what, f"{told[:-1]}, {json.dumps(name)}: {nasty}}}"


@pytest.mark.parametrize("op", asked(Path(), ""))
def test_whatever_a_request_says_it_gets_a_sentence(
    op: str, handler: RequestHandler, wishes: dict[str, dict[str, Any]], one_in: Callable[[int], int]
) -> None:
    plain = handler.answer(json.dumps({"op": op, **wishes[op]}).encode())
    assert plain["ok"], plain
    for name, what, line in sample(list(lines(op, wishes[op])), one_in(24)):
        answer = handler.answer(line.encode("utf-8", "surrogatepass"))
        assert encode(answer)
        if not answer["ok"]:
            error = answer["error"]
            assert error["cause"] and error["remedy"] and len(error["cause"]) < 1_000, (name, what, error)
    assert handler.answer(b'{"op": "hello"}')["ok"]


@pytest.mark.parametrize("line", [b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe", b"\0", b"1" * 5_000, b'""', b"null"])
def test_a_line_that_is_no_request_gets_a_sentence(line: bytes, handler: RequestHandler) -> None:
    answer = handler.answer(line)
    assert not answer["ok"] and answer["error"]["cause"] and answer["error"]["remedy"]
    assert len(answer["error"]["cause"]) < 1_000
