"""What a report says of a run: gathered once, in words that name no path, no host and no user."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from app.charts import plots, small_plots
from app.look import states, words
from app.panels import details, previews, summary
from app.report.sounds import Panel, panel
from engine.quantities import counted
from engine.rundir.artefacts import PreviewSet
from engine.rundir.reader import RunReader
from engine.rundir.record import DatasetRecord
from engine.rundir.view import RunView
from engine.sharing.anonymise import Scrubber

_AnyRecord = TypeVar("_AnyRecord", bound=BaseModel)


@dataclass(frozen=True)
class Report:
    """All that a page says of a run at one moment; nothing in it names a path, a host or a user."""

    view: RunView
    dataset: DatasetRecord | None
    made_at: str
    where: str
    strip: tuple[Any, str] | None
    cards: list[summary.Card]
    message: states.Note | None
    main: plots.Drawing | None
    small: list[plots.Drawing]
    panel: Panel
    notes: list[states.Note]
    facts: dict[str, str]
    settings: dict[str, str]
    checkpoints: list[dict[str, Any]]


def gather(reader: RunReader) -> Report:
    """Look at the run once. ``RunDirectoryError`` when another version wrote it."""
    scrub = Scrubber(reader.root, reader.run(), reader.sessions())
    view, found, root = _anonymous(reader.view(), scrub), reader.previews(), reader.root
    run = view.run
    drawn = small_plots.small_drawings(root, view, lambda group: None)
    dataset = reader.dataset()
    return Report(
        view=view,
        dataset=_clean(dataset, scrub) if dataset else None,
        made_at=words.date(time.time()),
        where=summary.where(view),
        strip=summary.strip_drawing(view, sorted({one.step for one in found})),
        cards=summary.cards(view),
        message=_note(summary.message(view, reader), scrub),
        main=plots.main_drawing(root, view, sorted({one.step for one in found})),
        small=[one for one in drawn.values() if one.rows.num_rows],
        panel=_panel(root, view, found),
        notes=[note for one in details.all_notes(root, view) if (note := _note(one, scrub))],
        facts=_facts(view),
        settings=scrub.value(details.chosen(run)) if run else {},
        checkpoints=[_without(row, "Written") for row in details.checkpoint_rows(reader, view)[::-1]],
    )


def _panel(root: Path, view: RunView, found: list[PreviewSet]) -> Panel:
    return panel(root, found, previews.captions(root, view, found))


def _anonymous(view: RunView, scrub: Scrubber) -> RunView:
    """The view for somebody else: whether it could be trained on from here is no matter to them."""
    run = view.run
    status = _clean(view.status, scrub) if view.status else None
    return replace(view, name=scrub.text(view.name), run=run and scrub.run(run), status=status, read_only=False)


def _clean(record: _AnyRecord, scrub: Scrubber) -> _AnyRecord:
    return type(record).model_validate(scrub.value(record.model_dump()))


def _note(note: states.Note | None, scrub: Scrubber) -> states.Note | None:
    return note and replace(note, strong=scrub.text(note.strong), text=scrub.text(note.text))


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _facts(view: RunView) -> dict[str, str]:
    if view.run is None:
        return {}
    facts = details.basic_facts(view.run) | details.started(view) | details.longer_facts(view)
    if view.session is not None:
        facts["Trained on"] = f"{view.session.device}, {counted(view.session.threads, 'thread')}"
    return facts
