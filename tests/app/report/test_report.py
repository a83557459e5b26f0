"""``sweetspot report``: one page that opens anywhere and tells nothing of the computer it was made on."""

from __future__ import annotations

import base64
import io
import os
import platform
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from PIL import Image

from app.report import sounds as report_sounds
from app.report.command import command
from engine.__main__ import run as to_its_end
from engine.audio.files.io import write_wave
from engine.commands.inspect import inspect
from engine.rundir.layout import Layout
from engine.rundir.liveness import boot_id, host, machine_id
from engine.rundir.reader import RunReader
from engine.rundir.record import MetricSpec, Monitor
from engine.rundir.status import ErrorInfo, State
from engine.tasks.mlp.nouns import ROWS
from tests.app.library import extend, write
from tests.sampling import later

MARKUP = '<script>alert(1)</script> & "drums"'
RATE = 48_000
PAGE_WITHOUT_PREVIEWS = 1_000_000


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text outside the style sheet."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        self.said += "" if self._style else data

    def sources(self, tag: str) -> list[str]:
        return [str(attributes["src"]) for name, attributes in self.found if name == tag]


def report(run: Path, out: Path) -> str:
    result = CliRunner().invoke(command, [str(run), "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return out.read_text(encoding="utf-8")


def add_sound(root: Path, epoch: int, role: str = "sample", seconds: float = 0.5, rate: int = RATE) -> None:
    """A preview of a run: a tone and its picture."""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate).astype(np.float32)
    place = Layout(root)
    place.previews.mkdir(exist_ok=True)
    write_wave(place.preview(epoch, 10 * epoch, role, 0, "wav"), tone, rate)
    Image.new("RGB", (64, 16), "navy").save(place.preview(epoch, 10 * epoch, role, 0, "png"))


def done_run(root: Path) -> Path:
    """A done run with an original, copies and sounds."""
    write(root, name=MARKUP)
    add_sound(root, 0, "reference")
    for epoch in (0, 5, 10, 12, 20):
        add_sound(root, epoch)
        add_sound(root, epoch, "recon")
    return root


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return done_run(tmp_path / "library" / "drums-1")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of such a run, made once."""
    place = tmp_path_factory.mktemp("made")
    return report(done_run(place / "library" / "drums-1"), place / "report.html")


def test_the_page_says_all_there_is_and_plays_it(text: str) -> None:
    page = Elements(text)
    for said in ("Done", "epoch 12", "new sounds", "Learning rate", "Settings", "Checkpoints", "14", "to check with"):
        assert said in page.said, said
    assert "Written" not in page.said
    # The original, its copy at the sweet spot and the newest one, five made.
    sounds = page.sources("audio")
    assert len(sounds) == 8 and len(page.sources("img")) == 8
    for address in sounds:
        kind, _, data = address.partition(";base64,")
        wave, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
        assert kind == "data:audio/mpeg" and rate == RATE
        assert len(wave) >= 0.5 * RATE and np.abs(wave[8_000:16_000]).max() == pytest.approx(0.3, abs=0.05)
    for address in page.sources("img"):
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
            assert picture.size == (64, 16)


def test_a_report_and_inspect_mean_the_same_by_a_preview(run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(run), "--out", str(tmp_path / "report.html")], catch_exceptions=False)
    assert inspect(RunReader(run))["previews"] == 10, "five new ones and five copies: the original is a recording"
    assert result.stdout.strip().endswith(", 7 of 10 previews"), "two copies are enough on a page"


def test_the_page_fetches_nothing_and_runs_nothing(text: str) -> None:
    page = Elements(text)
    assert not {name for name, _ in page.found} & {"script", "iframe", "object", "embed", "base", "form", "a"}
    addresses = [
        str(value)
        for _, attributes in page.found
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "xlink:href", "poster", "data", "action")
    ]
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
    assert "http:" not in text and "https:" not in text and "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    policy = [one["content"] for name, one in page.found if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy and str(policy[0]).startswith("default-src 'none'")


def test_the_page_says_by_what_a_run_was_extended(run: Path, tmp_path: Path) -> None:
    extend(run, "by 3 epochs")
    assert "Extendedby 3 epochs" in Elements(report(run, tmp_path / "report.html")).said


def test_names_from_a_run_are_never_markup(text: str) -> None:
    assert "<script" not in text and MARKUP in Elements(text).said


def test_no_byte_of_it_names_a_path_a_host_or_a_user(
    tmp_path: Path, drum_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "node", lambda: "annelieses-studio")
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "anneliese")
    monkeypatch.setenv("HOME", "/home/anneliese")
    talking = tmp_path / "library" / "drums-2"
    shutil.copytree(drum_run, talking)
    record = RunReader(talking).run()
    assert record is not None and record.source.path is not None
    where = f"{record.source.path}/snare one.wav on {host()}, for anneliese, in {talking} and /home/anneliese/x"
    status = Layout(talking).status
    kept = RunReader(talking).status()
    assert kept is not None
    status.write_text(kept.model_copy(update={"warnings": [where]}).model_dump_json())
    text = report(talking, tmp_path / "report.html")
    assert "snare one.wav" in text
    secrets = [
        host(),
        machine_id(),
        boot_id(),
        "anneliese",
        record.source.path,
        str(talking),
        str(tmp_path),
        os.sep + "tmp",
    ]
    assert not [secret for secret in secrets if secret and secret in text]
    page = Elements(text)
    dataset = RunReader(talking).dataset()
    assert dataset is not None and all(row.path in page.said for row in dataset.files)
    assert page.sources("audio")


@pytest.mark.slow
def test_many_previews_are_thinned_evenly_and_the_page_says_so(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for epoch in range(1, 20):
        add_sound(run, epoch)
    whole = len(Elements(report(run, tmp_path / "whole.html")).sources("audio"))
    assert whole == 3 + 21
    assert report_sounds.BUDGET + PAGE_WITHOUT_PREVIEWS < 25_000_000
    monkeypatch.setattr(report_sounds, "BUDGET", 100_000)
    text = report(run, tmp_path / "report.html")
    page = Elements(text)
    media = sum(len(address) for tag in ("audio", "img") for address in page.sources(tag))
    assert len(text) < 100_000 + PAGE_WITHOUT_PREVIEWS
    assert media <= 100_000 and "of 21, evenly chosen" in page.said
    made = [int(step) for step in re.findall(r"Play epoch \d+, step (\d+)", text)]
    assert 5 <= len(made) < 21 and made == sorted(made, reverse=True)
    assert {120, 200} <= set(made), "the sweet spot and the last one stay"
    gaps = np.diff(sorted(made))
    assert gaps.max() <= 3 * np.median(gaps)


@pytest.mark.slow
def test_a_rate_that_mp3_has_not_is_heard_all_the_same(run: Path, tmp_path: Path) -> None:
    add_sound(run, 15, rate=96_000)
    page = Elements(report(run, tmp_path / "report.html"))
    waves = [soundfile.read(io.BytesIO(base64.b64decode(one.partition(",")[2]))) for one in page.sources("audio")]
    assert len(waves) == 9 and {rate for _, rate in waves} == {RATE}


@pytest.mark.slow
def test_what_is_no_preview_is_left_out_with_a_sentence(run: Path, tmp_path: Path) -> None:
    place = Layout(run)
    place.preview(20, 200, "sample", 0, "wav").write_bytes(b"RIFF\x24\0\0\0WAVEjunk")
    place.preview(12, 120, "sample", 0, "wav").write_bytes(b"<html>")
    place.preview(12, 120, "sample", 0, "png").write_bytes(b"<html>")
    page = Elements(report(run, tmp_path / "report.html"))
    assert len(page.sources("audio")) == 6
    for said in ("This sound cannot be read.", "This is no WAV file.", "This is no PNG picture."):
        assert said in page.said


@pytest.mark.slow
def test_a_run_of_tables_shows_pictures(tmp_path: Path) -> None:
    root = tmp_path / "iris"
    specs = [
        MetricSpec(name="val_accuracy", label="accuracy on new data", chart="quality", better="higher"),
        MetricSpec(name="train_accuracy", label="accuracy on its own data", chart="quality", better="higher"),
        MetricSpec(name="train_loss", label="Loss", chart="loss", better="lower"),
    ]
    monitor = Monitor(metric="val_recon_db", reference="train_recon_db", better="higher", nouns=ROWS)
    write(root, name="iris", task="mlp", metrics=specs, monitor=monitor)
    Layout(root).previews.mkdir()
    Image.new("RGB", (400, 300), "white").save(Layout(root).preview(20, 200, "sample", 0, "png"))
    np.save(Layout(root).preview(10, 100, "sample", 0, "npy"), np.array([[1.0, 2.5], [3.0, 4.0]]))
    page = Elements(report(root, tmp_path / "report.html"))
    assert len(page.sources("img")) == 1 and not page.sources("audio")
    assert "Its answers" in page.said and "2.5" in page.said and "sound" not in page.said.lower()


@pytest.mark.parametrize(
    ("state", "changes", "said"),
    [
        (State.FAILED, {"error": ErrorInfo(kind="x", cause="The loss became NaN.", remedy="Lower it.")}, "Lower it."),
        *later((State.RUNNING, {}, "It ended without a word"), (State.CANCELLED, {}, "as you asked")),
        (State.RUNNING, {"done": 0, "best": 99}, "The curve begins when the first epoch is over."),
    ],
)
def test_a_run_that_did_not_end_well_has_its_page(
    tmp_path: Path, state: State, changes: dict[str, Any], said: str
) -> None:
    root = tmp_path / "run"
    write(root, state=state, **changes)
    if state is State.RUNNING:  # its process is gone
        sessions = Layout(root).sessions
        sessions.write_text(re.sub(r'"pid":\s*\d+', '"pid": 4194000', sessions.read_text()))
    assert said in Elements(report(root, tmp_path / "report.html")).said


@pytest.mark.slow
def test_a_live_run_is_shown_as_it_stands(tmp_path: Path) -> None:
    writer = write(tmp_path / "run", state=State.RUNNING, done=15, close=False)
    try:
        page = Elements(report(tmp_path / "run", tmp_path / "report.html"))
    finally:
        writer.close()
    assert "Learning" in page.said and "while it still trained" in page.said


def test_what_cannot_be_done_is_said_with_its_code(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["report", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            to_its_end(command)
        return int(str(ended.value.code)), capsys.readouterr().err

    code, said = fail(tmp_path, "--out", tmp_path / "x.html")
    assert code == 2 and "holds no run" in said
    (tmp_path / "file").touch()
    assert fail(run, "--out", tmp_path / "file" / "x.html")[0] == 74
    Layout(run).status.write_text('{"protocol": 99}')
    code, said = fail(run, "--out", tmp_path / "x.html")
    assert code == 2 and "newer" in said
    assert not (tmp_path / "x.html").exists()


@pytest.mark.slow
def test_previews_too_large_for_any_page_leave_one_that_opens(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_sounds, "BUDGET", 10)
    assert "0 of 5, evenly chosen" in Elements(report(run, tmp_path / "report.html")).said
