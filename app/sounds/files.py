"""Made sounds as one takes them along: under names that every system takes, one by one or as a ZIP."""

from __future__ import annotations

import io
import re
import tempfile
import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from app.sounds.made_sounds import NEW, Sound
from app.sounds.words import label, state_words, stem
from engine.claims.figures import percent

MOST_ZIPPED = 512 << 20  # The browser takes a download whole.
MOST_LETTERS = 64  # of what a sound is, in the name of its file
_IN_TIME = re.compile(r"-[0-9.]+bpm-[0-9a-z-]+$")


def file_name(run: str, sound: Sound, digits: int = 3) -> str:
    """A name that sorts in the order of making, and that every system and audio workstation takes."""
    time = _IN_TIME.search(sound.path.stem)
    name = f"{in_file_name(run)}-{sound.number:0{digits}d}-{_what(sound)}-{in_file_name(state_words(sound.state))}"
    return f"{name}{time[0] if time else ''}.wav"


def _what(sound: Sound) -> str:
    """What a sound is, and of what it was made."""
    if sound.kind == NEW:
        return f"seed{sound.seed}-{label(sound.origin).split()[-1]}"
    files = " ".join(stem(sound.origin[name]) for name in ("file", "first", "second") if name in sound.origin)
    amount = percent(share) if isinstance(share := sound.origin.get("amount"), float) and share else ""
    return in_file_name(f"{label(sound.origin)} {amount} {files}")[:MOST_LETTERS].rstrip("-")


def in_file_name(text: str) -> str:
    """``text`` in letters, digits and hyphens that every system takes; never empty."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", ascii_only).strip("-").lower() or "sound"


def bundle(run: str, sounds: Sequence[Sound]) -> io.RawIOBase:
    """A ZIP of sounds with their recipes, on disk and open at its beginning; gone when it is closed. Raises OSError."""
    digits = max(3, len(str(max((one.number for one in sounds), default=0))))
    # Unbuffered, because the download button takes no other kind of file that can also be written.
    # On Windows it is a wrapper of one, which nobody has seen a browser take (docs/platforms.md).
    out = cast("io.RawIOBase", tempfile.TemporaryFile(buffering=0, prefix="sweetspot-", suffix=".zip"))  # noqa: SIM115
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for one in sounds:
            name = file_name(run, one, digits)
            archive.write(one.path, name)
            archive.write(one.path.with_suffix(".json"), f"recipes/{Path(name).with_suffix('.json')}")
    out.seek(0)
    return out
