"""How a process ends once it has said its last word."""

from __future__ import annotations

import os
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


def test_no_command_has_threads_that_spin_while_they_wait() -> None:
    """torch reads it once, as it is loaded: it must be said before."""
    program = (
        "import os, sys, click\n"
        "from engine.__main__ import group, run\n"
        "said = lambda: print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)\n"
        "group.add_command(click.Command('said', callback=said))\n"
        "group.get_command = lambda *_: group.commands['said']\n"
        "sys.argv[1:] = ['said']; run(group)"
    )
    own = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for given, policy in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        done = subprocess.run(
            [sys.executable, "-c", program], env=own | given, capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{policy} False\n"
