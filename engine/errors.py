"""Failures the engine knows: each says the fact, its cause and the remedy, and brings the exit code of its process.

Exit codes: 0 completed or cancelled, 1 anything unforeseen, 2 bad configuration or data, 3 out of memory,
74 storage (``EX_IOERR``), 128 + n for signal n.
"""

from __future__ import annotations

import errno
from pathlib import Path

_SPACE, _RIGHTS = "Free some space", "Check the folder's rights"
_IN_THE_WAY = "Remove what lies in its place"
_DAMAGED = "Put it back from a copy, or remove it"
_STEPS = {
    errno.ENOSPC: _SPACE, errno.EDQUOT: _SPACE, errno.EFBIG: _SPACE,
    errno.EACCES: _RIGHTS, errno.EPERM: _RIGHTS, errno.EROFS: _RIGHTS,
    errno.ENOENT: "Put it back",
    errno.EEXIST: _IN_THE_WAY, errno.ENOTDIR: _IN_THE_WAY, errno.EISDIR: _IN_THE_WAY,
    errno.ELOOP: _IN_THE_WAY,  # a link where none may be
    errno.EBADMSG: _DAMAGED,
}  # fmt: skip


def next_step(error: OSError) -> str:
    """What its user can do about what the system refused, as the beginning of a sentence."""
    return _IN_THE_WAY if is_odd(error) else _STEPS.get(error.errno or 0, "Check the drive")


def is_odd(error: OSError) -> bool:
    """Whether the system refused what is no file but a pipe, a device or the like, as far as it says."""
    try:
        path = Path(error.filename or "")
        return path.exists() and not (path.is_file() or path.is_dir())
    except (OSError, TypeError, ValueError):  # the name may be a number: of an open file
        return False


def next_step_or_elsewhere(error: OSError) -> str:
    """:func:`next_step` where another place will do as well, which spares what is in the way of this one."""
    step = next_step(error)
    if step == _DAMAGED:
        return step
    return "Choose another place" if step == _IN_THE_WAY else f"{step} or choose another place"


class SweetspotError(Exception):
    """A failure with a cause and a remedy. ``str()`` gives both as one sentence or two."""

    exit_code = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause, remedy)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}".strip()


class ConfigError(SweetspotError):
    """A setting that cannot be: unknown, out of range, or contradicting another."""

    exit_code = 2


class DataError(SweetspotError):
    """A source that cannot be trained on: missing, too small, or changed since the run began."""

    exit_code = 2


class RunDirectoryError(SweetspotError):
    """A run directory that is taken, incomplete, from another version, or not one at all."""

    exit_code = 2


class OutOfMemoryError(SweetspotError):
    """The device or the system has no memory left; the remedy names the batch size to try."""

    exit_code = 3


def lacks_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out: Python's own, torch's for each device, or the system's."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        phrase in text for phrase in ("out of memory", "not enough memory", "can't allocate", "cannot allocate memory")
    )


class StorageError(SweetspotError):
    """The disk refuses to read or write what the run cannot do without."""

    exit_code = 74

    @classmethod
    def of(cls, error: OSError) -> StorageError:
        """What the system said, for who named the place."""
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return cls("Too many files are open at once.", "Close other programs, or raise the limit: ulimit -n 4096.")
        what, why = error.filename or "A file", (error.strerror or str(error)).lower()
        return cls(f"{what} cannot be written or read: {why}.", f"{next_step_or_elsewhere(error)}.")


class RunDirectoryLostError(StorageError):
    """The run directory was moved, removed or taken by another process while this one trained in it.

    now: where it is, when it was moved to a place that is known.
    """

    def __init__(self, cause: str, remedy: str = "", now: Path | None = None) -> None:
        super().__init__(cause, remedy)
        self.now = now


class TrainingFailedError(SweetspotError):
    """Training itself went wrong: the loss became NaN, diverged, or gradients stayed non-finite.

    kept: what was on the disk at that moment. It is said to who waits, not recorded: a viewer looks for himself.
    """

    def __init__(self, cause: str, remedy: str = "", kept: str = "") -> None:
        super().__init__(cause, remedy)
        self.kept = kept

    def __str__(self) -> str:
        # The remedy last: it may end with a command, and who copies that copies nothing else.
        return " ".join(filter(None, (self.cause, self.kept, self.remedy)))


class ProcessLostError(SweetspotError):
    """Of several processes that train one model, one is gone."""

    def __init__(self) -> None:
        super().__init__(
            "One of the processes that trained together is gone: it was killed, or says above why it ended.",
            "Go on from the last checkpoint with --resume, with as many processes as you like.",
        )
