"""Several runs beside one another: what the page says, draws and lets one hear, and what its address keeps."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.panels.comparison import differing
from app.panels.details import basic_facts
from app.panels.forms import label
from engine.rundir.layout import Layout
from engine.rundir.record import FileRow, Monitor, Parent, RunConfig, RunRecord, Source
from engine.rundir.status import State
from engine.tasks.mlp.nouns import ROWS
from engine.tasks.vae.nouns import SOUNDS
from tests.app.conftest import said
from tests.app.library import SPECS, extend, record, write
from tests.conftest import until

Visit = Callable[..., AppTest]
MONITOR = Monitor(
    metric="val_recon_db", reference="train_recon_db", unit="dB", baseline=14.2, nouns=SOUNDS,
    files="val_recon_db_files",
)  # fmt: skip


def held_out(count: int, first: int = 0) -> list[FileRow]:
    """Rows of a collection: those that check, among others that learn."""
    learn = [FileRow(path=f"learn-{place}.wav", verdict="used", split="train", duration_s=1.0) for place in range(3)]
    places = range(first, first + count)
    check = [FileRow(path=f"{place}.wav", verdict="used", split="val", duration_s=1.0 + place) for place in places]
    return [*learn, *check]


def judged(root: Path, name: str, errors: Sequence[float], first: int = 0, **changes: Any) -> None:
    """A run that ended, with ``errors`` of its held-out files."""
    files = held_out(len(errors), first)
    write(root, name=name, files=files, own={"val_recon_db_files": list(errors)}, monitor=MONITOR, **changes)


@pytest.fixture
def three(runs_dir: Path) -> None:
    judged(runs_dir / "a", "calm", [4, 5, 6, 7])
    config = RunConfig(training={"preset": "balanced", "learning_rate": 0.004}, task={"channels": 32})
    judged(runs_dir / "b", "brisk", [6, 7.1, 8, 9.1], apart=2.3, config=config)
    judged(runs_dir / "c", "apart", [4, 5, 6, 7], first=50, apart=1.0)


def charts(app: AppTest) -> list[Any]:
    return list(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart"))


def address(app: AppTest) -> dict[str, str]:
    """What its query says; a script that wrote it and one that only read it leave different types."""
    return {name: value if isinstance(value, str) else value[0] for name, value in dict(app.query_params).items()}


def table(app: AppTest) -> list[list[str]]:
    """The figures, a line a run, after the names of the columns."""
    rows = re.findall(
        r"<tr>(.*?)</tr>", next(one.proto.body for one in app.get("html") if "ss-table" in one.proto.body)
    )
    return [[re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


def test_the_difference_is_said_in_pairs_and_not_where_other_files_checked(visit: Visit, three: None) -> None:
    words = said(visit("compare", runs="a,b,c"))
    assert "<b>calm</b> is 2.050 ± 0.092 dB better than <b>brisk</b> on the same 4 files." in words
    assert "<b>calm</b> and <b>apart</b> were checked on different files: no file was held out by both" in words


def test_the_table_has_the_figures_and_only_those_settings_that_differ(visit: Visit, three: None) -> None:
    names, *rows = table(visit("compare", runs="a,b"))
    figures = ["Run", "State", "Best", "Last", "Trained", "Updates", "Sounds"]
    assert names == [*figures, "Guard against memorising", "Learning rate"]
    assert [row[0] for row in rows] == ["calm", "brisk"]
    assert [row[-2:] for row in rows] == [["conservative", "0.001"], ["balanced", "0.004"]]
    assert rows[0][1:4] == ["Done", "7.0 dB at epoch 12", "7.7 dB"] and rows[0][5:7] == ["200", "20"]
    names, *_ = table(visit("compare", runs="a,c"))
    assert names[-1] == "Sounds", "these two were told the same"


def test_a_run_that_was_extended_says_so_beside_its_time(visit: Visit, runs_dir: Path) -> None:
    for name, minutes in (("a", 1.5), ("b", 4.0)):
        write(runs_dir / name, config=RunConfig(training={"preset": "balanced", "max_minutes": minutes}, task={}))
    extend(runs_dir / "a", "by 3 epochs")
    extend(runs_dir / "a", "by 0.7 minutes", step=230, minutes=2.2)
    names, *rows = table(visit("compare", runs="a,b"))
    trained, most = names.index("Trained"), names.index("Most minutes")
    assert [(row[trained].partition(", ")[2], row[most]) for row in rows] == [
        ("extended by 3 epochs, by 0.7 minutes", "1.5"), ("", "4")
    ]  # fmt: skip


def test_sources_are_named_and_only_those_of_one_name_by_their_paths() -> None:
    def source(kind: str, name: str, path: str) -> RunRecord:
        return record("run", source=Source(kind=kind, name=name, path=path), uuid=path)

    demo, kit = source("dataset", "demo", "/cache/demo-1"), source("folder", "kit", "/sounds/kit")
    other = source("folder", "kit", "/older/kit")
    assert [one["Source"] for one in differing([demo, kit])] == ["demo", "kit"]
    assert [one["Source"] for one in differing([kit, other])] == ["/sounds/kit", "/older/kit"]
    assert differing([demo, source("dataset", "demo", "/elsewhere/demo-1")]) == [{}, {}]


def test_what_a_run_learns_is_said_in_words() -> None:
    table_run = record("iris", task="mlp", monitor=MONITOR.model_copy(update={"nouns": ROWS}))
    assert [one["Learns"] for one in differing([record("drums", uuid="1" * 32), table_run])] == ["sounds", "rows"]
    facts = basic_facts(table_run)
    assert facts["Learns"] == "rows" and facts["Guard against memorising"] == "conservative"
    assert not {"Task", "Preset"} & set(facts)


def test_a_run_that_began_with_anothers_weights_is_told_apart_from_it(visit: Visit, runs_dir: Path) -> None:
    mine = r"Kick_01 [dry] *x* $5 <b>"
    write(runs_dir / "a", name=mine, uuid="1" * 32)
    write(runs_dir / "b", name="fork", parent=Parent(run="a", uuid="1" * 32, checkpoint="best.safetensors"))
    app = visit("compare", runs="a,b")
    names, *rows = table(app)
    assert names[-1] == "Began with" and rows[0][-1] == "–"
    assert html.unescape(rows[1][-1]) == f"the best epoch of {mine}"
    assert set(app.multiselect(key="compare-runs").options) == {mine, "fork"}, "options are no Markdown: as they are"


def test_the_address_brings_a_view_back_and_follows_it(visit: Visit, three: None) -> None:
    app = visit("compare", runs="b,a", metric="train_loss", x="time", log="1", smooth="17")
    assert app.multiselect(key="compare-runs").value == ["b", "a"]
    assert app.selectbox(key="compare-metric").value == "train_loss"
    assert app.selectbox(key="compare-smooth").value == "17" and app.toggle(key="compare-log").value
    assert "over minutes of training" in charts(app)[0].proto.alt
    assert not [one for one in app.toggle if one.key == "compare-relative"], "a loss has no baseline"
    app.selectbox(key="compare-metric").select("val_recon_db").run()
    app.toggle(key="compare-relative").set_value(True).run()
    app.toggle(key="compare-log").set_value(False).run()
    assert not app.exception
    assert address(app) == {"runs": "b,a", "x": "time", "smooth": "17", "relative": "1"}
    assert "error / average sound" in charts(app)[0].proto.alt
    app.multiselect(key="compare-runs").unselect("b").run()
    assert address(app)["runs"] == "a" and "One run alone." in said(app)


def test_what_an_address_cannot_mean_is_passed_over(visit: Visit, three: None) -> None:
    app = visit("compare", runs="a,a,../etc,nobody,b", metric="<b>", x="sideways", smooth="-1", epoch="x")
    assert app.multiselect(key="compare-runs").value == ["a", "b"]
    assert "There is no run nobody here." in said(app) and "There is no run ../etc here." in said(app)
    assert app.selectbox(key="compare-metric").value == "val_recon_db" and len(table(app)) == 3


def test_a_name_with_asterisks_can_be_copied_from_the_sentence(visit: Visit, runs_dir: Path) -> None:
    judged(runs_dir / "a", "**dry**", [4, 5, 6, 7])
    judged(runs_dir / "b", "wet", [6, 7.1, 8, 9.1], apart=2.3)
    sentence = said(visit("compare", runs="a,b")).partition("The difference")[2]
    assert "<b>**dry**</b>" in sentence and "\N{ASTERISK OPERATOR}" not in sentence


def test_without_runs_it_says_how_to_choose_some(visit: Visit, three: None) -> None:
    assert "Nothing chosen yet." in said(visit("compare"))
    alone = visit("compare", runs="a")
    assert "One run alone." in said(alone) and charts(alone) and "The difference" not in said(alone)


def test_where_there_are_no_runs_nothing_is_to_be_chosen(visit: Visit, runs_dir: Path) -> None:
    words = said(visit("compare"))
    assert "There are no runs yet." in words and "Nothing chosen" not in words


def test_ten_are_the_most(visit: Visit, runs_dir: Path) -> None:
    for number in range(12):
        write(runs_dir / f"r{number}", name=f"run {number}", done=2)
    app = visit("compare", runs=",".join(f"r{number}" for number in range(12)))
    assert len(app.multiselect(key="compare-runs").value) == 10 and len(table(app)) == 11


def test_a_run_of_a_newer_version_is_left_out_with_a_sentence(visit: Visit, runs_dir: Path, three: None) -> None:
    place = Layout(runs_dir / "b").run
    place.write_text(json.dumps(json.loads(place.read_text()) | {"protocol": 99}))
    app = visit("compare", runs="a,b,c")
    assert "One run is left out." in said(app) and [row[0] for row in table(app)[1:]] == ["calm", "apart"]


def test_runs_of_different_kinds_are_compared_in_what_both_have(visit: Visit, runs_dir: Path, three: None) -> None:
    score = Monitor(metric="val_accuracy", reference="train_accuracy", better="higher")
    specs = [one for one in SPECS if not one.unit]
    write(runs_dir / "iris", name="iris", task="mlp", monitor=score, metrics=specs, own={"val_accuracy": 0.9})
    app = visit("compare", runs="a,iris")
    assert "learn different things" in said(app)
    assert "val_accuracy" not in app.selectbox(key="compare-metric").options
    assert app.selectbox(key="compare-metric").options[:2] == ["Loss", "Validation loss"]
    assert "Items" in table(app)[0] and len({len(row) for row in table(app)}) == 1
    assert "none yet" not in said(app), "both are over: there will be none"
    app = visit("compare", runs="b,iris")
    assert label("channels") not in table(app)[0], "only one of the two has such a setting"


def test_a_run_that_learns_is_compared_as_far_as_it_is(visit: Visit, runs_dir: Path, three: None) -> None:
    live = write(runs_dir / "now", name="now", state=State.RUNNING, done=3, close=False)
    begun = write(runs_dir / "new", name="new", state=State.RUNNING, done=0, close=False)
    app = visit("compare", runs="a,now,new")
    assert table(app)[2][1:3] == ["Learning", "–"] and "Without a curve here yet: new." in said(app)
    assert "keeps no error of each held-out item" in said(app)
    live.close()
    begun.close()


def preview(root: Path, name: str, pitch: float) -> None:
    folder = Layout(root).previews
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / f"{name}.wav", np.sin(np.arange(4_800) * pitch), 48_000)
    Image.new("RGB", (64, 16)).save(folder / f"{name}.png")


def test_previews_stand_beside_one_another_at_one_epoch_or_the_nearest(
    visit: Visit, runs_dir: Path, three: None
) -> None:
    for run, epochs in (("a", (2, 4, 6)), ("b", (2, 5))):
        preview(runs_dir / run, "reference-00", 0.1)
        for epoch in epochs:
            for role in ("recon", "sample"):
                preview(runs_dir / run, f"epoch-{epoch:04d}-step-{10 * epoch:08d}-{role}-00", epoch / 40)
    app = visit("compare", runs="a,b")
    slider = app.select_slider(key="compare-epoch")
    assert slider.options == ["2", "4", "5", "6"] and slider.value == "5", "the last that both have come to"
    assert said(app).count("Original") == 1 and len(app.get("audio")) == 5
    assert said(app).count('class="ss-ticks"') == 2 and said(app).count('ss-mark ss-brief"') == 5, (
        "times in tenths, for copies and new"
    )
    assert said(app).count("nearest: epoch 4") == 2
    slider.set_value("2").run()
    assert "nearest: epoch" not in said(app) and address(app)["epoch"] == "2"
    preview(runs_dir / "b", "reference-00", 0.2)
    assert "They hold out different ones" in said(visit("compare", runs="a,b"))


def test_a_run_that_is_alone_offers_no_comparison(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "a")
    assert all(button.key != "compare" for button in visit("run", run="a").button)
    write(runs_dir / "b")
    assert any(button.key == "compare" for button in visit("run", run="a").button)


def test_a_run_leads_to_the_page_with_itself_chosen(visit: Visit, three: None) -> None:
    app = visit("run", run="a")
    app.button(key="compare").click().run()
    assert not app.exception and address(app) == {"runs": "a", "run": "a"}, "run: where Back leads"
    assert app.multiselect(key="compare-runs").value == ["a"]


def test_a_run_that_goes_while_one_looks_is_left_out(visit: Visit, runs_dir: Path, three: None) -> None:
    app = visit("compare", runs="a,b,c")
    shutil.rmtree(runs_dir / "b")
    until(lambda: "There is no run b here." in said(app.run()))  # that it went is told within a moment
    assert not app.exception


@pytest.fixture
def seeded(runs_dir: Path) -> None:
    """Two settings with two seeds each, and one with a single one."""
    for preset, seed, errors, threads in (
        ("balanced", 0, 0.3, 1), ("balanced", 1, 0.5, 4), ("strong", 0, 3.3, 1), ("strong", 1, 3.5, 1),
        ("light", 0, 0.4, 1),
    ):  # fmt: skip
        config = RunConfig(training={"preset": preset, "seed": seed, "threads": threads}, task={"channels": 32})
        judged(
            runs_dir / f"{preset}-{seed}", f"drums {preset} seed {seed}", [4, 5, 6], apart=errors, config=config
        )  # fmt: skip


ALL = "balanced-0,balanced-1,strong-0,strong-1,light-0"


def test_seeds_that_share_no_minute_are_drawn_one_by_one(visit: Visit, seeded: None, runs_dir: Path) -> None:
    metrics = Layout(runs_dir / "balanced-1").metrics  # of a machine on which the first epoch took an hour
    rows = [json.loads(row) for row in metrics.read_text().splitlines()]
    later = [row | {"elapsed_s": row["elapsed_s"] + 3600} if "elapsed_s" in row else row for row in rows]
    metrics.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in later))
    app = visit("compare", runs="balanced-0,balanced-1", x="time")
    alt = charts(app)[0].proto.alt
    assert not app.exception and "drums balanced seed 0" in alt and "drums balanced seed 1" in alt


def test_seeds_of_the_same_settings_are_one_curve_and_one_figure_with_its_spread(visit: Visit, seeded: None) -> None:
    app = visit("compare", runs=ALL)
    words = said(app)
    assert "<b>drums balanced</b> is 3.00 ± 0.83 dB better than <b>drums strong</b>, over 4 runs." in words
    assert (
        "<b>drums balanced</b> and <b>drums light seed 0</b> cannot be told apart over 3 runs: they differ by "
        "0.0 ± 1.0 dB."
    ) in words
    over = re.findall(r"<tr>(.*?)</tr>", next(one.proto.body for one in app.get("html") if "mean ±" in one.proto.body))
    cells = [[re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in over]
    assert [row[:3] for row in cells[1:]] == [
        ["drums balanced", "2", "7.1 ± 0.1 dB"], ["drums strong", "2", "10.1 ± 0.1 dB"],
        ["drums light seed 0", "1", "7.1 dB"],
    ]  # fmt: skip
    alt = charts(app)[0].proto.alt
    assert alt.endswith("last: drums balanced 7.8 dB, drums strong 10.8 dB, drums light seed 0 7.8 dB")
    app.toggle(key="compare-seeds").set_value(False).run()
    assert address(app)["seeds"] == "0" and charts(app)[0].proto.alt.count("seed") == 5 and not app.exception


def test_only_runs_that_came_to_their_end_count_and_the_others_are_named(visit: Visit, runs_dir: Path) -> None:
    for seed, (errors, state) in enumerate(((0.3, State.COMPLETED), (0.5, State.COMPLETED), (9.0, State.FAILED))):
        config = RunConfig(training={"preset": "balanced", "seed": seed}, task={})
        judged(runs_dir / f"s{seed}", f"drums seed {seed}", [4, 5], apart=errors, config=config, state=state)
    light = RunConfig(training={"preset": "light", "seed": 0}, task={})
    judged(runs_dir / "light", "light", [4, 5], apart=0.1, config=light, state=State.CANCELLED)
    words = said(visit("compare", runs="s0,s1,s2,light"))
    assert "<b>drums</b> comes to 7.1 ± 0.1 dB over 2 runs." in words, "one setting alone has a mean too"
    assert "Not counted, as not trained to the end: drums seed 2, light." in words
    assert "Too few" not in words and "better than" not in words


def test_a_run_that_was_trained_longer_is_no_other_seed(visit: Visit, seeded: None, runs_dir: Path) -> None:
    line = {
        "step": 200, "total_steps": 400, "progress": 0.5, "epoch": 20, "epoch_ends": 200, "steps_per_epoch": 10,
        "total_epochs": 40, "reason": "extended by 20 epochs", "extends": True, "at": 1, "elapsed_s": 1, "session": "",
    }  # fmt: skip
    (runs_dir / "strong-1" / "plans.jsonl").write_text(json.dumps(line) + "\n")
    words = said(visit("compare", runs="strong-0,strong-1,balanced-0,balanced-1"))
    assert "7.1 ± 0.1 dB" in words and "10.1 ± 0.1 dB" not in words
    (runs_dir / "strong-0" / "plans.jsonl").write_text(json.dumps(line) + "\n")
    assert "10.1 ± 0.1 dB" in said(visit("compare", runs="strong-0,strong-1,balanced-0,balanced-1"))


def test_runs_of_different_settings_are_not_put_together(visit: Visit, three: None) -> None:
    assert not [one for one in visit("compare", runs="a,b,c").toggle if one.key == "compare-seeds"]
