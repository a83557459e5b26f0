"""What each page says in each state of a run."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from app.panels import details, summary
from app.panels.details import basic_facts, chosen
from app.panels.forms import check, fields
from app.panels.source import FOLDER, NAMED
from app.report.contents import gather
from app.runs.launch import flags
from engine.commands.inspect import _sentences, inspect
from engine.rundir.annotate import annotate
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow, Monitor, RunConfig, Source
from engine.rundir.status import ErrorInfo, Memory, PhaseProgress, State
from engine.rundir.writer import RunWriter
from engine.tasks.vae.evaluation import METRICS
from tests.app.conftest import said
from tests.app.library import extend, record, write
from tests.audio.sounds import chirp
from tests.conftest import ROOT

Visit = Callable[..., AppTest]


def badges(app: AppTest) -> str:
    return " ".join(element.value for element in app.markdown)


def test_an_empty_library_offers_the_demo_in_one_click(visit: Visit) -> None:
    app = visit()
    assert "Nothing here yet" in said(app)
    assert app.button(key="demo").label == "Start the demo"


def test_a_live_run_is_a_card_and_an_ended_one_a_row(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "ended")
    live = write(runs_dir / "live", name="kitchen", state=State.RUNNING, done=15, close=False)
    app = visit()
    assert "kitchen" in said(app) and "Epoch <b>15</b> of 20" in said(app)
    assert "about <b>10 minutes</b> left" in said(app)
    live.update(eta_s=562.0)
    live.state(State.RUNNING)  # which writes it
    assert "about <b>9 minutes</b> left" in said(visit()), "an estimate is not told to the second"
    assert list(app.dataframe[0].value["Run"]) == ["drums"]
    assert app.dataframe[0].value["State"][0] == ["Done"]
    live.close()


def test_a_resumed_run_started_when_it_was_begun(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums")
    sessions = Layout(runs_dir / "drums").sessions
    resumed = sessions.read_text()
    begun = datetime.fromtimestamp(json.loads(resumed)["started_at"]) - timedelta(days=1)
    first = json.loads(resumed) | {"session": "first", "started_at": begun.timestamp()}
    sessions.write_text(json.dumps(first) + "\n" + resumed)
    assert visit().dataframe[0].value["Started"][0] == begun.replace(microsecond=0)
    app = visit("run", run="drums")
    app.session_state["tabs-drums"] = "Settings"
    facts = app.run().dataframe[0].value.set_index("Fact")["Value"]
    said_of_it = f"{begun.day} {begun:%B %Y, %H:%M}"
    reported = gather(RunReader(runs_dir / "drums")).facts
    assert facts["Started"] == reported["Started"] == said_of_it, "its record came later, once the data was read"


def test_runs_stand_newest_first(visit: Visit, runs_dir: Path) -> None:
    for number in range(3):
        write(runs_dir / f"run-{number}", name=f"run {number}", done=2)
    assert list(visit().dataframe[0].value["Run"]) == ["run 2", "run 1", "run 0"]


def test_the_best_of_runs_in_different_units_is_a_number_and_runs_of_one_name_are_told_apart(
    visit: Visit, runs_dir: Path
) -> None:
    accuracy = Monitor(metric="val_recon_db", reference="train_recon_db", unit="", better="higher")
    write(runs_dir / "hat-1", name="hat")
    write(runs_dir / "hat-2", name="hat", monitor=accuracy)
    table = visit().dataframe[0].value
    assert list(table["Run"]) == ["hat · hat-2", "hat · hat-1"]
    assert table["Best"].dtype.kind == "f" and list(table["In"]) == ["new sounds", "dB"]
    (runs_dir / "hat-2").rename(runs_dir.parent / "hat-2")
    alone = visit().dataframe[0].value
    assert list(alone["Run"]) == ["hat"] and "In" not in alone


def test_a_file_can_be_heard_and_left_out_before_training(visit: Visit, drums: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(drums, tmp_path / "drums"))
    wave, rate = soundfile.read(sorted(folder.iterdir())[0])
    soundfile.write(folder / "zz-loud.wav", np.clip(wave * 30, -0.9, 0.9), rate)
    app = visit("new")
    app.session_state["source"] = "A folder on this computer"
    app.session_state["folder"] = str(folder)
    app.session_state["to-hear"] = True
    app.run()
    assert "clipped" in said(app) and app.get("audio") and usable(app) == "11"
    app.button(key=f"flagged-{folder}-zz-loud.wav").click().run()
    assert not app.exception and usable(app) == "10 of 11"
    assert "cannot be used" not in said(app), "it could"


def test_a_folder_that_is_called_as_a_data_set_is_the_folder_where_one_is_asked_for(
    visit: Visit, drums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(drums, tmp_path / "iris")
    app = visit("new")
    app.session_state["source"] = "A folder on this computer"
    app.session_state["folder"] = "iris"
    app.run()
    assert not app.exception and usable(app) == "10"


def test_the_list_of_sounds_stays_open_and_holds_its_remarks_whole(visit: Visit, drums: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(drums, tmp_path / "drums"))
    wave, rate = soundfile.read(sorted(folder.iterdir())[0])
    soundfile.write(folder / "zz-loud.wav", np.clip(wave * 30, -0.9, 0.9), rate)
    app = visit("new")
    for name, value in {
        "source": "A folder on this computer",
        "folder": str(folder),
        "to-hear": True,
        "choose": True,
    }.items():
        app.session_state[name] = value
    app.run()
    before = next(one for one in app.expander if one.label.startswith("Choose"))
    remarks = list(app.dataframe[0].value["Remarks"].dropna())
    assert "clipped" in remarks and all(len(text) < 30 for text in remarks), "a cell shows no more"
    app.button(key=f"flagged-{folder}-zz-loud.wav").click().run()
    after = next(one for one in app.expander if one.label.startswith("Choose"))
    assert after.label == before.label, "under another label the browser takes it for another one, which is closed"
    assert "1 sound left out." in said(app) and not app.exception


def usable(app: AppTest) -> str:
    return next(one.value for one in app.metric if one.label == "Usable sounds")


@pytest.mark.parametrize("task", ["vae", "mlp"])
def test_every_setting_stands_under_a_name_of_its_own_in_a_group(task: str) -> None:
    shown = [field for group in fields(task).values() for field in group]
    assert len(fields(task)) > 5 and all(field.info.title and field.info.description for field in shown)
    assert len({field.label for field in shown}) == len(shown)


def test_what_is_left_out_reaches_the_command_line_whatever_its_name() -> None:
    given = flags({"exclude": ("-a.wav", "b, c.wav"), "seed": 1})
    assert given == ["--exclude=-a.wav", "--exclude=b, c.wav", "--seed", "1"]


def test_a_done_run_names_its_sweet_spot(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums")
    app = visit("run", run="drums")
    assert "The sweet spot was epoch 12, 51 % better than the average sound." in said(app)
    assert app.metric[0].value == "epoch 12"
    assert "Done" in badges(app)


def test_a_live_run_shows_time_quality_gain_and_error(visit: Visit, runs_dir: Path) -> None:
    live = write(runs_dir / "drums", state=State.RUNNING, done=19, close=False)
    app = visit("run", run="drums")
    labels = [metric.label for metric in app.metric]
    assert labels == ["Time left", "Quality", "Better than the average sound", "Error on new sounds"]
    assert app.metric[0].value == "10 min"
    assert "It memorises." in said(app) and "Listen to epochs 6 to 16" in said(app)
    assert app.metric[1].delta == "memorises", "the chip and the message say the same"
    assert [app.button(key=key).label for key in ("save_now", "cancel")] == ["Save now", "Stop and keep"]
    live.close()


def test_the_first_view_says_what_memory_it_takes(visit: Visit, runs_dir: Path) -> None:
    used = Memory(process_bytes=812_000_000, system_used_bytes=1, system_total_bytes=2, device_used_bytes=2_100_000_000)
    live = write(runs_dir / "drums", state=State.RUNNING, done=19, close=False)
    live.update(memory=used.model_copy(update={"device_total_bytes": 80_000_000_000}))
    live.state(State.RUNNING)
    assert "<b>812 MB</b> of memory, <b>2.1 GB</b> of 80.0 GB on the device" in said(visit("run", run="drums"))
    live.close()


def curves(app: AppTest) -> list[str]:
    """What the charts say to those who cannot see them."""
    return [chart.proto.alt for chart in app.get("vega_lite_chart")]


def test_reconstruction_and_the_dimensions_of_the_code_are_among_the_curves(visit: Visit, runs_dir: Path) -> None:
    own = {"kl_per_dim": [0.1, 19.0, 0.9], "val_recon_loss": 0.3, "kl_max_dim": 9.0, "kl_median_dim": 0.5}
    write(runs_dir / "drums", metrics=METRICS, own=own | {"idle_dims": 0.4})
    app = visit("run", run="drums")
    assert {"Reconstruction loss of every step", "KL by dimension after the last epoch"} <= set(curves(app))
    app.session_state["tabs-drums"] = "More curves"
    app.run()
    named = {"KL of the busiest dimension", "KL of the middle dimension", "Part of the code that lies idle"}
    assert named <= set(curves(app))


def test_settings_that_do_not_go_together_are_told_below_one_that_was_filled_in() -> None:
    assert check("vae", {"f_max": 400.0, "f_min": 900.0}) == {"f_max": "f_min = 900 Hz must lie below f_max = 400 Hz."}
    assert check("vae", {"f_max": 40_000.0, "dropout": 2}).keys() == {"f_max", "dropout"}


def test_every_metric_of_the_task_for_sounds_has_a_curve() -> None:
    drawn = {spec.name for spec in METRICS}
    assert {"val_recon_loss", "recon_loss", "kl_max_dim", "kl_median_dim", "idle_dims", "kl_per_dim"} <= drawn


def test_a_run_that_reads_sounds_says_how_far_it_is(visit: Visit, runs_dir: Path) -> None:
    live = write(
        runs_dir / "drums", state=State.STARTING, done=0, progress=PhaseProgress(done=12, total=40), close=False
    )
    app = visit("run", run="drums")
    assert "Getting ready" in badges(app)
    assert "Reading sounds 12 of 40" in said(app)
    live.close()


@pytest.mark.parametrize(
    ("task", "labels", "panel", "one"),
    [
        ("vae", ["Better than the average sound", "Error on new sounds"], "Listen", "sound"),
        ("mlp", ["Against the average guess", "On new data"], "Its answers", "answer"),
        ("of a later version", ["Against the average guess", "On new data"], "Previews", "preview"),
    ],
)
def test_a_run_that_reads_its_data_is_spoken_of_in_its_own_words(
    visit: Visit, runs_dir: Path, task: str, labels: list[str], panel: str, one: str
) -> None:
    with RunWriter.open(runs_dir / "drums", device="cpu", threads=1, versions={}, task=task) as live:
        live.update(phase="decode", doing="reading", progress=PhaseProgress(done=12, total=40))
        app = visit("run", run="drums")
        assert "Getting ready" in badges(app) and not app.exception
        assert [card.label for card in app.metric][2:] == labels
        assert f">{panel}" in said(app) and f"The first {one} comes soon after." in said(app)
        assert ("Sounds" if task == "vae" else "Data") in [tab.label for tab in app.tabs]
        live.state(State.CANCELLED)


def test_a_process_that_trains_says_at_once_what(drum_run: Path) -> None:
    assert [one.task for one in RunReader(drum_run).sessions()] == ["vae"]


def test_a_model_that_has_learnt_nothing_is_too_early_to_tell(visit: Visit, runs_dir: Path) -> None:
    live = write(runs_dir / "drums", state=State.RUNNING, done=1, best=1, close=False)
    app = visit("run", run="drums")
    assert (app.metric[1].value, app.metric[1].delta) == ("–", "too early to tell")
    live.close()


def test_the_only_epoch_there_is_is_no_sweet_spot(visit: Visit, runs_dir: Path) -> None:
    error = ErrorInfo(kind="TrainingFailedError", cause="The loss became NaN.", remedy="Wait.")
    write(runs_dir / "drums", state=State.FAILED, done=1, best=1, error=error)
    assert "sweet spot" not in strip(visit("run", run="drums"))
    assert list(visit().dataframe[0].value["Sweet spot"]) == [None]
    write(runs_dir / "two", state=State.FAILED, done=3, best=2, error=error)
    assert "best so far at epoch 2" in strip(visit("run", run="two")), "it was to learn for longer"


def strip(app: AppTest) -> str:
    """What the strip says to those who cannot see it."""
    return str(app.get("vega_lite_chart")[0].proto.alt)


def test_an_ended_run_is_deleted_after_a_confirming_click(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums")
    app = visit("run", run="drums")
    app.button(key="delete").click().run()
    assert "What it learnt from stays where it is." in said(app)
    assert (runs_dir / "drums").exists(), "nothing goes before it is confirmed"
    app.button(key="delete-not").click().run()
    assert "What it learnt from stays" not in said(app)
    app.button(key="delete").click().run()
    app.button(key="delete-now").click().run()
    assert not app.exception
    assert list(runs_dir.iterdir()) == []
    assert "Nothing here yet" in said(app)


def copied(visit: Visit, root: Path, **training: Any) -> AppTest:
    """The page of a new run after a press of "Copy as a new run"."""
    write(root, config=RunConfig(training={"preset": "conservative", **training}, task={"channels": 24}))
    app = visit("run", run=root.name)
    app.button(key="copy").click().run()
    assert not app.exception, app.exception
    assert "With the data and the settings of drums." in said(app)
    return app


def test_a_copy_keeps_the_tasks_settings_and_shows_what_the_others_follow(visit: Visit, runs_dir: Path) -> None:
    own = {"latent_dim": 16, "kl_warmup_fraction": 0.5, "chunk_duration_s": 1.0}
    write(runs_dir / "drums", config=RunConfig(training={"preset": "conservative"}, task=own))
    fields = {one.key: one for one in visit("new", copy="drums").text_input}
    assert fields["setting-latent_dim"].value == "16"
    assert fields["setting-kl_warmup_fraction"].value == "", "it is what the preset says"
    assert fields["setting-kl_warmup_fraction"].placeholder == "0.5"


def test_a_copy_begins_with_all_settings_of_its_run(visit: Visit, runs_dir: Path) -> None:
    given = {"max_epochs": 77, "max_steps": 1234, "batch_size": 3, "threads": 7, "learning_rate": 0.0125}
    app = copied(visit, runs_dir / "drums", **given)
    fields = {one.key: one.value for one in app.text_input}
    assert {name: fields[f"setting-{name}"] for name in given} == {name: f"{value:g}" for name, value in given.items()}
    assert fields["setting-channels"] == "24" and fields["folder"] == "/nowhere/drums"
    assert app.select_slider[0].value == 0, "its run had no limit in minutes"


def test_a_copy_of_a_data_set_whose_name_is_forgotten_learns_from_where_it_lay_and_from_no_other(
    visit: Visit, runs_dir: Path, drums: Path
) -> None:
    """The list of data sets would begin at its first, under that run's name."""
    write(runs_dir / "drums", source=Source(kind="dataset", name="no-more", path=str(drums)))
    app = visit("new", copy="drums")
    assert not app.exception and app.session_state["source"] == FOLDER
    assert app.session_state["folder"] == str(drums), app.session_state["named"]


