"""A button that makes a file when it is pressed, and hands it to the browser.

Streamlit's own way (a download button with a function) gives the file another address each time the page is drawn, and
forgets the last one at once: who pressed while the page was drawn anew got nothing. A plain press is never lost. What
it asks for is made on the next drawing, laid under an address that stays, and fetched by the program beside this file.
"""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components import v2

from app.look import style
from engine.errors import SweetspotError, next_step

Maker = Callable[[], bytes | io.RawIOBase | io.BufferedIOBase]
KEPT_S = 60.0  # for a browser that is slow to fetch it
_WISHES = "fetched-files"
_fetch = v2.component("sweetspot_fetch", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"))


@dataclass
class _Wish:
    """A file that this session asked for. data: None until it is made."""

    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    data: bytes | None = None
    made_at: float = 0.0

    @property
    def over(self) -> bool:
        """Whether the browser had its time to fetch it."""
        return self.data is not None and time.monotonic() - self.made_at > KEPT_S


def button(label: str, make: Maker, name: str, mime: str, *, key: str, **look: Any) -> None:
    """Draw it. make: is called after a press; what it raises (SweetspotError, OSError) is said in its place.
    look: as ``st.button`` takes it."""
    st.button(label, key=key, on_click=_ask, args=(key,), **look)
    wish = _wishes().get(key)
    if wish is None:
        return
    if wish.data is None:
        try:
            _fulfil(wish, make)
        except Exception:  # a fault: the next drawing must not begin again what failed. What ends a drawing is none
            del _wishes()[key]
            raise
    if wish.data is None or wish.over:
        del _wishes()[key]
        return
    with st.container(key=f"fetch-{wish.token}"):  # not to be seen
        st.download_button("File", wish.data, name, mime, key=f"file-{wish.token}", on_click="ignore")
        _fetch(data={"token": wish.token}, key=f"fetched-{wish.token}")


def _wishes() -> dict[str, _Wish]:
    """By the key of the button: what was asked for just before may still be on its way."""
    wishes: dict[str, _Wish] = st.session_state.setdefault(_WISHES, {})
    return wishes


def _ask(key: str) -> None:
    """Runs before the page is drawn again, whatever interrupts that."""
    wishes = _wishes()
    for earlier in [one for one, wish in wishes.items() if wish.over]:  # also of buttons that are not drawn any more
        del wishes[earlier]
    wishes[key] = _Wish()


def _fulfil(wish: _Wish, make: Maker) -> None:
    try:
        with st.spinner("Preparing the file."):
            wish.data, wish.made_at = _whole(make()), time.monotonic()
    except SweetspotError as error:
        style.note("red", "error", error.cause, error.remedy)
    except OSError as error:
        style.note("red", "error", f"The file cannot be made: {error.strerror or error}.", f"{next_step(error)}.")


def _whole(made: bytes | io.RawIOBase | io.BufferedIOBase) -> bytes:
    if isinstance(made, bytes):
        return made
    with made:
        return made.read() or b""
