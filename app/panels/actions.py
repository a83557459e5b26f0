"""What one can do to a run: save now, stop and keep, resume, copy. What was asked shows until it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

from app.look import style, words
from app.look.plain import plain
from app.panels import longer, questions, run_notes
from app.panels.runs_table import Row
from app.runs import launch
from app.runs.compared import FEWEST
from app.runs.library import open_library
from engine.claims.figures import figure
from engine.errors import SweetspotError, TrainingFailedError
from engine.process.resume_point import ResumePoint, resume_point
from engine.quantities import duration, number, size
from engine.rundir.protocol import HandledCommand
from engine.rundir.reader import RunReader
from engine.rundir.status import Status
from engine.rundir.view import RunView, ShownState

Wish = Literal["cancel", "save_now"]
FRESH_S = 8.0
_WENT_WRONG = TrainingFailedError.__name__
_LABELS: dict[Wish, dict[str, str]] = {
    "save_now": {
        "": "Save now", "requested": "Requested", "acknowledged": "Saving", "done": "Saved", "refused": "Not saved",
    },
    "cancel": {
        "": "Stop and keep", "requested": "Requested", "acknowledged": "Stopping", "done": "Stopped",
        "refused": "Not stopped",
    },
}  # fmt: skip
_DOES = {"resume": "resume", "delete": "delete", "longer": "more_time"}
_ICONS = {"requested": "schedule", "acknowledged": "progress_activity", "done": "check", "refused": "block"}


def buttons(reader: RunReader, view: RunView) -> None:
    """Those that make sense in the state the run is in."""
    if not starting_again(view) and run_notes.button([Row(reader, view, view.name)]):
        st.rerun()  # the dialog belongs to the page, not to the part of it that moves
    if view.state.live and view.session_may_live:
        _compare(reader, view)
        _make_sounds(reader, view)
        _command(reader, view.status, "save_now", ":material/save:")
        _command(reader, view.status, "cancel", ":material/stop_circle:")
    elif starting_again(view):
        st.button("Starting…", icon=":material/hourglass_top:", key="starting", disabled=True)
    else:
        _of_one_that_rests(reader, view)


def _of_one_that_rests(reader: RunReader, view: RunView) -> None:
    if may_be_deleted(view) and st.button(
        "Delete",
        icon=":material/delete:",
        key="delete",
        type="tertiary",
        on_click=questions.ask,
        args=("delete", reader.id),
    ):
        st.rerun()
    _compare(reader, view)
    # What went wrong in training goes wrong again with the same settings: then a changed copy is the way on.
    again = view.status is not None and view.status.error is not None and view.status.error.kind == _WENT_WRONG
    if view.run is not None and st.button(
        "Copy as a new run", icon=":material/content_copy:", key="copy", type="primary" if again else "secondary"
    ):
        st.switch_page("views/new.py", query_params={"copy": reader.id} | _back(reader))
    _make_sounds(reader, view)
    if view.extendable and st.button(
        "Train longer", icon=":material/more_time:", key="longer", on_click=questions.ask, args=("longer", reader.id)
    ):
        st.rerun()
    if view.resumable:
        _offer_to_resume(reader, view, "secondary" if again else "primary")


def _offer_to_resume(reader: RunReader, view: RunView, kind: Literal["primary", "secondary"]) -> None:
    saved = view.status.last_checkpoint if view.status else None
    early = "It ended before its first checkpoint. Its previews, and the weights that made them, stay."
    if st.button(
        f"Resume from epoch {saved.epoch}" if saved else "Begin again at step 1", icon=":material/resume:", type=kind,
        key="resume", on_click=questions.ask, args=("resume", reader.id), help=None if saved else early,
    ):  # fmt: skip
        st.rerun()


def _back(reader: RunReader) -> dict[str, str]:
    """What the address of this page needs: that of the next one is written into it first, and Back leads there."""
    return {"run": reader.id}


def starting_again(view: RunView) -> bool:
    """Whether it was resumed, and its new process has not said a word yet: that takes seconds."""
    return launch.launcher().begins_again(open_library().runs_dir / view.id, view)


def _make_sounds(reader: RunReader, view: RunView) -> None:
    """To the page where the model is used, once it can be."""
    if view.run is None or not view.run.can.make_sounds or view.status is None or not view.status.last_checkpoint:
        return
    done: Literal["primary", "secondary"] = "primary" if view.state is ShownState.COMPLETED else "secondary"
    if st.button("Make sounds", icon=":material/graphic_eq:", key="make-sounds", type=done):
        st.switch_page("views/sounds.py", query_params={"run": reader.id})


def _compare(reader: RunReader, view: RunView) -> None:
    """To the page where another run is chosen to hold it against."""
    if view.run is None or len(open_library().readers()) < FEWEST:
        return  # there is none to hold it against
    if st.button("Compare with …", icon=":material/compare_arrows:", key="compare", type="tertiary"):
        st.switch_page("views/compare.py", query_params={"runs": reader.id} | _back(reader))


def may_be_deleted(view: RunView) -> bool:
    """Whether it has ended, is not about to go on, and not on another computer that may still be at it."""
    return not view.state.live and not view.session_may_live and not starting_again(view)


def _command(reader: RunReader, status: Status | None, wish: Wish, icon: str) -> None:
    stage = _stage(status, wish)
    label = _LABELS[wish][stage]
    busy = stage in ("requested", "acknowledged")
    st.button(
        label, icon=f":material/{_ICONS[stage]}:" if stage else icon, key=wish, disabled=busy,
        on_click=_send, args=(reader, wish), help=_reason(status, wish) if stage == "refused" else None,
    )  # fmt: skip


def _send(reader: RunReader, wish: Wish) -> None:
    """Runs before the page is drawn again, in a fragment too."""
    try:
        command = launch.tell(reader.root, wish)
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)
        return
    st.session_state[f"asked-{wish}"] = (command.id, command.session)
    st.session_state.pop(f"answered-{wish}", None)


def _stage(status: Status | None, wish: Wish) -> str:
    """Nothing, requested, acknowledged, done or refused; what another tab asked for shows once it is acknowledged.

    The answer stays for FRESH_S: in the window that asked, from when it was first drawn there, however late that was.
    """
    asked = st.session_state.get(f"asked-{wish}")
    handled = _latest(status, wish)
    session = status.session if status else None
    if asked and asked[1] == session and not any(one.id == asked[0] for one in (status.commands if status else [])):
        return "requested"
    if handled is None:
        return ""
    if handled.result == "acknowledged":
        return "acknowledged"
    if status is None:
        return ""
    if asked and asked[0] == handled.id:
        fresh = time.monotonic() - st.session_state.setdefault(f"answered-{wish}", time.monotonic()) < FRESH_S
    else:
        # Both by the trainer's clock, which may be another than this one's; set meanwhile, it says all is long ago.
        fresh = abs(status.updated_at - handled.at) < FRESH_S
    return str(handled.result) if fresh else ""


def _latest(status: Status | None, wish: Wish) -> HandledCommand | None:
    return next((one for one in reversed(status.commands) if one.command == wish), None) if status else None


def _reason(status: Status | None, wish: Wish) -> str | None:
    handled = _latest(status, wish)
    return plain(handled.reason) if handled and handled.reason else None


def complaint() -> None:
    """What went wrong with the last press of a button, once."""
    text = st.session_state.pop("complaint", None)
    if text:
        style.note("red", "error", "That did not work.", text)


def dialog(reader: RunReader, view: RunView) -> None:
    """What was asked about and not answered yet. It is drawn with every refresh of the page, which would close it else.

    What its buttons do is done in callbacks: a press that meets a refresh is then heard all the same.
    """
    run_notes.dialog([Row(reader, view, view.name)])
    if reader.id in questions.asked("resume") and view.resumable:
        _confirm(reader)
    elif reader.id in questions.asked("longer") and view.extendable:
        _ask_how_long(reader)
    elif reader.id in questions.asked("delete") and may_be_deleted(view):
        _confirm_deletion(reader, view)


@st.dialog("Resume this run?", on_dismiss=questions.answered)
def _confirm(reader: RunReader) -> None:
    style.dialog()
    try:
        point = resume_point(reader.root)
    except SweetspotError as error:
        style.note("red", "error", "It cannot be resumed.", str(error))
        return
    if point is None:
        style.note("gray", "info", "It had not begun.", "Start a new run instead.")
        return
    _summary(point, {spec.name: (spec.label, spec.unit) for spec in run.metrics} if (run := reader.run()) else {})
    _choice("resume", ("Resume now", "Not now"), _resume, reader)


def _choice(key: str, labels: tuple[str, str], act: Callable[[RunReader], None], reader: RunReader) -> None:
    """The two buttons under a question. key: what it does. labels: to do it, and not to."""
    yes, no = st.columns(2)
    pressed = yes.button(
        labels[0], type="primary", icon=f":material/{_DOES[key]}:", width="stretch", key=f"{key}-now",
        on_click=act, args=(reader,),
    )  # fmt: skip
    if no.button(labels[1], width="stretch", key=f"{key}-not", on_click=questions.answered) or pressed:
        st.rerun()


def _summary(point: ResumePoint, labels: dict[str, tuple[str, str]]) -> None:
    epoch = f"*epoch {max(1, point.epoch)}* of {number(point.total_epochs)}"
    step = f"step *{number(point.step + 1)}* of {number(point.total_steps)}"
    left = point.total_steps - point.step
    style.line(f"It goes on from {epoch}, {step}.")
    facts = [
        ("Learnt so far", duration(point.elapsed_s)),
        ("Steps left", number(left)),
        ("From", point.file or "the beginning: nothing was saved yet"),
    ]
    for name, value in point.losses.items():
        label, unit = labels.get(name, (name, ""))
        facts.append((label[:1].upper() + label[1:], figure(value, unit)))
    rows = "".join(f"<tr><td>{style.safe(k)}</td><td>{style.safe(v)}</td></tr>" for k, v in facts)
    st.html(f'<table class="ss-facts">{rows}</table>')
    if point.changed:
        style.note("gray", "info", "Continues, but not bit for bit:", "; ".join(point.changed))
    else:
        style.quiet("The same bits as if it had never stopped.")


@st.dialog("Train longer?", on_dismiss=questions.answered)
def _ask_how_long(reader: RunReader) -> None:
    style.dialog()
    if longer.ask(reader):
        _choice("longer", ("Train longer", "Not now"), lambda run: _resume(run, longer.options()), reader)


def _resume(reader: RunReader, options: Sequence[str] = ()) -> None:
    questions.answered()
    try:
        if launch.launcher().resume(reader.root, options) is None:
            st.session_state["complaint"] = "Another process trains this run."
    except OSError as error:
        st.session_state["complaint"] = f"The trainer could not be started: {error}"


@st.dialog("Delete this run?", on_dismiss=questions.answered)
def _confirm_deletion(reader: RunReader, view: RunView) -> None:
    style.dialog()
    style.name(view.name, small=True)
    freed = size(open_library().size(reader))
    style.line(f"*{freed}* go for good: what it learnt, its curves, and every {words.nouns_of(view).one} it made.")
    style.quiet("What it learnt from stays where it is.")
    st.code(str(reader.root), language=None, wrap_lines=True)
    _choice("delete", ("Delete for good", "Keep it"), _delete, reader)


def _delete(reader: RunReader) -> None:
    questions.answered()
    try:
        launch.launcher().delete(reader.root)
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)
        return
    open_library().changes.forget()  # the system may tell it later than the list of runs is drawn
    st.session_state["deleted"] = reader.id
