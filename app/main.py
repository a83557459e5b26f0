"""Sweetspot's app: ``streamlit run app/main.py -- --runs-dir DIR``. Page setup and navigation, nothing else.

The pages lie in ``views/``: a folder called ``pages`` beside this file would make Streamlit run them without it when
the first visitor comes by a link to one.
"""

from __future__ import annotations

import gc

import streamlit as st

from app.guard import REMEDY, dangers
from app.style import note

st.set_page_config(page_title="Sweetspot", page_icon=":material/graphic_eq:", layout="wide")


@st.cache_resource(show_spinner=False)
def _settle() -> None:
    """Once, after the imports: Streamlit collects garbage after every run and need not walk the libraries each time."""
    import pandas  # noqa: F401

    import app.details
    import app.forms
    import app.plots
    import app.summary  # noqa: F401

    gc.collect()
    gc.freeze()


_settle()
if exposed := dangers(st.get_option):
    note("red", "error", "This app would not be yours alone:", f"{', and '.join(exposed)}. {REMEDY}")
    st.stop()
st.navigation(
    [
        st.Page("views/runs.py", title="Runs", icon=":material/list:", default=True),
        st.Page("views/new.py", title="New run", icon=":material/add:", url_path="new"),
        st.Page("views/run.py", title="Run", icon=":material/graphic_eq:", url_path="run"),
    ],
    position="hidden",
).run()
