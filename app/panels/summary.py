"""The top of a run: where it stands in words, the strip, four figures. The strip stands on the Runs page as well."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import streamlit as st

from app.charts import specs
from app.charts.progress_bar import strip_rows
from app.look import states, style, words
from app.look.plain import plain
from app.runs.store import MetricsStore, metrics_of
from engine.claims.advice import Kept, kept
from engine.claims.evidence import interval
from engine.claims.figures import better, figure, give_or_take, percent
from engine.claims.headline import best_epoch, gain_at_best, headline, optimism_note, past_best, sweet_spot
from engine.claims.quality import quality_of
from engine.claims.sweet import SweetSpot
from engine.quantities import duration
from engine.rundir.findings import Evidence
from engine.rundir.layout import manifest
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord
from engine.rundir.status import Best, Status
from engine.rundir.view import RunView, ShownState
from engine.stamp import Stamp, stamp

WARNING_FRESH_S = 120.0


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
        st.vega_lite_chart(drawn[0], specs.STRIP, width="stretch", key=key, alt=drawn[1])


def strip_drawing(view: RunView, preview_steps: Sequence[int]) -> tuple[pa.Table, str] | None:
    """The rows of that bar, and the same in words."""
    status = view.status
    if status is None:
        return None
    total = status.total_steps or 0
    if states.getting_ready(view) and status.progress and status.progress.total:
        done, spot, said = status.progress.done / status.progress.total, None, words.phase(status, words.nouns_of(view))
    else:
        done = min(1.0, status.step / total) if total else 0.0
        spot = sweet_spot(status, view.run) if total else None
        said = f"{percent(done)} done" + (f", {spot.said}" if spot else "")
    heard = [step / total for step in preview_steps] if total else []
    return strip_rows(done, spot, _ends(status, view.run, total), heard), f"The whole run: {said}"


def _ends(status: Status, run: RunRecord | None, total: int) -> Callable[[int], float]:
    """Where an epoch ended, as a part of the run: known of the best and of the last, in between by their length."""
    best, length = status.best, run.steps_per_epoch if run else 0

    def at(epoch: int) -> float:
        step = status.step if epoch >= status.epoch else best.step + (epoch - best.epoch) * length if best else 0
        return min(1.0, max(0.0, step / total))

    return at


def cards(view: RunView) -> list[Card]:
    """The four figures of a run, as its state asks for."""
    status, run = view.status, view.run
    if status is None:
        return []
    best = best_epoch(status, run)
    if view.state is ShownState.COMPLETED and run is not None and best is not None:
        return _finished(view, status, run, best)
    return [_time(view, status), _quality(view), _gain(view, status), _error(view, status)]


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
                    help=plain(card.help) if card.help else None,
                )


def _time(view: RunView, status: Status) -> Card:
    if view.state.live:
        if states.getting_ready(view):
            return Card("Time left", "–", "known once it learns")
        if status.eta_s is None:
            return Card("Time left", "estimating", "known after some updates")
        return Card("Time left", duration(status.eta_s), f"done near {words.ends_near(status.eta_s, time.time())}")
    chip, colour = {
        ShownState.FAILED: ("until it failed", "red"),
        ShownState.CRASHED: ("until it ended", "orange"),
        ShownState.CANCELLED: ("until you stopped it", "gray"),
        ShownState.INTERRUPTED: ("until it was interrupted", "gray"),
    }.get(view.state, ("so far", "gray"))
    return Card("Time", duration(status.elapsed_s), chip, colour)


def _quality(view: RunView, label: str = "Quality") -> Card:
    said = quality_of(view)
    if said is None:
        return Card(label, "–", "too early to tell")
    return Card(label, said.shown, said.label, said.colour, said.explained)


def _gain(view: RunView, status: Status) -> Card:
    run, label = view.run, words.gain(view.run, words.nouns_of(view))
    gain = words.better_than_average(status, run) if run else None
    best = gain_at_best(status, run) if run else None
    if gain is None or best is None or status.best is None:
        return Card(label, "–", "too early to tell")
    if gain < 0 <= best:
        return Card(label, "no longer", f"{percent(best)} at epoch {status.best.epoch}")
    if gain < 0:
        return Card(
            label,
            "not yet" if status.state.live else "no",
            better(gain, run.monitor) if run else "",
        )
    here = status.best.epoch >= status.epoch
    return Card(
        label,
        percent(gain),
        "the best so far" if here else f"{percent(best)} at epoch {status.best.epoch}",
    )


def _error(view: RunView, status: Status) -> Card:
    run, label = view.run, words.error(view.run, words.nouns_of(view))
    value = status.metrics.get(run.monitor.metric) if run else None
    if run is None or value is None:
        return Card(label, "–", "after the first epoch")
    if not math.isfinite(value):
        return Card(label, figure(value, run.monitor.unit), "not a number", "red")
    error = status.metrics.get(words.uncertain(run, status.evidence) or "", math.nan)
    shown, meaning = _with_interval(value, error, status.evidence, run)
    if status.best is None or status.best.epoch >= status.epoch:
        return Card(label, shown, "the best so far", "green", meaning)
    change = value - status.best.raw
    if abs(change) < 0.005 * abs(status.best.raw):
        return Card(label, shown, f"as at epoch {status.best.epoch}", help=meaning)
    worse = (change > 0) == (run.monitor.better == "lower")
    said = f"{figure(status.best.raw, run.monitor.unit)} at epoch {status.best.epoch}"
    return Card(label, shown, said, "orange" if worse and past_best(status) else "gray", meaning)


def _with_interval(
    value: float, error: float | None, evidence: Evidence | None, run: RunRecord
) -> tuple[str, str | None]:
    """A value with its interval, and what stands behind ±; without one the value alone."""
    by = interval(error, evidence.files if evidence else 0)
    if by is None or evidence is None:
        return figure(value, run.monitor.unit), None
    checking = f"{evidence.files} {words.nouns(run).items} that check"
    return give_or_take(value, by, run.monitor.unit), f"± is the 95 % interval of the mean over the {checking}."


def _finished(view: RunView, status: Status, run: RunRecord, best: Best) -> list[Card]:
    gain = gain_at_best(status, run)
    last = status.metrics.get(run.monitor.metric)
    few = words.uncertain(run, status.evidence) is not None
    error = status.evidence.best_standard_error if few and status.evidence else None
    (shown, meaning), found = _with_interval(best.raw, error, status.evidence, run), sweet_spot(status, run)
    assert found is not None
    optimism = optimism_note(shown, status.evidence, run.monitor)
    return [
        Card(found.title.capitalize(), found.value, _where_in(found, status), help=_how_found(found, run)),
        _quality(view, f"Quality at epoch {best.epoch}"),
        Card(words.gain(run, words.nouns(run)), "–" if gain is None else percent(gain), f"at epoch {best.epoch}"),
        Card(
            words.error(run, words.nouns(run)), shown, f"{figure(last, run.monitor.unit)} at the end",
            help=" ".join(filter(None, (meaning, optimism))) or None,
        ),
    ]  # fmt: skip


def _where_in(found: SweetSpot, status: Status) -> str:
    """Beside the sweet range or the best epoch: of how many, and which of the range is best."""
    if found.range:
        return f"best epoch {found.best} of {status.total_epochs}"
    of = f"of {status.total_epochs}"
    return f"{of}, range unknown" if found.few else f"{of} in {duration(status.elapsed_s)}"


def _how_found(found: SweetSpot, run: RunRecord) -> str | None:
    items = words.nouns(run).items
    if found.few:
        return f"Too few {items} check it to tell which epochs are as good as this one."
    if found.range:
        return f"The new {items} that check cannot tell these epochs apart; epoch {found.best} is the best of them."
    return None


def badges(view: RunView, *, again: bool = False) -> None:
    """again: a process was started for it, and nothing of what is known of it holds any more."""
    for badge in [states.READY] if again else states.badges(view):
        st.badge(badge.label, icon=f":material/{badge.icon}:", color=badge.colour)  # type: ignore[arg-type]


def where(view: RunView) -> str:
    """One line on where it stands; what is bold stands between asterisks."""
    if view.status is None:
        return ""
    if states.getting_ready(view):
        called = words.nouns_of(view)
        return f"{words.phase(view.status, called).capitalize()}. The first {called.one} comes soon after."
    return words.where(view.status, view.state.live, minutes(view))


def minutes(view: RunView) -> float | None:
    """The limit that holds now of a run whose length its minutes decide; its records may be anybody's."""
    if view.extensions:  # its user's, in place of what run.json says
        limit: object = view.extensions[-1].minutes
    else:
        training = view.run.config.training if view.run else {}
        limit = training.get("max_minutes") if training.get("max_steps") is None else None
    return float(limit) if isinstance(limit, int | float) and math.isfinite(limit) and limit > 0 else None


