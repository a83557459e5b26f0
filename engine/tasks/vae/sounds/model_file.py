"""model.zip: one trained model to pass on. Its names, its version, its writer and its reader.

``manifest.json`` says what it is and holds size and SHA-256 of every other member, and a digest of itself;
``model.safetensors`` the weights and the task's state at full precision; ``config.json`` the settings;
``encoder.pt2`` and ``decoder.pt2`` the programs; ``mel_bank.npy`` the matrix of the mel bands; ``map.json`` where its
sounds lie, when it knows.
``docs/export.md`` describes them for who reads them without this project.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from engine.errors import DataError
from engine.rundir.encoding import as_written, decode, encode, seal, unseal
from engine.rundir.layout import is_run_id
from engine.rundir.protocol import Record
from engine.rundir.record import FileRow
from engine.sharing.deterministic_zip import read_zip, write_zip

FORMAT = "sweetspot-model"
VERSION = 2
MOST_BYTES = 2 << 30

MANIFEST = "manifest.json"
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
ENCODER = "encoder.pt2"
DECODER = "decoder.pt2"
MEL_BANK = "mel_bank.npy"
MAP = "map.json"


class Member(Record):
    """What a member of the archive must be, bit for bit."""

    bytes: int
    sha256: str


class ModelManifest(Record):
    """manifest.json. ``run`` and ``uuid`` say which run it came from, ``checkpoint`` which state of it."""

    format: str = FORMAT
    version: int = VERSION
    run: str
    uuid: str
    checkpoint: str
    epoch: int | None = None
    step: int | None = None
    fingerprint: str = ""
    num_train_files: int = 0
    licence: str = ""
    notes: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    members: dict[str, Member] = Field(default_factory=dict)
    digest: str = Field("", description="SHA-256 of this manifest's other keys, as sorted JSON.")


class ModelConfig(Record):
    """config.json. ``files``: the sounds it learned from or was checked with. ``scale``: of mel power, in dB."""

    training: dict[str, Any]
    task: dict[str, Any]
    scale: dict[str, float]
    prior: str | None = None
    files: list[FileRow] = Field(default_factory=list)


@dataclass(frozen=True)
class ModelFile:
    """A model.zip whose every member is what its manifest says."""

    manifest: ModelManifest
    config: ModelConfig
    members: Mapping[str, bytes]


def write_model(path: Path, manifest: ModelManifest, config: ModelConfig, members: Mapping[str, bytes]) -> None:
    """Write a model.zip whole; the same arguments give the same bytes. Raises OSError."""
    everything = {CONFIG: encode(config, indent=1), **members}
    sums = {name: Member(bytes=len(data), sha256=_sha256(data)) for name, data in sorted(everything.items())}
    told = manifest.model_copy(update={"members": sums}).model_dump()
    write_zip(path, [(MANIFEST, seal(told)), *sorted(everything.items())])


def read_model(path: Path) -> ModelFile:
    """Read and verify a model.zip; ``DataError`` when it is damaged, none, or from another version."""
    members = read_zip(path, MOST_BYTES)
    first = members.pop(MANIFEST, b"")
    raw = as_written(first) or {}
    if raw.get("format") != FORMAT:
        raise DataError(f"{path.name} is no model of Sweetspot.", "Name a file that sweetspot export wrote.")
    version = raw.get("version")
    if version != VERSION:
        older = isinstance(version, int) and version < VERSION
        raise DataError(
            f"{path.name} was written by {'an older' if older else 'a newer'} version "
            f"(format {str(version)[:12]}, this one reads {VERSION}).",
            "Export it again." if older else "Update Sweetspot.",
        )
    try:
        manifest = ModelManifest.model_validate(raw)
        if unseal(first) is None:
            raise DataError(f"{path.name} is damaged: its manifest was changed.", "Use another copy of it.")
        if not is_run_id(manifest.run):  # files are called by it
            raise DataError(
                f"{path.name} is damaged: its run has a name that none can have.", "Use another copy of it."
            )
        _verify(path, manifest, members)
        config = ModelConfig.model_validate(decode(members[CONFIG]) or {})
    except ValidationError as error:
        raise DataError(f"{path.name} is damaged: its records make no sense.", "Use another copy of it.") from error
    return ModelFile(manifest, config, members)


def _verify(path: Path, manifest: ModelManifest, members: Mapping[str, bytes]) -> None:
    wrong = sorted(manifest.members.keys() ^ members.keys())
    wrong += [name for name in (CONFIG, WEIGHTS) if name not in members]
    wrong += [name for name, one in manifest.members.items() if name in members and not _fits(one, members[name])]
    if wrong:
        raise DataError(f"{path.name} is damaged: {wrong[0]} is not what its manifest says.", "Use another copy of it.")


def _fits(member: Member, data: bytes) -> bool:
    return (member.bytes, member.sha256) == (len(data), _sha256(data))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
