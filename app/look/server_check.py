"""Whether this app listens to this computer alone. It can start processes, so its defaults matter.

They stand in ``.streamlit/config.toml`` beside ``main.py``, where Streamlit finds them from whatever folder it is
started in; without them it would listen to the whole network, unasked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import streamlit as st
from streamlit import net_util

from app.look import sheet, style

LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})


def ask_nobody() -> None:
    """From now on Streamlit asks no server which address this computer has on the web. It does so for each page of an
    unknown origin that tries to connect, and the app stands still for up to two seconds each time."""
    net_util.get_external_ip = _no_address


def _no_address() -> str | None:
    return None


@dataclass(frozen=True)
class Exposure:
    """What is not as it should be. refused: nobody asked for it, so nothing is shown before it is mended."""

    refused: bool
    strong: str
    text: str


def exposure(address: str | None, protected: bool, hosts: Collection[str]) -> Exposure | None:
    """Judge the server's address (None: Streamlit's own default, every one) and its protection against other sites.

    hosts: the names it answers to. Without any it answers to each, and a page that makes its own name lead to this
    computer could read what is shown here.
    """
    if address is None:
        return Exposure(
            True,
            "The app's own settings were not found, so it would listen to every computer on the network.",
            "Start it with: sweetspot app",
        )
    if not protected:
        return Exposure(True, "The protection against other sites is off.", "Leave CORS and XSRF protection on.")
    if address in LOCAL and not (hosts and set(hosts) <= LOCAL):
        return Exposure(
            True,
            "The app would answer to any name that leads to this computer.",
            'Leave server.allowedHosts as the project has it: "localhost", "127.0.0.1" and "[::1]".',
        )
    if address not in LOCAL:
        return Exposure(
            False,
            f"This app listens on {address}.",
            "Whoever reaches it can start training here and read the folders of this computer.",
        )
    return None


def check() -> None:
    """Say what is wrong with how the app was started, and go no further where nobody can have meant it."""
    found = exposure(
        st.get_option("server.address"),
        bool(st.get_option("server.enableCORS") and st.get_option("server.enableXsrfProtection")),
        st.get_option("server.allowedHosts") or (),
    )
    if found is None:
        return
    st.html(sheet.CSS)
    style.note("red" if found.refused else "yellow", "public", found.strong, found.text)
    if found.refused:
        st.stop()
