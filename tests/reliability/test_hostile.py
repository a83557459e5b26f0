"""Run directories from strangers, in the app and on the command line: no side effect, no way out, a sentence."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.charts.settings import ChartSettings
from app.charts.small_plots import _power, small_drawings
from app.look import sheet
from app.panels.details import all_notes
from app.runs import media
from app.runs.columns import MOST_COLUMNS
from app.runs.launch import Launcher
from app.runs.rows_csv import all_rows
from app.runs.store import MetricsStore
from engine.audio.files.io import write_wave
from engine.errors import RunDirectoryError, StorageError
from engine.rundir import control
from engine.rundir.encoding import seal
from engine.rundir.layout import is_run_id
from engine.rundir.reader import RunReader
from engine.rundir.reading import last_lines
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.app.conftest import runs_dir, said, visit  # noqa: F401  (fixtures)
from tests.app.library import write
from tests.browser.chromium import Server, server
from tests.run_list import list_runs
from tests.sampling import later

Visit = Callable[..., AppTest]
posix = pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
SECRET = "root:x:0:0:this is nobody's business"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside of every run directory."""
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n{{}}\n")
    return path


def change(path: Path, **values: Any) -> None:
    path.write_bytes(seal(json.loads(path.read_text()) | values))  # who forges a record seals it


# Links.


@posix
def test_a_preview_that_links_out_of_its_run_is_no_preview(tmp_path: Path, secret: Path) -> None:
    write(tmp_path / "run")
    reader = RunReader(tmp_path / "run")
    reader.layout.previews.mkdir(exist_ok=True)
    for name in ("wav", "png", "npy"):
        reader.layout.preview(1, 1, "sample", 0, name).symlink_to(secret)
    reader.layout.preview(2, 2, "sample", 0, "wav").symlink_to("../../secret")
    assert reader.previews() == []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_wave(elsewhere / "reference-00.wav", np.zeros(10, np.float32), 48_000)
    for path in reader.layout.previews.iterdir():
        path.unlink()
    reader.layout.previews.rmdir()
    reader.layout.previews.symlink_to(elsewhere)
    assert reader.previews() == []


@posix
@pytest.mark.parametrize("name", ["run.json", "status.json", "dataset.json", "sessions.jsonl", "metrics.jsonl"])
def test_a_record_that_links_out_of_its_run_is_not_read(tmp_path: Path, name: str) -> None:
    write(tmp_path / "other")
    write(tmp_path / "run")
    path = tmp_path / "run" / name
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "other" / name)
    reader = RunReader(tmp_path / "run")
    found = {
        "run.json": reader.run, "status.json": reader.status, "dataset.json": reader.dataset,
        "sessions.jsonl": reader.sessions, "metrics.jsonl": lambda: reader.events().events,
    }[name]()  # fmt: skip
    assert not found
    store = MetricsStore(reader.layout.metrics)
    store.refresh()
    assert bool(store.steps.count) == (name != "metrics.jsonl")


@posix
def test_a_log_that_links_out_of_its_run_is_not_shown_and_not_written(tmp_path: Path, secret: Path) -> None:
    root = tmp_path / "run"
    write(root)
    (root / "log.txt").symlink_to(secret)
    (root / "sessions.jsonl").unlink()  # that process is this test, and alive
    assert last_lines(root / "log.txt") == []
    before = secret.read_bytes()
    with pytest.raises(OSError):
        Launcher().resume(root)
    assert secret.read_bytes() == before


@posix
@pytest.mark.parametrize("name", ["metrics.jsonl", "log.txt"])
def test_a_pipe_in_place_of_a_file_does_not_make_the_app_wait(tmp_path: Path, name: str) -> None:
    root = tmp_path / "run"
    write(root)
    (root / name).unlink(missing_ok=True)
    os.mkfifo(root / name)
    assert last_lines(root / "log.txt") == []
    MetricsStore(root / "metrics.jsonl").refresh()
    assert RunReader(root).metrics_tail(1) == [] or name == "log.txt"


@posix
@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "sessions.jsonl", "control.jsonl", "status.json", "run.lock", "log.txt", "checkpoints"]
)
def test_a_run_is_not_resumed_through_a_link(tmp_path: Path, secret: Path, name: str) -> None:
    root = tmp_path / "run"
    write(root, state=State.CANCELLED)
    path = root / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(secret)
    before = secret.read_bytes()
    with pytest.raises(RunDirectoryError, match=f"{name} is a link, and a run writes to no other place"):
        RunWriter.open(root, device="cpu", threads=1, versions={}, resume=True)
    assert secret.read_bytes() == before


