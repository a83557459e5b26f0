"""What is said of a run fits what it learns: no table has sounds, files to listen to or recordings."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.panels.forms import fields
from app.report.contents import gather
from app.report.page import page
from engine.rundir.reader import RunReader
from engine.rundir.record import Abilities, Monitor, RunConfig
from engine.rundir.status import State
from engine.tasks import task_config, task_names
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.nouns import ROWS
from tests.app.conftest import said
from tests.app.library import SPECS, write

Visit = Callable[..., AppTest]
OF_SOUND = re.compile(r"\b(sounds?|recordings?|wav|hear|listen|listening|chunks?|mel|spectrograms?|players?)\b", re.I)
ABOUT_SOUND = {"labels"}  # of a folder of sounds, which a table's task learns from as well
TABLES = [name for name in task_names() if not task_config(name).can.make_sounds]


def table_run(root: Path, state: State = State.COMPLETED, **changes: object) -> object:
    labels = {"val_recon_db": "new rows", "train_recon_db": "its own rows"}
    specs = [one.model_copy(update={"label": labels.get(one.name, one.label), "unit": ""}) for one in SPECS]
    monitor = Monitor(metric="val_recon_db", reference="train_recon_db", baseline=14.2, nouns=ROWS)
    config = RunConfig(training={"preset": "balanced"}, task=MLPConfig().model_dump(mode="json"))
    known = {"task": "mlp", "can": Abilities(), "monitor": monitor, "metrics": specs, "config": config}
    return write(root, name="iris", state=state, **{**known, **changes})  # type: ignore[arg-type]


def everything(app: AppTest) -> str:
    """All words on the page, also those in tables, on buttons, behind question marks and for who cannot see."""
    parts = [said(app), *(one.value for one in (*app.markdown, *app.caption))]
    parts += [f"{one.label} {one.value} {one.delta} {one.help}" for one in app.metric]
    parts += [f"{one.label} {one.help}" for one in app.button] + [one.label for one in (*app.expander, *app.tabs)]
    parts += [one.value.to_csv() for one in app.dataframe]
    parts += [one.proto.alt for one in app.get("vega_lite_chart")]
    return re.sub(r"<style.*?</style>|<[^>]*>", " ", " ".join(map(str, parts)), flags=re.S)


@pytest.mark.parametrize("name", TABLES)
def test_the_settings_of_a_table_speak_of_no_sound(name: str) -> None:
    assert TABLES
    for field in (one for group in fields(name).values() for one in group if one.name not in ABOUT_SOUND):
        assert not OF_SOUND.search(f"{field.label} {field.info.description}"), field.name
        assert "file" not in f"{field.label} {field.info.description}", field.name


@pytest.mark.parametrize("state", [State.COMPLETED, State.RUNNING, State.FAILED])
def test_the_page_of_a_tables_run_speaks_of_no_sound(visit: Visit, runs_dir: Path, state: State) -> None:
    writer = table_run(runs_dir / "iris", state, close=state is not State.RUNNING)
    app = visit("run", run="iris")
    tabs = [tab.label for tab in app.tabs]
    assert "Settings" in tabs
    for tab in tabs:
        app.session_state["tabs-iris"] = tab
        app.run()
        assert not app.exception
        found = OF_SOUND.search(everything(app))
        assert not found, (tab, found)
    assert not OF_SOUND.search(everything(visit()))
    if state is State.RUNNING:
        for phase in ("validate", "preview", "save"):
            writer.update(phase=phase)  # type: ignore[attr-defined]
            writer.state(state)  # type: ignore[attr-defined]
            assert not OF_SOUND.search(everything(visit("run", run="iris")))
        writer.close()  # type: ignore[attr-defined]


def test_the_report_of_a_tables_run_speaks_of_no_sound(runs_dir: Path) -> None:
    table_run(runs_dir / "iris")
    text = re.sub(r"<style.*?</style>|<[^>]*>", " ", page(gather(RunReader(runs_dir / "iris"))), flags=re.S)
    assert not OF_SOUND.search(text), OF_SOUND.search(text)


def test_what_a_tables_run_is_busy_with_is_said_in_its_words() -> None:
    from app.look.words import PHASES

    said_of_rows = [PHASES[name].format(items=ROWS.items, one=ROWS.one) for name in ("validate", "preview", "train")]
    assert said_of_rows == ["checking on rows it never learns", "making the next answer", "learning"]
