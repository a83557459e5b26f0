"""The user's own places, also where the system knows no such user: containers run under numbers that have no name."""

from __future__ import annotations

import getpass
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from engine.errors import ConfigError


def expanded(path: str | Path, *, strict: bool = False) -> Path:
    """``path`` with a leading ``~`` or ``~name`` put in full; as it is where the system knows no such home.

    strict: that is a ``ConfigError`` then. For what is to be written: nobody means a folder called ``~name``.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        if strict:
            raise ConfigError(f"{path}: nobody here has that home directory.", "Write the path in full.") from None
        return Path(path)


def home() -> Path | None:
    """The user's home; None when there is none, or when it is the root of the disk, as in some containers."""
    try:
        found = Path.home()
    except RuntimeError:
        return None
    return found if len(found.parts) > 1 else None


def lend_home() -> None:
    """Give this process the folder for temporary files as its home where the user has none.

    For libraries that ask for one when they are imported, and then need it for nothing that is done here.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = tempfile.gettempdir()


def user_name() -> str | None:
    """What the system calls the user; None when it has no name for them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return None


def own_place(variable: str, usual: Callable[[], str]) -> Path:
    """The folder that an environment variable names, else the ``usual`` one; ``ConfigError`` when there is neither."""
    named = os.environ.get(variable)
    if named:
        return Path(named)
    try:
        return Path(usual())
    except RuntimeError:
        raise ConfigError(
            "This user has no home directory to keep anything in.", f"Set HOME, or name a folder in {variable}."
        ) from None
