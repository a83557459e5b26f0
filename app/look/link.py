"""What of a page's view lives in its address, so that a link brings it back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def asked(name: str, options: Sequence[str], usual: str) -> str:
    """What the address says of ``name``; ``usual`` where it says nothing, or what is no option."""
    said = st.query_params.get(name, usual)
    return said if said in options else usual


def keep(name: str, value: str, usual: str) -> None:
    """Say ``value`` in the address, and nothing where it is ``usual``."""
    if value == usual:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != value:
        st.query_params[name] = value
