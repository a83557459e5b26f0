"""The table of earlier runs: what it shows of which, and what is done with those that are ticked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from app.panels import runs_table
from app.panels.runs_table import COLUMNS, WIDEST_NAME
from app.runs.launch import Launch, launcher
from app.runs.library import _library
from engine.rundir.annotate import annotate
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import Monitor, RunConfig
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from tests.app.conftest import said
from tests.app.library import write
from tests.conftest import until

Visit = Callable[..., AppTest]


@pytest.fixture
def ticked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the runs whose boxes are ticked, as AppTest has no boxes of a table; the rest of it is real."""
    ids: list[str] = []
    real = runs_table.show
    monkeypatch.setattr(
        runs_table, "show", lambda library, rows, columns, depths: [
            real(library, rows, columns, depths), [row for row in rows if row.reader.id in ids]
        ][1],
    )  # fmt: skip
    return ids


@pytest.fixture
def three(runs_dir: Path) -> Iterator[Path]:
    for name, state in (("hats", State.COMPLETED), ("bells", State.FAILED), ("rain", State.COMPLETED)):
        write(runs_dir / name, name=name, state=state)
    yield runs_dir


def names(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["Run"]) if app.dataframe else []


def written(app: AppTest) -> pd.DataFrame:
    """The cells of the table as they are seen."""
    proto: Any = app.dataframe[0].proto
    shown = convert_arrow_bytes_to_pandas_df(proto.arrow_data.styler.display_values)
    return shown.set_axis(app.dataframe[0].value.columns, axis=1)


def notes(place: Path, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Layout(place / run).notes.read_text())
    return found


def test_a_link_brings_back_the_columns_words_and_states(visit: Visit, three: Path) -> None:
    annotate(RunReader(three / "rain"), tags=("wet",))
    app = visit("runs", columns="Size,Tags,Nothing", find="WET", states="Done")
    assert names(app) == ["rain"] and list(app.dataframe[0].value) == ["Open", "Run", "Size", "Tags"]
    app.text_input(key="runs-find").set_value("").run()
    assert names(app) == ["rain", "hats"] and "find" not in app.query_params
    assert app.query_params["columns"] == "Size,Tags"


def test_a_phone_shows_the_best_figure_beside_a_name(visit: Visit, three: Path) -> None:
    table = visit().dataframe[0]
    assert list(table.value)[:4] == ["Open", "Run", "Best", "State"]
    short = json.loads(table.proto.columns)["Run"]["width"]
    annotate(RunReader(three / "hats"), name="hats, " * 20)
    long = json.loads(visit().dataframe[0].proto.columns)["Run"]["width"]
    assert short < 110 < long == WIDEST_NAME, "it takes what its names need, and no more than leaves room"


def test_every_column_is_a_number_where_it_is_sorted_by_number(visit: Visit, three: Path) -> None:
    app = visit("runs", columns=",".join(COLUMNS))
    table = app.dataframe[0].value
    assert set(COLUMNS) - {"From"} <= set(table), "From is for families"
    kinds = {name: table[name].dtype.kind for name in table}
    assert {kinds[one] for one in ("Best", "Last", "Sweet spot", "Epochs", "Minutes", "Items", "Size")} <= {"i", "f"}
    assert kinds["Started"] == "M" and (table["Size"] > 10_000).all()
    assert not app.exception


def test_figures_and_sizes_are_written_as_everywhere_also_beside_runs_of_another_unit(
    visit: Visit, runs_dir: Path
) -> None:
    accuracy = Monitor(metric="val_recon_db", reference="train_recon_db", unit="", better="higher")
    write(runs_dir / "hats", name="hats")
    write(runs_dir / "iris", name="iris", monitor=accuracy)
    for name, raw in (("hats", 6.02), ("iris", 0.9666)):
        status = json.loads(Layout(runs_dir / name).status.read_text())
        Layout(runs_dir / name).status.write_text(json.dumps(status | {"best": status["best"] | {"raw": raw}}))
    shown = written(visit("runs", columns="Best,Last,Size"))
    assert list(shown["Best"]) == ["0.967", "6.0"]
    assert all(re.fullmatch(r"\d+\.\d", one) for one in shown["Last"][1:])
    assert all(re.fullmatch(r"\d+ KB|\d+\.\d MB", one) for one in shown["Size"])


