"""How a made sound was asked for, as it stands beside it. Pure, and of what anybody may have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_NEVER = 1e11  # seconds: what a damaged recipe may say, and no clock


class Recipe(NamedTuple):
    """origin: as docs/serve.md has it. made_at: when it was made, in seconds; 0 where that is not known."""

    origin: Mapping[str, Any]
    state: str
    request: Mapping[str, Any]
    made_at: float = 0.0


def recipe_in(content: Mapping[str, Any]) -> Recipe | None:
    """From what stands beside a sound; None where it says none."""
    asked, at = content.get("sound"), content.get("made_at")
    if not isinstance(asked, dict) or not isinstance(asked.get("origin"), dict):
        return None
    made_at = float(at) if isinstance(at, int | float) and 0 < at < _NEVER else 0.0
    return Recipe(asked["origin"], str(content.get("state", "")), asked, made_at)
