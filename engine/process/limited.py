"""``python -m engine.process.limited SECONDS COMMAND``: a command of the shell that is ended when it takes too long.

In a process of its own, so that nobody waits for it. Imports nothing of the project: it is to be there at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


def main(seconds: float, command: str) -> None:
    """Run ``command``, and end it with all that it started after ``seconds``; what went wrong is said on stdout."""
    process = subprocess.Popen(command, shell=True, start_new_session=True)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        print(f"The command of --notify still ran after {seconds:g} s and was ended.", flush=True)
    else:
        if code:
            print(f"The command of --notify ended with exit code {code}.", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
