"""Settings from plain values, every complaint in words."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from engine.errors import ConfigError
from engine.settings import Settings

_MOST_SHOWN = 80  # letters of a value in a sentence
_Values = TypeVar("_Values", bound=Settings)


def validated(model: type[_Values], values: dict[str, Any]) -> _Values:
    """``model`` built from ``values``; every complaint in one sentence as a :class:`ConfigError`."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        complaints = []
        for item in error.errors():
            name = ".".join(str(part) for part in item["loc"])
            if item["type"] == "extra_forbidden":
                complaints.append(f"{name} is no setting")
            elif item["type"] == "missing":
                complaints.append(f"{name} is missing")
            elif item["type"] == "string_pattern_mismatch":
                complaints.append(f"{name} cannot be {_shown(item['input'])}")
            elif item["type"] == "value_error":  # a complaint about several settings together
                complaints.append(item["msg"].removeprefix("Value error, "))
            else:
                said = item["msg"].lower().replace("valid tuple", "list")  # whoever writes JSON knows no other
                complaints.append(f"{name} = {_shown(item['input'])}: {said}")
        raise ConfigError("; ".join(complaints) + ".", "See --help for the settings and their ranges.") from None


def _shown(value: Any) -> str:
    """``value`` as far as it can be taken in: who asks may send a list without end."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
