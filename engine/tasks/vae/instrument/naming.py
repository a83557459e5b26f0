"""Names of files that every system and every sampler takes."""

from __future__ import annotations

import re

from anyascii import anyascii

from engine.printable import DEVICE

LONGEST = 64


def file_stem(text: str, suffix: str = "", most: int = LONGEST) -> str:
    """Letters, digits, dashes and dots of ASCII, a sharp an s; at most ``most``. ``suffix`` is never cut: what tells a
    name from others stands there, or in its first letters."""
    found = re.sub(r"[^A-Za-z0-9.-]+", "-", anyascii(text.replace("#", "s"))).strip("-.")
    if DEVICE.match(found):
        found = f"kit-{found}"
    return (found[: most - len(suffix)].rstrip("-.") or "sound") + suffix
