"""``python -m tests.browser.watched_app LOG ARGUMENTS``: Streamlit, and a line in LOG for every file it touches."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

ASKING = ("stat", "lstat", "access", "readlink", "statvfs")  # what touches a file and raises no audit event


def watch(log: str) -> None:
    """From now on every path that this process opens, lists or asks about is a line of ``log``."""
    lines = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(path: Any) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            os.write(lines, os.fsencode(path) + b"\n")

    def asked(ask: Callable[..., Any]) -> Callable[..., Any]:
        def asking(path: Any, *given: Any, **named: Any) -> Any:
            note(path)
            return ask(path, *given, **named)

        return asking

    for name in ASKING:
        setattr(os, name, asked(getattr(os, name)))
    sys.addaudithook(lambda event, about: note(about[0]) if event.startswith(("open", "os.")) and about else None)


if __name__ == "__main__":
    watch(sys.argv[1])
    sys.argv[:2] = ["streamlit"]
    from streamlit.web import cli

    cli.main()
