from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from engine.errors import DataError
from engine.process.job import plain_job
from engine.registry import datasets, describe, find_source, get_dataset, offers, register

Engine = Callable[..., CompletedProcess[str]]
POINTS = "a,b,kind\n1,2,x\n2,1,y\n3,5,x\n4,4,y\n5,1,x\n6,2,y\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of the test's own for settings; child processes inherit it."""
    monkeypatch.setenv("SWEETSPOT_CONFIG", str(tmp_path / "settings"))
    return tmp_path / "settings"


@pytest.fixture
def points(tmp_path: Path) -> Path:
    path = tmp_path / "points.csv"
    path.write_text(POINTS)
    return path


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes", "friedman1"])
def test_a_table_holds_what_its_entry_says(name: str) -> None:
    entry = get_dataset(name)
    table = entry.load()
    assert (table.task_type, table.num_features, table.num_classes) == (
        entry.task_type, entry.num_features, entry.num_classes,
    )  # fmt: skip
    assert len(table.feature_names) == table.num_features and len(table.target) == len(table.features)
    assert {"max_epochs", "learning_rate", "batch_size"} <= entry.defaults.keys()
    assert entry.description and entry.origin


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"demo.*digits.*iris"):
        get_dataset("flowers")


def test_the_task_follows_from_the_data(tmp_path: Path, points: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    assert find_source(str(folder)).task == "vae"
    assert find_source(str(folder), {"labels"}).task == "mlp"
    assert find_source(str(points)).task == "mlp"
    assert find_source("digits").task == "mlp"


def test_a_folder_offers_what_it_can_be_learned_for(tmp_path: Path, points: Path) -> None:
    plain, sorted_ = tmp_path / "plain", tmp_path / "sorted"
    for place in (plain, sorted_ / "low", sorted_ / "high"):
        place.mkdir(parents=True)
        for name in "ab":
            (place / f"{name}.wav").write_bytes(b"RIFF")
    assert [offer.settings for offer in offers(plain)] == [{}]
    assert [offer.settings for offer in offers(sorted_)] == [{}, {"labels": "folders"}]
    assert offers(points) == []
    assert describe(str(sorted_), {"labels": "folders"}).num_classes == 2
    assert describe(str(points), {}).num_features == 2 and describe("digits", {}).num_classes == 10


def test_a_name_wins_over_a_path_which_is_said_and_can_be_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_source("digits").notes == ()
    (tmp_path / "digits").mkdir()
    found, here = find_source("digits"), find_source("./digits")
    assert found.source.kind == "dataset" and describe("digits", {}).num_classes == 10
    assert found.notes == ("digits is the data set of that name; what lies here under it is ./digits.",)
    assert here.source.path == str((tmp_path / "digits").resolve()) and here.notes == ()
    assert plain_job(found, {}, {}, tmp_path / "run", "digits").notes[0] == found.notes[0], "a terminal says it"


def test_a_path_that_a_data_set_is_called_after_is_not_told_apart_from_it(
    points: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(points.parent)
    register(points.name, points, "", {}, replace=False)
    assert find_source(points.name).notes == ()


def test_an_empty_name_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a variable of the shell that was never set: it would be the current folder."""
    monkeypatch.chdir(tmp_path)
    for ask in (find_source, lambda text: describe(text, {})):
        with pytest.raises(DataError, match="neither a folder or table here nor a data set"):
            ask("")


def test_a_file_nobody_can_learn_from_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match=r"Nothing here can learn from letter\.txt"):
        find_source(str(tmp_path / "letter.txt"))


def test_a_table_that_was_named_trains_by_its_name(tmp_path: Path, points: Path, engine: Engine) -> None:
    added = engine("datasets", "add", "mine", points, "--target", "kind", "--description", "six points")
    assert added.returncode == 0, added.stderr
    assert "classification, 2 to 2 classes" in engine("datasets").stdout
    root = tmp_path / "run"
    trained = engine("train", "mine", "--run-dir", root, "--max-steps", 5)
    assert trained.returncode == 0, trained.stderr
    assert engine("datasets", "remove", "mine").returncode == 0
    assert "mine" not in datasets()
    assert points.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("digits", "points.csv"), "comes with Sweetspot"),
        (("../up", "points.csv"), "cannot name a data set"),
        (("mine", "nowhere.csv"), "does not exist"),
        (("mine", "points.csv", "--target", "colour"), "no column 'colour'"),
        (("mine", "points.csv", "--target", "kind", "--n-mels", "64"), "No task knows all of"),
        (("mine", "."), "has no sound files"),
    ],
)
def test_what_cannot_be_named_is_refused(
    tmp_path: Path, points: Path, engine: Engine, arguments: tuple[str, ...], said: str
) -> None:
    name, path, *more = arguments
    result = engine("datasets", "add", name, tmp_path / path, *more)
    assert result.returncode == 2 and said in result.stderr
    assert set(datasets()) & {"mine"} == set()


def test_a_name_is_replaced_only_when_asked(points: Path, engine: Engine) -> None:
    assert engine("datasets", "add", "mine", points).returncode == 0
    again = engine("datasets", "add", "mine", points)
    assert again.returncode == 2 and "--replace" in again.stderr
    assert get_dataset("mine").task_defaults == {}
    assert engine("datasets", "add", "mine", points, "--replace", "--target", "kind").returncode == 0
    assert get_dataset("mine").task_defaults == {"target": "kind"}


def test_data_that_has_gone_is_told_before_training(points: Path, engine: Engine) -> None:
    engine("datasets", "add", "mine", points)
    points.unlink()
    with pytest.raises(DataError, match="no longer in"):
        find_source("mine")


def test_a_damaged_entry_hides_no_other(home: Path, points: Path, engine: Engine) -> None:
    engine("datasets", "add", "mine", points)
    (home / "datasets" / "broken.json").write_text("{")
    assert {"mine", "iris", "demo"} <= datasets().keys()


def test_a_wrong_path_is_answered_with_where_it_ends_and_no_names_of_data_sets(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_source(str(tmp_path / "Drums" / "kicks"))
    assert caught.value.cause == f"{tmp_path}/Drums/kicks does not exist: there is no Drums in {tmp_path}."
    with pytest.raises(DataError) as caught:
        find_source(str(tmp_path / "Drums"))
    assert caught.value.cause == f"{tmp_path}/Drums does not exist.", "said once"
    assert "breast_cancer" not in str(caught.value)
