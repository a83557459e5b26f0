"""The curves of a run's page: how they are drawn, what is marked, what can be saved of them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.charts.pictures import picture
from app.charts.plots import main_drawing, marks
from app.charts.settings import ChartSettings
from app.charts.small_plots import small_drawings
from app.runs.store import metrics_of
from engine.rundir.protocol import PlanRecord
from engine.rundir.reader import RunReader
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.app.library import write

Visit = Callable[..., AppTest]


def test_the_address_says_how_all_curves_of_a_run_are_drawn(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums")
    app = visit("run", run="drums", x="step", log="1", smooth="5")
    drawn = [json.loads(one.proto.spec) for one in app.get("vega_lite_chart")]
    named = [set(re.findall(r'"title": "(epoch|update|minutes of training)"', json.dumps(one))) for one in drawn]
    assert [one for one in named if one] == [{"update"}] * 5
    assert any('"type": "log"' in json.dumps(one) for one in drawn)


@pytest.mark.slow
def test_the_menu_of_the_curves_is_drawn_while_it_is_open_and_its_choices_go_into_the_address(
    visit: Visit, runs_dir: Path
) -> None:
    write(runs_dir / "drums")
    app = visit("run", run="drums", x="time")
    assert "save-svg" not in {one.key for one in app.button}
    app.session_state["chart-menu"] = True
    app.run()
    assert app.selectbox(key="curves-smooth").value == "usual" and not app.toggle(key="curves-log").value
    assert "Loss" in app.selectbox(key="chart-saved").options
    app.toggle(key="curves-log").set_value(True).run()
    app.selectbox(key="curves-smooth").select("17").run()
    assert not app.exception
    said = {name: value if isinstance(value, str) else value[0] for name, value in dict(app.query_params).items()}
    assert said == {"run": "drums", "x": "time", "log": "1", "smooth": "17"}
    labels = [one.label for one in app.button if (one.key or "").startswith(("save-", "csv-"))]
    assert labels == ["PNG", "SVG", "CSV of all updates", "CSV of all epochs"]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_chart_is_saved_as_it_is_drawn(runs_dir: Path, kind: Literal["png", "svg"]) -> None:
    write(runs_dir / "drums")
    reader = RunReader(runs_dir / "drums")
    drawn = main_drawing(reader.root, reader.view(), [40], ChartSettings("step"))
    assert drawn is not None
    made = picture(drawn.rows, drawn.spec, "How well <it> copies", kind)
    if kind == "png":
        assert Image.open(io.BytesIO(made)).width > 1500
    else:
        assert b"How well &lt;it&gt; copies" in made and b"update" in made and "▲ preview".encode() in made


def test_what_happened_to_a_run_is_told_where_it_happened(runs_dir: Path) -> None:
    writer = write(runs_dir / "drums", close=False)
    for step in (100, 150):
        writer.event("checkpoint", file=f"step-{step:08d}.safetensors", step=step, epoch=step // 10, reason="interval")
    writer.plan_anew(
        PlanRecord(
            step=120, total_steps=200, progress=0.5, epoch=12, epoch_ends=120, steps_per_epoch=10, total_epochs=20,
            reason="extended by 8 epochs", extends=True, steps_per_s=5.0, at=1.0, elapsed_s=1.0, session="s",
        )
    )  # fmt: skip
    writer.close()
    again = RunWriter.open(runs_dir / "drums", device="cpu", threads=1, versions={}, resumed_from_step=120, resume=True)
    again.close()
    store = metrics_of(runs_dir / "drums")
    store.refresh()
    run = RunReader(runs_dir / "drums").require_run()
    told = {(one.kind, one.step): one.said for one in marks(runs_dir / "drums", store, run, [40])}
    assert told == {
        ("preview", 40): "preview", ("checkpoint", 100): "checkpoint", ("checkpoint", 150): "checkpoint",
        ("planned", 120): "planned anew: extended by 8 epochs, 20 epochs in all",
        ("resumed", 120): "resumed after update 120",
    }  # fmt: skip


def test_a_curve_says_how_it_was_smoothed_and_of_a_very_long_run_that_steps_are_left_out(runs_dir: Path) -> None:
    write(runs_dir / "drums")
    reader = RunReader(runs_dir / "drums")
    store = metrics_of(reader.root)

    def said(smoothing: str) -> str:
        settings = ChartSettings(smoothing=smoothing)
        return small_drawings(reader.root, reader.view(), lambda group: None, settings)["loss"].quiet

    assert said("usual") == "mean of 17 updates · new data by epoch" and said("1").startswith("every step")
    store.steps.stride = 16
    assert said("65").startswith("mean of 65 updates · one step in 16")


@pytest.mark.parametrize("updates", [1, 2])
def test_a_run_of_one_or_two_updates_has_curves(visit: Visit, runs_dir: Path, tmp_path: Path, updates: int) -> None:
    root = runs_dir / "short"
    done = forkserver.run("engine.train", "iris", "--max-steps", updates, "--threads", 1, "--run-dir", root)
    assert done.returncode == 0, done.stderr
    assert not visit("run", run="short").exception
