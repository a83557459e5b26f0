"""Whether this app was started so that only this computer's user reaches it.

It has no password and starts processes. Streamlit takes its safe settings from the project's ``.streamlit/config.toml``
only when it is started there; elsewhere it listens to the whole network and to every page that a browser has open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


def dangers(option: Callable[[str], Any]) -> list[str]:
    """What is wrong with the settings, as clauses; empty when all is well. option: gives a setting by its name."""
    found = []
    address = option("server.address")
    if address not in LOCAL:
        found.append(f"it listens to {address or 'every network this computer is in'}")
    hosts = option("server.allowedHosts")
    if not hosts or not {str(host).partition(":")[0] if host[:1] != "[" else host for host in hosts} <= LOCAL:
        found.append("it answers to any name that leads to this computer")
    if not (option("server.enableCORS") and option("server.enableXsrfProtection")):
        found.append("any page in a browser may talk to it")
    return found


REMEDY = (
    "Start it in the project's folder, which has the settings it needs: streamlit run app/main.py. "
    "From another computer, use a tunnel: ssh -L 8501:localhost:8501 NAME."
)
