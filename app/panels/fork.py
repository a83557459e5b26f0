"""A new run that begins with what another one learned, as it is decided under New run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app.look import style
from app.panels import saved_states, source
from app.panels.source import Chosen
from app.runs.library import Library
from engine.process.job import LIMITS
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord


@dataclass(frozen=True)
class Fork:
    """of: what the other run is called. which: its state, as ``--checkpoint`` takes it; said: the same in words."""

    reader: RunReader
    record: RunRecord
    of: str
    which: str
    said: str

    @property
    def grows(self) -> bool:
        """Whether it was asked for to learn from more."""
        return "more" in st.query_params

    @property
    def name(self) -> str:
        """What it is called where its user names it not."""
        return f"{self.of}, from {self.said}"

    @property
    def settings(self) -> dict[str, str]:
        """What the command line needs for it."""
        return {"from": str(self.reader.root), "checkpoint": self.which}


def asked(library: Library) -> Fork | None:
    """The one that the address asks for; None, with a sentence where it asks for what is not there."""
    run_id = st.query_params.get("fork")
    if run_id is None:
        return None
    reader = library.find(run_id)
    record = reader.run() if reader else None
    which = st.query_params.get("checkpoint", "best")
    states = saved_states.look(reader).states if reader else {}
    if reader is None or record is None or which not in states:
        style.note("yellow", "search_off", "That is not there to begin with.", "Choose an epoch on a run's page.")
        return None
    source.begin_with(reader, record)
    said = states[which]
    found = Fork(reader, record, library.view(reader).name, which, said[:1].lower() + said[1:])
    if found.grows and record.source.kind == "dataset" and st.session_state.get("grows") != reader.id:
        st.session_state.update(source=source.FOLDER, folder="", grows=reader.id)  # what grows is a folder
    return found


def say(fork: Fork) -> None:
    """What such a run takes over, and what it does not."""
    style.quiet(
        f"Begins with what {fork.of} had learned: {fork.said}. Its settings, the scale of its data and the side of "
        "each file that it knew stay; the optimiser and the schedule begin anew, so it is no exact continuation."
    )
    if fork.grows:
        style.note(
            "gray", "library_add", "With more sounds:",
            "name the folder that holds the old ones and the new ones. New ones are divided as ever; "
            "what checked before checks again.",
        )  # fmt: skip


def based(chosen: Chosen, fork: Fork) -> Chosen:
    """``chosen`` with what ``fork`` has in place of the source's own defaults, its length aside."""
    if obstacle(chosen, fork):
        return chosen
    training = {name: value for name, value in fork.record.config.training.items() if name not in LIMITS}
    own: Mapping[str, Any] = {name: value for name, value in fork.record.config.task.items() if name != "exclude"}
    return replace(chosen, defaults=training, task_defaults=own)


def obstacle(chosen: Chosen, fork: Fork) -> str:
    """Why its weights cannot learn from ``chosen``; "" where they may."""
    return "" if chosen.task == fork.record.task else "These weights learn another kind of data."