def test_archived_runs_are_shown_when_they_are_asked_for(visit: Visit, three: Path, ticked: list[str]) -> None:
    ticked += ["hats", "bells"]
    app = visit()
    app.button(key="archive").click().run()
    assert names(app) == ["rain"] and notes(three, "hats")["archived"] and notes(three, "bells")["archived"]
    app.button_group(key="runs-states").set_value(["Archived"]).run()
    assert sorted(names(app)) == ["bells", "hats"] and app.button(key="archive").label == "Take out of the archive"
    app.button(key="archive").click().run()
    assert sorted(names(app)) == ["bells", "hats", "rain"]


def test_a_table_that_is_empty_says_why(visit: Visit, three: Path) -> None:
    app = visit("runs", find="zebra")
    assert "No run fits." in said(app) and not app.dataframe
    app.button(key="show-all").click().run()
    assert len(names(app)) == 3
    for name in ("hats", "bells", "rain"):
        annotate(RunReader(three / name), archived=True)
    assert "All earlier runs are in the archive." in said(visit())


def test_a_name_given_is_what_pages_call_the_run(visit: Visit, three: Path, ticked: list[str]) -> None:
    ticked += ["hats"]
    app = visit()
    app.button(key="annotate").click().run()
    assert app.text_input(key="note-name").value == "hats"
    app.text_input(key="note-name").set_value("Hats, *dry*")
    app.text_input(key="note-tags").set_value("keeper, dry")
    app.text_area(key="note-text").set_value("Use 31.")
    app.button(key="notes-now").click().run()
    assert "Hats, *dry*" in names(app) and not app.text_input(key="runs-find").value
    assert notes(three, "hats") == {
        "name": "Hats, *dry*",
        "tags": ["keeper", "dry"],
        "text": "Use 31.",
        "archived": False,
        "remarks": {},
        "starred": [],
    }
    page = said(visit("run", run="hats"))
    assert "Hats, *dry*" in page and "keeper" in page and "Use 31." in page
    assert "Hats, *dry*" in said(visit("compare", runs="hats,rain"))


def test_a_name_that_was_not_changed_is_not_written(visit: Visit, three: Path, ticked: list[str]) -> None:
    ticked += ["hats"]
    app = visit()
    app.button(key="annotate").click().run()
    app.button(key="notes-now").click().run()
    assert notes(three, "hats")["name"] == ""


def test_tags_of_several_change_where_all_have_them(visit: Visit, three: Path, ticked: list[str]) -> None:
    annotate(RunReader(three / "hats"), name="kept", tags=("dry", "old"))
    annotate(RunReader(three / "rain"), tags=("wet", "old"))
    ticked += ["hats", "rain"]
    app = visit()
    app.button(key="annotate").click().run()
    assert app.text_input(key="note-tags").value == "old"
    app.text_input(key="note-tags").set_value("new")
    app.button(key="notes-now").click().run()
    assert notes(three, "hats")["tags"] == ["dry", "new"] and notes(three, "hats")["name"] == "kept"
    assert notes(three, "rain")["tags"] == ["wet", "new"]


def elsewhere(run: Path) -> None:
    """As if it was trained on another computer."""
    sessions = Layout(run).sessions
    line = json.loads(sessions.read_text()) | {"host": "mac", "boot_id": "its own", "machine_id": "its own"}
    sessions.write_text(json.dumps(line) + "\n")


def test_a_run_of_another_computer_says_why_it_takes_no_note(visit: Visit, three: Path, ticked: list[str]) -> None:
    elsewhere(three / "hats")
    ticked += ["hats"]
    app = visit()
    app.button(key="annotate").click().run()
    assert "only looked at here" in said(app) and not [one for one in app.text_input if one.key == "note-name"]
    ticked += ["rain"]
    app = visit()
    app.button(key="archive").click().run()
    assert "only looked at here" in said(app)
    assert notes(three, "rain")["archived"] and not Layout(three / "hats").notes.exists()


def test_many_are_deleted_after_one_question_and_what_may_live_stays(
    visit: Visit, three: Path, ticked: list[str]
) -> None:
    elsewhere(three / "bells")
    status = Layout(three / "bells").status
    status.write_text(status.read_text().replace('"failed"', '"running"'))
    ticked += ["hats", "bells", "rain"]
    app = visit()
    app.button(key="delete-chosen").click().run()
    assert "2 runs, " in said(app) and "bells stays." in said(app) and "another computer" in said(app)
    assert (three / "hats").exists(), "it was only asked"
    assert app.button(key="delete-not").label == "Keep them"
    app.button(key="delete-now").click().run()
    assert sorted(path.name for path in three.iterdir()) == ["bells"] and names(app) == ["bells"]