@posix
def test_a_command_is_not_written_through_a_link(tmp_path: Path, secret: Path) -> None:
    root = tmp_path / "run"
    write(root)
    (root / "control.jsonl").unlink(missing_ok=True)
    (root / "control.jsonl").symlink_to(secret)
    before = secret.read_bytes()
    with pytest.raises(StorageError, match="cannot be written"):
        control.send(root, "cancel", session="somebody")
    assert secret.read_bytes() == before


# Names.


HOSTILE_IDS = [
    "..", "../..", "../run", "/etc", "a/../../b", ".hidden", "run\n", "run\0", "%00", "..%2f..", "r" * 10_000, "🎸",
    "", " ", "run ", "RUN/../run", "C:\\run", "run;rm", "<b>run</b>", "٣",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_IDS)
def test_no_hostile_name_is_the_name_of_a_run(name: str) -> None:
    assert not is_run_id(name)


@pytest.mark.parametrize(
    "name", ["../..", "![x](http://example.invalid/x.png)", *later("r" * 10_000, "🎸", "run\n", "\0")]
)
def test_a_hostile_address_leads_to_a_sentence(visit: Visit, runs_dir: Path, name: str) -> None:  # noqa: F811
    write(runs_dir / "run")
    write(runs_dir.parent / "outside")
    app = visit("run", run=name)
    assert "There is no run of this name here" in said(app)
    assert name not in said(app) or not name.strip()
    visit("new", copy=name)


def test_dots_in_a_manifest_or_an_event_lead_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "run"
    writer = write(root, close=False)
    writer.event("preview", epoch=1, step=1, kind="audio", role="sample", index=0, audio_path="../../../etc/passwd")
    writer.close()
    reader = RunReader(root)
    assert reader.previews() == []
    reader.layout.checkpoints.mkdir(exist_ok=True)
    path = reader.layout.checkpoint(1)
    path.write_bytes(b"x")
    told = {"file": "../../../etc/passwd", "step": 1, "epoch": 1, "bytes": 1, "sha256": "0" * 64}
    path.with_suffix(".json").write_bytes(seal(told))
    found = [(item.manifest, item.verified) for item in reader.checkpoints() if item.path == path]
    assert found == [(None, False)]


# Numbers and sizes.


ABSURD: list[tuple[str, dict[str, Any]]] = [
    ("status.json", {"elapsed_s": "NaN"}),
    ("status.json", {"updated_at": 1e308}),
    ("status.json", {"step": -5}),
    ("status.json", {"total_epochs": 10**300}),
    ("status.json", {"eta_s": "Infinity"}),
    ("status.json", {"progress": {"done": 2**70, "total": 1}}),
    ("run.json", {"created_at": -1e308}),
    ("run.json", {"total_steps": -1}),
    ("run.json", {"name": {"a": []}}),
]


@pytest.mark.parametrize(("name", "values"), ABSURD)
def test_a_record_with_an_impossible_figure_counts_as_damaged(tmp_path: Path, name: str, values: Any) -> None:
    write(tmp_path / "run")
    reader = RunReader(tmp_path / "run")
    read: Callable[[], object] = {"status.json": reader.status, "run.json": reader.run}[name]
    assert read() is not None
    change(tmp_path / "run" / name, **values)
    assert read() is None


@pytest.mark.parametrize("content", [b"[" * 1_000_000, b'{"a":' * 200_000, b"\0" * 1000, b"\xff\xfe{}", b""])
def test_a_record_that_is_nested_or_torn_counts_as_damaged(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "run")
    for name in ("status.json", "run.json", "dataset.json", "sessions.jsonl", "metrics.jsonl"):
        (tmp_path / "run" / name).write_bytes(content + b"\n")
    reader = RunReader(tmp_path / "run")
    assert (reader.status(), reader.run(), reader.dataset(), reader.sessions()) == (None, None, None, [])
    assert reader.events().events == []
    assert str(reader.view().state) == "unknown"


def test_a_status_of_a_hundred_megabytes_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "run")
    with (tmp_path / "run" / "status.json").open("ab") as file:
        file.truncate(100 << 20)
    assert RunReader(tmp_path / "run").status() is None


def test_a_step_far_beyond_the_file_claims_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [{"event": "step", "step": 199_999_999, "loss": 1.0}, {"event": "epoch", "epoch": 10**15, "loss": 1.0}]
    lines.append({"event": "step", "step": 1} | {f"figure {number}": 1.0 for number in range(3_000)})
    lines.append({"event": "step", "step": 2, "loss": 10**400})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    store = MetricsStore(path)
    store.refresh()
    assert store.steps.count == 2 and not store.epochs.count and store.damaged == 2
    assert len(store.steps.names()) == MOST_COLUMNS


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "1" * 400])
def test_a_step_that_is_no_number_is_no_checkpoint(tmp_path: Path, number: str) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [f'{{"event": "checkpoint", "elapsed_s": 1.0, "step": {step}}}\n' for step in (number, 7)]
    path.write_text("".join(lines))
    store = MetricsStore(path)
    store.refresh()
    assert store.saved == {7}


