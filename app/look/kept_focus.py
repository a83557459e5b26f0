"""The focus stays on a control whose card moves.

Streamlit's page knows what it drew by its place: a card at another place has other controls, whatever they are called.
"""

from __future__ import annotations

from pathlib import Path

from streamlit.components import v2

_keep = v2.component("sweetspot_kept_focus", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"))


def keep(keys: str) -> None:
    """On this page, for buttons whose key begins with ``keys``."""
    _keep(data={"prefix": f"st-key-{keys}"}, key="kept-focus")
