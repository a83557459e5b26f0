"""Whether a run is one's own: only then does it say where something lies on this computer."""

from __future__ import annotations

import os
from contextlib import suppress

from engine.rundir.liveness import is_here
from engine.rundir.reader import RunReader


def is_own(reader: RunReader) -> bool:
    """Whether the run began on this machine and its record belongs to this user.

    What was trained elsewhere, or by somebody else, may name any file here as its data: a viewer of it opens nothing
    outside of its directory. The first session counts, because it wrote run.json.
    """
    sessions = reader.sessions()
    return bool(sessions) and is_here(sessions[0]) and _of_this_user(reader)


def _of_this_user(reader: RunReader) -> bool:
    """True where the system knows no owners."""
    with suppress(OSError, AttributeError):
        return reader.layout.run.stat().st_uid == os.getuid()
    return True