def message(view: RunView, reader: RunReader) -> states.Note | None:
    """The most important thing to say about a run, if there is one."""
    store = metrics_of(reader.root)
    store.refresh()
    said = headline(view, lambda: kept_of(reader), _fresh_warnings(view, store))
    return None if said is None else states.noted(said)


def note(view: RunView, reader: RunReader) -> None:
    said = message(view, reader)
    if said is not None:
        style.note(said.colour, said.icon, said.strong, said.text)


def kept_of(reader: RunReader) -> Kept:
    """What of a run verifies; its files are read again only when one of them has changed."""
    paths = [path for one in (*reader.checkpoints(), *reader.snapshots()) for path in (one.path, manifest(one.path))]
    return _kept(reader.root, tuple((path.name, stamp(path)) for path in paths))


@lru_cache(maxsize=64)
def _kept(root: Path, stamps: tuple[tuple[str, Stamp | None], ...]) -> Kept:
    reader = RunReader(root)
    return kept(reader.checkpoints(), reader.snapshots())


def _fresh_warnings(view: RunView, store: MetricsStore) -> list[str]:
    """What the engine warned of in the last minutes of training, but for its findings: of those the verdict speaks."""
    now = view.status.elapsed_s if view.status else 0.0
    events = (event for event in store.warnings if "epoch" not in event)
    return [str(one.get("message")) for one in events if now - float(one.get("elapsed_s", 0.0)) < WARNING_FRESH_S]
