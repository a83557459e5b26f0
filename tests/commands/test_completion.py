"""The completion key in real shells: what stands on the line after it was pressed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from engine.__main__ import group
from engine.commands.generate import command
from engine.completion import states
from engine.rundir.reader import RunReader
from tests.bits import flip
from tests.conftest import ROOT
from tests.sampling import later

PROGRAM = f"#!{sys.executable}\nfrom engine.__main__ import main\nmain()\n"
BEGIN = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ""),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; "),
}


@pytest.fixture
def environment(tmp_path: Path, drum_run: Path) -> dict[str, str]:
    """Of one who has ``sweetspot`` on the path, and stands in a folder with ``runs/drums`` and ``Samples`` in it."""
    program = tmp_path / "bin" / "sweetspot"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "drums").symlink_to(drum_run)
    (tmp_path / "Samples").mkdir()
    path = f"{program.parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "TERM": "dumb", "HOME": str(tmp_path), "PS1": "> "}


class Terminal:
    """A shell at a terminal of its own."""

    def __init__(self, shell: str, environment: dict[str, str], place: Path) -> None:
        command, before = BEGIN[shell]
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.chdir(place)
            os.execvpe(command[0], command, environment)
        # Put together by the shell, so that it is not found in the echo of what is typed.
        self.type(f'{before}eval "$(sweetspot completion {shell})"; echo rea""dy\n', "ready")

    def type(self, text: str, until: str) -> None:
        """Press the keys of ``text`` and wait for ``until`` on the screen; AssertionError with what stands there."""
        os.write(self.screen, text.encode())
        shown, end = "", time.monotonic() + 120
        while until not in shown:
            assert time.monotonic() < end, f"{text!r}: {shown!r}"
            if select.select([self.screen], [], [], 0.2)[0]:
                shown += os.read(self.screen, 4096).decode(errors="replace")

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.screen)
        os.waitpid(self.pid, 0)


@pytest.fixture(params=["bash", *later("zsh")])
def terminal(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Iterator[Terminal]:
    _need(request.param)
    opened = Terminal(request.param, environment, tmp_path)
    yield opened
    opened.close()


def _need(shell: str) -> None:
    if not shutil.which(shell):
        assert "SWEETSPOT_REQUIRE_SHELLS" not in os.environ, f"{shell} is not installed"
        pytest.skip(f"{shell} is not installed")


def test_the_key_completes_commands_options_data_sets_epochs_and_folders(terminal: Terminal) -> None:
    erase = "\x15"
    for typed, completed in (
        ("sweetspot recon", "reconstruct "),
        ("sweetspot generate runs/drums --beats", "--beats-per-bar "),
        ("sweetspot generate runs/drums --checkpoint la", "last "),
        ("sweetspot generate runs/drums --checkpoint step-3", "step-30 "),
        ("sweetspot train Samples --from runs/drums --checkpoint la", "last "),
        ("sweetspot control runs/drums sav", "save-now "),
        ("sweetspot train ir", "iris "),
        ("sweetspot train Sam", "Samples/"),
        ("sweetspot inspect runs/dr", "runs/drums"),
    ):
        terminal.type(f"{typed}\t", completed)
        terminal.type(f"{erase}echo n{'e'}xt\n", "next")


@pytest.mark.slow
def test_fish_completes_the_same(environment: dict[str, str], tmp_path: Path) -> None:
    _need("fish")
    asked = ("sweetspot recon", "sweetspot train ir", "sweetspot generate runs/drums --checkpoint la")
    program = "; ".join(["sweetspot completion fish | source", *(f"complete -C '{line}'" for line in asked)])
    done = subprocess.run(
        ["fish", "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["reconstruct", "iris", "last"], done.stderr


def test_what_a_key_press_runs_brings_neither_torch_nor_a_page(environment: dict[str, str], tmp_path: Path) -> None:
    """It runs at every press."""
    program = (
        "import sys; from engine.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(*({'torch', 'altair', 'streamlit', 'pandas'} & set(sys.modules)))"
    )
    for words, found in (("sweetspot re", "report"), ("sweetspot train di", "digits")):
        asked = {"_SWEETSPOT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run(
            [sys.executable, "-c", program], env={**environment, **asked}, cwd=tmp_path, capture_output=True, text=True
        )
        lines = done.stdout.split("\n")
        assert f"plain,{found}" in lines and lines[-2] == "", done.stdout + done.stderr


Engine = Callable[..., "subprocess.CompletedProcess[str]"]


def test_another_shell_is_refused_with_those_it_knows(engine: Engine) -> None:
    done = engine("completion", "csh")
    assert done.returncode == 2 and all(name in done.stderr for name in ("bash", "zsh", "fish"))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["generate", "RUN", "--checkpoint"], True),
        (["train", "--from", "RUN", "--checkpoint"], True),
        (["train", "Samples", "--from", "RUN", "--checkpoint"], True),
        (["queue", "add", "--from", "RUN", "Samples", "--checkpoint"], True),
        (["train", "RUN", "--checkpoint"], False),  # a source, no run to begin with
        (["generate", "--checkpoint"], False),
    ],
)
def test_states_are_those_of_the_run_on_the_line(words: list[str], named: bool, drum_run: Path) -> None:
    key = ShellComplete(group, {}, "sweetspot", "_SWEETSPOT_COMPLETE")
    found = [item.value for item in key.get_completions([str(drum_run) if one == "RUN" else one for one in words], "")]
    assert ({"best", "last", "epoch-0", "step-30"} <= set(found)) == named and (named or not found)


def test_damaged_weights_are_not_offered(tmp_path: Path, drum_run: Path) -> None:
    shutil.copytree(drum_run, tmp_path / "run")
    context = click.Context(command, info_name="generate")
    context.args = [str(tmp_path / "run")]

    def offered() -> list[str]:
        return [item.value for item in states(context, command.params[0], "")]

    snapshots = RunReader(tmp_path / "run").snapshots()
    damaged = next(one for one in snapshots if one.manifest and one.manifest.epoch)
    assert damaged.manifest is not None and f"epoch-{damaged.manifest.epoch}" in offered() and "best" in offered()
    flip(damaged.path, 100)
    flip(RunReader(tmp_path / "run").layout.best, 100)
    assert f"epoch-{damaged.manifest.epoch}" not in offered() and "best" not in offered()
