"""*Browse…*: the desktop's own dialog for a folder, for who sits at the computer that the app runs on."""

from __future__ import annotations

import platform

import streamlit as st

from app.look import style
from app.look.fragments import fragment
from app.look.plain import plain
from app.runs.folder_dialog import FolderDialog, offered
from engine.errors import SweetspotError

LOOK_S = 0.5
_OPEN, _FOUND, _TROUBLE = "folder-dialog", "folder-found", "folder-trouble"


def take(key: str) -> None:
    """Put what was chosen into the field ``key``, which is drawn afterwards."""
    if _FOUND in st.session_state:
        st.session_state[key] = st.session_state.pop(_FOUND)


def button() -> None:
    """Draw it where a dialog can be opened; nothing elsewhere."""
    words, is_open = offered(st.context.ip_address), _OPEN in st.session_state
    if words is not None:
        st.button(
            "Browse…", icon=":material/folder_open:", key="browse", on_click=_ask, args=(words,), disabled=is_open,
            help="The dialog is open already." if is_open else "Choose it in a dialog of this computer.",
        )  # fmt: skip


def watch() -> None:
    """While a dialog is open, say so and wait for its answer; say once what went wrong."""
    trouble: SweetspotError | None = st.session_state.pop(_TROUBLE, None)
    if trouble is not None:
        style.note("red", "error", trouble.cause, trouble.remedy)
    if _OPEN in st.session_state:
        fragment(_wait, run_every=LOOK_S)()


def _wait() -> None:
    dialog: FolderDialog | None = st.session_state.get(_OPEN)
    if dialog is not None and dialog.open:
        with st.container(horizontal=True, vertical_alignment="center", key="dialog-open"):
            style.announced(f"A dialog is open on the screen of *{plain(platform.node() or 'this computer')}*.")
            st.button("Close it", key="close-dialog", type="tertiary", on_click=_close)
        return
    if dialog is not None:
        del st.session_state[_OPEN]
        try:
            chosen = dialog.answer()
            if chosen is not None:
                st.session_state[_FOUND] = chosen
        except SweetspotError as error:
            st.session_state[_TROUBLE] = error
    st.rerun()


def _ask(words: list[str]) -> None:
    """Runs before the page is drawn again."""
    try:
        st.session_state[_OPEN] = FolderDialog.opened(words)
    except SweetspotError as error:
        st.session_state[_TROUBLE] = error


def _close() -> None:
    dialog: FolderDialog | None = st.session_state.pop(_OPEN, None)
    if dialog is not None:
        dialog.close()
