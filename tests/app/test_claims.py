"""Of one real run, its page, status.json, ``inspect`` and the report say the same."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.report.contents import gather
from app.report.page import page as report_page
from engine.loop.diagnosis import diagnose
from engine.rundir.encoding import encode
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.view import ShownState
from tests import forkserver
from tests.app.conftest import said
from tests.conftest import SMALL

Visit = Callable[..., AppTest]
PLACES = ("page", "inspect", "report")


def engine(*arguments: str) -> subprocess.CompletedProcess[str]:
    return forkserver.run("engine", *arguments)


def plain(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def everywhere(visit: Visit, root: Path) -> dict[str, str]:
    """All words of the run's page with its notes, of ``inspect`` and of the report."""
    app = visit("run", run=root.name)
    first = said(app)
    app.session_state[f"tabs-{root.name}"] = f"Notes ({len(notes(root))})"
    app.run()
    chips = " ".join(f"{metric.value} {metric.delta}" for metric in app.metric)
    return {
        "page": plain(" ".join((first, said(app), chips))),
        "inspect": plain(engine("inspect", str(root)).stdout),
        "report": plain(report_page(gather(RunReader(root)))),
    }


def notes(root: Path) -> list[str]:
    from app.panels.details import all_notes

    return [f"{note.strong} {note.text}".strip() for note in all_notes(root, RunReader(root).view())]


def test_one_run_is_told_alike_everywhere(visit: Visit, runs_dir: Path, drum_run: Path) -> None:
    root = Path(shutil.copytree(drum_run, runs_dir / "drums"))
    status = RunReader(root).status()
    facts = json.loads(engine("inspect", str(root), "--json").stdout)
    assert status is not None and status.diagnosis and status.evidence is not None and status.best is not None
    assert (status.evidence.best_epoch, status.evidence.best) == (status.best.epoch, status.best.raw)
    assert status.evidence.now == status.metrics["val_recon_db"] and status.evidence.gap == status.overfitting_gap
    for place, text in everywhere(visit, root).items():
        assert facts["headline"] in text, place
        assert facts["quality"]["label"] in text and facts["quality"]["shown"] in text, place
        for found in status.diagnosis:
            assert found.message in text, place
        assert "is learning" not in text and "so far" not in text, place


@pytest.mark.slow
def test_a_run_that_died_is_told_in_the_past_whatever_its_last_status_says(
    visit: Visit, runs_dir: Path, drum_run: Path
) -> None:
    root = Path(shutil.copytree(drum_run, runs_dir / "drums"))
    status, run = RunReader(root).status(), RunReader(root).run()
    assert status is not None and run is not None
    living, past = (diagnose(status.evidence, run.monitor, over=over) for over in (False, True))
    assert living != past
    word = {"state": State.RUNNING, "phase": "train", "session": RunReader(root).sessions()[-1].session}
    Layout(root).status.write_bytes(encode(status.model_copy(update={**word, "diagnosis": living})))
    assert RunReader(root).view().state is ShownState.CRASHED
    for place, text in everywhere(visit, root).items():
        assert all(one.message in text for one in past), place
        assert not any(one.message in text for one in living if one not in past), place


@pytest.mark.slow
def test_a_run_that_failed_at_once_keeps_nothing_and_says_so(visit: Visit, runs_dir: Path, drums: Path) -> None:
    root = runs_dir / "drums"
    failed = engine("train", str(drums), "--run-dir", str(root), *SMALL, "--learning-rate", "1e9", "--max-steps", "60")
    assert failed.returncode == 1
    end = "Nothing is kept yet: it failed before anything was saved. Start again with a lower learning rate"
    assert f"{end}: --learning-rate 0.002." in failed.stderr
    assert f"{end}: 0.002." in everywhere(visit, root)["page"]
    for place, text in everywhere(visit, root).items():
        assert "Nothing is kept yet: it failed before anything was saved." in text, place


@pytest.mark.slow
def test_what_was_saved_is_kept_as_long_as_it_verifies(visit: Visit, runs_dir: Path, drum_run: Path) -> None:
    root = Path(shutil.copytree(drum_run, runs_dir / "drums"))
    status = json.loads(Layout(root).status.read_text())
    error = {"kind": "TrainingFailedError", "cause": "The loss became NaN.", "remedy": "Wait."}
    Layout(root).status.write_text(json.dumps(status | {"state": "failed", "error": error}))
    for text in everywhere(visit, root).values():
        assert "kept. Wait." in text and "Nothing" not in text.split("Wait.")[0][-90:]
    for directory, now in (
        (Layout(root).checkpoints, "No checkpoint verifies. What it had learnt by"),
        (Layout(root).snapshots, "Nothing that was saved verifies: nothing is kept. Wait."),
    ):
        for path in directory.glob("*.safetensors"):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        for place, text in everywhere(visit, root).items():
            assert now in text, place
