"""Settings over their seeds: the difference in words, a mean give or take a spread for each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.look import link, style
from app.panels.comparison import swatch
from app.runs.compared import Compared, kind
from app.runs.seeds import Group, grouped, repeated
from engine.claims.figures import figure
from engine.claims.seeds import alone_in_words, in_words
from engine.quantities import number


def choose(runs: Sequence[Compared]) -> bool:
    """Whether seeds are put together; offered where some settings were tried with several. The address keeps it."""
    if not repeated(grouped(runs)):
        return False
    together = st.toggle(
        "Seeds together", link.asked("seeds", ("0", "1"), "1") == "1", key="compare-seeds",
        help="Runs that differ in their seed alone become one curve, their mean, and one figure with its spread.",
    )  # fmt: skip
    link.keep("seeds", f"{together:d}", "1")
    return together


def show(runs: Sequence[Compared]) -> None:
    """The difference between settings, and a row each."""
    groups = grouped(runs)
    if len({kind(one.run) for one in runs}) != 1:
        style.quiet("These learn different things: their figures do not measure the same.")
        return
    monitor = runs[0].run.monitor
    known = [found for one in groups if (found := one.over_seeds) is not None]
    alone = len(known) == 1 and known[0].spread is not None
    said = [alone_in_words(known[0], monitor.unit)] if alone else in_words(known, monitor)
    style.title(
        *(("The mean", "over its seeds") if alone else ("The difference", "between settings, over their seeds"))
    )
    if said:
        st.html(f'<div class="ss-line">{"<br>".join(map(style.strong, said))}</div>')
    style.quiet(_meaning(said, alone))
    if absent := [name for one in groups for name in one.not_counted]:
        style.quiet(f"Not counted, as not trained to the end: {', '.join(absent)}.")
    st.html(
        '<div class="ss-wide" tabindex="0" role="region" aria-label="Settings over their seeds">'
        '<table class="ss-table"><thead><tr>'
        + "".join(f'<th scope="col">{name}</th>' for name in ("Settings", "Runs", "Best, mean ± spread", "Each"))
        + f"</tr></thead><tbody>{''.join(_row(one, monitor.unit) for one in groups)}</tbody></table></div>"
    )


def _meaning(said: Sequence[str], alone: bool) -> str:
    if not said:
        return "Too few have come to a figure with a second seed to say what a seed changes."
    if alone:
        return "Each run at its best epoch; ± is their standard deviation. No other settings have come to a figure yet."
    return (
        "Each run at its best epoch. ± in a sentence is the 95 % interval of the difference, for all settings here "
        "together, from how far runs of the same settings lie apart; in the table and the chart it is their standard "
        "deviation."
    )


def _row(one: Group, unit: str) -> str:
    found = one.over_seeds
    each = ", ".join(figure(value, unit) for value in found.values) if found else "–"
    cells = (number(len(one.runs)), found.shown(unit) if found else "–", each)
    name = f'<th scope="row">{swatch(one.number)}{style.safe(one.name)}</th>'
    return f"<tr>{name}{''.join(f'<td>{style.safe(cell)}</td>' for cell in cells)}</tr>"
