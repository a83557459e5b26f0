"""What is said of several runs: the difference in words, and a table of figures and of the settings that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from app.charts.specs import SOLID
from app.look import states, style, words
from app.panels.details import chosen
from app.panels.forms import label, shown
from app.panels.runs_table import moment
from app.runs import dropped
from app.runs.compared import Compared, checked
from engine.claims.comparison import all_in_words
from engine.claims.figures import figure, gaps
from engine.quantities import counted, duration, number
from engine.rundir.record import RunRecord
from engine.rundir.view import RunView

Facts = dict[str, str]
_BESIDE = ("preset", "max_minutes")  # settings that the form of a new run shows outside its list


def say(runs: Sequence[Compared]) -> None:
    """The difference, and what the figures mean."""
    judged = [checked(one) for one in runs]
    said = all_in_words(judged)
    if not said:
        return
    style.title("The difference")
    st.html(f'<div class="ss-line">{"<br>".join(map(style.strong, said))}</div>')
    if any("±" in sentence for sentence in said):
        style.quiet(meaning(sum("±" in sentence for sentence in said)))


def meaning(sentences: int) -> str:
    """What stands behind ±, and what it does not know."""
    many = " Of runs that are alike, any is called better at most one time in twenty." if sentences > 1 else ""
    together = ", wide enough for all pairs of these runs together" if sentences > 1 else ""
    return (
        f"Each at its best epoch. ± is the 95 % interval of the mean difference file by file{together}; where it holds "
        f"zero, the files cannot tell.{many} Another seed may move it as well."
    )


def swatch(run_number: int) -> str:
    """A stroke in a run's colour, as its curve is drawn."""
    dashed = " ss-dashed" if run_number > SOLID else ""
    return f'<span class="ss-swatch ss-run-{run_number}{dashed}" aria-hidden="true"></span>'


def table(runs: Sequence[Compared]) -> None:
    """A row a run."""
    items = {words.nouns(one.run).items for one in runs}
    named = items.pop().capitalize() if len(items) == 1 else "Items"
    apart = differing([one.run for one in runs])
    rows = [figures(one, named) | settings for one, settings in zip(runs, apart, strict=True)]
    style.title("Figures", "and the settings that differ")
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f'<th scope="col">{style.safe(name)}</th>' for name in ("Run", *names))
    body = "".join(_row(one, [row.get(name, "–") for name in names]) for one, row in zip(runs, rows, strict=True))
    st.html(
        '<div class="ss-wide" tabindex="0" role="region" aria-label="Figures"><table class="ss-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    if len(runs) > 1 and not any(apart):
        style.quiet("No setting differs between them.")
    for one in runs:
        if missing := gaps(one.store.damaged):
            style.quiet(f"{one.name}: {missing}")


def _row(one: Compared, values: Sequence[str]) -> str:
    link = f'<a href="run?run={style.safe(one.reader.id)}" target="_self">{style.safe(one.name)}</a>'
    cells = "".join(f"<td>{style.safe(value)}</td>" for value in values)
    return f'<tr><th scope="row">{swatch(one.number)}{link}</th>{cells}</tr>'


def figures(one: Compared, items_name: str) -> Facts:
    """How far a run is, and how well it does. items_name: what all of them learn from."""
    status, run, unit = one.view.status, one.run, one.run.monitor.unit
    best = status.best if status else None
    last = one.store.epochs.last(run.monitor.metric)
    items = run.num_train_files + run.num_val_files
    return {
        "State": ", ".join(badge.label for badge in states.badges(one.view)),
        "Best": f"{figure(best.raw, unit)} at epoch {best.epoch}" if best else "–",
        "Last": figure(last, unit) if last is not None else "–",
        "Trained": _trained(one.view),
        "Updates": number(status.step) if status else "–",
        items_name: number(items) if items else "–",
    }


def _trained(view: RunView) -> str:
    """How long; of one that was extended that too, since the limits among the settings are those it began with."""
    took = duration(view.status.elapsed_s) if view.status else "–"
    return f"{took}, extended {longer}" if (longer := words.longer(view)) else took


def differing(runs: Sequence[RunRecord]) -> list[Facts]:
    """By run, the settings in which not all are alike, as the form calls them; of several tasks those of training."""
    names = {run.uuid: run.name for run in runs}
    told = [_learns_from(run, runs) | _began_with(run, names) | _settings(run) for run in runs]
    own = {label(name) for run in runs for name in run.config.task} if len({run.task for run in runs}) > 1 else set()
    settings = dict.fromkeys(name for one in told for name in one if name not in own)
    apart = [name for name in settings if len({one.get(name) for one in told}) > 1]
    return [{name: one.get(name, "–") for name in apart} for one in told]


def _learns_from(run: RunRecord, runs: Sequence[RunRecord]) -> Facts:
    """What it learns, and from where: by its name, and of folders or files of one name by their paths."""
    named = run.source.kind, run.source.name
    alike = {one.source.path for one in runs if (one.source.kind, one.source.name) == named}
    by_path = run.source.path and run.source.kind != "dataset" and len(alike) > 1
    source = dropped.shown(run.source.path or "") if by_path else run.source.name
    return {"Learns": words.nouns(run).items, "Source": source}


def _began_with(run: RunRecord, names: Mapping[str, str]) -> Facts:
    """What decides a curve beside all settings: whose weights it began with. names: of the runs here, by uuid."""
    if run.parent is None:
        return {}
    return {"Began with": f"{moment(run.parent)} of {names.get(run.parent.uuid, run.parent.run)}"}


def _settings(run: RunRecord) -> Facts:
    training = run.config.training
    beside = {label(name): shown(training[name]) for name in _BESIDE if training.get(name) is not None}
    limit = run.config.task.get("exclude")
    left_out = {label("exclude"): counted(len(limit), "file")} if isinstance(limit, list | tuple) and limit else {}
    return beside | left_out | chosen(run)
