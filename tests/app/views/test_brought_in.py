"""What is brought into the app: sounds that are dropped, folders of before, a run of somebody else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.panels.source import DROPPED, FOLDER
from app.runs.dropped import PLACE, keep
from engine.rundir.reader import RunReader
from engine.rundir.record import Source
from engine.sharing.pack import pack
from tests.app.conftest import said
from tests.app.library import write

Visit = Callable[..., AppTest]


def usable(app: AppTest) -> str:
    return next(one.value for one in app.metric if one.label == "Usable sounds")


def test_dropped_sounds_are_checked_as_any_folder_and_kept_beside_the_runs(
    visit: Visit, runs_dir: Path, drums: Path
) -> None:
    app = visit("new")
    app.session_state["source"] = DROPPED
    app.run()
    assert "They are copied beside your runs" in said(app) and app.button(key="start").disabled
    files = [(path.name, path.read_bytes(), "audio/flac") for path in sorted(drums.iterdir())]
    app.file_uploader(key="drop-files").set_value([*files, ("notes.txt", b"x", "text/plain")]).run()
    assert not app.exception and usable(app) == str(len(files)) and not app.button(key="start").disabled
    assert "1 file is no sound: passed over." in said(app)
    (kept,) = (runs_dir / ".dropped").glob("*/*")
    assert sorted(path.name for path in kept.iterdir()) == [name for name, _, _ in files]
    assert app.text_input(key="name").placeholder == "sounds"


def test_a_hostile_archive_is_refused_in_a_sentence(visit: Visit, runs_dir: Path) -> None:
    app = visit("new")
    app.session_state["source"] = DROPPED
    app.run()
    app.file_uploader(key="drop-files").set_value([("x.zip", b"no archive", "application/zip")]).run()
    assert not app.exception and "x.zip is damaged, or no zip archive" in said(app)
    assert app.button(key="start").disabled


def test_a_dropped_table_is_judged_as_one_of_a_path(visit: Visit, runs_dir: Path) -> None:
    def dropped(*tables: str) -> AppTest:
        app = visit("new")
        app.session_state["source"] = DROPPED
        app.run()
        files = [(f"{place}.csv", text.encode(), "text/csv") for place, text in enumerate(tables)]
        app.file_uploader(key="drop-files").set_value([*files, ("notes.txt", b"x", "text/plain")]).run()
        assert not app.exception
        return app

    app = dropped("a,b,kind\n1,2,x\n2,1,y\n3,red,x\n4,4,y\n")
    assert "on line 4" in said(app) and PLACE not in said(app) and app.button(key="start").disabled
    app = dropped("a,b,kind\n1,2,x\n2,1,y\n3,5,x\n4,4,y\n")
    assert "4 rows" in [one.value for one in app.metric] and "1 file is no table: passed over." in said(app)
    assert not app.button(key="start").disabled and app.text_input(key="name").placeholder == "0"
    (kept,) = [path for path in (runs_dir / PLACE).rglob("0.csv") if b"red" not in path.read_bytes()]
    write(runs_dir / "mine", task="mlp", source=Source(kind="file", name="0", path=str(kept)))
    app = visit("new", copy="mine")
    assert "0.csv (dropped): kept beside your runs." in said(app) and "4 rows" in [one.value for one in app.metric]
    app = dropped("a,b\n", "a,b\n")
    assert "2 tables, and a run learns from one." in said(app) and app.button(key="start").disabled


def test_folders_that_runs_learned_from_are_there_to_press(visit: Visit, runs_dir: Path, drum_run: Path) -> None:
    shutil.copytree(drum_run, runs_dir / "drums")
    folder = RunReader(drum_run).run().source.path  # type: ignore[union-attr]
    app = visit("new")
    app.session_state["source"] = FOLDER
    app.run()
    app.button(key=f"recent-{folder}").click().run()
    assert not app.exception and app.text_input(key="folder").value == folder and usable(app)


def test_a_copy_of_a_run_of_dropped_sounds_names_them_and_not_where_they_lie(
    visit: Visit, runs_dir: Path, drums: Path
) -> None:
    kept = keep(runs_dir, [(f"kit/{path.name}", memoryview(path.read_bytes())) for path in sorted(drums.iterdir())])
    write(runs_dir / "mine", source=Source(kind="folder", name="kit", path=str(kept.source)))
    app = visit("new", copy="mine")
    assert app.session_state["source"] == DROPPED and usable(app) == str(len(list(kept.source.iterdir())))
    assert "kit (dropped): kept beside your runs." in said(app) and not app.button(key="start").disabled
    assert not [one for one in app.text_input if PLACE in str(one.value)] and PLACE not in said(app)
    app.segmented_control(key="source").set_value(FOLDER).run()
    assert app.text_input(key="folder").value == ""
    app.button(key=f"recent-{kept.source}").click().run()
    assert app.session_state["source"] == DROPPED and usable(app) == str(len(list(kept.source.iterdir()))), (
        "as where one chose it"
    )
    shutil.rmtree(kept.source)
    gone = visit("new", copy="mine")
    assert "kit (dropped) is gone from beside your runs: drop it again." in said(gone) and not gone.exception
    assert gone.button(key="start").disabled and "They are copied beside your runs" in said(gone)


def test_a_packed_run_is_opened_to_look_at(visit: Visit, runs_dir: Path, drum_run: Path, tmp_path: Path) -> None:
    pack(RunReader(drum_run), tmp_path / "drums.zip")
    app = visit()
    app.session_state["elsewhere"] = True
    app.run()
    data = (tmp_path / "drums.zip").read_bytes()
    app.file_uploader(key="run-zip").set_value(("drums.zip", data, "application/zip")).run()
    app.button(key="open-elsewhere").click().run()
    assert not app.exception and (runs_dir / drum_run.name / "run.json").exists()
    assert any("Read only" in one.value for one in app.markdown), [one.value for one in app.markdown]


def test_what_was_damaged_in_it_is_said_once_where_it_opens(
    visit: Visit, runs_dir: Path, drum_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(drum_run, tmp_path / "drums-1"))
    best = RunReader(run).layout.best
    best.write_bytes(best.read_bytes()[:-1])
    app = visit()
    app.session_state["elsewhere"], app.session_state["run-place"] = True, str(run)
    app.run()
    app.button(key="open-elsewhere").click().run()
    assert not app.exception and (runs_dir / run.name / "run.json").exists()
    assert [one.value for one in app.toast] == ["1 file was damaged and left out: checkpoints/best.safetensors."]
    assert not app.run().toast


def test_what_is_no_run_is_refused_and_nothing_is_kept(visit: Visit, runs_dir: Path, tmp_path: Path) -> None:
    write(runs_dir / "mine")
    app = visit()
    app.session_state["elsewhere"], app.session_state["run-place"] = True, str(tmp_path / "nowhere")
    app.run()
    app.button(key="open-elsewhere").click().run()
    assert not app.exception and "ss-red" in said(app)
    assert [path.name for path in runs_dir.iterdir()] == ["mine"]
