"""Nothing moves unseen: neither what is learned in the first fifty updates, nor what can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.conftest import Make
from tests.golden import losses, options
from tests.sampling import later

LATER = ("sounds, temporal code", "sounds, vector code", "labelled sounds")  # one of sounds stays in the quick tier


@pytest.fixture(scope="module")
def sounds(made_once: Callable[[str, Make], Path]) -> Path:
    return made_once("golden-sounds", losses.make_sounds)


def test_every_kind_has_its_golden_losses() -> None:
    assert losses.golden()["losses"].keys() == losses.KINDS.keys()


@pytest.mark.parametrize("kind", [*sorted(losses.KINDS.keys() - {*LATER}), *later(*LATER)])
def test_the_first_losses_are_the_golden_ones(kind: str, sounds: Path, tmp_path: Path) -> None:
    apart = losses.apart(losses.losses(kind, sounds, tmp_path / "run"), losses.golden()["losses"][kind])
    assert apart <= losses.tolerance(), (
        f"The first losses of {kind} moved by up to {apart:.2g}. If that is meant, renew them with "
        "`python -m tests.golden losses` and say in the commit why they moved."
    )


@pytest.mark.slow
def test_a_learning_rate_one_in_a_thousand_off_is_seen_on_any_processor(sounds: Path, tmp_path: Path) -> None:
    kind = "sounds, vector code"
    moved = losses.losses(kind, sounds, tmp_path / "run", "--learning-rate", "0.002002")
    assert losses.apart(moved, losses.golden()["losses"][kind]) > 2 * losses.CLOSE


def test_the_options_are_those_of_the_list() -> None:
    assert options.text() == options.FILE.read_text(encoding="utf-8"), (
        "What a command says of its options is not what tests/golden/options.txt holds. If that is meant, renew it "
        "with `python -m tests.golden options`: the commit then shows what changed."
    )


def test_an_option_more_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.commands import scan

    monkeypatch.setattr(scan.command, "params", [*scan.command.params, click.Option(["--whistle"])])
    assert options.text() != options.FILE.read_text(encoding="utf-8")