def test_a_copy_is_of_its_run_each_time_one_comes_for_it_and_called_as_that_is_now(
    visit: Visit, runs_dir: Path
) -> None:
    """Whatever was chosen on the page before one left it: it would be learned from under that run's name."""
    write(runs_dir / "drums", config=RunConfig(training={"preset": "conservative"}, task={"channels": 24}))
    annotate(RunReader(runs_dir / "drums"), name="Drums & bells")
    app = visit("new", copy="drums")
    for _ in range(2):
        assert "With the data and the settings of Drums &amp; bells." in said(app)
        assert app.session_state["source"] == FOLDER and app.session_state["folder"] == "/nowhere/drums"
        app.session_state["source"] = NAMED
        app.run()
        assert app.session_state["source"] == NAMED, "one may choose another"
        app.switch_page("views/runs.py").run()
        app.switch_page("views/new.py")
        app.query_params["copy"] = "drums"
        app.session_state["source"] = NAMED  # as the browser may remember it
        app.run()
        assert not app.exception, app.exception


def test_the_settings_of_a_run_name_its_minutes(visit: Visit, runs_dir: Path) -> None:
    for minutes, named in ((2.5, {"Most minutes": "2.5"}), (None, {})):
        config = RunConfig(training={"preset": "conservative", "max_minutes": minutes}, task={})
        assert named.items() <= (shown := chosen(record("drums", config=config))).items()
        assert minutes or "Most minutes" not in shown


