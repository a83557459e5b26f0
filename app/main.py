"""Sweetspot's app: ``streamlit run app/main.py -- --runs-dir DIR``. Page setup and navigation, nothing else.

The pages lie in ``views/``: a folder called ``pages`` beside this file would make Streamlit run them without it when
the first visitor comes by a link to one.
"""

from __future__ import annotations

import gc

import streamlit as st

from app.look import server_check, style

st.set_page_config(page_icon=style.icon(), layout="wide")


@st.cache_resource(show_spinner=False)
def _settle() -> None:
    """Once, after the imports: Streamlit collects garbage after every run and need not walk the libraries each time."""
    import pandas  # noqa: F401

    import app.charts.plots
    import app.panels.details
    import app.panels.forms
    import app.panels.summary  # noqa: F401

    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def _settle_page(url_path: str) -> None:
    """Once a page, after it was drawn for the first time: what that imported and keeps need not be walked either."""
    gc.collect()
    gc.freeze()


_settle()
server_check.ask_nobody()
server_check.check()
chosen = st.navigation(
    [
        st.Page("views/runs.py", title="Runs", default=True),
        st.Page("views/new.py", title="New run", url_path="new"),
        st.Page("views/queue.py", title="Queue", url_path="queue"),
        st.Page("views/run.py", title="Run", url_path="run"),
        st.Page("views/listen.py", title="Listen", url_path="listen"),
        st.Page("views/compare.py", title="Compare", url_path="compare"),
        st.Page("views/sounds.py", title="Sounds", url_path="sounds"),
        st.Page("views/explore.py", title="Explore", url_path="explore"),
    ],
    position="hidden",
)
if chosen.url_path != "run":  # its title follows the run
    st.set_page_config(page_title=f"{chosen.title} · Sweetspot")
st.session_state["arrived"] = st.session_state.get("page") != chosen.url_path  # in this run, and in none after it
st.session_state["page"] = chosen.url_path
st.session_state["entered"] = "entered" in st.session_state  # not yet in the first run: then a link led here
chosen.run()
_settle_page(chosen.url_path)
