"""The base of everything that can be told: to a training, a sound, a kit."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator


class OverfittingPreset(StrEnum):
    """How strongly a run is guarded against memorising."""

    CONSERVATIVE = "conservative"
    BALANCED = "balanced"
    AGGRESSIVE = "aggressive"


Presets = Mapping[OverfittingPreset, Mapping[str, Any]]


class Settings(BaseModel):
    """Immutable, validated, unknown keys refused, and no ``true`` in the place of a number.

    presets: what the fields that follow the preset are in each, nested as they are; see :func:`engine.resolve.follow`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    presets: ClassVar[Presets] = {}
    # The settings at which a section of the help begins, and what it is called.
    sections: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, values: Any) -> Any:
        """JSON's ``true`` would be a one: whoever writes it in a number's place meant another setting."""
        for name, field in cls.model_fields.items() if isinstance(values, dict) else ():
            if name in values and _is_misplaced_switch(values[name], field.annotation):
                raise ValueError(f"{name} = {values[name]}: true and false are no value of it")
        return values


def _is_misplaced_switch(value: Any, annotation: Any) -> bool:
    """Also as one of several: other settings that lie in these look at their own."""
    if isinstance(value, dict) and get_origin(annotation) is dict:
        return any(isinstance(one, bool) for one in value.values())
    if isinstance(value, list):
        return any(isinstance(one, bool) for one in value)
    return isinstance(value, bool) and bool not in (annotation, *get_args(annotation))
