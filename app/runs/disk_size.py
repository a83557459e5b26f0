"""How much of the disk a directory takes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def disk_size(root: Path) -> int:
    """Bytes of all files below ``root``; what links lead to is elsewhere, and what goes meanwhile counts nothing."""
    total, left = 0, [os.fspath(root)]
    while left:
        try:
            with os.scandir(left.pop()) as found:
                for entry in found:
                    with suppress(OSError):
                        if entry.is_dir(follow_symlinks=False):
                            left.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
