"""A conversation with a child process goes on whatever else the child prints."""

from __future__ import annotations

import subprocess
import sys

from engine.channel import Channel

CHILD = """
import sys
print("a library says hello")
print("[1, 2]")
print('{"n": 1}', flush=True)
sys.stdin.readline()
print('{"n": 2}', flush=True)
print('{"n":', end="", flush=True)
"""


def test_what_is_no_answer_is_passed_over_and_the_end_is_told_once() -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        channel = Channel(process)
        assert channel.receive(120) == {"n": 1}
        channel.send({"go": "on"})
        assert channel.receive(120) == {"n": 2}
        assert channel.receive(120) is None
