"""``sweetspot inspect RUN_DIR``: where a run stands and whether what it saved is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from engine.claims.advice import kept
from engine.claims.figures import gaps
from engine.claims.headline import headline
from engine.claims.length import in_words
from engine.claims.quality import quality_of
from engine.claims.verdict import as_told
from engine.errors import RunDirectoryError
from engine.printable import escaped
from engine.process.path_type import UserPath
from engine.quantities import counted, duration
from engine.rundir.artefacts import Artefact, saved_states
from engine.rundir.encoding import encode
from engine.rundir.layout import checkpoint_step
from engine.rundir.notes import Notes, notes_doubt
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView, ShownState

_UNVERIFIED = "NOT VERIFIED, it will not be loaded"
_SHOWN = [
    "phase",
    "epoch",
    "total_epochs",
    "step",
    "total_steps",
    "elapsed_s",
    "eta_s",
    "baseline",
    "metrics",
    "overfitting_gap",
    "best",
    "evidence",
    "diagnosis",
    "warnings",
    "last_checkpoint",
    "error",
]


@click.command("inspect")
@click.argument("run_dir", type=UserPath())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(run_dir: Path, as_json: bool) -> None:
    """Show where a run stands and whether what it saved is whole.

    All weights are read whole and held against their manifests, and all lines of figures; what does not verify is shown
    as such.
    """
    reader = RunReader(run_dir)
    if not reader.exists:
        raise RunDirectoryError(f"{run_dir} holds no run.", "Name the directory that a training printed first.")
    facts = inspect(reader)
    click.echo(encode(facts, indent=2).decode().rstrip() if as_json else "\n".join(map(escaped, _sentences(facts))))


def inspect(reader: RunReader) -> dict[str, Any]:
    """All that ``--json`` prints. Missing or damaged parts are null or empty."""
    view = reader.view()
    last_epoch = reader.metrics_tail(1, "epoch")
    checkpoints, snapshots = reader.checkpoints(), reader.snapshots()
    whole = [found for found in snapshots if found.verified]
    usable = saved_states([found for found in checkpoints if found.verified], whole)
    said = headline(view, lambda: kept(checkpoints, snapshots))
    return {
        **_identity(view),
        **_standing(view),
        "planned": _planned(view),
        "plans": [record.model_dump() for record in reader.plans()],
        "headline": said.message if said else None,
        "quality": _quality(view),
        "last_epoch": last_epoch[0] if last_epoch else None,
        "checkpoints": [_artefact(found) for found in checkpoints],
        "snapshots": [found.path.name for found in snapshots],
        "damaged_snapshots": [found.path.name for found in snapshots if found not in whole],
        "usable": [{"name": one.name, "epoch": one.epoch, "step": one.step} for one in usable],
        "heard": heard(reader, view.notes),
        "previews": sum(found.made for found in reader.previews()),
        "sessions": len(reader.sessions()),
        "damage": list(_damage(reader)),
    }


def _damage(reader: RunReader) -> Iterator[str]:
    if damage := reader.damage():
        yield " ".join(damage)
    if reader.layout.dataset.exists() and reader.dataset() is None:
        yield f"{reader.layout.dataset} is damaged: which files were used is not known. Resuming writes it anew."
    if missing := gaps(reader.damaged_lines()):
        yield missing
    if doubt := notes_doubt(reader.layout):
        yield doubt


def _identity(view: RunView) -> dict[str, Any]:
    run = view.run
    return {
        "id": view.id,
        "name": view.name,
        "notes": view.notes.model_dump(),
        "uuid": run.uuid if run else None,
        "task": run.task if run else None,
        "can": run.can.model_dump() if run else None,
        "source": run.source.model_dump() if run else None,
        "parent": run.parent.model_dump() if run and run.parent else None,
        "state": str(view.state),
        "doubt": view.doubt or None,
        "read_only": view.read_only,
    }


def _standing(view: RunView) -> dict[str, Any]:
    values = view.status.model_dump() if view.status else {}
    if not view.state.live:  # killed, or ended by an earlier version: what it had left then is left no longer
        values["eta_s"] = None
    told = {"diagnosis": [one.model_dump() for one in as_told(view)]} if view.status else {}
    return {name: values.get(name) for name in _SHOWN} | told


def _planned(view: RunView) -> dict[str, Any] | None:
    """The plan that the run began with."""
    names = ("total_epochs", "total_steps", "planned_s")
    return None if view.run is None else {name: getattr(view.run, name) for name in names}


def _quality(view: RunView) -> dict[str, Any] | None:
    """What the run's page shows as its quality."""
    said = quality_of(view)
    return None if said is None else {"value": said.value, "shown": said.shown, "label": said.label}


def _artefact(found: Artefact) -> dict[str, Any]:
    manifest = found.manifest
    return {
        "file": found.path.name,
        "step": manifest.step if manifest else checkpoint_step(found.path.name),
        "epoch": manifest.epoch if manifest else None,
        "bytes": manifest.bytes if manifest else None,
        "verified": found.verified,
    }


