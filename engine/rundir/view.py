"""What a viewer says of a run: the state the engine wrote, held against whether its process still lives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from engine.rundir.layout import Layout
from engine.rundir.liveness import HeartbeatWatch, Liveness, is_here, of_this_boot, presence
from engine.rundir.notes import Notes, notes_doubt, read_notes
from engine.rundir.protocol import PlanRecord, SessionRecord
from engine.rundir.record import RunRecord
from engine.rundir.status import State, Status


class ShownState(StrEnum):
    """The engine's states, and two that only a viewer can conclude."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CRASHED = "crashed"
    UNKNOWN = "unknown"

    @property
    def live(self) -> bool:
        return self in (ShownState.STARTING, ShownState.RUNNING, ShownState.STOPPING)


@dataclass(frozen=True)
class RunView:
    """One run at one moment.

    liveness: of the last session's process in this directory, whatever its state. session_may_live: a command may find
    somebody who obeys (from another host or container one cannot be sure). read_only: it cannot be trained or commanded
    from here. name: as its user calls it, else as it was begun. damage: what is wrong with run.json, and what to do
    about it. begun_at: when its first session began, in Unix seconds. extensions: what its user asked for beyond its
    first length, in order; then the limits of run.json hold no longer, but the minutes of the last one, if it has any.
    notes_doubt: why it is not known what a person said of it, "" where it is.
    """

    id: str
    name: str
    state: ShownState
    liveness: Liveness
    session_may_live: bool
    read_only: bool
    run: RunRecord | None
    status: Status | None
    session: SessionRecord | None
    damage: tuple[str, str] | None = None
    begun_at: float | None = None
    extensions: tuple[PlanRecord, ...] = ()
    notes: Notes = field(default_factory=Notes)
    notes_doubt: str = ""

    @property
    def resumable(self) -> bool:
        """Whether training can go on from here: begun, not finished, and no process at it."""
        ended = (ShownState.CANCELLED, ShownState.INTERRUPTED, ShownState.FAILED, ShownState.CRASHED)
        return self.run is not None and self.state in ended and not self.read_only

    @property
    def extendable(self) -> bool:
        """Whether it can be trained for longer than was planned: it has ended, and what it learnt was saved."""
        saved = self.status is not None and self.status.last_checkpoint is not None
        return saved and not self.read_only and (self.resumable or self.state is ShownState.COMPLETED)

    @property
    def doubt(self) -> str:
        """Why nothing certain can be said of it, as a sentence; "" when the state is known."""
        if self.state is not ShownState.UNKNOWN:
            return ""
        if self.session is None:
            return "Who trained it last cannot be read: its sessions.jsonl is missing or damaged."
        if self.liveness is Liveness.COPIED:
            return "This is a copy of a run whose process trains in another directory."
        if not is_here(self.session):
            return "This run comes from another computer."
        if self.liveness is Liveness.UNKNOWN:
            return "This run was begun in another container, and from here its process cannot be seen."
        return ""


def view_of(
    run_id: str,
    root: Path,
    status: Status | None,
    sessions: list[SessionRecord],
    run: RunRecord | None,
    plans: Sequence[PlanRecord],
    watch: HeartbeatWatch | None,
) -> RunView:
    """Put together what was read; the status first, then the sessions, so that no newer session is overlooked."""
    session = sessions[-1] if sessions else None
    liveness = _liveness(root, session, status, watch)
    state = _state(status, session, liveness)
    notes = read_notes(Layout(root))
    foreign = session is not None and not is_here(session) and liveness is not Liveness.ALIVE
    return RunView(
        id=run_id,
        name=notes.name or (run.name if run else run_id),
        state=state,
        liveness=liveness,
        session_may_live=_may_live(state, status, session, liveness),
        read_only=foreign or not os.access(root, os.W_OK),
        run=run,
        status=status,
        session=session,
        begun_at=sessions[0].started_at if sessions else None,
        extensions=_extensions(plans),
        notes=notes,
        notes_doubt=notes_doubt(Layout(root)),
    )


def _extensions(plans: Sequence[PlanRecord]) -> tuple[PlanRecord, ...]:
    """Of ``plans`` those that a user asked for, without what a later one from the same step or before took the place
    of."""
    asked = [plan for plan in plans if plan.extends]
    return tuple(plan for at, plan in enumerate(asked) if all(later.step > plan.step for later in asked[at + 1 :]))


def _liveness(
    root: Path, session: SessionRecord | None, status: Status | None, watch: HeartbeatWatch | None
) -> Liveness:
    liveness = presence(root, session)
    certain = (session is None or of_this_boot(session)) and liveness is not Liveness.UNKNOWN
    if watch is None or status is None or certain:
        return liveness
    # A rested heartbeat proves nothing. One that moves lives somewhere, also where a cloned system has our number.
    moving = watch.observe(status.session, status.heartbeat) is Liveness.ALIVE
    return Liveness.ALIVE if moving else liveness


def _state(status: Status | None, session: SessionRecord | None, liveness: Liveness) -> ShownState:
    """A last session that has not written its status yet counts as starting, whatever the one before it left."""
    if status is None:
        return ShownState.UNKNOWN
    newer = session is not None and session.session != status.session
    if not newer and not status.state.live:
        return ShownState(status.state)
    if liveness is Liveness.DEAD:
        return ShownState.CRASHED
    if liveness is not Liveness.ALIVE:
        return ShownState.UNKNOWN
    return ShownState(State.STARTING if newer else status.state)


def _may_live(state: ShownState, status: Status | None, session: SessionRecord | None, liveness: Liveness) -> bool:
    if liveness in (Liveness.DEAD, Liveness.COPIED):
        return False
    if session is None:
        return state.live or (state is ShownState.UNKNOWN and status is not None and status.state.live)
    if state is ShownState.UNKNOWN:
        return status is None or status.state.live or session.session != status.session
    return state.live
