"""Names that every system and every sampler takes."""

from __future__ import annotations

import re

from anyascii import anyascii

LONGEST = 64


def plain(text: str) -> str:
    """Letters, digits, dashes and dots of ASCII; a sharp becomes an s."""
    found = re.sub(r"[^A-Za-z0-9.-]+", "-", anyascii(text.replace("#", "s"))).strip("-.")
    return found[:LONGEST].rstrip("-.") or "sound"
