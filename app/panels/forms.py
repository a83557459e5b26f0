"""The advanced settings, generated from the configurations' own fields: help and ranges are written there once.

An empty field follows the preset; only what was changed is sent.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.look import style
from engine.config import TaskConfig, TrainingConfig
from engine.flags import collect, leaves, sectioned
from engine.process.job import without_limits
from engine.resolve import follow, resolve
from engine.rundir.record import RunRecord
from engine.settings import Settings
from engine.tasks import task_config, task_names
from engine.threads import automatic_threads

_ON, _OFF = "on", "off"
SHOWN_ELSEWHERE = frozenset({"preset", "max_minutes", "num_workers", "exclude"})


@dataclass(frozen=True)
class Field:
    """One setting as the form shows it."""

    name: str
    path: tuple[str, ...]
    info: FieldInfo
    model: type[Settings]

    @property
    def label(self) -> str:
        return label(self.name)

    @property
    def kind(self) -> Any:
        """The plain type, without None."""
        annotation = self.info.annotation
        if get_origin(annotation) in (Union, types.UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        return annotation

    @property
    def choices(self) -> list[str]:
        return [str(choice) for choice in get_args(self.kind)] if get_origin(self.kind) is Literal else []


def label(name: str) -> str:
    """A setting's name as one reads it: the title of its field; of one that is not known here, its words."""
    return titles().get(name) or (name[:1].upper() + name[1:]).replace("_", " ")


@lru_cache(maxsize=1)
def titles() -> dict[str, str | None]:
    """The title of every setting there is, by its name."""
    models: list[type[Settings]] = [TrainingConfig, *(task_config(name) for name in task_names())]
    return {path[-1]: info.title for model in models for path, info in leaves(model)}


def fields(task: str) -> dict[str, list[Field]]:
    """Every setting of training and of ``task``, under what it is for."""
    found: dict[str, list[Field]] = {}
    seen: set[str] = set()
    for model in (TrainingConfig, task_config(task)):
        sections = sectioned(model)
        for path, info in leaves(model):
            if path[-1] not in SHOWN_ELSEWHERE | seen:
                seen.add(path[-1])
                found.setdefault(sections[path], []).append(Field(path[-1], path, info, model))
    return found


def parse(field: Field, text: str | None) -> Any:
    """What was typed as a value; text that is no number stays text, so that the configuration names the error."""
    if text is None or not text.strip():
        return None
    text = text.strip()
    if field.kind in (int, float):
        try:
            return int(text) if field.kind is int else float(text.replace(",", "."))
        except ValueError:
            return text
    return text


