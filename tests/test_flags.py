"""Command-line options made from configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from app.runs.launch import flags
from engine.__main__ import group
from engine.config import TrainingConfig
from engine.errors import ConfigError
from engine.flags import options
from engine.resolve import follow, resolve
from engine.settings import OverfittingPreset
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.layers import LayerConfig
from engine.tasks.vae.config import VAEConfig
from engine.train import command as train


def parsed(*arguments: str) -> dict[str, Any]:
    heard: dict[str, Any] = {}

    @click.command
    @click.argument("source", required=False)
    @options(TrainingConfig, MLPConfig)
    def command(**values: Any) -> None:
        heard.update(values)

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return {name: value for name, value in heard.items() if value is not None}


def test_what_is_not_given_is_not_there() -> None:
    assert parsed() == {}


def test_a_switch_needs_no_word_and_can_be_turned_off() -> None:
    assert parsed("--stop-after-sweet-spot", "demo") == {"stop_after_sweet_spot": True, "source": "demo"}
    assert parsed("--no-stop-after-sweet-spot") == {"stop_after_sweet_spot": False}


@pytest.mark.parametrize("wish", [{"stop_after_sweet_spot": True}, {"stop_after_sweet_spot": False}, {"seed": 3}])
def test_what_the_app_asks_for_is_what_the_command_line_hears(wish: dict[str, Any]) -> None:
    assert parsed(*flags(wish | {"device": None})) == wish


def test_the_help_shows_each_setting_under_what_it_is_for() -> None:
    result = CliRunner().invoke(train, ["--help"])
    assert result.exit_code == 0
    titles = re.findall(r"^(\S.*):$", result.output, re.MULTILINE)
    assert titles == [
        "Options", "How long, and how guarded", "How it learns", "Against memorising", "What it learns from",
        "What is kept", "Computer and chance", "Tables and labels", "The model of sounds",
        "What it makes of your sounds", "How it hears", "What it lets you hear",
    ]  # fmt: skip
    flags = re.findall(r"^  (?:-h, )?(--[a-z-]+)", result.output, re.MULTILINE)
    assert len(flags) == len(set(flags)) == len(train.params) - 1 + 1, "all but SOURCE, and --help"


def helped(*arguments: str) -> tuple[set[str], set[str], str]:
    """The headings and the flags that ``train ARGUMENTS --help`` shows, and its last line."""
    result = CliRunner().invoke(train, [*arguments, "--help"])
    assert result.exit_code == 0
    titles = re.findall(r"^(\S.*):$", result.output, re.MULTILINE)
    return set(titles), set(re.findall(r"(--[a-z-]+)", result.output)), result.output.rstrip().splitlines()[-1]


def test_the_help_of_a_source_shows_what_fits_it_and_nothing_else(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    everything, flags, _ = helped()
    for source, fits, strange in (
        (
            "demo",
            {"--latent-dim", "--sample-rate", "--kind", "--augmentation-expansion"},
            {"--target", "--layers", "--labels"},
        ),
        (str(tmp_path), {"--latent-dim", "--exclude", "--labels"}, {"--target", "--layers"}),
        ("iris", {"--layers", "--task-type"}, {"--latent-dim", "--sample-rate", "--exclude", "--labels", "--target"}),
        (str(table), {"--layers", "--target"}, {"--latent-dim", "--kind", "--labels"}),
    ):
        titles, shown, last = helped(source)
        assert fits | {"--seed", "--max-steps", "--run-dir"} <= shown < flags and not strange & shown, source
        assert titles <= everything and last.endswith("shows those of every kind of source.")
    sorting = helped(str(tmp_path), "--labels", "folders")[1]
    assert {"--layers", "--labels", "--target"} <= sorting, "an option says what is learnt"
    assert helped("nothing-like-that")[:2] == (everything, flags)


def test_a_default_that_the_preset_replaces_is_not_shown() -> None:
    shown = " ".join(CliRunner().invoke(train, ["--help"]).output.split())
    for preset in OverfittingPreset:
        config, own = resolve(TrainingConfig(preset=str(preset)), 60), follow(VAEConfig(), preset)
        for value in (config.max_epochs, own.kl_warmup_fraction, *config.regularization.model_dump().values()):
            assert f"{value:g}" in " ".join(re.findall(r"by preset: [^]]*", shown))
    assert "by preset: 0.02 / 0.01 / 0]" in shown and "default 0.01]" not in shown


def test_a_layers_text_is_the_layer() -> None:
    layers = (LayerConfig(units=32), LayerConfig(units=8, activation="relu"), LayerConfig(units=64))
    text = ",".join(map(str, layers))
    assert text.startswith("32,") and text.endswith(",64")
    assert MLPConfig.model_validate({"layers": text}).layers == layers


def floats(command: click.Command) -> Iterator[click.Parameter]:
    """The options of a command and of those below it that are floats in a range of their own."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from floats(below)
    yield from (one for one in command.params if isinstance(one.type, click.FloatRange))


def test_no_option_in_a_range_takes_what_is_no_number() -> None:
    found = list(floats(group))
    assert {"--more-minutes", "--idle-s"} <= {name for one in found for name in one.opts}
    for one in found:
        for text in ("nan", "inf"):
            with pytest.raises(click.BadParameter):
                one.type_cast_value(click.Context(train), text)


@pytest.mark.parametrize("option", ["--max-epochs", "--max-steps"])
def test_a_length_beyond_all_counting_is_refused_before_anything_is_made(option: str, tmp_path: Path) -> None:
    root = tmp_path / "run"
    said = CliRunner().invoke(train, ["iris", option, "1" + "0" * 400, "--run-dir", str(root)])
    assert isinstance(said.exception, ConfigError) and "1000000000" in said.exception.cause and not root.exists()


def test_a_run_that_goes_on_for_no_number_of_minutes_is_not_touched(tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert CliRunner().invoke(train, ["--resume", str(root), "--more-minutes", "nan"]).exit_code == 2
    assert not root.exists()