def test_of_one_run_the_question_speaks_of_one(visit: Visit, three: Path, ticked: list[str]) -> None:
    ticked += ["hats"]
    app = visit()
    app.button(key="delete-chosen").click().run()
    assert "1 run, " in said(app) and "goes for good, with all that it learnt and made." in said(app)
    assert app.button(key="delete-not").label == "Keep it"
    assert [one.proto.dialog.title for one in app.get("dialog")] == ["Delete this run?"]


def test_a_run_that_was_just_told_to_go_on_is_not_deleted_before_it_says_so(
    visit: Visit, three: Path, ticked: list[str]
) -> None:
    ticked += ["hats", "rain"]
    app = visit()
    app.button(key="delete-chosen").click().run()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as begins:  # and says nothing yet
        launcher().add(Launch(three / "hats", "hats", begins))
        app.button(key="delete-now").click().run()
        assert (three / "hats").exists() and not (three / "rain").exists() and "hats is just starting" in said(app)
        ticked.remove("rain")
        app.button(key="delete-chosen").click().run()
        assert "hats stays." in said(app) and "It trains: stop it first." in said(app)
        assert all(button.key != "delete-now" for button in app.button)
        page = visit("run", run="hats")
        assert "Starting…" in said(page) and all(button.key != "delete" for button in page.button), "in every tab"
    assert any(button.key == "delete" for button in visit("run", run="hats").button), "it ended without a word"


def test_what_began_between_the_question_and_the_answer_stays(visit: Visit, three: Path, ticked: list[str]) -> None:
    ticked += ["hats", "rain"]
    app = visit()
    app.button(key="delete-chosen").click().run()
    resumed = RunWriter.open(three / "hats", device="cpu", threads=1, versions={"torch": "0"}, resume=True)
    app.button(key="delete-now").click().run()
    assert (three / "hats").exists() and not (three / "rain").exists()
    assert "trains this run" in said(app)
    resumed.close()


def test_a_card_says_about_how_many_epochs_while_minutes_decide(visit: Visit, runs_dir: Path) -> None:
    for name, minutes in (("exact", None), ("timed", 20.0)):
        config = RunConfig(training={"preset": "conservative", "max_minutes": minutes}, task={})
        write(runs_dir / name, name=name, state=State.RUNNING, done=3, close=False, config=config)
    cards = said(visit())
    assert cards.count("Epoch <b>3</b> of 20") == 1 and cards.count("Epoch <b>3</b> of about 20") == 1


def test_a_note_from_elsewhere_is_seen_without_a_reload(visit: Visit, three: Path) -> None:
    app = visit()
    annotate(RunReader(three / "rain"), name="Rain, of a terminal")
    library = _library(str(three))
    until(lambda: "Rain, of a terminal" in [view.name for _, view in library.views()[0]])
    app.run()
    assert "Rain, of a terminal" in names(app)


def test_a_run_that_begins_is_called_as_its_user_says_at_once(visit: Visit, runs_dir: Path) -> None:
    live = write(runs_dir / "new", name="new", state=State.RUNNING, done=2, close=False)
    annotate(RunReader(runs_dir / "new"), name="Called so")
    assert "Called so" in said(visit())
    view = RunReader(runs_dir / "new").view()
    assert launcher().name_of(view, runs_dir / "new") == "Called so"
    live.close()


def test_a_press_opens_the_run_it_was_made_on_though_the_rows_have_moved(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: dict[str, Any] = {}
    monkeypatch.setattr(runs_table.st, "session_state", pressed)
    hats, bells, rain = (runs_table.Row(RunReader(three / name), RunReader(three / name).view(), name)
                         for name in ("hats", "bells", "rain"))  # fmt: skip
    assert runs_table.pressed([hats, bells]) is None
    pressed[runs_table.PRESSED] = {"row": 1}
    assert runs_table.pressed([rain, hats, bells]) is bells, "one ended between the drawing and the press"
    assert runs_table.pressed([rain]) is None, "the one that was pressed is gone"
    pressed[runs_table.PRESSED] = {"row": 1}
    assert runs_table.pressed([rain, bells]) is None, "no such row was drawn"
