"""Which question stands open, and about which runs: one dialog at a time, asked for in a callback."""

from __future__ import annotations

import streamlit as st

_KEY = "asked-about"


def ask(what: str, *run_ids: str) -> None:
    """Ask ``what`` about runs, by their ids, from the next drawing on."""
    st.session_state[_KEY] = (what, run_ids)


def asked(what: str) -> tuple[str, ...]:
    """The runs that ``what`` is asked about; none where it is not."""
    question, run_ids = st.session_state.get(_KEY, ("", ()))
    return run_ids if question == what else ()


def answered() -> None:
    """No question stands open any more."""
    st.session_state.pop(_KEY, None)
