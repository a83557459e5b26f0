"""The documentation's code does what its page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pydantic import BaseModel

from engine.metrics import EpochMetrics
from engine.rundir import protocol
from engine.rundir.findings import Diagnosis, Evidence
from engine.rundir.notes import Notes
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow, MetricSpec, Monitor, Nouns, Parent, RunConfig, RunRecord, Source
from engine.rundir.status import Best, CheckpointRef, ErrorInfo, PhaseProgress, State, Status
from engine.task import Task

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
FILE = re.compile(r"`(engine/tasks/\w+/\w+\.py)`")


RECORDS: list[type[BaseModel]] = [
    RunRecord, MetricSpec, Monitor, Nouns, Source, Parent, RunConfig,
    FileRow, protocol.SessionRecord, Status, Best, Evidence, Diagnosis,
    ErrorInfo, PhaseProgress, protocol.PlanRecord, protocol.Manifest, CheckpointRef,
    protocol.HandledCommand, EpochMetrics, Notes,
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_field_of_a_record_is_explained(record: type[BaseModel]) -> None:
    page = (ROOT / "docs" / "run-directory.md").read_text(encoding="utf-8")
    assert [name for name in record.model_fields if not re.search(rf'[`"]{name}[`"]', page)] == []


def test_every_member_of_a_task_is_named() -> None:
    page = (ROOT / "docs" / "add-a-task.md").read_text(encoding="utf-8").split("```python")[0]
    members = {name for name in (*Task.__annotations__, *vars(Task)) if not name.startswith("_")}
    assert len(members) > 15 and {name for name in members if f"`{name}`" not in page} == set()


@pytest.mark.slow
def test_the_python_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
    program = "\n".join(BLOCK.findall(page))
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert result.returncode == 0, result.stderr
    assert "input_dim is 7, but the data has 4 features" in result.stdout


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the engine with the files of the page in their places."""
    page = (ROOT / "docs" / "add-a-task.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    names, blocks = FILE.findall(page), BLOCK.findall(page)
    assert names[0].endswith("__init__.py") and len(names) == len(blocks) + 1
    for name, text in zip(names, ["", *blocks], strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert sum(len(text.splitlines()) for text in blocks) < 100
    return tmp_path


@pytest.mark.slow
def test_a_third_task_is_one_folder(house: Path) -> None:
    def engine(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(house)}
        command = [sys.executable, "-m", "engine", *arguments]
        return subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, timeout=500)

    assert "saw" in engine("datasets").stdout
    page = (ROOT / "docs" / "add-a-task.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"```bash\n(.*?)\n```", page, re.DOTALL)
    own, from_file = (line.removeprefix("python -m engine.").split() for line in said.splitlines())
    result = engine(*own)
    assert result.returncode == 0, result.stderr
    reader = RunReader(next((house / "runs").iterdir()))
    record, status = reader.run(), reader.status()
    assert record is not None and record.task == "cycle" and record.config.task["partials"] == 8
    assert status is not None and status.state is State.COMPLETED
    assert status.metrics["val_loss"] < 0.05
    sounds = [preview for preview in reader.previews() if "wav" in preview.files]
    assert len(sounds) >= 3
    of_saw = record.fingerprint
    cycle = np.sin(2 * np.pi * np.arange(600) / 600)
    soundfile.write(house / from_file[1], cycle, 48_000)
    result = engine(*from_file, "--run-dir", "from-file")
    assert result.returncode == 0, result.stderr
    record, status = RunReader(house / "from-file").run(), RunReader(house / "from-file").status()
    assert record is not None and record.task == "cycle" and record.fingerprint != of_saw
    assert record.source.kind == "file" and status is not None and status.metrics["val_loss"] < 0.05


def measured(page: str) -> list[str]:
    """The sections of a page with a table of figures: a row of one has a decimal fraction in it."""
    sections = re.split(r"^## ", (ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [section for section in sections if re.search(r"^\|.*\d\.\d", section, re.MULTILINE)]


@pytest.mark.parametrize("section", [*measured("model.md"), *measured("instruments.md")])
def test_a_table_of_figures_names_its_commit_and_its_bench_or_that_there_is_none(section: str) -> None:
    assert re.search(r"commit [0-9a-f]{7}", section), section[:40]
    benches = re.findall(r"`python -m tests\.bench (\w+)", section)
    assert benches or "no bench" in section or "`python -m pytest " in section, section[:40]
    assert all((ROOT / "tests" / "bench" / f"{name}.py").is_file() for name in benches)


def figured(page: str) -> list[str]:
    """The paragraphs of a page that hold a figure with two decimals, tables with the sentence above them."""
    paragraphs = re.split(r"\n\n(?!\|)", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    return [one for one in paragraphs if re.search(r"\d\.\d\d", re.sub(r"\]\(.*?\)", "", one))]


@pytest.mark.parametrize("paragraph", [*figured("figures.md"), *figured("recordings.md")])
def test_a_figure_for_musicians_names_its_commit_and_where_it_was_measured(paragraph: str) -> None:
    assert re.search(r"\(model\.md#[a-z-]+\)", paragraph), paragraph[:60]
    assert re.search(r"commit [0-9a-f]{7}", paragraph), paragraph[:60]


def test_every_commit_that_a_page_names_is_one_of_the_history() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    short = re.compile(r"\b(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7}\b")
    named = {one for page in pages for one in short.findall(page.read_text(encoding="utf-8"))}
    known = subprocess.run(["git", "rev-list", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    missing = sorted(named - {commit[:7] for commit in known})
    if len(missing) == len(named):
        pytest.skip("a copy of the project without its history")
    assert not missing


def test_the_plan_of_the_house_names_every_room_and_what_stands_outside_of_rooms() -> None:
    """And nothing there is that is not: a name of the plan is a file or a folder."""
    plan = (ROOT / "README.md").read_text(encoding="utf-8").split("## The house")[1].split("```")[1]
    outside = {path.name for path in (ROOT / "engine").glob("[!_]*.py")}
    folders = [path for part in ("engine", "app") for path in (ROOT / part).iterdir() if any(path.glob("*.py"))]
    rooms = {f"{path.name}/" for path in folders}
    named = set(re.findall(r"\b[a-z_]+\.py\b|\b[a-z_]+/", plan))
    assert outside | rooms <= named | {"tasks/"}
    files = {path.name for part in ("engine", "app", "tests") for path in (ROOT / part).rglob("*.py")}
    assert {name for name in named if name.endswith(".py")} <= files
