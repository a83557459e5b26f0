"""How a process ends once it has said its last word."""

from __future__ import annotations

import subprocess
import sys

_ENDS = """
import atexit, gc
import click
from engine.process.ending import run
atexit.register(lambda: print("passed over at the end:", gc.get_freeze_count() > 0))  # called after those of run
run(click.Command("nothing", callback=lambda: None))
"""


def test_a_process_that_is_done_does_not_look_through_its_memory_before_it_goes() -> None:
    """Half a second of processor time where torch is loaded: on a busy machine seconds between Stop and stopped."""
    done = subprocess.run([sys.executable, "-c", _ENDS], capture_output=True, text=True, check=True)
    assert done.stdout == "passed over at the end: True\n"
