"""The star that one gives to a sound and takes away again, with one press each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def button(label: str, tip: str, key: str, on: bool, press: Callable[..., None], *given: Any) -> None:
    """Filled where it is ``on``. label: what a press does, read aloud; tip: what is seen of that."""
    # Its key stays: another one would be another button, and who pressed this one by keys would lose their place.
    with st.container(gap=None, width="content"):
        st.button(
            label, icon=":material/star:", key=f"star-{key}", type="tertiary", help=tip, on_click=press, args=given
        )
        st.html(f'<span class="ss-star-{"on" if on else "off"}"></span>', width="content")
