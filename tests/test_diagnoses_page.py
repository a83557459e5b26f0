"""Every code that the engine can say has its paragraph in docs/diagnoses.md, and no other has one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine.claims.kinds import KINDS, Finding, settle
from engine.tasks.vae import diagnosis as of_sound

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "diagnoses.md").read_text(encoding="utf-8")
SAYS = {"say", "_say", "warn_once", "Fault", "Kind"}


def named() -> list[str]:
    return re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)


def said() -> Iterator[str]:
    """The codes in calls anywhere in the engine: ``code="…"``, or the first argument of who says a finding."""
    for path in (ROOT / "engine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [word.value for word in node.keywords if word.arg == "code"]
            given += node.args[:1] if name in SAYS else []
            yield from (
                one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value
            )


def test_every_code_has_its_paragraph_and_every_paragraph_its_code() -> None:
    codes = set(said())
    assert set(KINDS) < codes
    assert len(codes) > 30, "they are found"
    assert set(named()) == codes, set(named()) ^ codes
    assert len(named()) == len(set(named()))


def test_findings_stand_in_the_order_of_precedence() -> None:
    all_kinds = [*of_sound.KINDS, *KINDS.values()]
    loud = [replace(kind, silences=frozenset(), silenced_by=frozenset()) for kind in all_kinds]
    order = [one.code for one in settle(Finding(kind, "") for kind in loud)]
    assert [code for code in named() if code in order] == order


def test_each_paragraph_says_something() -> None:
    paragraphs = re.split(r"^#+ .*$", PAGE, flags=re.MULTILINE)[2:]
    assert all(len(text.split()) > 4 or not text.strip() for text in paragraphs)
