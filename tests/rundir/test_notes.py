"""What a person writes to a run: kept beside what the trainer writes, whoever wrote it, and nowhere it may not be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.errors import RunDirectoryError, StorageError
from engine.rundir.annotate import annotate
from engine.rundir.layout import Layout
from engine.rundir.liveness import Liveness
from engine.rundir.notes import LONGEST_NAME, LONGEST_REMARK, MOST_REMARKS, MOST_TAGS, Notes, read_notes
from engine.rundir.reader import RunReader
from engine.rundir.stars import star, starred_names
from engine.rundir.view import ShownState
from tests.rundir.conftest import StartTrainer, open_writer
from tests.rundir.test_encoding import RUN


def test_notes_come_back_and_what_is_not_said_stays(run: RunReader) -> None:
    annotate(run, name="Hats, dry", tags=("hat", "dry"))
    annotate(run, text="Best at 31.\nUse it.", archived=True)
    assert run.view().notes == Notes(name="Hats, dry", tags=("hat", "dry"), text="Best at 31.\nUse it.", archived=True)
    assert run.view().name == "Hats, dry"
    annotate(run, name="")
    assert run.view().name == RUN.name and run.view().notes.tags == ("hat", "dry")
    assert [path.name for path in run.root.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_word_that_also_stands_for_a_number_is_a_word(word: str, run: RunReader) -> None:
    said = Notes(name=word, tags=(word,), text=word, remarks={20: word})
    annotate(run, name=word, tags=(word,), text=word, remarks={20: word})
    assert read_notes(run.layout) == said
    annotate(run, archived=True)
    assert read_notes(run.layout) == said.model_copy(update={"archived": True})
    made = run.layout.sounds / word
    made.parent.mkdir()
    made.touch()
    star(made, True)
    assert starred_names(made.parent) == {word}


@pytest.mark.parametrize(
    "content",
    ["[no JSON", "[]", "7", '{"name": 7}', '{"tags": "hat"}', '{"name": "\\ud800"}', '{"remarks": {"soon": "x"}}',
     '{"protocol": 99, "name": 7}',
     '{"name": "' + "x" * (5 << 20) + '"}', "[" * 100_000],
)  # fmt: skip
def test_notes_that_say_nothing_hide_no_run(content: str, run: RunReader) -> None:
    run.layout.notes.write_text(content)
    assert run.view().name == RUN.name and run.view().notes == Notes()
    annotate(run, name="mended")
    assert run.view().name == "mended"


def test_what_is_damaged_of_notes_takes_nothing_else_with_it(run: RunReader) -> None:
    said = {"name": "Hats", "tags": ["dry"], "text": 7, "remarks": {"x": "where?", "20": "hat is there", "30": 5}}
    run.layout.notes.write_text(json.dumps(said))
    annotate(run, archived=True)
    kept = Notes(name="Hats", tags=("dry",), archived=True, remarks={20: "hat is there"})
    assert read_notes(run.layout) == kept and not run.layout.damaged_notes.exists()


@pytest.mark.parametrize(
    ("field", "mine", "strange"),
    [
        ("remarks", {"20": "hat is there"}, {"\u0663": "no digit of ours", "9" * 4290: "never", "30": "\ud800"}),
        ("starred", [20], ["x", 1.5, True, None, -1, int("9" * 4290)]),
        ("tags", ["dry"], [5, None, "\ud800"]),
    ],
)
def test_what_a_person_wrote_outlives_what_is_strange_beside_it(
    field: str, mine: Any, strange: Any, run: RunReader
) -> None:
    both = mine | strange if isinstance(mine, dict) else mine + strange
    run.layout.notes.write_text(json.dumps({field: both}))
    annotate(run, name="Hats")
    assert json.loads(run.layout.notes.read_text())[field] == mine


def test_notes_of_which_nothing_can_be_read_are_put_aside(run: RunReader) -> None:
    run.layout.notes.write_text('{"name": "Hats", "text": "half a li')
    annotate(run, name="Bells")
    assert run.layout.damaged_notes.read_text() == '{"name": "Hats", "text": "half a li'


@pytest.mark.parametrize("content", ['{"starred": [50], "text": "half a li', '{"starred": "50"}'])
def test_that_stars_cannot_be_read_is_said_until_somebody_settles_it(content: str, run: RunReader) -> None:
    assert run.view().notes_doubt == ""
    run.layout.notes.write_text(content)
    assert "notes.json cannot be read: it is damaged" in run.view().notes_doubt
    annotate(run, starred={40: True})
    assert run.view().notes.starred == (40,) and run.layout.damaged_notes.read_text() == content
    assert "notes.damaged.json cannot be read" in run.view().notes_doubt, "what had a star before is still not known"
    run.layout.damaged_notes.unlink()
    assert run.view().notes_doubt == ""


def test_notes_of_anybody_are_short_lines_of_text(run: RunReader) -> None:
    bait = {"name": "a\u202egnp.exe\n\x1b[2J" + "x" * 999, "tags": ["a,b", "a b", "", *map(str, range(99))], "else": 1}
    run.layout.notes.write_text(json.dumps(bait | {"text": "one\r\n\x07two" + "\n" * 9_000}))
    found = read_notes(run.layout)
    assert found.name.startswith("agnp.exe [2Jxxx") and len(found.name) == LONGEST_NAME
    assert found.tags[:2] == ("a b", "0") and len(found.tags) == MOST_TAGS
    assert found.text == "one\ntwo"


def test_remarks_on_previews_come_back_by_their_updates_and_are_as_short(run: RunReader) -> None:
    annotate(run, remarks={2970: "the hat is back", 30: " dull\n kick ", 40: " "})
    assert run.view().notes.remarks == {30: "dull kick", 2970: "the hat is back"}
    annotate(run, name="Hats")
    assert len(run.view().notes.remarks) == 2
    annotate(run, remarks={30: "", 50: "louder"})
    assert run.view().notes.remarks == {50: "louder", 2970: "the hat is back"}
    bait = {str(step): "\x1b[2J" + "x" * 999 for step in range(MOST_REMARKS + 9)}
    run.layout.notes.write_text(json.dumps({"remarks": bait | {"-1": "before all"}}))
    found = read_notes(run.layout).remarks
    assert list(found) == list(range(MOST_REMARKS)) and {len(text) for text in found.values()} == {LONGEST_REMARK}


def test_a_link_for_a_file_of_notes_leads_nowhere(run: RunReader, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"name": "outside"}')
    run.layout.notes.symlink_to(outside)
    assert run.view().notes == Notes()
    annotate(run, name="inside")
    assert outside.read_text() == '{"name": "outside"}' and run.view().name == "inside"


def test_a_run_that_trains_takes_notes_and_goes_on(root: Path, start_trainer: StartTrainer) -> None:
    start_trainer(root)
    reader = RunReader(root)
    annotate(reader, name="while it runs")
    assert reader.view().name == "while it runs" and reader.view().state.live
    assert reader.view().liveness is Liveness.ALIVE


def test_a_run_begun_again_in_its_place_keeps_its_notes(root: Path) -> None:
    open_writer(root).close()  # it ended before run.json
    annotate(RunReader(root), name="again")
    open_writer(root).close()
    assert RunReader(root).view().name == "again"


def test_a_run_of_another_computer_takes_none_and_says_so(run: RunReader) -> None:
    elsewhere = {"host": "studio-mac", "boot_id": "its own", "machine_id": "its own"}
    line = json.loads(run.layout.sessions.read_text()) | elsewhere
    run.layout.sessions.write_text(json.dumps(line) + "\n")
    with pytest.raises(RunDirectoryError, match="was trained on another computer and is only looked at here"):
        annotate(run, name="mine")
    assert not run.layout.notes.exists()
    run.layout.notes.write_text('{"name": "theirs"}')
    assert run.view().name == "theirs"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_run_that_may_not_be_written_to_says_so(run: RunReader) -> None:
    run.root.chmod(0o555)
    try:
        with pytest.raises(RunDirectoryError, match="may not be written to by you"):
            annotate(run, name="mine")
    finally:
        run.root.chmod(0o755)


def test_a_disk_that_refuses_is_said_and_what_was_there_stays(run: RunReader) -> None:
    Layout(run.root).notes.mkdir()
    with pytest.raises(StorageError, match=r"notes\.json: is a directory\. Remove what lies in its place\."):
        annotate(run, name="mine")
    assert run.view().state is ShownState.COMPLETED and not [*run.root.glob(".staged*")]


def test_of_two_who_write_at_once_neither_is_lost(run: RunReader) -> None:
    def write(name: str) -> None:
        for count in range(20):
            annotate(run, **{name: str(count)})

    writers = [threading.Thread(target=write, args=(name,)) for name in ("name", "text")]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert read_notes(run.layout) == Notes(name="19", text="19")


SLOW = """
import sys
from pathlib import Path
from engine.rundir import annotate
from engine.rundir.reader import RunReader

replace_bytes = annotate.replace_bytes

def slowly(*args, **kwargs):
    print("read", flush=True)
    sys.stdin.readline()
    replace_bytes(*args, **kwargs)

annotate.replace_bytes = slowly
annotate.annotate(RunReader(Path(sys.argv[1])), text="from the app", remarks={40: "hat is there"})
"""


def test_of_two_processes_that_write_at_once_neither_is_lost(run: RunReader) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(run.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "read\n"
        terminal = threading.Thread(target=lambda: annotate(run, name="Hats", remarks={20: "dull"}))
        terminal.start()
        terminal.join(0.3)  # it would be through by now, were it not kept waiting
        other.stdin.write("\n")
        other.stdin.flush()
        terminal.join()
    assert other.returncode == 0
    assert read_notes(run.layout) == Notes(name="Hats", text="from the app", remarks={20: "dull", 40: "hat is there"})
