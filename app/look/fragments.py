"""``st.fragment``, placed so that no refresh of it can leave the rest of the page without its place.

Streamlit 1.67 drops what a fragment drew and the browser has not been sent yet as soon as the fragment is run again
(``ForwardMsgQueue.clear``), its own block among it, and keeps what the page drew after it. Without the block, what
follows has an index too high, and the browser answers "Bad delta path index" with an empty page: about one end of a
training in ten on a busy computer. In a container that belongs to the page and holds nothing else, nothing follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

Drawn = ParamSpec("Drawn")


def fragment(
    draw: Callable[Drawn, None], *, key: str | None = None, run_every: float | None = None
) -> Callable[Drawn, None]:
    """``draw`` as a part of the page that is drawn anew alone: every ``run_every`` seconds, or when pressed."""

    def placed(*args: Drawn.args, **kwargs: Drawn.kwargs) -> None:
        with st.container():
            st.fragment(draw, key=key, run_every=run_every)(*args, **kwargs)

    return placed
