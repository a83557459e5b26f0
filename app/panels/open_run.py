"""A run from elsewhere: what "sweetspot pack" wrote, or a run's directory. It is taken in as a stranger's."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from app.look import style
from app.look.plain import plain
from app.panels.source import as_path
from app.runs.library import Library
from engine.errors import SweetspotError
from engine.home import expanded
from engine.sharing.unpack import take_in

LARGEST_MB = 2_000
_MISSING = "missing-of-taken-in"


def offer(library: Library) -> None:
    """Folded until it is asked for."""
    folded = st.expander("Open a run from elsewhere", icon=":material/folder_open:", on_change="rerun", key="elsewhere")
    if not folded.open:
        return
    with folded:
        dropped = st.file_uploader(
            "A run's zip, as “sweetspot pack” writes it", type="zip", key="run-zip", max_upload_size=LARGEST_MB
        )
        typed = as_path(
            st.text_input("Or the path of a run's directory", key="run-place", placeholder="/media/usb/runs/drums")
        )
        style.quiet(
            "It is copied to your runs, to look at and to listen to: nothing it says of itself is believed, and it is "
            "not trained here."
        )
        pressed = st.button(
            "Open it", icon=":material/arrow_forward:", key="open-elsewhere", disabled=not (dropped or typed)
        )
        if pressed and dropped is not None:
            with tempfile.TemporaryDirectory() as place:
                path = Path(place) / "run.zip"
                path.write_bytes(dropped.getbuffer())
                _open(path, library)
        elif pressed:
            _open(expanded(typed), library)


def _open(source: Path, library: Library) -> None:
    try:
        with st.spinner("Reading it."):
            taken = take_in(source, library.runs_dir)
    except SweetspotError as error:
        style.note("red", "error", error.cause, error.remedy)
        return
    library.changes.forget()
    st.session_state[_MISSING] = [*taken.sentences]
    st.switch_page("views/run.py", query_params={"run": taken.root.name})


def tell_what_is_missing() -> None:
    """Once, on the page of the run that was just taken in: what was damaged, or belongs to no run."""
    for sentence in st.session_state.pop(_MISSING, ()):
        st.toast(plain(sentence), icon=":material/warning:", duration="infinite")
