"""The top of a run: where it stands in words, the strip, four figures. The strip stands on the Runs page as well."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import streamlit as st

from app import charts, states, style, words
from app.plain import plain
from app.store import MetricsStore, metrics_of
from app.strip import strip_rows
from app.sweet_range import sweet
from engine.metrics import compute_overfitting_gap, last_progress, quality, smooth
from engine.rundir.schema import Best, RunRecord, Status
from engine.rundir.view import RunView, ShownState

WARNING_FRESH_S = 120.0
QUALITY = {  # what compute_overfitting_gap makes of an error and of a score
    "lower": "1 when new ones come out as well as those it learns from, 0 when their error is twice as large or more.",
    "higher": "1 when new ones score as well as those it learns from, 0.5 when half as well.",
}
STILL_MOVING = 0.8  # Progress in the last fifth of a run says that more time might have helped.


@dataclass(frozen=True)
class Card:
    """One figure and its chip."""

    label: str
    value: str
    chip: str = ""
    colour: str = "gray"
    help: str | None = None


def strip(view: RunView, preview_steps: Sequence[int], key: str) -> None:
    """The whole run as one bar."""
    drawn = strip_drawing(view, preview_steps)
    if drawn is not None:
        st.vega_lite_chart(drawn[0], charts.STRIP, width="stretch", key=key, alt=drawn[1])


def strip_drawing(view: RunView, preview_steps: Sequence[int]) -> tuple[pa.Table, str] | None:
    """The rows of that bar, and the same in words."""
    status = view.status
    if status is None:
        return None
    total = status.total_steps or 0
    if states.getting_ready(view) and status.progress and status.progress.total:
        done, spot, said = status.progress.done / status.progress.total, None, words.phase(status)
    else:
        done = min(1.0, status.step / total) if total else 0.0
        spot = sweet(status, view.run) if total else None
        said = f"{words.percent(done)} done" + (f", {spot.said}" if spot else "")
    heard = [step / total for step in preview_steps] if total else []
    return strip_rows(done, spot, _ends(status, view.run, total), heard), f"The whole run: {said}"


def _ends(status: Status, run: RunRecord | None, total: int) -> Callable[[int], float]:
    """Where an epoch ended, as a part of the run: known of the best and of the last, in between by their length."""
    best, length = status.best, run.steps_per_epoch if run else 0

    def at(epoch: int) -> float:
        step = status.step if epoch >= status.epoch else best.step + (epoch - best.epoch) * length if best else 0
        return min(1.0, max(0.0, step / total))

    return at


def cards(view: RunView, root: Path) -> list[Card]:
    """The four figures of a run, as its state asks for."""
    status, run = view.status, view.run
    if status is None:
        return []
    store = metrics_of(root)
    store.refresh()
    best = words.sweet_spot(status, run)
    if view.state is ShownState.COMPLETED and run is not None and best is not None:
        return _finished(status, run, best, store)
    return [_time(view, status), _quality(status, run), _gain(status, run), _error(status, run)]


def show(shown: Sequence[Card]) -> None:
    """Four in a row, two by two on a phone."""
    halves = st.columns(2)
    for half, pair in zip(halves, (shown[:2], shown[2:]), strict=True):
        with half:
            for column, card in zip(st.columns(2, wrap=False), pair, strict=False):
                column.metric(
                    plain(card.label),
                    plain(card.value),
                    plain(card.chip) or None,
                    delta_color=card.colour,  # type: ignore[arg-type]
                    delta_arrow="off",
                    border=True,
                    height="stretch",
                    help=card.help,
                )


def _time(view: RunView, status: Status) -> Card:
    if view.state.live:
        if states.getting_ready(view):
            return Card("Time left", "–", "known once it learns")
        if status.eta_s is None:
            return Card("Time left", "–", "measuring")
        return Card(
            "Time left", words.duration(status.eta_s), f"done near {words.ends_near(status.eta_s, time.time())}"
        )
    chip, colour = {
        ShownState.FAILED: ("until it failed", "red"),
        ShownState.CRASHED: ("until it ended", "orange"),
        ShownState.CANCELLED: ("until you stopped it", "gray"),
        ShownState.INTERRUPTED: ("until it was interrupted", "gray"),
    }.get(view.state, ("so far", "gray"))
    return Card("Time", words.duration(status.elapsed_s), chip, colour)


def _quality(status: Status, run: RunRecord | None) -> Card:
    if run is None:
        return Card("Quality", "–", "too early to tell")
    value, said, colour = words.quality_of(status, run)
    return Card("Quality", "–" if value is None else f"{value:.2f}", said, colour, QUALITY[run.monitor.better])


def _gain(status: Status, run: RunRecord | None) -> Card:
    label = words.nouns(run).gain
    gain = words.better_than_average(status, run) if run else None
    best = words.best_better_than_average(status, run) if run else None
    if gain is None or best is None or status.best is None:
        return Card(label, "–", "too early to tell")
    if gain < 0:
        return Card(label, "not yet" if status.state.live else "no", words.better(gain))
    here = status.best.epoch >= status.epoch
    return Card(
        label, words.percent(gain), "the best so far" if here else f"{words.percent(best)} at epoch {status.best.epoch}"
    )


def _error(status: Status, run: RunRecord | None) -> Card:
    label = words.nouns(run).error
    value = status.metrics.get(run.monitor.metric) if run else None
    if run is None or value is None:
        return Card(label, "–", "after the first epoch")
    if not math.isfinite(value):
        return Card(label, words.figure(value, run.monitor.unit), "not a number", "red")
    shown = words.give_or_take(value, status.metrics.get(words.uncertain(run) or "", math.nan), run.monitor.unit)
    if status.best is None or status.best.epoch >= status.epoch:
        return Card(label, shown, "the best so far", "green")
    change = value - status.best.raw
    if abs(change) < 0.005 * abs(status.best.raw):
        return Card(label, shown, f"as at epoch {status.best.epoch}")
    worse = (change > 0) == (run.monitor.better == "lower")
    arrow = "↑" if change > 0 else "↓"
    said = f"{arrow} {words.figure(abs(change), run.monitor.unit)} since epoch {status.best.epoch}"
    return Card(label, shown, said, "orange" if worse and words.memorises(status) else "gray")


def _finished(status: Status, run: RunRecord, best: Best, store: MetricsStore) -> list[Card]:
    gap = _gap_at(store, run, best.epoch)
    value, said, colour = (None, "not measured", "gray") if gap is None else words.judged(quality(gap), worsens=False)
    gain = words.best_better_than_average(status, run)
    last = status.metrics.get(run.monitor.metric)
    return [
        Card("Sweet spot", f"epoch {best.epoch}", f"of {status.total_epochs} in {words.duration(status.elapsed_s)}"),
        Card("Quality there", "–" if value is None else f"{value:.2f}", said, colour, QUALITY[run.monitor.better]),
        Card(words.nouns(run).gain, "–" if gain is None else words.percent(gain), "at the sweet spot"),
        Card(
            words.nouns(run).error, words.give_or_take(best.raw, _error_at(store, run, best.epoch), run.monitor.unit),
            f"{words.figure(last, run.monitor.unit)} at the end",
        ),
    ]  # fmt: skip


def _gap_at(store: MetricsStore, run: RunRecord, epoch: int) -> float | None:
    """The overfitting gap where it was best, from the same smoothed curves the engine judges by."""
    if not 1 <= epoch <= store.epochs.count:
        return None
    metric, reference = (smooth(store.epochs.get(n).tolist()) for n in (run.monitor.metric, run.monitor.reference))
    pair = reference[epoch - 1], metric[epoch - 1]
    return compute_overfitting_gap(*pair, run.monitor.better) if all(map(math.isfinite, pair)) else None


def _error_at(store: MetricsStore, run: RunRecord, epoch: int) -> float:
    """The standard error there, where so few check that it matters; NaN elsewhere."""
    errors = store.epochs.get(words.uncertain(run) or "")
    return float(errors[epoch - 1]) if 1 <= epoch <= len(errors) else math.nan


def badges(view: RunView) -> None:
    for badge in states.badges(view):
        st.badge(badge.label, icon=f":material/{badge.icon}:", color=badge.colour)  # type: ignore[arg-type]


def where(view: RunView) -> str:
    """One line on where it stands; what is bold stands between asterisks."""
    if view.status is None:
        return ""
    if states.getting_ready(view):
        return f"{words.phase(view.status).capitalize()}. The first {words.nouns(view.run).one} comes soon after."
    return words.where(view.status, view.state.live)


def message(view: RunView, root: Path) -> states.Note | None:
    """The most important thing to say about a run, if there is one."""
    store = metrics_of(root)
    return states.message(view, _fresh_warnings(view, store), _settled(view, store))


def note(view: RunView, root: Path) -> None:
    said = message(view, root)
    if said is not None:
        style.note(said.colour, said.icon, said.strong, said.text)


def _settled(view: RunView, store: MetricsStore) -> int | None:
    """The epoch after which the monitored curve moved no more to speak of; None while it still did at the end."""
    if view.run is None or not store.epochs.count:
        return None
    curve = smooth(store.epochs.get(view.run.monitor.metric).tolist())
    place = last_progress(curve, view.run.monitor.better)
    return None if place is None or place + 1 > STILL_MOVING * len(curve) else place + 1


def _fresh_warnings(view: RunView, store: MetricsStore) -> list[str]:
    """What the engine warned of in the last minutes of training; older warnings stand among the notes."""
    now = view.status.elapsed_s if view.status else 0.0
    warnings = (event for event in store.events if event.get("event") == "warning")
    return [str(one.get("message")) for one in warnings if now - float(one.get("elapsed_s", 0.0)) < WARNING_FRESH_S]
