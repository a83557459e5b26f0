"""Every command of the README and of docs/ works as it stands there, one after the other, in one reader's folder."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import mido
import pytest
import soundfile

from engine.__main__ import group
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests import forkserver
from tests.conftest import ROOT, free_port

PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
PAGES += [page for page in sorted((ROOT / "docs").glob("*.md")) if page not in PAGES]
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANY_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^(sweetspot|python3?|streamlit|pip|ffmpeg|docker|rm|du) ")
INLINE = re.compile(r"`((?:sweetspot|python -m engine) [^`]+)`")
# It installs, measures, trains for long, is played by hand, needs a cluster, or is another program.
WHY = (
    r"pip install|pytest|^torchrun|tests\.bench|^ffmpeg|serve .*--(midi [A-Z]|osc)|--on slurm|"
    r"engine\.train (saw|my-cycle)"
)
NOT_RUN = {
    'python3 -m venv .venv && . .venv/bin/activate && pip install -e ".[test]" && sweetspot train demo':
        "installs from the network; .ci/run does it",
    ". .venv/bin/activate && python -m pytest -q": "that is what runs here",
    "python -m tests.bench quality --data FOLDER --pattern 'drum_*' --minutes 3 --seed 0 --split-seed 42":
        "a bench of minutes on a folder of the reader's; tests/bench tests it",
    "python -m engine.train my-cycle.wav": "needs the task that its page adds; tests/test_docs.py runs it there",
    "python -m engine.train saw --partials 8": "needs the task that its page adds; tests/test_docs.py runs it there",
    "torchrun --nproc-per-node 2 -m engine.train demo --channels 64 --batch-size 16 --run-dir runs/wide":
        "trains for an hour; tests/process/test_torchrun.py does it with less",
    "torchrun --nproc-per-node 2 -m engine.train --resume runs/wide": "the same",
    "sweetspot queue run --on slurm --sbatch partition=gpu --sbatch gpus=1":
        "needs a cluster; tests/queue/test_cluster.py does it with stand-ins and submitit's local executor",
    "sweetspot serve runs/drums --midi Launchkey": "needs a keyboard, and a device to play on",
    "sweetspot serve runs/drums --osc 9000 --keys chromatic":
        "needs a device to play on; tests/commands/test_serve_playing.py plays into a file",
    "ffmpeg -i voice.m4a voice.wav": "another program, which need not be installed",
}  # fmt: skip
NEEDS_DOCKER = (
    "docker "  # which is not there: docs/containers.md says so, tests/test_docker.py does what can be done without
)
SPEAKS_TO_IT = "sweetspot control "  # no other command wants a training that still runs
WITHOUT_FIGURES = {"kit_page": "makes the page", "sheet": "draws a picture", "detail": "trains the shipped net"}
# What it stands for starts at once: that a Python of its own can do the same, .ci/run and tests/test_installed.py show.
PROGRAM = """#!{python}
from tests import forkserver
forkserver.stand_for("tests.program")
"""


def commands(page: Path) -> list[str]:
    """The lines of its bash blocks, without their comments."""
    text = "".join(BLOCK.findall(page.read_text(encoding="utf-8"))).replace("\\\n", "")
    return [line for raw in text.splitlines() if (line := re.sub(r"(^|\s)#.*", "", raw).strip())]


def is_run(command: str) -> bool:
    return command not in NOT_RUN and not command.startswith(NEEDS_DOCKER)


class Reader:
    """Types what a page says into a shell of his own. What trains or serves goes on in a terminal beside it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ran: list[str] = []
        self.training: subprocess.Popen[bytes] | None = None
        self.app: subprocess.Popen[bytes] | None = None
        own = ("SWEETSPOT_CACHE", "SWEETSPOT_CONFIG", "SWEETSPOT_DATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
        self.environment = {name: value for name, value in os.environ.items() if name not in own} | {
            "HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            "STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_SERVER_PORT": str(free_port()),
            "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false", forkserver.FORKED: "1",
        }  # fmt: skip

    def read(self, page: Path) -> None:
        """Do all that ``page`` says, and clear the table at its end."""
        listened = [int(step) for step in re.findall(r"--checkpoint step-(\d+)", page.read_text(encoding="utf-8"))]
        left = [command for command in commands(page) if is_run(command)]
        while left:
            if not any(SPEAKS_TO_IT in command for command in left):
                self.press_ctrl_c()  # where a reader waits for its end: until then it takes half of the processor
            self.type(left[0], max(listened, default=0))
            self.ran.append(left.pop(0))
        self.press_ctrl_c()
        if self.app is not None:
            self.app.terminate()
            self.app.wait(120)
            self.app = None

    def type(self, command: str, step: int) -> None:
        if command.startswith("streamlit run"):
            self.open_app(command)
        elif command.startswith("sweetspot train"):
            self.train(command, step)
        else:
            self.wait_for_something_saved(command)
            done = subprocess.run(["bash", "-c", command], **self.place(), capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            if command.endswith(" cancel"):
                assert self.training is not None and self.training.wait(120) == 0
                self.training = None

    def train(self, command: str, step: int) -> None:
        """Begin, and wait until an epoch has been trained and ``step`` can be heard."""
        self.press_ctrl_c()
        run = RunReader(self.home / "project" / command.split("--run-dir ")[-1].split("--resume ")[-1].split()[0])
        before = len(run.sessions())
        self.training = self.start(command)

        def trained() -> bool:
            status = run.status() if len(run.sessions()) > before else None
            if status is None or status.state is not State.RUNNING or status.epoch is None:
                return False
            return status.epoch > 1 and (not step or step in [one.step for one in run.saved_states()])

        self.wait_for(trained, self.training)

    def wait_for_something_saved(self, command: str) -> None:
        """What makes sounds from a run is typed once it has a checkpoint, where a reader would wait for its end."""
        name, *words = command.split()[1:] or [""]
        if (
            name not in ("instrument", "generate", "export", "reconstruct", "resynthesise")
            or not words
            or self.training is None
        ):
            return
        run = RunReader(self.home / "project" / words[0])
        if run.exists:
            self.wait_for(lambda: any(one.name in ("best", "last") for one in run.saved_states()), self.training)

    def open_app(self, command: str) -> None:
        if self.app is not None:
            self.app.terminate()
            self.app.wait(120)
        self.app = self.start(command)
        address = f"http://localhost:{self.environment['STREAMLIT_SERVER_PORT']}/_stcore/health"

        def answers() -> bool:
            try:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    return bool(answer.read() == b"ok")
            except OSError:
                return False

        self.wait_for(answers, self.app)

    def press_ctrl_c(self) -> None:
        """End the training that still runs as the pages say; it may just have come to its end."""
        if self.training is not None:
            self.training.send_signal(signal.SIGINT)
            assert self.training.wait(120) in (130, 0)
            self.training = None

    def start(self, command: str) -> subprocess.Popen[bytes]:
        log = (self.home / "terminal.txt").open("ab")
        return subprocess.Popen(["bash", "-c", f"exec {command}"], **self.place(), stdout=log, stderr=log)

    def place(self) -> dict[str, object]:
        return {"cwd": self.home / "project", "env": self.environment}

    def wait_for(self, true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
        while not true():
            assert process.poll() is None, (self.home / "terminal.txt").read_text()[-2000:]
            time.sleep(0.1)


@pytest.fixture(scope="module")
def reader(drums: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """One who has read every page and done what it says, in a home directory of his own."""
    home = tmp_path_factory.mktemp("home")
    samples = home / "Samples" / "drums"
    samples.mkdir(parents=True)
    for path, name in zip(sorted(drums.iterdir())[:6], ["kick", "snare", *map(str, range(4))], strict=True):
        sound, rate = soundfile.read(path)
        soundfile.write(samples / f"{name}.wav", sound[: rate // 2], rate)  # what is made is as short
    project = home / "project"
    project.mkdir()
    for name in ("app", "engine", ".streamlit"):
        (project / name).symlink_to(ROOT / name)
    for name in ("my.wav", "voice.wav"):
        (project / name).write_bytes((samples / "kick.wav").read_bytes())
    mido.MidiFile(tracks=[mido.MidiTrack([mido.Message("note_on", note=36)])]).save(project / "song.mid")
    program = home / "bin" / "sweetspot"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    one = Reader(home)
    assert forkserver.run("tests.program", "--version").returncode == 0  # the server is there until this process ends
    try:
        for page in PAGES:
            one.read(page)
        yield one
    finally:
        for process in (one.training, one.app):
            if process is not None:
                process.kill()
                process.wait()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_command_was_run_as_it_stands(reader: Reader) -> None:
    assert reader.ran == [line for page in PAGES for line in commands(page) if is_run(line)]
    assert len(reader.ran) > 20


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_sound_is_a_file_for_the_workstation(reader: Reader) -> None:
    new = reader.home / "project" / "new"
    made = {folder.name: sorted(folder.glob("*.wav")) for folder in new.iterdir()}
    assert {name: len(files) for name, files in made.items()} == {
        "best": 8, "step-200": 8, "snares": 4, "kick-to-snare": 5, "stereo": 4, "loops": 2,
    }  # fmt: skip
    for files in made.values():
        for path in files:
            assert soundfile.info(path).subtype == "PCM_24" and json.loads(path.with_suffix(".json").read_bytes())
            assert abs(soundfile.read(path)[0]).max() <= 10 ** (-1 / 20) + 1e-3, "peaks at most at -1 dBFS"
    stereo = soundfile.info(made["stereo"][0])
    assert stereo.channels == 2 and stereo.samplerate == 44_100
    assert all(soundfile.info(path).samplerate == 48_000 for path in made["best"])
    assert all(b"smpl" in path.read_bytes()[:400] or b"smpl" in path.read_bytes()[-400:] for path in made["loops"])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_is_passed_on_names_no_path_and_the_model_holds_no_recording(reader: Reader) -> None:
    home, project = reader.home, reader.home / "project"
    page = (project / "drums.html").read_text(encoding="utf-8")
    assert "<audio" in page and str(home) not in page
    for name in ("drums-model.zip", "drums-run.zip"):
        with zipfile.ZipFile(project / name) as archive:
            assert archive.testzip() is None
            sounds = [member for member in archive.namelist() if member.endswith(".wav")]
            assert bool(sounds) == (name == "drums-run.zip")
            assert not [one for one in archive.namelist() if str(home).encode() in archive.read(one)]


def test_no_command_is_left_out_but_what_installs_measures_or_is_another_program() -> None:
    found = {line for page in PAGES for line in commands(page)}
    assert {line for line in found if re.search(WHY, line)} == NOT_RUN.keys()
    assert {page.name for page in PAGES if any(line.startswith(NEEDS_DOCKER) for line in commands(page))} == {
        "containers.md"
    }
    assert "The commands on this page were never run" in (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")


def test_every_block_of_commands_says_that_it_is_one() -> None:
    for page in PAGES:
        for language, text in ANY_BLOCK.findall(page.read_text(encoding="utf-8")):
            assert language in ("bash", "") or not COMMAND.match(text), f"{page.name}: {text}"
            assert language == "bash" or not any(map(COMMAND.match, text.splitlines())), f"{page.name}: {text}"


def test_commands_within_sentences_exist_with_their_options() -> None:
    for page in PAGES:
        for said in INLINE.findall(page.read_text(encoding="utf-8").replace("\n", " ")):
            words = said.removeprefix("python -m engine").removeprefix("sweetspot").split()
            if words[0] == "COMMAND":
                continue
            command = group.get_command(None, words[0])  # type: ignore[arg-type]
            if isinstance(command, click.Group):
                command = command.commands.get(words[1] if len(words) > 1 else "", command)
            assert command is not None, f"{page.name}: {said}"
            known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
            asked = {word for word in words[1:] if word.startswith("--")}
            assert asked <= known | {"--help"}, f"{page.name}: {said}"


def test_the_benches_that_the_pages_name_are_there() -> None:
    for page in PAGES:
        for name in re.findall(r"python -m tests\.bench (\w+)", page.read_text(encoding="utf-8")):
            assert importlib.util.find_spec(f"tests.bench.{name}"), f"{page.name}: {name}"


def test_measured_figures_name_the_commit_they_were_measured_at() -> None:
    """What a bench measured, and how long a training took on so many cores."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    parts = [part for text in texts for part in re.split(r"\n\n|\n- |^\|", text, flags=re.MULTILINE)]
    measured = [
        part for part in parts if set(re.findall(r"`python -m tests\.bench (\w+)", part)) - set(WITHOUT_FIGURES)
    ]
    timed = [part for part in parts if "cores" in part and re.search(r"\d\.\d minutes", part)]
    assert len(measured) > 10 and len(timed) >= 2
    assert [part for part in measured + timed if not re.search(r"commit [0-9a-f]{7}", part)] == []


def test_every_test_that_a_page_names_is_there() -> None:
    there = {path.name for path in (ROOT / "tests").rglob("*.*")}
    for page in PAGES:
        named = re.findall(r"\b(?:test_\w+\.py|verdicts\.txt)\b", page.read_text(encoding="utf-8"))
        assert set(named) <= there, page.name
        paths = re.findall(r"`(tests/[\w/]+\.\w+)(?:::(\w+))?`", page.read_text(encoding="utf-8"))
        for path, test in paths:
            assert (ROOT / path).is_file() and f"def {test}" in (ROOT / path).read_text(encoding="utf-8"), page.name


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (page.parent / link).is_file(), f"{page.name}: {link}"


def test_the_tree_and_the_reading_order_of_the_readme_are_there() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = page.split("## The house")[1].split("```")[1]
    place, rooms, found = "", [""], []
    for line in tree.strip().splitlines():
        if line[0] != " ":
            place = line.split()[0]
        names = [place] if line[0] != " " else [place + name for name in line[:22].split()]
        found += names
        rooms = names or rooms
        for told in re.findall(r"(?<![\w/])\w+\.py", line[22:]):
            near = [ROOT / (room if room.endswith("/") else place) for room in rooms]
            assert any(next(folder.rglob(told), None) for folder in near), f"{told} is not in {rooms}"
    assert len(found) > 15 and [name for name in found if not (ROOT / name).exists()] == []
    order = re.findall(r"`([^`]+)`", page.split("**Read it**")[1].split("**Add a task**")[0])
    assert [name for name in order if not ((ROOT / name).exists() or (ROOT / "engine" / name).exists())] == []
    there = {path.name for path in (ROOT / "engine").iterdir() if (path / "__init__.py").exists()} - {"tasks"}
    assert {room for room in there if f"engine/{room}/" not in found} == set()
