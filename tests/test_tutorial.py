"""The tutorial's commands, in order, as they stand there: what a reader types works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import soundfile

from engine.rundir.reader import RunReader
from engine.rundir.schema import State
from tests.conftest import ROOT, SMALL

pytestmark = pytest.mark.slow  # each command is a Python that is started for it, as it is at the reader's
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
# What stands there takes an evening. A few updates of a small model make no music, but every file.
INSTEAD = {
    "--max-minutes 20": f"--max-steps 6 {' '.join(SMALL)}",
    "--checkpoint epoch-31": "--checkpoint last",
    "--count 8": "--count 2",
    "--count 4": "--count 1",
    "--steps 5": "--steps 2",
    "streamlit run app/main.py": "true",  # tests/browser opens it
}
COMMAND = """set -e
sweetspot() {
  case "$1" in
    report) shift; "$PYTHON" -m app.report.command "$@" ;;
    *) "$PYTHON" -m engine "$@" ;;
  esac
}
"""


@pytest.fixture(scope="module")
def home(drums: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home directory of a reader who did all that the page says."""
    home = tmp_path_factory.mktemp("home")
    samples = home / "Samples" / "drums"
    samples.mkdir(parents=True)
    for path, name in zip(sorted(drums.iterdir()), ["kick", "snare", *map(str, range(8))], strict=True):
        soundfile.write(samples / f"{name}.wav", *soundfile.read(path))
    script = "".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    for said, done in INSTEAD.items():
        assert said in script, f"the page no longer says {said}"
        script = script.replace(said, done)
    cache = os.environ["SWEETSPOT_CACHE"]
    environment = {**os.environ, "HOME": str(home), "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        ["bash", "-c", COMMAND + script], cwd=home, env=environment | {"SWEETSPOT_CACHE": cache},
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return home


def test_the_run_is_where_the_page_says(home: Path) -> None:
    status = RunReader(home / "runs" / "drums").status()
    assert status is not None and status.state is State.COMPLETED


def test_every_sound_is_a_file_for_the_workstation(home: Path) -> None:
    made = {folder.name: sorted(folder.glob("*.wav")) for folder in (home / "new").iterdir()}
    assert {name: len(files) for name, files in made.items()} == {
        "best": 2, "epoch-31": 2, "snares": 1, "kick-to-snare": 2, "stereo": 1, "loops": 2,
    }  # fmt: skip
    for files in made.values():
        for path in files:
            assert soundfile.info(path).subtype == "PCM_24" and json.loads(path.with_suffix(".json").read_bytes())
            assert abs(soundfile.read(path)[0]).max() <= 10 ** (-1 / 20) + 1e-3, "peaks at most at -1 dBFS"
    stereo = soundfile.info(made["stereo"][0])
    assert stereo.channels == 2 and stereo.samplerate == 44_100
    assert all(soundfile.info(path).samplerate == 48_000 for path in made["best"])
    assert all(b"smpl" in path.read_bytes()[:400] or b"smpl" in path.read_bytes()[-400:] for path in made["loops"])


def test_what_is_passed_on_names_no_path_and_the_model_holds_no_recording(home: Path) -> None:
    page = (home / "drums.html").read_text(encoding="utf-8")
    assert "<audio" in page and str(home) not in page
    for name in ("drums-model.zip", "drums-run.zip"):
        with zipfile.ZipFile(home / name) as archive:
            assert archive.testzip() is None
            sounds = [member for member in archive.namelist() if member.endswith(".wav")]
            assert bool(sounds) == (name == "drums-run.zip")
            assert not [one for one in archive.namelist() if str(home).encode() in archive.read(one)]


def test_the_pages_that_the_tutorial_names_are_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / link).is_file(), link