@pytest.mark.parametrize("rates", [[5e-324], [1e-3, float("inf")], [1e308, 1e-3], [float("nan")], [1e38]])
def test_a_learning_rate_that_none_had_is_drawn(tmp_path: Path, rates: Sequence[float]) -> None:
    root = tmp_path / "run"
    writer = write(root, close=False)
    for number, rate in enumerate(rates, 201):
        writer.event("step", step=number, epoch=21, train_loss=1.0, learning_rate=rate)
    writer.close()
    drawn = small_drawings(root, RunReader(root).view(), lambda group: None, ChartSettings())
    assert drawn["rate"].rows.num_rows or not any(0 < rate < 1e39 for rate in rates)


@pytest.mark.parametrize("rate", [5e-324, 1e-310, 1e-4, 1.0, 1e38])
def test_a_rate_is_scaled_by_a_number(rate: float) -> None:
    assert 0 < 10.0 ** -_power(np.array([rate, np.inf, np.nan])) * rate < 10


@pytest.mark.parametrize("code", [[], {}, 3, None])
def test_a_warning_whose_code_is_none_of_ours_is_told_as_past(tmp_path: Path, code: Any) -> None:
    root = tmp_path / "run"
    writer = write(root, close=False)
    writer.event("warning", epoch=2, message="It is odd.", code=code)
    writer.close()
    change(root / "status.json", warnings=["It is odd."])
    assert "It is odd." in [note.text for note in all_notes(root, RunReader(root).view())]


@pytest.mark.slow
def test_the_app_shows_a_run_full_of_absurd_figures(visit: Visit, runs_dir: Path) -> None:  # noqa: F811
    root = runs_dir / "absurd"
    writer = write(root, close=False)
    for number, value in enumerate((1e308, -1e308, 5e-324, float("nan"), float("inf"), 1e40, 10**60), 21):
        writer.event("epoch", epoch=number, total_epochs=20, step=number, val_recon_db=value, train_recon_db=-value)
        writer.event("step", step=200 + number, epoch=number, train_loss=value, learning_rate=value)
        writer.event("checkpoint", step=value)
    writer.event("epoch", epoch=99_999_999, val_recon_db=1.0)
    writer.close()
    with (root / "metrics.jsonl").open("a") as file:
        for event in ("memory", "warning", "preview", "checkpoint", "control", "state", "complete", "nonsense"):
            file.write(json.dumps({"event": event, "elapsed_s": "soon", "process_bytes": {}, "message": []}) + "\n")
            file.write(json.dumps({"event": event, "elapsed_s": 1.0, "process_bytes": "many", "epoch": []}) + "\n")
        file.write(json.dumps({"event": "warning", "elapsed_s": 1.0, "epoch": 2, "message": "Odd.", "code": {}}) + "\n")
    metrics = {"val_recon_db": 1e308, "train_recon_db": "NaN", "train_loss": "-Infinity"}
    best = {"metric": "val_recon_db", "value": 1e308, "raw": "NaN", "epoch": 2**50, "step": 2**50}
    change(root / "status.json", warnings=["Odd."], metrics=metrics, best=best, overfitting_gap="NaN", baseline=-1e308)
    for name in ("unreadable", "named"):
        write(runs_dir / name)
    change(runs_dir / "unreadable" / "status.json", elapsed_s="NaN", updated_at=1e300)
    change(runs_dir / "named" / "run.json", name="![x](http://example.invalid/x.png)<script>" * 1_000)
    visit("runs")
    assert "Its status cannot be read" in said(visit("run", run="unreadable"))
    for name in ("absurd", "named"):
        page = said(visit("run", run=name))
        assert "<script>" not in page


# Previews that are none.