def test_while_minutes_decide_the_length_the_steps_are_said_to_be_about(runs_dir: Path) -> None:
    writer = write(runs_dir / "a", state=State.RUNNING, done=3, close=False)
    view = RunReader(runs_dir / "a").view()
    assert view.run is not None and " of about " not in summary.where(view) and " so far" in summary.where(view)
    timed = RunConfig(training={"max_minutes": 20.0}, task={})
    words = summary.where(replace(view, run=view.run.model_copy(update={"config": timed})))
    assert "step *30* of about 200" in words and " of about 20 minutes" in words and "so far" not in words
    exact = RunConfig(training={"max_minutes": 20.0, "max_steps": 200}, task={})
    assert " of about " not in summary.where(replace(view, run=view.run.model_copy(update={"config": exact})))
    writer.close()


def test_a_run_that_was_extended_names_the_limit_that_holds_now(runs_dir: Path) -> None:
    timed = RunConfig(training={"preset": "conservative", "max_minutes": 1.5, "max_steps": None}, task={})
    writer = write(runs_dir / "a", state=State.RUNNING, done=3, close=False, config=timed)
    reader = RunReader(runs_dir / "a")
    assert " of about 1 minute 30 seconds" in summary.where(reader.view())
    extend(runs_dir / "a", "by 3 epochs")
    by_epochs = summary.where(reader.view())
    assert by_epochs.startswith("Epoch *3* of 20") and " so far" in by_epochs
    extend(runs_dir / "a", "by 0.7 minutes", step=230, minutes=2.2)
    by_minutes = summary.where(reader.view())
    assert by_minutes.startswith("Epoch *3* of about 20") and " of about 2 minutes 12 seconds" in by_minutes
    writer.close()


