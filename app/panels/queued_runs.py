"""The requests of the queue: what trains, what waits, what is over; those of one sweep stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import streamlit as st

from app.look import states, style, words
from app.look.plain import plain
from app.look.states import Badge
from app.panels import queue_drag, summary
from app.runs import dropped
from app.runs.compared import FEWEST, MOST
from app.runs.queueing import writable
from engine.claims.figures import figure
from engine.errors import SweetspotError
from engine.quantities import counted, duration
from engine.queue.files import Queue, Queued
from engine.queue.listing import OVER, UNDER_WAY, Listed
from engine.queue.standing import QueueRow, Standing, take_out_all
from engine.rundir.view import ShownState

TURNS = "turn-"  # what the keys of the buttons that move a card begin with
_THERE = "queue-there"  # what a press at an end of the queue has to be told
MOST_SHOWN = 30  # of each kind: every row has buttons
_GRIP = '<span class="ss-icon ss-grip" aria-hidden="true" title="Drag it to another place">drag_indicator</span>'
_BADGES = {
    Standing.WAITING: Badge("Waiting", "hourglass_top", "gray"),
    Standing.STARTING: Badge("Getting ready", "hourglass_top", "gray"),
    Standing.SUBMITTED: Badge("With the cluster", "hourglass_top", "gray"),
    Standing.RUNNING: states.BADGES[ShownState.RUNNING],
    Standing.INTERRUPTED: states.BADGES[ShownState.INTERRUPTED],
    Standing.DONE: states.BADGES[ShownState.COMPLETED],
    Standing.CANCELLED: states.BADGES[ShownState.CANCELLED],
    Standing.FAILED: states.BADGES[ShownState.FAILED],
}


def show(queue: Queue, found: Listed) -> None:
    """A row a request, in the order of its turn; what is over stands last, the newest first."""
    for why, remedy in found.passed_over():
        style.note("yellow", "info", why, remedy)
    _section("Under way", found.of(*UNDER_WAY), queue, found)
    waiting = found.of(Standing.WAITING)
    _section("Waiting", waiting, queue, found, ("Take all out", waiting))
    over = found.of(*OVER)[::-1]
    _section("Over", over, queue, found, ("Clear the list", over))


def _section(
    title: str,
    rows: Sequence[QueueRow],
    queue: Queue,
    found: Listed,
    all_of_them: tuple[str, Sequence[QueueRow]] | None = None,
) -> None:
    if not rows:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(f"{title}: {len(rows)}", anchor=False, width="content")
        if all_of_them is not None and len(rows) > 1 and writable(queue):
            st.button(
                all_of_them[0], key=f"queue-{title}", type="tertiary", icon=":material/playlist_remove:",
                on_click=_take_out, args=(queue, all_of_them[1]),
                help="Runs that were trained stay." if title == "Over" else None,
            )  # fmt: skip
    if rows[0].state is Standing.WAITING and _ends(found) and writable(queue):
        style.quiet("Drag one onto another to give it that place in the order; the arrows move it by one.")
    for sweep, group in groupby(rows[:MOST_SHOWN], lambda row: row.queued.request.sweep):
        together = list(group)
        if sweep is not None:
            _heading(together, found)
        for row in together:
            _row(row, queue, found)
    if len(rows) > MOST_SHOWN:
        style.quiet(f"And {counted(len(rows) - MOST_SHOWN, 'more', 'more')}.")


def _heading(together: Sequence[QueueRow], found: Listed) -> None:
    """Over those of one sweep in a section: how many they are, how far it is, and the way to Compare once two can be
    held beside one another."""
    sweep = found.sweep(together[0].queued.request)
    done = sum(row.state is Standing.DONE for row in sweep)
    begun = [row.queued.id for row in sweep if row.view is not None and row.view.run is not None]
    with st.container(horizontal=True, vertical_alignment="center"):
        here = f"{len(together)} of " if len(together) < len(sweep) else ""
        style.head_words(f"{here}{len(sweep)} runs added together, {done} done")
        if len(begun) >= FEWEST:
            st.page_link(
                "views/compare.py", label="Compare them", icon=":material/compare_arrows:", width="content",
                query_params={"runs": ",".join(begun[:MOST])},
                help="Settings against one another, each with what its seeds scatter by.",
            )  # fmt: skip


def _row(row: QueueRow, queue: Queue, found: Listed) -> None:
    one, badge = row.queued, _badge(row)
    with st.container(border=True, key=queue_drag.card_key(one.id)):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
                if row.state is Standing.WAITING and _ends(found) and writable(queue):
                    st.html(_GRIP, width="content")
                style.name(row.view.name if row.view is not None else one.request.name, small=True)
                st.badge(badge.label, icon=f":material/{badge.icon}:", color=badge.colour)  # type: ignore[arg-type]
            _buttons(row, queue, found)
        style.quiet(" · ".join(filter(None, _facts(row))))


def _badge(row: QueueRow) -> Badge:
    """Of a run that was begun its own, as every other page has it; else what only the queue knows of the request."""
    if row.view is None or row.state in (Standing.STARTING, Standing.SUBMITTED, Standing.FAILED):
        return _BADGES[row.state]
    return states.badges(row.view)[0]


def _buttons(row: QueueRow, queue: Queue, found: Listed) -> None:
    one = row.queued
    ends = _ends(found)  # there the style sheet dims what leads nowhere
    place = next((f"{end}-" for end, name in ends.items() if name == one.id), "")
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", key=f"queue-buttons-{place}{one.id}"
    ):
        if row.state is Standing.WAITING and ends and writable(queue):
            _turn_buttons(queue, one, ends)
        _other_buttons(row, queue, found)


def _other_buttons(row: QueueRow, queue: Queue, found: Listed) -> None:
    one = row.queued
    under_way = row.state in (Standing.RUNNING, Standing.STARTING) or (
        one.state == "begun" and bool(found.worker or one.job)
    )
    if not under_way and writable(queue):
        st.button(
            "Take out", key=f"out-of-queue-{one.id}", type="tertiary", icon=":material/playlist_remove:",
            on_click=_take_out, args=(queue, [row]),
            help="It is not trained." if row.state is Standing.WAITING else "Its run stays.",
        )  # fmt: skip
    if row.view is not None and st.button("Open", key=f"open-queued-{one.id}"):
        st.switch_page("views/run.py", query_params={"run": one.id})


def _ends(found: Listed) -> dict[str, str]:
    """Which request is trained first and which last of those that wait; none where there is nothing to reorder."""
    waiting = [row.queued.id for row in found.of(Standing.WAITING)]
    return {"first": waiting[0], "last": waiting[-1]} if len(waiting) > 1 else {}


def _turn_buttons(queue: Queue, one: Queued, ends: Mapping[str, str]) -> None:
    """Earlier and later; at an end the one that leads nowhere stays, so that nothing moves under a finger. It can be
    pressed all the same, and says so: disabled it would lose the focus of who moves a run by keys to the end."""
    for word, end, icon, by in (("earlier", "first", "arrow_upward", -1), ("later", "last", "arrow_downward", 1)):
        there = f"It comes {end} already" if one.id == ends[end] else ""
        st.button(
            plain(f"Train {one.request.name} {word}"), icon=f":material/{icon}:", key=f"{TURNS}{word}-{one.id}",
            type="tertiary", on_click=_move, args=(queue, one.id, by, there), help=there or f"Train it {word}",
        )  # fmt: skip
    if there := st.session_state.pop(_THERE, ""):
        st.toast(f"{there}.", icon=":material/info:")


def _move(queue: Queue, name: str, by: int, there: str) -> None:
    """Runs before the page is drawn again, which alone may show anything. there: why the press leads nowhere, if so."""
    if there:
        st.session_state[_THERE] = there
        return
    try:
        queue.move(name, by)
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)


def _take_out(queue: Queue, rows: Sequence[QueueRow]) -> None:
    """Runs before the page is drawn again."""
    try:
        _, refused = take_out_all(queue, [row.queued for row in rows])
        complaint = str(refused[0]) if refused else ""
    except SweetspotError as error:
        complaint = str(error)
    if complaint:
        st.session_state["complaint"] = complaint


def _facts(row: QueueRow) -> list[str]:
    """What it learns from, how far it is, its best so far, why it failed."""
    request, view = row.queued.request, row.view
    status, run = (view.status, view.run) if view is not None else (None, None)
    timed = view is not None and view.state.live and summary.minutes(view) is not None
    far = f"epoch {status.epoch}{words.of(status.total_epochs, timed)}" if status and status.total_epochs else ""
    best = status.best if status is not None else None
    found = f"best {figure(best.raw, run.monitor.unit)} at epoch {best.epoch}" if best and run else ""
    source = dropped.shown(request.source or "") or (f"the sounds of {request.origin}" if request.origin else "")
    return [far or _plan(row), found, row.reason, f"from {source}" if source else ""]


def _plan(row: QueueRow) -> str:
    """How long one that has not begun will train, as far as it was asked for."""
    asked = row.queued.request.training
    if row.state not in (Standing.WAITING, Standing.STARTING):
        return ""
    said = [f"about {duration(60.0 * minutes)}"] if (minutes := asked.get("max_minutes")) else []
    said += [f"at most {counted(steps, 'update')}"] if (steps := asked.get("max_steps")) else []
    if not said and (epochs := asked.get("max_epochs")):  # beside those it only says how often to check
        said = [f"at most {counted(epochs, 'epoch')}"]
    return " or ".join(said) or "as long as its data needs"
