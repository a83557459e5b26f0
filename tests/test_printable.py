"""Commands that are told to a user can be copied into a shell as they stand, whatever their paths are called."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.printable import command_to_copy
from engine.rundir.reader import RunReader
from tests import forkserver
from tests.conftest import ROOT, until

HELP = (ROOT / "tests" / "golden" / "options.txt").read_text()
PLACES = sorted(set(re.findall(r"^  (--[a-z-]+) +(?:DIRECTORY|FILE|PATH|RUN_DIR)\b", HELP, re.MULTILINE)))
TOLD = re.compile(
    rf"(?:sweetspot [a-z]|\b[a-z]+ -[A-Za-z]+ )[^”\"]*$|(?:^|\s)(?:{'|'.join(PLACES)})[ =]$"
)  # what stands before a value
QUOTING = ("sweetspot", "command_to_copy")
ARGUMENT = re.compile(r"--[a-z-]+=$")  # one word of a list of them, which no shell takes apart


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and constant text before every value that is put into a text: by f-string, ``+``, ``%`` or ``format``."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values):
                for index, value in enumerate(values):
                    if isinstance(value, ast.FormattedValue) and not _quoted(value.value):
                        before = [part.value for part in values[:index] if isinstance(part, ast.Constant)]
                        yield node.lineno, "".join(map(str, before))
            case ast.BinOp(ast.Constant(str(text)), ast.Add() | ast.Mod()) | ast.Call(
                ast.Attribute(ast.Constant(str(text)), "format")
            ):
                yield node.lineno, text.split("%")[0].split("{")[0]


def _quoted(value: ast.AST) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in QUOTING


def unquoted(source: str) -> list[int]:
    """The lines that put a value into a command by hand."""
    return [line for line, text in texts(ast.parse(source)) if TOLD.search(text) and not ARGUMENT.fullmatch(text)]


@pytest.mark.parametrize("source", [
    'f"Go on with: sweetspot train --resume {root}"', 'f"Continue it with --resume {root}."', 'f"x --runs-dir={root}"',
    '"sweetspot control " + root', '"sweetspot control %s cancel" % root', '"sweetspot pack {}".format(root)',
    'f" --runs-dir {runs_dir}"', 'f"Ask its owner for: chmod -R a+rX {root}"', '"Ask for: chmod -R a+rX " + root',
])  # fmt: skip
def test_a_command_put_together_by_hand_is_seen(source: str) -> None:
    assert unquoted(source) == [1]


def test_no_sentence_puts_a_command_together_by_hand() -> None:
    files = [path for room in ("engine", "app") for path in (ROOT / room).rglob("*.py")]
    assert len(files) > 100 and {"--resume", "--run-dir", "--runs-dir", "--source"} <= set(PLACES)
    by_hand = {f"{path.relative_to(ROOT)}:{line}" for path in files for line in unquoted(path.read_text())}
    assert not by_hand


def words(line: str) -> list[str]:
    """What the shell makes of the command at the end of ``line``."""
    typed = line[line.index("sweetspot ") :].strip()
    function = "sweetspot() { printf '%s\\0' \"$@\"; }; "
    said = subprocess.run(["bash", "-c", function + typed], capture_output=True, text=True, timeout=120, check=True)
    return said.stdout.split("\0")[:-1]


@pytest.mark.skipif(sys.platform == "win32", reason="no bash, no such signal")
def test_commands_told_of_a_place_with_blanks_and_quotes_are_those_of_that_place(tmp_path: Path) -> None:
    runs = tmp_path / 'it\'s "my" $HOME; runs'
    root, nothing = runs / "one", runs / "none"
    small = ("--max-epochs", 100_000, "--threads", 1)
    trainer = forkserver.Popen("engine", "train", "iris", "--run-dir", root, *small, stdout=subprocess.PIPE)
    try:
        until(lambda: (status := RunReader(root).status()) is not None and status.step > 0)
        trainer.send_signal(signal.SIGINT)
        said = trainer.communicate(timeout=120)[0]
    finally:
        trainer.kill()
    goes_on = ["train", "--resume", str(root)]
    assert trainer.returncode == 130 and words(said.splitlines()[-1]) == goes_on
    assert told("train", "iris", "--run-dir", root) == goes_on
    assert told("control", root, "cancel") == goes_on
    assert told("train", "--resume", nothing) == ["train", "SOURCE", "--run-dir", str(nothing)]
    forkserver.run("engine", "queue", "add", "iris", "--runs-dir", runs, "--name", "two")
    assert told("queue", "list", "--runs-dir", runs) == ["queue", "run", "--runs-dir", str(runs)]


def told(*arguments: object) -> list[str]:
    """The words of the command that ``sweetspot`` with these arguments tells at its end."""
    said = forkserver.run("engine", *arguments)
    return words((said.stdout + said.stderr).splitlines()[-1])


@pytest.mark.skipif(sys.platform == "win32", reason="no bash")
@pytest.mark.parametrize("name", [b"n\xe9", "é ü".encode(), b"it's \\ \x1b[31m\n1", b"plain", b"\xff\xfe 7", b""])
def test_a_path_of_any_bytes_is_read_by_the_shell_as_those_bytes(name: bytes) -> None:
    told = command_to_copy("printf", "%s", os.fsdecode(name))
    assert told.isprintable() and told.encode()
    assert subprocess.run(["bash", "-c", told], capture_output=True, timeout=120, check=True).stdout == name
