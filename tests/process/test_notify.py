"""A command of the user's own hears of a run, and can do it no harm."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.claims.kinds import Finding, say
from engine.process.notify import Notices
from engine.rundir.findings import Evidence, SweetRange
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from engine.tasks.vae.diagnosis import REPEATS
from tests import forkserver
from tests.audio.sounds import Write
from tests.conftest import ROOT, until
from tests.queue.test_queue import HEAR, Engine, heard, table


def train(tmp_path: Path, root: Path, command: str, *more: object) -> subprocess.CompletedProcess[str]:
    source = table(tmp_path / "table.csv")
    options = ("--target", "kind", "--max-epochs", 2, "--threads", 1, "--notify", command, *more)
    return forkserver.run("engine.train", source, "--run-dir", root, *options)


def test_the_end_of_a_run_is_told_with_its_facts_and_what_is_printed_is_in_its_log(tmp_path: Path) -> None:
    root = tmp_path / "run"
    facts = 'echo "$SWEETSPOT_EVENT $SWEETSPOT_RUN $SWEETSPOT_EPOCH $SWEETSPOT_STEP $SWEETSPOT_BEST_EPOCH"; exit 7'
    assert train(tmp_path, root, facts).returncode == 0
    status = RunReader(root).status()
    assert status is not None and status.best is not None
    expected = f"done {root} 2 {status.step} {status.best.epoch}\n"
    said = until(lambda: "exit code 7" in (text := Layout(root).log.read_text()) and text)
    assert said == f"{expected}The command of --notify ended with exit code 7.\n"


def test_a_failure_is_told_with_its_reason(write: Write, folder: Path, tmp_path: Path) -> None:
    write("alone.wav", 1)
    root = tmp_path / "run"
    root.mkdir()  # as the queue makes one: what was not there before goes again, and what was heard with it
    assert forkserver.run("engine.train", folder, "--run-dir", root, "--notify", HEAR).returncode == 2
    (line,) = until(lambda: heard(root))
    error = RunReader(root).status().error
    assert line == f"failed: {error.cause} {error.remedy}" and "usable" in line


@contextlib.contextmanager
def listening(status: int = 200, holds: threading.Event | None = None) -> Iterator[tuple[str, list[Any]]]:
    """An address on this computer, and what is sent to it; with ``holds`` it answers nobody before that is set."""
    heard: list[Any] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Content-Type"], json.loads(body)))
            if holds is not None:
                holds.wait()
            self.send_response(status)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as place:
        threading.Thread(target=place.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{place.server_port}/hook", heard
        place.shutdown()


def test_the_end_of_a_run_is_sent_to_an_address_as_json(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with listening(status=404) as (address, heard_there):
        assert train(tmp_path, root, address).returncode == 0
        ((kind, facts),) = until(lambda: heard_there)
        status = RunReader(root).status()
        assert kind == "application/json" and status is not None and status.best is not None
        assert facts.pop("message") and facts == {
            "run": str(root), "event": "done", "epoch": 2, "step": status.step,
            "best": pytest.approx(status.best.raw, rel=1e-5), "best_epoch": status.best.epoch,
        }  # fmt: skip
        said = "The address of --notify answered 404 Not Found.\n"
        until(lambda: Layout(root).log.read_text() == said)


def test_nobody_waits_for_an_address_that_says_nothing_or_is_none(tmp_path: Path) -> None:
    release = threading.Event()
    with listening(holds=release) as (address, heard_there):
        assert train(tmp_path, tmp_path / "run", address).returncode == 0, "the training ended, nobody has answered"
        until(lambda: heard_there)
        release.set()
    assert train(tmp_path, tmp_path / "other", "http://127.0.0.1:1/").returncode == 0
    until(lambda: "was not reached: " in Layout(tmp_path / "other").log.read_text())


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[bytes]]]:
    """An address of a server that answers as it likes, and the beginning of each request."""
    heard: list[bytes] = []

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            heard.append(self.request.recv(1 << 16))
            with contextlib.suppress(OSError):
                answer(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as place:
        place.daemon_threads = True
        threading.Thread(target=place.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{place.server_address[1]}/secret-token", heard
        place.shutdown()


def told(address: str, seconds: float = 20) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine.process.webhook", str(seconds), address, "{}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def without_end(place: socket.socket) -> None:
    place.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        place.sendall(b"X")
        threading.Event().wait(0.05)


STRANGE = {
    "no_http": (b"\x1b[31mhello\r\n\r\n", "gave an answer that is none of the web's"),
    "no_end": (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000 + b"\r\n\r\n", "gave an answer that is none of the web's"),
    "own_words": (b"HTTP/1.1 500 \x1b[2Jboo\r\nContent-Length: 0\r\n\r\n", "answered 500 Internal Server Error"),
    "no_code": (b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n", "answered 999"),
}


@pytest.mark.parametrize(("answer", "said"), STRANGE.values(), ids=STRANGE)
def test_what_a_server_answers_is_said_in_words_of_our_own(answer: bytes, said: str) -> None:
    with answering(lambda place: place.sendall(answer)) as (address, _):
        done = told(address)
    assert (done.stdout, done.stderr) == (f"The address of --notify {said}.\n", "")


def test_a_notice_that_is_sent_elsewhere_is_not_lost_in_silence() -> None:
    there = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
    with answering(lambda place: place.sendall(there)) as (address, heard_there):
        done = told(address)
    assert [one.split()[0] for one in heard_there] == [b"POST"]
    assert done.stdout == (
        "The address of --notify answered 302 Found, which leads elsewhere: name the place it leads to.\n"
    )


def test_a_server_that_never_comes_to_an_end_holds_no_process() -> None:
    with answering(without_end) as (address, _):
        assert told(address, 0.5).stdout == "The address of --notify had not answered after 0.5 s.\n"


@pytest.mark.parametrize(
    "address", ["http://", "HTTP://a b/", "http://[::1", "http://me:pw@host/", "http://host:x/", "http://hö.st/"]
)
def test_an_address_that_cannot_be_asked_is_refused_before_the_run(
    engine: Engine, tmp_path: Path, address: str
) -> None:
    for words in (("train", "demo", "--run-dir", tmp_path / "run"), ("queue", "run", "--runs-dir", tmp_path)):
        done = engine(*words, "--notify", address)
        assert done.returncode == 2 and "The address of --notify is none of the web." in done.stderr
    assert not (tmp_path / "run").exists()


def test_nobody_waits_for_a_command_that_hangs(tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert train(tmp_path, root, 'echo $$ > "$SWEETSPOT_RUN/../pid"; exec sleep 600').returncode == 0
    pid = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    assert psutil.pid_exists(pid), "the training ended, the command goes on"
    os.kill(pid, signal.SIGKILL)


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    begun = tmp_path / "pid"
    command = f"sleep 600 & echo $! > {begun}; wait"
    for seconds in ("0.5", "5", "50"):
        argv = [sys.executable, "-m", "engine.process.limited", seconds, command]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and f"still ran after {seconds} s and was ended" in done.stdout
        if begun.exists() and begun.read_text():  # a busy machine may end it before it has begun
            break
    pid = int(begun.read_text())
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def opened(root: Path, *, resume: bool = False) -> RunWriter:
    return RunWriter.open(root, device="cpu", threads=1, versions={}, resume=resume)


def worse(writer: RunWriter) -> None:
    found = SweetRange(best=4, first=3, last=5, files=4, certain=True, behind=True)
    evidence = Evidence(epoch=9, sweet_range=found, now=1.0, smoothed=1.0)
    past, repeats = say("past", "Past the sweet range.").record, Finding(REPEATS, "It repeats kick.wav.").record
    writer.update(evidence=evidence, diagnosis=[past, repeats])


def test_each_turn_for_the_worse_is_told_once_and_not_again_by_a_resume_while_it_stands(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with opened(root) as writer:
        notices = Notices(HEAR, writer)
        notices.epoch()
        worse(writer)
        notices.epoch()
        notices.epoch()
        until(lambda: len(heard(root)) == 2)
        writer.state(State.INTERRUPTED)
        notices.ended()
    until(lambda: len(heard(root)) == 3)
    with opened(root, resume=True) as writer:
        again = Notices(HEAR, writer)
        worse(writer)
        again.epoch()
        writer.state(State.COMPLETED)
        again.ended()
    assert sorted(until(lambda: len(heard(root)) == 4 and heard(root))) == [
        "done: All 0 steps are done.",
        "memorising: It repeats kick.wav.",
        "past: Past the sweet range.",
        "stopped: Stopped in epoch 0, step 0.",
    ]


def test_nothing_is_told_of_a_range_that_the_verdict_finds_too_early_to_judge(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with opened(root) as writer:
        worse(writer)
        writer.update(diagnosis=[say("too_early", "Too early to tell.").record])
        notices = Notices(HEAR, writer)
        notices.epoch()
        writer.update(diagnosis=[say("past", "Past the sweet range.").record])
        notices.epoch()
        assert until(lambda: heard(root)) == ["past: Past the sweet range."]