def test_what_a_run_was_extended_by_stands_beside_its_settings(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums")
    assert details.longer_facts(RunReader(runs_dir / "drums").view()) == {}
    extend(runs_dir / "drums", "by 9 epochs", step=230)
    extend(runs_dir / "drums", "by 3 epochs")  # in place of what a killed session had been asked for further on
    extend(runs_dir / "drums", "by 1 minute", step=230, minutes=2.0)
    assert details.longer_facts(RunReader(runs_dir / "drums").view()) == {"Extended": "by 3 epochs, by 1 minute"}
    app = visit("run", run="drums")
    app.session_state["tabs-drums"] = "Settings"
    app.run()
    shown = [table.value for table in app.dataframe if "Fact" in table.value]
    assert shown and "Extended" in list(shown[0]["Fact"])


def test_the_settings_of_a_run_name_dropped_sounds_as_they_are_called() -> None:
    source = Source(kind="folder", name="kit", path="/runs/.dropped/0123456789abcdef/kit")
    assert basic_facts(record("drums", source=source))["Source"] == "kit (dropped)"


def test_the_copy_of_a_run_with_a_time_limit_keeps_the_other_limits_that_were_named(
    visit: Visit, runs_dir: Path
) -> None:
    app = copied(visit, runs_dir / "drums", max_minutes=7, max_epochs=77, max_steps=1234)
    assert app.select_slider[0].value == 7
    fields = {one.key: one.value for one in app.text_input}
    assert (fields["setting-max_epochs"], fields["setting-max_steps"]) == ("77", "1234")


def test_the_copy_of_a_run_with_an_absurd_time_limit_has_none(visit: Visit, runs_dir: Path) -> None:
    assert copied(visit, runs_dir / "drums", max_minutes="NaN").select_slider[0].value == 0


def test_no_button_has_the_name_of_a_state_that_is_written() -> None:
    """Streamlit refuses to set what a button's key names, and only when the button is pressed."""
    buttons: set[str] = set()
    for path in (ROOT / "app").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr in ("button", "download_button"):
                buttons |= {str(word.value.value) for word in call.keywords
                            if word.arg == "key" and isinstance(word.value, ast.Constant)}  # fmt: skip
    written = {name for path in (ROOT / "app").rglob("*.py") for name in _WRITTEN.findall(path.read_text())}
    assert {"copy", "delete", "demo"} <= buttons and "complaint" in written
    assert not buttons & written


_WRITTEN = re.compile(r'session_state\["([^"]+)"\](?: = |\.)')


def test_a_live_run_cannot_be_deleted(visit: Visit, runs_dir: Path) -> None:
    live = write(runs_dir / "drums", state=State.RUNNING, done=15, close=False)
    assert all(button.key != "delete" for button in visit("run", run="drums").button)
    live.close()


def test_a_done_run_says_when_it_came_to_rest(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums", done=60, epochs=60, best=60)
    assert "Little changed after epoch" in said(visit("run", run="drums"))
    write(runs_dir / "short", done=8, epochs=8, best=8)
    assert "It was still improving at epoch 8: a longer run may go further." in said(visit("run", run="short"))


def test_a_done_run_that_knows_its_own_better_is_told_to_have_more(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums", done=8, epochs=8, best=8, apart=4.0)
    app = visit("run", run="drums")
    assert "more recordings would help more than more time" in said(app)
    assert (app.metric[1].label, app.metric[1].delta) == ("Quality at epoch 8", "knows its own better")


def test_losses_that_lie_otherwise_than_the_curve_are_explained(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums", done=8, epochs=8, best=8)
    assert "its own sounds and new ones may lie the other way round there" in said(visit("run", run="drums"))
    write(runs_dir / "none", state=State.CANCELLED, done=0)
    assert "Losses are what" not in said(visit("run", run="none"))


def test_a_run_that_stayed_worse_than_the_average_has_no_sweet_spot(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums", done=8, epochs=8, best=8, apart=40.0)
    app = visit("run", run="drums")
    assert "worse than the average sound. More time or more recordings may help." in said(
        app
    ) and "sweet spot" not in said(app)
    assert [metric.value for metric in app.metric][2] == "no"


def test_a_file_name_cannot_turn_the_text_around(visit: Visit, runs_dir: Path) -> None:
    files = [FileRow(path="kick\u202egpj.\n.wav", verdict="used", split="train", same_as="a\u202e.wav", duration_s=1.0)]
    write(runs_dir / "drums", files=files)
    app = visit("run", run="drums")
    app.session_state["tabs-drums"] = "Sounds"
    app.run()
    table = app.dataframe[0].value
    assert list(table["File"]) == ["kick\\u202egpj.\\n.wav"]
    assert list(table["Note"]) == ["same sound as a\\u202e.wav"]


def test_a_failed_run_gives_cause_and_remedy(visit: Visit, runs_dir: Path) -> None:
    error = ErrorInfo(
        kind="TrainingFailedError",
        cause="The loss became NaN.",
        remedy="Use a lower learning rate: --learning-rate 0.0005.",
    )
    write(runs_dir / "drums", state=State.FAILED, done=15, error=error)
    app = visit("run", run="drums")
    assert "It failed at epoch 15: the loss became NaN." in said(app)
    assert "Use a lower learning rate: 0.0005." in said(app)
    assert app.button(key="resume").label == "Resume from epoch 10"


def test_a_run_whose_process_is_gone_is_crashed(visit: Visit, runs_dir: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from tests.app.library import write; "
        "from engine.rundir.status import State; "
        f"write(Path({str(runs_dir / 'drums')!r}), state=State.RUNNING, done=15, close=False); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    app = visit("run", run="drums")
    assert "Crashed" in badges(app)
    assert (
        "The last save is of step 100, in epoch 10: resume from there. At least 50 updates after it are lost."
        in said(app)
    )
    facts = list(_sentences(inspect(RunReader(runs_dir / "drums"))))
    assert next(line for line in facts if "step" in line).startswith("  last heard of at step 150 of ")
    assert any("At least 50 updates after it are lost." in line for line in facts)


def test_a_run_from_another_computer_is_read_only(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums", state=State.RUNNING, done=15)
    sessions = Layout(runs_dir / "drums").sessions
    session = json.loads(sessions.read_text())
    sessions.write_text(json.dumps(session | {"host": "elsewhere", "boot_id": "theirs", "machine_id": "theirs"}) + "\n")
    before = {path: path.stat().st_mtime_ns for path in (runs_dir / "drums").rglob("*")}
    app = visit("run", run="drums")
    assert "Read only" in badges(app)
    assert "It can be looked at and listened to here, not trained." in said(app)
    assert all(button.key not in ("resume", "cancel", "save_now") for button in app.button)
    assert {path: path.stat().st_mtime_ns for path in (runs_dir / "drums").rglob("*")} == before


def test_a_name_is_never_markup(visit: Visit, runs_dir: Path) -> None:
    name = "<img src=x onerror=alert(1)> ![](http://127.0.0.1:9/x) **bold**"
    error = ErrorInfo(kind="DataError", cause=f"{name} cannot be read.", remedy="<b>Move</b> it.")
    write(runs_dir / "drums", name=name, state=State.FAILED, done=15, error=error)
    app = visit("run", run="drums")
    assert "<img" not in said(app) and "&lt;img src=x" in said(app)
    assert "<b>Move" not in said(app)
    for element in (*app.markdown, *app.caption, *app.title, *app.header, *app.subheader):
        assert "http://127.0.0.1:9" not in element.value


@pytest.mark.parametrize("strange", ["../../etc", "nothing", "a/b", "", "x" * 80])
def test_an_address_leads_to_a_listed_run_or_nowhere(visit: Visit, runs_dir: Path, strange: str) -> None:
    (runs_dir.parent / "etc").mkdir()
    assert "There is no run of this name here" in said(visit("run", run=strange))


def test_a_run_of_a_newer_version_is_refused_with_a_sentence(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums", protocol=99)
    assert "newer version" in said(visit("run", run="drums"))


def test_a_run_without_a_readable_status_still_opens(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums")
    Layout(runs_dir / "drums").status.write_text("{torn")
    assert "Its status cannot be read." in said(visit("run", run="drums"))


def test_a_folder_is_looked_at_before_anything_starts(visit: Visit, drums: Path, runs_dir: Path) -> None:
    app = visit("new")
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(drums)).run()
    assert not app.exception
    assert [metric.value for metric in app.metric][::2] == ["10", "7"]
    assert "Good to go" in said(app)
    assert not app.button(key="start").disabled
    assert list(runs_dir.iterdir()) == []


def test_what_is_held_out_is_shown_as_the_settings_divide_it(visit: Visit, drums: Path) -> None:
    app = visit("new")
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(drums)).run()
    assert [metric.value for metric in app.metric][2:] == ["7", "3"]
    app.text_input(key="setting-val_fraction").set_value("0.5").run()
    assert [metric.value for metric in app.metric][2:] == ["5", "5"] and not app.exception
    app.text_input(key="setting-val_fraction").set_value("half").run()
    assert [metric.value for metric in app.metric][2:] == ["7", "3"] and app.button(key="start").disabled


def test_of_a_folder_without_a_usable_sound_no_length_is_said_and_no_guard_fits(visit: Visit, folder: Path) -> None:
    (folder / "empty.wav").touch()
    app = visit("new")
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(folder)).run()
    assert "The only file cannot be used." in said(app) and "Not enough to learn from" in said(app)
    assert [metric.label for metric in app.metric] == ["Usable sounds"]
    soundfile.write(folder / "one.wav", chirp(0), 48_000)
    app.button(key="again").click().run()
    assert app.metric[0].value == "1 of 2" and not app.exception
    assert not [one for one in app.radio[0].proto.captions if "Fits your" in one], "it is not enough for any"


def test_a_folder_that_is_none_is_said_in_a_sentence(visit: Visit, tmp_path: Path) -> None:
    app = visit("new")
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(tmp_path / "missing" / "kicks")).run()
    assert f"does not exist: there is no missing in {tmp_path}" in said(app) and "breast_cancer" not in said(app)
    assert app.button(key="start").disabled


def test_a_folder_of_sub_folders_can_be_told_apart(visit: Visit, drums: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(drums.iterdir())):
        target = tmp_path / "sorted" / ("hard", "soft")[number % 2] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    app = visit("new")
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(tmp_path / "sorted")).run()
    assert "Good to go" in said(app) and app.metric[0].value == "10", "by default its sounds are learned from"
    app.segmented_control(key="wish").set_value("Tell them apart by sub-folder").run()
    assert not app.exception
    assert [metric.value for metric in app.metric] == ["2 classes", "121 features", "10 sounds"]
    assert not app.button(key="start").disabled
    shutil.copytree(tmp_path / "sorted" / "soft", tmp_path / "sorted" / "soft" / "softer")
    shutil.move(tmp_path / "sorted" / "soft" / "softer", tmp_path / "sorted" / "softer")
    app.run()
    assert app.metric[0].value == "3 classes"
    for path in (tmp_path / "sorted" / "softer").iterdir():
        path.unlink()
    app.run()
    assert app.metric[0].value == "2 classes", "a file in a sub-folder came or went: nothing else tells of it"


def test_a_table_is_read_before_anything_starts(visit: Visit, tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text("a,b,kind\n1,2,x\n2,1,y\n3,red,x\n4,4,y\n")
    app = visit("new")
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(table)).run()
    assert "on line 4" in said(app) and app.button(key="start").disabled
    table.write_text("a,b,kind\n1,2,x\n2,1,y\n3,5,x\n4,4,y\n")
    app.run()
    assert not app.exception and not app.button(key="start").disabled
    assert app.metric[0].value == "2 classes" and "predicted from 2 columns: 2 numbers." in said(app)
    assert app.metric[1].value == "4 rows"
    table.write_text("a,b,kind\n1,,x\n2,red,y\n3,blue,x\n4,red,y\n")
    app.run()
    assert "1 number, 1 category. Encoded, they are at most 4 numbers." in said(app)
    assert "kind&#x27; is predicted from 2 columns" in said(app)
    assert "1 missing value in" in said(app)
    assert not app.exception and not app.button(key="start").disabled


def test_the_link_of_an_empty_library_leads_to_where_sounds_are_dropped(visit: Visit) -> None:
    app = visit("new", **{"from": "own"})
    assert app.segmented_control(key="source").value == "Drop files"


@pytest.mark.parametrize("pasted", ['"{}"', "'{}'", "  {} ", "file://{}"])
def test_a_path_is_taken_as_it_was_pasted(pasted: str) -> None:
    from app.panels.source import as_path

    assert as_path(pasted.format("/home/ana/my%20drums" if "file" in pasted else "/home/ana/my drums")) == (
        "/home/ana/my drums"
    )


def test_a_wrong_setting_is_named_at_its_field(visit: Visit, drums: Path) -> None:
    app = visit("new")
    app.text_input(key="setting-learning_rate").set_value("-1").run()
    assert "Must be greater than 0." in said(app)
    assert app.button(key="start").disabled
    app.text_input(key="setting-learning_rate").set_value("quick").run()
    assert "Must be a number." in said(app)
    app.text_input(key="setting-learning_rate").set_value("").run()
    assert not app.button(key="start").disabled


def test_starting_begins_one_real_trainer(visit: Visit, drums: Path, runs_dir: Path) -> None:
    app = visit("new")
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(drums)).run()
    app.text_input(key="name").set_value("my drums").run()
    app.text_input(key="setting-channels").set_value("8").run()
    app.button(key="start").click().run()
    assert not app.exception
    from app.runs.launch import launcher

    started = list(launcher()._launches.values())
    assert [one.root.parent for one in started] == [runs_dir]
    command = started[0].process.args
    assert "--channels" in command and "8" in command and str(drums) in command
    os.kill(started[0].process.pid, signal.SIGKILL)
    started[0].process.wait()


@pytest.mark.slow
def test_what_was_found_can_be_heard_and_only_when_asked_for(visit: Visit, folder: Path) -> None:
    for seed in range(4):
        soundfile.write(folder / f"{seed}.wav", chirp(seed), 48_000)
    for seed in range(6):
        soundfile.write(folder / f"hot*{seed}.wav", np.clip(20 * chirp(seed + 9), -1, 1), 48_000)
    app = visit("new")
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(folder)).run()
    assert "6 files are clipped" in said(app) and not app.get("audio")
    app.session_state["to-hear"] = True
    app.run()
    assert not app.exception and len(app.get("audio")) == 5
    app.number_input(key="to-hear-page").set_value(2).run()
    assert not app.exception and len(app.get("audio")) == 1 and "hot*5.wav" in said(app)


def test_the_page_of_a_run_without_a_run_in_its_address_says_so(visit: Visit) -> None:
    assert "There is no run of this name here." in said(visit("run"))
