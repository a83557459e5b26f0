"""A thousand single bits turned in the files of a run: each is noticed or harmless, none is loaded in silence."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from engine.commands.inspect import inspect
from engine.errors import ConfigError, RunDirectoryError
from engine.loop.checkpoint import Loaded, load, load_newest
from engine.loop.snapshot import load_snapshot
from engine.process.job import resumed_job, saved_config
from engine.process.resume_point import finished_epochs, resume_point
from engine.rundir.artefacts import read_verified
from engine.rundir.control import Inbox
from engine.rundir.encoding import decode
from engine.rundir.layout import Layout, manifest
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow
from tests.app.library import write
from tests.bits import flip
from tests.loop.test_trainer import line, new_trainer, open_run

FLIPS = 1000
SESSION = "5f0e9d6e-0000-4000-8000-000000000001"
COMMANDS = {"cancel": "c" * 8, "save_now": "d" * 8}

Flip = Callable[[Path], bytes]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with three checkpoints, a best state, snapshots, and commands of its user."""
    root = tmp_path_factory.mktemp("corruption") / "run"
    with open_run(root) as writer:
        new_trainer(line(), writer).fit()
    lines = [
        f'\n{{"id":"{name}","command":"{word}","issued_at":1.5,"session":"{SESSION}"}}\n'
        for word, name in COMMANDS.items()
    ]
    Layout(root).control.write_text("".join(lines))
    return root


@pytest.fixture
def flips(root: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[list[Path]], Iterator[Path]]]:
    """Goes through files with one bit turned, each as it was again after."""
    generator = random.Random(request.node.name)

    def turn(paths: list[Path]) -> Iterator[Path]:
        for number in range(FLIPS // 6 + 1):
            path = paths[number % len(paths)]
            turned = generator.randrange(path.stat().st_size), generator.randrange(8)
            flip(path, *turned)
            yield path
            flip(path, *turned)

    yield turn


Flips = Callable[[list[Path]], Iterator[Path]]


def newest(root: Path) -> Loaded:
    found, _ = load_newest(Layout(root))
    assert found is not None
    return found


def test_a_damaged_checkpoint_gives_way_to_the_one_before(root: Path, flips: Flips) -> None:
    place = Layout(root)
    for path in flips([place.checkpoint(40), place.best]):
        with pytest.raises(RunDirectoryError, match="damaged or incomplete"):
            load(path)
        loaded, complaints = load_newest(place)
        assert loaded is not None
        if path == place.best:
            assert loaded.step == 40 and not complaints
        else:
            assert loaded.step == 32 and path.name in complaints[0]


def test_a_damaged_manifest_never_changes_what_is_said_of_a_checkpoint(root: Path, flips: Flips) -> None:
    place = Layout(root)
    snapshots = [item.path for item in RunReader(root).snapshots()]
    described = [place.checkpoint(40), place.best, snapshots[-1]]
    said = {manifest(path): read_verified(path)[1] for path in described}
    artefact = {manifest(path): path for path in described}
    noticed = 0
    for path in flips(list(said)):
        found = read_verified(artefact[path])
        listed = {item.path: item for item in RunReader(root).checkpoints() + RunReader(root).snapshots()}
        for got in (found and found[1], listed[artefact[path]].manifest):
            assert got is None or got.model_copy(update={"digest": None}) == said[path].model_copy(
                update={"digest": None}
            )
        noticed += found is None
    assert noticed > FLIPS // 6 * 0.7, "most of a manifest is meaning"


def test_a_damaged_snapshot_is_never_used(root: Path, flips: Flips) -> None:
    for path in flips([item.path for item in RunReader(root).snapshots()]):
        with pytest.raises(RunDirectoryError, match="damaged or incomplete"):
            load_snapshot(path)


def test_a_damaged_status_is_unknown_or_shown_and_decides_nothing(root: Path, flips: Flips) -> None:
    expected = newest(root)
    for _ in flips([Layout(root).status]):
        try:
            RunReader(root).status()
            RunReader(root).view()
        except RunDirectoryError as error:
            assert "er version (protocol" in str(error)
    assert torch.equal(newest(root).state["model"]["0.weight"], expected.state["model"]["0.weight"])


def test_a_damaged_line_of_the_metrics_costs_that_line(root: Path, flips: Flips) -> None:
    place = Layout(root)
    expected, whole = newest(root), place.metrics.read_bytes().split(b"\n")
    for path in flips([place.metrics]):
        lines = path.read_bytes().split(b"\n")
        assert len(set(whole) - set(lines)) <= 2, "a newline that turned joins two"
        events = RunReader(root).events().events
        intact = [event for event in map(decode, set(whole) & set(lines)) if event is not None]
        assert all(event in events for event in intact[:20])
        assert len(finished_epochs(place, expected.step)) >= 3
        assert len(RunReader(root).metrics_tail(3, "step")) == 3


def test_a_damaged_command_is_the_same_command_or_none(root: Path, flips: Flips) -> None:
    for path in flips([Layout(root).control]):
        inbox = Inbox(path, SESSION)
        inbox._offset = 0  # as if all had come since the session began
        arrivals = {arrival.id: arrival.command for arrival in inbox.poll()}
        for word, name in COMMANDS.items():
            command = arrivals.pop(name, None)
            assert command is None or command.command == word
        assert len(arrivals) <= 1, "an id that turned is another id, answered under it"
        assert all(command is None or command.command in COMMANDS for command in arrivals.values())


@pytest.mark.parametrize("name", ["run.json", "dataset.json"])
def test_no_bit_of_a_record_is_believed_when_it_turned(tmp_path: Path, name: str) -> None:
    """Each byte once: it is the record as it was (a bit of white space turned) or none."""
    root = tmp_path / "run"
    rows = [FileRow(path=f"{number}.wav", verdict="used", split="train", duration_s=0.5) for number in range(3)]
    write(root, done=1, files=rows)
    reader, path = RunReader(root), root / name
    said, size = (reader.run(), reader.dataset()), path.stat().st_size
    assert None not in said
    noticed = 0
    for byte in range(size):
        flip(path, byte, byte % 8)
        found = reader.run(), reader.dataset()
        assert all(now in (before, None) for now, before in zip(found, said, strict=True)), byte
        noticed += found != said
        flip(path, byte, byte % 8)
    assert noticed > size * 0.6, "most of a record is meaning"


def test_a_damaged_record_of_a_run_is_named_with_what_to_do(tmp_path: Path) -> None:
    root = tmp_path / "run"
    write(root, done=1)
    path = root / "run.json"
    path.write_text(path.read_text().replace('"total_steps": 200', '"total_steps": 201'))
    for refuse in (RunReader(root).require_run, lambda: resume_point(root), lambda: resumed_job(root, None)):
        with pytest.raises(RunDirectoryError, match=r"run\.json is damaged.*Put it back from a copy"):
            refuse()
    view = RunReader(root).view()
    assert view.damage is not None and "run.json is damaged" in view.damage[0]
    assert "run.json is damaged" in " ".join(inspect(RunReader(root))["damage"])
    with pytest.raises(ConfigError, match="changed or is damaged"):
        saved_config(path)


def test_a_manifest_that_says_something_else_is_noticed(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(root, copy)
    path = Layout(copy).checkpoint(40)
    beside = manifest(path)
    beside.write_text(beside.read_text().replace('"step": 40', '"step": 41'))
    assert read_verified(path) is None
    assert newest(copy).step == 32
