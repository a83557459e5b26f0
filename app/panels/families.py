"""Which run began with what another one learned: beside its name, and as a tree in the table of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import streamlit as st

from app.look import style
from app.look.plain import plain
from app.panels.runs_table import Row, moment
from app.runs.library import Library
from engine.quantities import counted
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView

MOST_LINKS = 12


def parent_id(view: RunView, uuids: dict[str, str]) -> str | None:
    """The run that one began from, by its id; None without one, or where it lies here no more. uuids: their ids."""
    parent = view.run.parent if view.run is not None else None
    return None if parent is None else uuids.get(parent.uuid)


def by_uuid(found: Iterable[tuple[RunReader, RunView]]) -> dict[str, str]:
    """The id of each run by what it is known by wherever it lies; of a copy and its original that of the first."""
    ids: dict[str, str] = {}
    for reader, view in found:
        if view.run is not None:
            ids.setdefault(view.run.uuid, reader.id)
    return ids


def in_families(rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """Every row with how deep it stands: who began from another right after that one, families by their newest."""
    uuids = by_uuid((row.reader, row.view) for row in rows)
    parents = {row.reader.id: parent_id(row.view, uuids) for row in rows}
    children: dict[str | None, list[Row]] = {}
    for row in rows:
        children.setdefault(parents[row.reader.id], []).append(row)
    known = {row.reader.id: row for row in rows}
    found: list[tuple[Row, int]] = []
    placed: set[str] = set()

    def place(row: Row, depth: int) -> None:
        if row.reader.id not in placed:
            placed.add(row.reader.id)
            found.append((row, depth))
            for child in children.get(row.reader.id, ()):
                place(child, depth + 1)

    for row in rows:
        place(known[_eldest(row.reader.id, parents)], 0)
        place(row, 0)  # in a circle, which only a record made by hand can draw, nobody is the eldest
    return found


def _eldest(one: str, parents: dict[str, str | None]) -> str:
    seen = {one}
    while (above := parents.get(one)) is not None and above not in seen:
        seen.add(above)
        one = above
    return one


class Family(NamedTuple):
    """The relatives of one run, each with its name. moment: of its parent; gone: what that is called, where it is."""

    moment: str
    gone: str
    above: tuple[str, str] | None
    below: list[tuple[str, str]]


def family_of(library: Library, reader: RunReader, view: RunView) -> Family | None:
    """Who it began from, and who began from it; None for one that stands alone. Looks at all runs."""
    if view.run is None:
        return None
    found, _ = library.views()
    uuids = by_uuid(found)
    names = {one.id: seen.name for one, seen in found}
    above, parent = parent_id(view, uuids), view.run.parent
    below = [one.id for one, seen in found if parent_id(seen, uuids) == reader.id and one.id != reader.id]
    if parent is None and not below:
        return None
    return Family(
        moment(parent) if parent else "", parent.run if parent and above is None else "",
        (above, names[above]) if above else None, [(one, names[one]) for one in below],
    )  # fmt: skip


def shown(family: Family | None) -> None:
    """Under a run's name: what it began with, and what went on from it."""
    if family is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="family"):
        if family.moment:
            style.quiet_words(f"Began with {family.moment} of {family.gone}".rstrip())
        if family.above:
            _link(*family.above)
        if family.below:
            style.quiet_words("It goes on in")
            for one in family.below[:MOST_LINKS]:
                _link(*one)
            if (more := len(family.below) - MOST_LINKS) > 0:
                st.page_link("views/runs.py", label=f"And {counted(more, 'more', 'more')}", width="content")


def _link(run_id: str, name: str) -> None:
    st.page_link("views/run.py", label=plain(name), query_params={"run": run_id}, width="content")
