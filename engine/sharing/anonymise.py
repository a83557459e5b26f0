"""What a run says of the computer it was trained on, taken out of a copy that goes to others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from engine.home import home, user_name
from engine.rundir.layout import names_artefact, preview_name
from engine.rundir.liveness import host
from engine.rundir.protocol import SessionRecord
from engine.rundir.record import RunRecord

ELSEWHERE = "another computer"
_NOBODY = {"", "root"}  # whoever works in a container
# What somebody named stands under these keys. Under others a word alone is one of the program's own: "train", "val".
_NAMED = {"name", "path", "file", "same_as"}
_FOLDERS = ("checkpoints", "snapshots", "previews")
# No system opens a longer path, and nobody's folder lies deeper: a run from elsewhere may claim that, and each folder
# above its data is a text to look for in every other one.
_LONGEST_PATH, _DEEPEST = 4096, 64
# A path from its root on; the last part is what a reader of the text needs. Addresses on the web have no such root.
# A folder's name may be of up to four words; one with a dot ends a name, or prose behind a file would be taken for it.
_WORD, _FIRST = r"[^\s\\/\"'`,;:()<>|]+", r"[^\s\\/\"'`,;:()<>|.]+"
_ROOTED = re.compile(rf"(?<![\w/.:~…])(?:[A-Za-z]:)?[\\/](?:(?:{_FIRST} ){{0,3}}{_WORD}[\\/])+((?:{_WORD})?)")


class Scrubber:
    """Replaces the absolute paths, the hosts and the user of a run wherever a text names them."""

    def __init__(self, root: Path, run: RunRecord | None, sessions: list[SessionRecord]) -> None:
        places = [root.absolute(), root.resolve()]
        known = {str(place): f"…/{place.name}" for place in places if len(place.parts) > 1}
        if own := home():
            known[str(own)] = "~"
        if run is not None and run.source.path and len(run.source.path) <= _LONGEST_PATH:
            source = _pure(run.source.path)
            known |= {str(parent): "…" for parent in source.parents[:_DEEPEST] if len(parent.parts) > 2}
            known[str(source)] = f"…/{source.name}"
        # The longest first: what lies in a folder is named before the folder itself is.
        self._places = sorted(known.items(), key=lambda item: -len(item[0]))
        names = {session.host for session in sessions} | {host(), host().partition(".")[0]}
        self._hosts = _words(names - {"", ELSEWHERE})
        self._user = _words({user_name() or ""} - _NOBODY)

    def text(self, text: str) -> str:
        for place, word in self._places:
            text = text.replace(place, word)
        text = _ROOTED.sub(r"…/\1", text)
        for pattern, word in ((self._hosts, ELSEWHERE), (self._user, "somebody")):
            if pattern is not None:
                text = pattern.sub(word, text)
        return text

    def value(self, value: Any, key: str = "") -> Any:
        """The same for every text in the JSON value under ``key``; keys are our own, and so are names of artefacts."""
        if isinstance(value, str):
            return value if _is_own(value, key) else self.text(value)
        if isinstance(value, Mapping):
            return {name: self.value(item, name) for name, item in value.items()}
        return [self.value(item, key) for item in value] if isinstance(value, list) else value

    def run(self, run: RunRecord) -> RunRecord:
        """The record without where its data lay; what its task calls its metrics is nobody's name."""
        source = run.source.model_copy(update={"path": None, "path_hex": None})
        told = self.value(run.model_copy(update={"source": source}).model_dump(exclude={"metrics", "monitor"}))
        return RunRecord.model_validate(told | {"metrics": run.metrics, "monitor": run.monitor})


def _is_own(text: str, key: str) -> bool:
    """Whether ``text`` under ``key`` is a word of the program's own, which a user may be called too."""
    if key not in _NAMED and re.fullmatch(r"\w*", text):
        return True
    folder, name = PurePath(text).parent, PurePath(text).name
    ours = names_artefact(name) or preview_name(name) is not None
    return ours and folder.as_posix() in (".", *_FOLDERS)


def _pure(path: str) -> PurePath:
    return PureWindowsPath(path) if re.match(r"^[A-Za-z]:[\\/]|^\\\\", path) else PurePath(path)


def _words(names: set[str]) -> re.Pattern[str] | None:
    """Any of ``names`` where it stands for itself and not inside another word."""
    found = sorted(map(re.escape, filter(None, names)), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(found)})(?!\w)", re.IGNORECASE) if found else None