def picture(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def npy(shape: tuple[int, ...], descr: str = "<f8", body: bytes = b"") -> bytes:
    head = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + body


REFUSED = {
    "html.wav": (b"<html><script>", "This is no WAV file."),
    "svg.png": (b"<svg onload='x'/>", "This is no PNG picture."),
    "huge.png": (picture(100_000, 100_000), "This picture is not shown: it would be 100,000 by 100,000 pixels."),
    "flat.png": (picture(0, 5), "This picture is not shown: it would be 0 by 5 pixels."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_preview_that_is_something_else_is_not_shown(tmp_path: Path, name: str) -> None:
    content, sentence = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    assert media.refusal(tmp_path / name) == sentence


@pytest.mark.parametrize("name", ["a.wav", "a.png", "a.npy"])
def test_a_preview_of_a_terabyte_is_not_shown(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 40)
    assert media.refusal(tmp_path / name) is not None


@pytest.mark.parametrize(
    "content",
    [
        npy((1 << 40,)), npy((-1,)), npy((1 << 62, 1 << 62)), npy((2,), "|O", b"\x80\x04N.\x80\x04N."),
        npy((), body=bytes(8)),
        npy((2,), "<U2", bytes(16)), npy((1,), "<c16", bytes(16)), b"\x93NUMPY\1\0\xff\xff", b"\x93NUMPY\x09\0", b"",
        b"PK\x05\x06" + bytes(18), b"\x80\x04N.",
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    assert media.table(tmp_path / "a.npy") is None


def test_of_a_wide_table_the_first_cells_are_shown(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((300, 20, 20)))
    found = media.table(tmp_path / "a.npy")
    assert found is not None and found.shape == (media.MOST_ROWS, media.MOST_COLUMNS)


def test_hostile_previews_break_no_page(visit: Visit, runs_dir: Path) -> None:  # noqa: F811
    root = runs_dir / "run"
    write(root)
    previews = RunReader(root).layout
    previews.previews.mkdir(exist_ok=True)
    for step, (suffix, content) in enumerate(
        [("wav", b"RIFF\0\0\0\0WAVE"), ("png", picture(10, 10)), ("npy", npy((1 << 40,))), ("png", b"<svg/>")], 1
    ):
        previews.preview(1, step, "sample", 0, suffix).write_bytes(content)
    page = said(visit("run", run="run"))
    assert "This is no PNG picture." in page and "This table cannot be read." in page
    assert "This picture is damaged." in page


# What leaves the app.


def test_no_formula_leaves_in_a_csv(tmp_path: Path) -> None:
    event = {"event": "step", "step": 1, "epoch": 1, "elapsed_s": 1.0}
    row = event | dict.fromkeys(["=1+1", "+1", "-1", "@SUM(1)", "\tx", "loss"], 1.0)
    (tmp_path / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    header, values = all_rows(tmp_path / "metrics.jsonl", "step").read().decode().splitlines()
    assert '"loss"' in header and not set(header) & set("=+-@\t") and values.startswith("1,")
    # The tables of names have Streamlit's own download, which writes them as they are: it is taken away.
    assert (
        '[data-testid=stElementToolbarButton]:has([aria-label^="Download as CSV"]){display:none!important}' in sheet.CSS
    )


def test_nothing_of_a_run_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    root = tmp_path / "run"
    write(root)
    change(root / "run.json", name="\x1b]0;title\x07\x1b[2Jgone\u202e")
    change(root / "status.json", warnings=["\x1b[31mred\x1b[0m\r\n\n"])
    (root / "checkpoints").mkdir(exist_ok=True)
    done = forkserver.run("engine", "inspect", root)
    assert not set(done.stdout) & set("\x1b\x07\r\u202e")
    assert "\\x1b[31mred" in done.stdout


def test_a_directory_of_strangers_is_listed_without_harm(tmp_path: Path) -> None:
    for name in ("plain", "empty", "..hidden", "with space", "file"):
        (tmp_path / name).mkdir() if name != "file" else (tmp_path / name).write_text("")
    write(tmp_path / "run")
    if sys.platform != "win32":
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        (tmp_path / "etc").symlink_to("/etc")
    assert [reader.id for reader in list_runs(tmp_path)] == ["run"]


# Who may talk to the app.


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("runs")) as found:
        yield found


def asked(running: Server, path: str, **headers: str) -> int:
    """The status of one request, with headers as a browser would send them."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=120)
    connection.putrequest("GET", path, skip_host=True)
    own = {"Host": f"127.0.0.1:{running.port}"}
    for name, value in (own | {key.replace("_", "-"): value for key, value in headers.items()}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse().status
    connection.close()
    return answer


SOCKET = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": "http://localhost:{port}"}, True),
        ({"Origin": "http://example.org"}, False),
        ({"Host": "example.org"}, False),
        ({"Host": "example.org:{port}", "Origin": "http://example.org:{port}"}, False),
        ({"Host": "127.0.0.1.example.org"}, False),
    ],
)
def test_only_this_computer_talks_to_the_app(running: Server, headers: dict[str, str], allowed: bool) -> None:
    """A page whose name was made to lead to 127.0.0.1 (DNS rebinding) brings its own Host and Origin."""
    told = {name: value.format(port=running.port) for name, value in headers.items()}
    assert (asked(running, "/_stcore/stream", **SOCKET, **told) == 101) == allowed
