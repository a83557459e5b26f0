"""Lists that grow at their top while something in them plays, on the page in the same order as for keys.

A player's identity is its place in the tree. So the tree has places for what is still to come before those of what is
there: empty ones are not drawn, and what is new moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_T = TypeVar("_T")
GROUP = 20  # Each player loads its whole file: older groups render when they are opened.
GROUPS = 32  # 640 items


def places(count: int, room: int) -> list[DeltaGenerator]:
    """``count`` containers in the order of time, the last on top; up to ``room`` a further one moves none of them.

    Beyond, there is twice as much room, and what plays at that moment falls silent.
    """
    while room < count:
        room *= 2
    return [st.container() for _ in range(room)][::-1][:count]


def groups(items: Sequence[_T]) -> list[Sequence[_T]]:
    """Twenty each, counted from the oldest, so that no item ever changes its group."""
    return [items[start : start + GROUP] for start in range(0, len(items), GROUP)]


def show(items: Sequence[_T], key: str, label: Callable[[Sequence[_T]], str], draw: Callable[[_T], None]) -> None:
    """``items``, which are in the order of time, each by ``draw``, the last on top. label: of a group that is folded.

    The two youngest groups are open: the older one folds only after twenty more, never while it plays.
    """
    grouped = groups(items)
    for order, (place, group) in enumerate(zip(places(len(grouped), GROUPS), grouped, strict=True)):
        with place:
            if order >= len(grouped) - 2:
                _each(group, draw)
                continue
            folded = st.expander(label(group), on_change="rerun", key=f"earlier-{key}-{order}")
            if folded.open:
                with folded:
                    _each(group, draw)


def _each(group: Sequence[_T], draw: Callable[[_T], None]) -> None:
    for place, one in zip(places(len(group), GROUP), group, strict=True):
        with place:
            draw(one)
