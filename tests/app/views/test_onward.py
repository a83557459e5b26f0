"""From an epoch on: used, exported, begun from anew; and who began from whom."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from app.panels import saved_states
from app.panels.details import checkpoint_rows
from app.panels.families import MOST_LINKS
from app.report.contents import gather
from app.runs import exporting
from app.runs.exporting import exported
from engine.commands.inspect import _sentences, inspect
from engine.errors import SweetspotError
from engine.loop.snapshot import find
from engine.queue.files import Queue
from engine.rundir.artefacts import SavedState
from engine.rundir.encoding import encode
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import Parent
from engine.rundir.status import State
from tests.app.conftest import said
from tests.app.library import write
from tests.bits import flip
from tests.conftest import until

Visit = Callable[..., AppTest]


@pytest.fixture
def run(runs_dir: Path, drum_run: Path) -> RunReader:
    shutil.copytree(drum_run, runs_dir / "drums")
    return RunReader(runs_dir / "drums")


def snapshot(run: RunReader) -> str:
    """The oldest state of an epoch that is neither the best nor the last one."""
    return [one.name for one in run.saved_states() if one.epoch][-1]


def proposed(app: AppTest) -> Selectbox:
    """The choice of an epoch, whatever it proposes."""
    (found,) = (one for one in app.selectbox if str(one.key).startswith("onward-drums"))
    return found


def address(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in dict(app.query_params).items()}


@pytest.mark.usefixtures("forked_starts")
def test_any_epoch_whose_weights_were_kept_can_be_chosen_and_used(visit: Visit, run: RunReader) -> None:
    app = visit("run", run="drums")
    choice = proposed(app)
    assert len(choice.options) == len(run.saved_states()) > 3 and choice.value == "best"
    assert "no exact continuation" in said(app)
    choice.select(snapshot(run)).run()
    app.button(key="use-epoch").click().run()
    assert not app.exception and app.selectbox(key="state-drums").value == snapshot(run)


def test_another_proposal_is_another_widget_until_somebody_chooses(
    visit: Visit, run: RunReader, tmp_path: Path
) -> None:
    kept = run.layout.checkpoints.rename(tmp_path / "later")
    app = visit("run", run="drums")
    first = proposed(app).key
    kept.rename(run.layout.checkpoints)
    second = proposed(app.run()).key
    assert first != second, "the browser may miss a value that is put into the one it shows"
    proposed(app).select(snapshot(run)).run()
    assert proposed(app.run()).key == second


def test_the_choice_stays_one_widget_while_the_best_epoch_moves(visit: Visit, run: RunReader) -> None:
    app = visit("run", run="drums")
    before = proposed(app)
    status = run.status()
    assert status is not None and status.best is not None
    later = status.best.model_copy(update={"step": status.best.step + 9, "epoch": status.best.epoch + 1})
    run.layout.status.write_bytes(encode(status.model_copy(update={"best": later})))
    after = proposed(app.run())
    assert after.options[0] != before.options[0], "it is called otherwise"
    assert (after.key, after.value) == (before.key, "best"), "it would be drawn anew under whoever opens it"


def test_a_best_state_that_is_older_than_the_best_epoch_is_not_called_that(visit: Visit, run: RunReader) -> None:
    status = run.status()
    assert status is not None and status.best is not None
    saved = next(one for one in run.saved_states() if one.name == "best")
    later = status.best.model_copy(update={"step": saved.step + 9, "epoch": saved.epoch + 1})
    run.layout.status.write_bytes(encode(status.model_copy(update={"best": later})))
    app = visit("run", run="drums")
    assert proposed(app).options[0] == f"Best that is saved, epoch {saved.epoch}"
    (purpose,) = [row["For"] for row in checkpoint_rows(run, run.view()) if row["File"] == "best.safetensors"]
    assert purpose == "the best that is saved, to use"
    said = "\n".join(_sentences(inspect(run)))
    assert f"best that is saved: epoch {saved.epoch}, step {saved.step}" in said


def test_states_of_one_moment_say_that_they_are_one() -> None:
    def labels(best: int | None, last: int, *snapshots: int) -> list[str]:
        named = [("best", best), ("last", last), *((f"epoch-{step:04d}", step) for step in snapshots)]
        states = [SavedState(name, Path(name), step // 10, step) for name, step in named if step is not None]
        return list(saved_states._labels(states, None).values())

    assert labels(120, 120, 120, 110) == [
        "Best so far, epoch 12",
        "Last save, epoch 12 (same as best so far)",
        "Epoch 12 (same as best so far, rounded)",
        "Epoch 11",
    ]
    assert labels(110, 120, 125, 120, 110) == [
        "Best so far, epoch 11",
        "Last save, epoch 12",
        "Epoch 12, step 125",
        "Epoch 12, step 120 (same as last save, rounded)",
        "Epoch 11 (same as best so far, rounded)",
    ]
    assert labels(None, 120, 120) == ["Last save, epoch 12", "Epoch 12 (same as last save, rounded)"]


def test_a_snapshot_differs_from_its_moment_by_rounding_alone(drum_run: Path) -> None:
    states = {one.step: one for one in RunReader(drum_run).saved_states() if one.name not in ("best", "last")}
    last = next(one for one in RunReader(drum_run).saved_states() if one.name == "last")
    layout = Layout(drum_run)
    (_, whole), (_, rounded) = (find(layout, name) for name in ("last", states[last.step].name))
    for name, weight in whole["average"].items():
        assert torch.allclose(weight, rounded["average"][name], rtol=1e-3, atol=1e-6), name


def test_the_choice_follows_what_is_best_until_somebody_chooses(visit: Visit, run: RunReader, tmp_path: Path) -> None:
    kept = run.layout.checkpoints.rename(tmp_path / "later")  # as before the first checkpoint
    app = visit("run", run="drums")
    assert proposed(app).value.startswith("epoch-")
    kept.rename(run.layout.checkpoints)
    app.run()
    assert proposed(app).value == "best"
    proposed(app).select(snapshot(run)).run()
    assert proposed(app.run()).value == snapshot(run)


def test_what_is_damaged_is_said_beside_the_choice_with_what_to_do(visit: Visit, run: RunReader) -> None:
    run.layout.best.write_bytes(b"damaged")
    app = visit("run", run="drums")
    assert proposed(app).options[0].startswith("Last save")
    assert "Damaged, and not offered: best.safetensors. Choose another epoch, or copy the run once more" in said(app)
    for path in (*run.layout.checkpoints.glob("*.safetensors"), *run.layout.snapshots.glob("*.safetensors")):
        path.write_bytes(b"damaged")
    told = said(visit("run", run="drums"))
    assert "Copy the run once more from where it lies whole." in told and "Choose another epoch" not in told
    assert "No weights are kept." not in told


def test_before_anything_is_kept_it_says_so(visit: Visit, runs_dir: Path) -> None:
    live = write(runs_dir / "drums", state=State.RUNNING, done=1, close=False)
    app = visit("run", run="drums")
    assert "No weights are kept yet." in said(app) and not [one for one in app.button if one.key == "fork"]
    assert "The first are kept with the first previews" in said(app)
    live.close()
    write(runs_dir / "early", state=State.FAILED, done=1)
    told = said(visit("run", run="early"))
    assert "No weights are kept." in told and "The first are kept" not in told, "nothing is promised that never comes"


@pytest.mark.slow
@pytest.mark.usefixtures("forked_starts")
def test_a_new_run_begins_from_an_epoch_with_changed_settings(visit: Visit, run: RunReader, runs_dir: Path) -> None:
    app = visit("run", run="drums")
    proposed(app).select(snapshot(run)).run()
    app.button(key="fork").click().run()
    assert not app.exception and address(app) == {"fork": "drums", "checkpoint": snapshot(run)}
    app = visit("new", **address(app))
    assert "Begins with what ten-drums had learned: epoch" in said(app) and "is no exact continuation" in said(app)
    assert not app.radio, "the guard is that of the weights"
    assert (
        app.text_input(key="setting-channels").placeholder == "8" and not app.text_input(key="setting-channels").value
    )
    assert "sweep" not in {one.key for one in app.button}
    app.text_input(key="setting-seed").input("7")
    app.text_input(key="setting-max_steps").input("4").run()
    app.button(key="queue-add").click().run()
    (queued,) = Queue(runs_dir).requests()
    assert (queued.request.origin, queued.request.checkpoint) == (str(run.root), snapshot(run))
    app.button(key="start").click().run()
    assert not app.exception
    until(lambda: sum(root.is_dir() and RunReader(root).exists for root in runs_dir.iterdir()) == 2)
    (child,) = (RunReader(root) for root in runs_dir.iterdir() if RunReader(root).exists and root != run.root)
    until(lambda: (status := child.status()) is not None and status.state is State.COMPLETED)
    record = child.run()
    assert record is not None and record.parent is not None
    assert (record.parent.run, record.parent.checkpoint) == ("drums", snapshot(run))
    assert (record.config.training["seed"], record.config.training["max_steps"]) == (7, 4)
    assert record.config.task["channels"] == 8 and record.name.startswith("ten-drums, from epoch")


def test_what_an_address_names_and_is_not_there_is_said(visit: Visit, run: RunReader) -> None:
    for query in ({"fork": "nobody"}, {"fork": "drums", "checkpoint": "../../etc/passwd"}):
        app = visit("new", **query)
        assert "That is not there to begin with." in said(app) and app.radio, query


def test_more_sounds_are_asked_for_as_a_folder(visit: Visit, run: RunReader) -> None:
    app = visit("run", run="drums")
    app.button(key="grow").click().run()
    assert "name the folder that holds the old ones and the new ones" in said(app) and not app.exception
    folder = RunReader(run.root).run().source.path  # type: ignore[union-attr]
    assert app.text_input(key="folder").value == folder


def test_other_data_than_the_weights_learned_is_refused(visit: Visit, run: RunReader) -> None:
    app = visit("new", fork="drums", checkpoint="best")
    app.session_state["source"], app.session_state["named"] = "A data set", "iris"
    app.run()
    assert "These weights learn another kind of data." in said(app) and app.button(key="start").disabled


@pytest.mark.slow
def test_an_epoch_is_exported_as_one_file(run: RunReader) -> None:
    with zipfile.ZipFile(io.BytesIO(exported(run.root, snapshot(run)))) as archive:
        assert {"manifest.json", "model.safetensors"} <= set(archive.namelist())
    with pytest.raises(SweetspotError, match="nowhere") as caught:
        exported(run.root.parent / "nowhere", "best")
    assert not str(caught.value).startswith("Error")


def test_an_export_that_takes_too_long_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "LONGEST_S", 0.001)
    with pytest.raises(SweetspotError, match="not ready after a moment"):
        exported(tmp_path, "best")


def began(run: str, checkpoint: str, number: int) -> Parent:
    return Parent(run=run, uuid=str(number) * 32, checkpoint=checkpoint)


def test_a_family_stands_together_in_the_table_and_says_who_began_from_whom(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "eldest", name="eldest", uuid="1" * 32)
    write(runs_dir / "alone", name="alone", uuid="2" * 32)
    write(runs_dir / "child", name="child", uuid="3" * 32, parent=began("eldest", "best.safetensors", 1))
    write(
        runs_dir / "grandchild", name="grandchild", uuid="4" * 32,
        parent=began("child", "epoch-0031-step-00002970.safetensors", 3),
    )  # fmt: skip
    write(runs_dir / "orphan", name="orphan", uuid="5" * 32, parent=began("gone", "step-00002970.safetensors", 9))
    table = visit().dataframe[0].value
    assert list(table["Run"]) == ["orphan", "eldest", "↳ child", "\u2003↳ grandchild", "alone"]
    assert list(table["From"].dropna()) == [
        "update 2,970 of gone", "the best epoch of eldest", "epoch 31 of child",
    ]  # fmt: skip
    app = visit("run", run="child")
    assert "Began with the best epoch of" in said(app) and "It goes on in" in said(app)
    labels = [link.proto.label for link in app.get("page_link")]
    assert "eldest" in labels and "grandchild" in labels
    assert "Began with update 2,970 of gone" in said(visit("run", run="orphan"))
    assert "It goes on in" not in said(visit("run", run="alone"))


def test_of_many_that_began_from_a_run_the_rest_is_counted(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "eldest", name="eldest", uuid="1" * 32)
    for number in range(MOST_LINKS + 2):
        began_from = began("eldest", "best.safetensors", 1)
        write(runs_dir / f"child{number}", name=f"child{number}", uuid=f"{number + 2:032}", parent=began_from)
    protos = [link.proto for link in visit("run", run="eldest").get("page_link")]
    labels = [one.label for one in protos]
    assert sum(label.startswith("child") for label in labels) == MOST_LINKS and labels.count("And 2 more") == 1


def test_runs_that_name_one_another_as_parents_are_all_shown(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "a", name="a", uuid="1" * 32, parent=began("b", "best.safetensors", 2))
    write(runs_dir / "b", name="b", uuid="2" * 32, parent=began("a", "best.safetensors", 1))
    assert sorted(visit().dataframe[0].value["Run"].str.strip("↳ ")) == ["a", "b"]


def test_damaged_weights_are_not_offered_and_are_named(visit: Visit, run: RunReader) -> None:
    damaged = run.layout.snapshots / snapshot(run)
    label = saved_states.look(run).states[damaged.name]
    flip(damaged, 100)
    assert damaged.name not in saved_states.look(run).states and saved_states.look(run).states["best"]
    app = visit("run", run="drums")
    assert label not in proposed(app).options
    flip(run.layout.best, 100)
    assert "best" not in saved_states.look(run).states, "found out again where a file has changed"
    app.run()
    assert next(row["For"] for row in checkpoint_rows(run, run.view()) if row["File"] == "best.safetensors") == (
        "damaged: it will not be loaded"
    )


def test_damaged_lines_of_the_figures_are_said_beside_the_curves_and_in_the_report(
    visit: Visit, run: RunReader
) -> None:
    lines = run.layout.metrics.read_bytes().splitlines(keepends=True)
    run.layout.metrics.write_bytes(b"".join([*lines[:9], lines[9][:20] + b"\n", *lines[10:]]))
    missing = "1 line of metrics.jsonl is damaged and left out: curves and figures have gaps there."
    assert missing in said(visit("run", run="drums"))
    shutil.copytree(run.root, run.root.with_name("others"))
    (run.root.with_name("others") / "metrics.jsonl").write_bytes(b"".join(lines))
    assert said(visit("compare", runs="drums,others")).count(missing) == 1, "of the one that has them"
    assert missing in [note.text for note in gather(run).notes]
    assert inspect(run)["damage"] == [missing]