def check(task: str, values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with ``values`` (by name), in the configuration's own words; empty when all is well."""
    errors: dict[str, str] = {}
    for model in (TrainingConfig, task_config(task)):
        try:
            model.model_validate(collect(model, values))
        except ValidationError as error:
            for item in error.errors():
                errors[_blamed(model, item, values)] = sentence(item["msg"])
    return errors


def _blamed(model: type[Settings], item: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """The field that an error stands below: of several together, one that was filled in."""
    place = tuple(map(str, item["loc"]))
    within = [path[-1] for path, _ in leaves(model) if path[: len(place)] == place and path[-1] in values]
    return within[-1] if item["type"] == "value_error" and within else place[-1]


def sentence(message: str) -> str:
    """Pydantic's message as the form says it."""
    said = (
        message.removeprefix("Input ")
        .removeprefix("should be ")
        .replace("a valid integer, unable to parse string as an integer", "a whole number")
        .replace("a valid number, unable to parse string as a number", "a number")
    )
    if said.startswith("Value error, "):
        return f"{said.removeprefix('Value error, ')}."
    if said.startswith("should match pattern"):
        return "Not understood: the help beside the name says what it may be."
    return f"Must be {said}."


def advanced(task: str, follows: Mapping[str, Any], start: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Draw the fields. follows: what unset ones will be, by name. Returns (changed values, errors by name)."""
    values: dict[str, Any] = {}
    slots: dict[str, Any] = {}
    for section, shown in fields(task).items():
        style.title(section)
        for row in range(0, len(shown), 2):
            columns = st.columns(2, wrap=False, vertical_alignment="bottom")
            for column, field in zip(columns, shown[row : row + 2], strict=False):
                with column:
                    value = _input(field, follows[field.name], start.get(field.name))
                    slots[field.name] = st.empty()
                if value is not None:
                    values[field.name] = value
    errors = check(task, values)
    for name, message in errors.items():
        if name in slots:
            slots[name].html(f'<div class="ss-t-red ss-field-error" role="alert">{style.safe(message)}</div>')
    return values, errors


def typed(name: str) -> dict[str, Any]:
    """The setting of that name as it stands in its field, for what is drawn before it; empty where nothing does."""
    model = TrainingConfig
    found = [Field(path[-1], path, info, model) for path, info in leaves(model) if path[-1] == name]
    value = parse(found[0], st.session_state.get(f"setting-{name}"))
    return {} if value is None else {name: value}


def _input(field: Field, follows: Any, start: Any) -> Any:
    key = f"setting-{field.name}"
    help_text = field.info.description
    if field.choices or field.kind is bool:
        choices = field.choices or [_OFF, _ON]
        plain = f"{_choice(follows)} (default)"
        index = choices.index(_choice(start)) + 1 if _choice(start) in choices else 0
        chosen = st.selectbox(field.label, [plain, *choices], index=index, key=key, help=help_text)
        if chosen == plain:
            return None
        return chosen == _ON if field.kind is bool else chosen
    begin = "" if start is None else shown(start)
    hint = "automatic" if follows is None else shown(follows)
    text = st.text_input(field.label, value=begin, placeholder=hint, key=key, help=help_text)
    return parse(field, text)


def _choice(value: Any) -> str:
    """A value as its choice is called."""
    return (_ON if value else _OFF) if isinstance(value, bool) else str(value)


def shown(value: Any) -> str:
    """A setting's value as one types it into its field."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _reach(model: BaseModel, path: tuple[str, ...]) -> Any:
    value: Any = model
    for part in path:
        value = getattr(value, part)
    return value


def usual(training: TrainingConfig, own: TaskConfig) -> dict[str, Any]:
    """By name, what every setting is that is left open beside ``training``, which is resolved, and the task's own."""
    own = follow(own, training.preset)
    return {path[-1]: _reach(model, path) for model in (training, own) for path, _ in leaves(type(model))}


def differing(record: RunRecord, defaults: Mapping[str, Any], own: TaskConfig) -> dict[str, Any]:
    """What a run was told: its stored settings that are not what they would be had its user set nothing.

    A copy begins with that; the rest stays open, and follows the copy's own data and limits. defaults: of its source,
    for training. own: the task's settings as they begin.
    """
    stored = changed(record.task, _asked(record.task, record.config.model_dump()))
    try:
        open_ones = _left_open(record, defaults, own)
    except (ValidationError, OverflowError):  # a record may be anybody's: then all of it is shown
        return stored
    return {name: value for name, value in stored.items() if value not in open_ones.get(name, ())}


def _left_open(record: RunRecord, defaults: Mapping[str, Any], own: TaskConfig) -> dict[str, tuple[Any, ...]]:
    """By name, what a setting of ``record`` is when its user did not set it: resolved as the run itself was."""
    training = record.config.training
    begun = {name: training[name] for name in ("preset", "max_minutes") if training.get(name) is not None}
    below = without_limits(defaults, begun)
    unset = _resolved({**below, **begun}, record, own)
    found: dict[str, tuple[Any, ...]] = {name: (value,) for name, value in usual(unset, own).items()}
    # Stored are the threads that this computer chose, and the updates that epochs were counted as.
    found["threads"] = (unset.threads or automatic_threads(),)
    told = {name: value for name, value in training.items() if name != "max_steps"}
    if told.get("max_epochs") == unset.max_epochs and "max_epochs" not in below:
        del told["max_epochs"]
    found["max_steps"] = (unset.max_steps, _resolved(told, record, own).max_steps)
    if training.get("max_steps") not in found["max_steps"]:  # updates that were named take the place of its epochs
        found["max_epochs"] = (unset.max_epochs, _resolved(begun, record, own).max_epochs)
    return found


def _resolved(values: Mapping[str, Any], record: RunRecord, own: TaskConfig) -> TrainingConfig:
    config = own.adapted(TrainingConfig.model_validate(values))
    return resolve(config, max(1, record.num_train_files + record.num_val_files), max(1, record.num_train))


def _asked(task: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored configuration without what its task filled in from the data; one that cannot be read stays as it is."""
    try:
        training = TrainingConfig.model_validate(config.get("training", {}))
        own = task_config(task).model_validate(config.get("task", {}))
    except ValidationError:
        return config
    return {**config, "task": own.asked(training).model_dump()}


def changed(task: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a stored configuration, flat and by name: what "copy as a new run" begins with."""
    flat: dict[str, Any] = {}
    parts: list[tuple[type[Settings], Any]] = [(TrainingConfig, config.get("training", {}))]
    if task in task_names():  # a newer version's run may be of one that is not known here
        parts.append((task_config(task), config.get("task", {})))
    for model, part in parts:
        for path, info in leaves(model):
            value: Any = part
            for key in path:
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is not None and path[-1] not in SHOWN_ELSEWHERE:
                flat[path[-1]] = _typed(info, value) if isinstance(value, list | tuple) else value
    return flat


def _typed(info: FieldInfo, value: Any) -> Any:
    """A stored list as the setting's own type, which knows how one types it; what is none stays as it is."""
    assert info.annotation is not None, "every setting has a type"
    try:
        return TypeAdapter[Any](info.annotation).validate_python(value)
    except ValidationError:
        return value