def _sentences(facts: dict[str, Any]) -> Iterator[str]:
    yield f"{facts['name']}: {facts['state']}"
    headline = facts["headline"] or ""
    if facts["doubt"] and facts["doubt"] not in headline:
        yield f"  {facts['doubt']}"
    yield from note_sentences(facts["notes"])
    yield from heard_sentences(facts["heard"])
    if facts["step"] is not None:
        crashed = "last heard of at " if facts["state"] == ShownState.CRASHED else ""
        epoch = _of(facts["epoch"], facts["total_epochs"])
        yield f"  {crashed}step {_of(facts['step'], facts['total_steps'])}, epoch {epoch}"
        yield f"  trained for {duration(facts['elapsed_s'])}"
    if facts["parent"] is not None:
        yield f"  began with {facts['parent']['checkpoint']} of {facts['parent']['run']}"
    yield from _plan_sentences(facts)
    if headline:
        yield f"  {headline}"
    if facts["quality"]:
        yield f"  quality: {facts['quality']['shown']}, {facts['quality']['label']}"
    if facts["metrics"]:
        yield "  last: " + ", ".join(f"{name} {value:.4g}" for name, value in facts["metrics"].items())
    if facts["best"]:
        best = facts["best"]
        yield f"  best: {best['metric']} {best['raw']:.4g} in epoch {best['epoch']}, step {best['step']}"
        yield from _saved_best(facts["usable"], best["step"])
    said = [found["message"] for found in facts["diagnosis"] or ()]
    yield from (f"  {message}" for message in said if message not in headline)
    for warning in facts["warnings"] or ():
        yield f"  warning: {warning}"
    yield from (f"  {sentence}" for sentence in facts["damage"] if sentence not in headline)
    counts = {name: len(facts[name]) for name in ("snapshots", "checkpoints")}
    yield f"  {facts['previews']} previews, {counts['snapshots']} snapshots, {counts['checkpoints']} checkpoints"
    if facts["usable"]:
        epochs = sorted({one["epoch"] for one in facts["usable"]})
        yield f"  to use with --checkpoint epoch-N: {', '.join(map(str, epochs))}"
    yield from (f"    {name}: {_UNVERIFIED}" for name in facts["damaged_snapshots"])
    for found in facts["checkpoints"]:
        step = "" if found["step"] is None else f", step {found['step']}"
        yield f"    {found['file']}{step}: {'verified' if found['verified'] else _UNVERIFIED}"


def _saved_best(usable: list[dict[str, Any]], best: int) -> Iterator[str]:
    """Where the state that was saved as the best is of an earlier epoch: a later one was lost, or is not saved yet."""
    saved = next((one for one in usable if one["name"] == "best"), None)
    if saved is not None and saved["step"] < best:
        yield f"  best that is saved: epoch {saved['epoch']}, step {saved['step']}"


def note_sentences(notes: dict[str, Any]) -> Iterator[str]:
    """What a person says of a run, without the name."""
    if notes["archived"]:
        yield "  archived"
    if notes["tags"]:
        yield f"  tags: {', '.join(notes['tags'])}"
    yield from (f"  note: {line}" for line in notes["text"].splitlines())


def heard(reader: RunReader, notes: Notes) -> list[dict[str, Any]]:
    """What a person says of previews, and which of them have a star, in the order they were made."""
    epochs = {one.step: one.epoch for one in reader.previews() if one.made}
    return [
        {"step": step, "epoch": epochs.get(step), "starred": step in notes.starred, "words": notes.remarks.get(step)}
        for step in sorted({*notes.remarks, *notes.starred})
    ]


def heard_sentences(found: list[dict[str, Any]]) -> Iterator[str]:
    """ "  ★ epoch 45, step 2970: the hat is back"."""
    for one in found:
        star, epoch = "★ " if one["starred"] else "", "" if one["epoch"] is None else f"epoch {one['epoch']}, "
        yield f"  {star}{epoch}step {one['step']}{': ' if one['words'] else ''}{one['words'] or ''}"


def _plan_sentences(facts: dict[str, Any]) -> Iterator[str]:
    first, later = facts["planned"], [plan for plan in facts["plans"] if not plan["extends"]]
    if first is not None:
        yield f"  planned {in_words(first['total_epochs'], first['total_steps'], first['planned_s'])}"
    if later:
        times = "once" if len(later) == 1 else counted(len(later), "time")
        yield f"  planned anew {times}, last at step {later[-1]['step']}: {later[-1]['reason']}"
    yield from (f"  {plan['reason']} at step {plan['step']}" for plan in facts["plans"] if plan["extends"])


def _of(count: int, total: int | None) -> str:
    return f"{count}" if total is None else f"{count} of {total}"
