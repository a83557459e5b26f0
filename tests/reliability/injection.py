"""One text put into every place of a run directory where its schema has room for one, so that new fields are covered.

The same text everywhere: what refers to something else by its name (the monitor to a metric) still finds it.
"""

from __future__ import annotations

import json
import types
from collections.abc import Collection
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from engine.rundir.layout import Layout
from engine.rundir.notes import Notes
from engine.rundir.protocol import Event, EventKind, Manifest, SessionRecord
from engine.rundir.record import DatasetRecord, RunRecord
from engine.rundir.status import Status
from engine.tasks.vae.sounds.request import Recipe

STRUCTURE = frozenset(
    {"task", "monitor.metric", "monitor.reference", "monitor.unit", "metrics.name", "metrics.unit", "session",
     "boot_id", "machine_id", "config"}
)  # fmt: skip
"""What decides which words a run is told in: with these kept, it is a run of sounds from here."""


def inject(root: Path, text: str, keep: Collection[str] = ()) -> None:
    """Put ``text`` into every record of the run in ``root``, but for the fields that ``keep`` names with dots."""
    place = Layout(root)
    for path, kind in ((place.run, RunRecord), (place.status, Status), (place.dataset, DatasetRecord)):
        known = json.loads(path.read_bytes()) if path.exists() else {}
        path.write_text(json.dumps(filled(kind, known, text, keep)))
    for path in [*place.checkpoints.glob("*.json"), *place.snapshots.glob("*.json")]:
        path.write_text(json.dumps(filled(Manifest, json.loads(path.read_bytes()), text, {"file", "sha256", "digest"})))
    _lines(place.sessions, SessionRecord, text, keep)
    _lines(place.metrics, Event, text, keep)
    place.log.write_text(f"{text}\n")
    place.notes.write_text(json.dumps(filled(Notes, {"archived": False}, text)))
    (root / "sounds").mkdir(exist_ok=True)
    for path in (root / "sounds").glob("*.json"):
        path.write_text(json.dumps(filled(Recipe, json.loads(path.read_bytes()), text, keep)))


def _lines(path: Path, kind: type[BaseModel], text: str, keep: Collection[str]) -> None:
    found = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()] if path.exists() else []
    if kind is Event:
        found = [told(event, text) for event in found]
        blank = {"at": 1.0, "elapsed_s": 1e9, "epoch": 1, "step": 1, "message": text}
        found += [told({"event": name} | blank, text) for name in get_args(EventKind) if name not in ("step", "epoch")]
    else:
        found = [filled(kind, one, text, keep) for one in found]
    path.write_text("".join(json.dumps(one) + "\n" for one in found))


def told(event: dict[str, Any], text: str) -> dict[str, Any]:
    """An event that says ``text`` wherever it says anything, and measures something of that name."""
    return {name: text if isinstance(value, str) and name != "event" else value for name, value in event.items()} | {
        text: 1.0
    }


def filled(kind: Any, known: Any, text: str, keep: Collection[str] = (), path: str = "", depth: int = 0) -> Any:
    """A value of type ``kind``: ``known`` where it is no text, ``text`` where it is; made up where nothing is known."""
    kind = _plain(kind)
    if path and path in keep and known is not None:
        return known
    if isinstance(kind, type) and issubclass(kind, Enum):
        return known if known is not None else next(iter(kind)).value
    if get_origin(kind) is Literal:
        return known if known is not None else get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _record(kind, known if isinstance(known, dict) else {}, text, keep, path, depth)
    if get_origin(kind) in (list, tuple):
        return [filled(get_args(kind)[0], one, text, keep, path, depth + 1) for one in (known or [None])]
    if get_origin(kind) is dict or isinstance(known, dict):
        inner = get_args(kind)[1] if get_args(kind) else Any
        own = {name: filled(inner, one, text, keep, f"{path}.{name}", depth) for name, one in (known or {}).items()}
        return own if path in keep else own | {text: filled(inner, None, text, keep, "", depth)}
    if kind in (int, float, bool):
        return known if known is not None else kind(1)
    return text if known is None or isinstance(known, str) else known


def _record(
    kind: type[BaseModel], known: dict[str, Any], text: str, keep: Collection[str], path: str, depth: int
) -> Any:
    found: dict[str, Any] = {}
    for name, info in kind.model_fields.items():
        inner = f"{path}.{name}".lstrip(".")
        deep = depth > 2 and known.get(name) is None and not info.is_required()
        found[name] = None if deep else filled(info.annotation, known.get(name), text, keep, inner, depth + 1)
    return {name: value for name, value in found.items() if value is not None}


def _plain(kind: Any) -> Any:
    """``kind`` without None and without what pydantic says of it; of several the first."""
    while get_origin(kind) in (Annotated, Union, types.UnionType):
        parts = [part for part in get_args(kind) if part is not type(None)]
        kind = parts[0]
    return kind
