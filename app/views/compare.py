"""Compare: two to ten runs beside one another. A link opens it, with all that was chosen."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.look import sheet, style
from app.look.fragments import fragment
from app.panels import comparison, over_seeds, overlaid, side_by_side
from app.runs.compared import FEWEST, MOST, Compared, called, gather, refresh
from app.runs.library import Library, open_library
from app.runs.seeds import recoloured
from engine.printable import escaped

LIVE_S = 2.0
Signature = tuple[tuple[str, bool, int], ...]


def page() -> None:
    style.head()
    st.html(sheet.run_colours())
    st.title("Compare", anchor=False)
    library = open_library()
    ids = _choose(library)
    runs, absent = gather(library, ids)
    for sentence in absent:
        style.note("yellow", "search_off", "One run is left out.", sentence)
    if len(runs) < FEWEST:
        _too_few(len(runs), any_there=bool(library.readers()))
    if not runs:
        return
    with st.spinner("Reading the curves."):
        refresh(runs)
    together = over_seeds.choose(runs)
    live = any(one.view.state.live for one in runs)
    fragment(_moving, run_every=LIVE_S if live else None)(
        library, [one.reader.id for one in runs], _signature(library, runs), together
    )
    side_by_side.show(
        recoloured(runs) if together else runs, {one.reader.id: library.previews(one.reader) for one in runs}
    )


def _choose(library: Library) -> list[str]:
    """The runs of the address, and a field to change them."""
    views, _ = library.views()
    names = called(views)
    asked = [one for one in dict.fromkeys(st.query_params.get("runs", "").split(",")) if one]
    known = [one for one in asked if one in names][:MOST]
    chosen = st.multiselect(
        "Runs", list(names), known, max_selections=MOST, key="compare-runs", placeholder="Choose two to ten",
        format_func=lambda one: escaped(names.get(one) or str(one)),
    )  # fmt: skip
    ids = chosen + [one for one in asked if one not in names]
    if ids != asked:
        st.query_params["runs"] = ",".join(ids)
    return ids


def _too_few(count: int, *, any_there: bool) -> None:
    if count:
        style.note("gray", "compare_arrows", "One run alone.", "Choose another one above to hold it against.")
    elif not any_there:
        style.note("gray", "compare_arrows", "There are no runs yet.", "Two can be compared once they have begun.")
        st.page_link("views/new.py", label="New run", icon=":material/add:")
    else:
        style.note("gray", "compare_arrows", "Nothing chosen yet.", "Choose two to ten runs above, or among all runs.")
        st.page_link("views/runs.py", label="All runs", icon=":material/list:")


def _signature(library: Library, runs: Sequence[Compared]) -> Signature:
    """What the whole page is drawn anew for: a run that began or ended, a preview more."""
    return tuple((one.reader.id, one.view.state.live, len(library.previews(one.reader))) for one in runs)


def _moving(library: Library, ids: Sequence[str], drawn: Signature, together: bool) -> None:
    runs, _ = gather(library, ids)
    refresh(runs)
    with st.container(key="compare-words", gap="small"):
        (over_seeds.show if together and runs else comparison.say)(runs)
    with st.container(key="compare-chart"):
        overlaid.show(runs, together)
    if runs:
        comparison.table(recoloured(runs) if together else runs)
    if _signature(library, runs) != drawn:  # last, so that the rest of the page is drawn anew after this
        st.rerun()


page()
