"""A process with torch in its memory that forks a trainer for every line of arguments: a start in a hundredth.

stdin: a JSON list, a folder for its cache of decoded sounds and then the arguments of ``python -m engine.train``.
stdout: the pid of the trainer, then its exit code, or minus the signal that killed it. It prints to stderr.
"""

from __future__ import annotations

import json
import os
import sys

import torch
import torch._dynamo  # an optimizer would import it

import engine.loop.trainer
import engine.train
from engine.tasks import task_names, task_opener


def main() -> None:
    torch.set_num_threads(1)
    for name in task_names():
        task_opener(name)
    answers = os.dup(1)
    os.dup2(2, 1)
    os.write(answers, b"ready\n")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            os.environ["SWEETSPOT_CACHE"], *arguments = json.loads(line)
            sys.argv = ["engine.train", *arguments]
            engine.train.main()
        os.write(answers, f"{pid}\n".encode())
        os.write(answers, f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())


if __name__ == "__main__":
    main()
