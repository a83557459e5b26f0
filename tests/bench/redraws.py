"""``python -m tests.bench redraws``: what an open page of a live run costs while nothing happens and while something
does.

Bytes from the server by message (with new rows every second, and with none), and the processor time of server and
browser with five tabs, with notices of the desktop and without, in turns. The last line printed is JSON.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import psutil

from tests.bench.app import FakeTrainer
from tests.browser.chromium import Server, chromium, server

TABS = 5
PATIENCE_MS = 300_000
WANTED = "localStorage.setItem('sweetspot-notices', '{}')"


def _opened(browser: Any, app: Server, notices: bool) -> tuple[Any, Any, list[tuple[float, int]]]:
    """(context, page, what comes to it: when, bytes)."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.add_init_script(WANTED.format("yes" if notices else "no"))
    if notices:
        context.grant_permissions(["notifications"], origin=app.url)
    page, came = context.new_page(), []
    page.set_default_timeout(PATIENCE_MS)
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: came.append((time.time(), len(data)))))
    page.goto(f"{app.url}/run?run=live")
    page.wait_for_selector(".stVegaLiteChart svg")
    page.wait_for_timeout(8_000)
    return context, page, came


def _bytes(page: Any, came: list[tuple[float, int]], seconds: int, each_second: Any = None) -> dict[str, float]:
    """Kilobytes a second, how many messages, and the largest of them in kilobytes."""
    del came[:]
    for _ in range(seconds):
        if each_second is not None:
            each_second()
        page.wait_for_timeout(1_000)
    sizes = [size for _, size in came]
    return {
        "kB_per_s": round(sum(sizes) / 1e3 / seconds, 1),
        "messages_per_s": round(len(sizes) / seconds, 1),
        "largest_kB": round(max(sizes, default=0) / 1e3, 1),
    }


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in processes if one.is_running())


def _tabs(browser: Any, app: Server, notices: bool, seconds: float) -> dict[str, float]:
    """Milliseconds of a core that five idle tabs cost server and browser, by a thousand messages: a busy computer sends
    fewer of them."""
    opened = [_opened(browser, app, notices) for _ in range(TABS)]
    of_app = [psutil.Process(app.process.pid)]
    of_browser = [one for one in psutil.Process().children(recursive=True) if "chrom" in one.name()]
    before = _cpu(of_app), _cpu(of_browser)
    for _, _, came in opened:
        del came[:]
    opened[0][1].wait_for_timeout(seconds * 1_000)
    after = _cpu(of_app), _cpu(of_browser)
    thousands = sum(len(came) for _, _, came in opened) / 1e3
    found = {
        name: round(1e3 * (now - then) / thousands)
        for name, now, then in zip(("server", "browser"), after, before, strict=True)
    }
    for context, _, _ in opened:
        context.close()
    return found


@click.command()
@click.option("--rows", default=10_000, show_default=True, help="Updates of the run before it is looked at.")
@click.option("--seconds", default=20, show_default=True, help="Of each measurement.")
@click.option("--rounds", default=2, show_default=True, help="With and without notices, in turns.")
def command(rows: int, seconds: int, rounds: int) -> None:
    """Measure what an open page costs, and print one JSON line last."""
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        live = FakeTrainer(Path(place) / "live", 20_000)
        for _ in range(rows):
            live.advance()
        live.tell()

        def goes_on() -> None:
            for _ in range(5):
                live.advance()
            live.tell()

        with server(Path(place)) as app:
            context, page, came = _opened(browser, app, False)
            figures: dict[str, Any] = {
                "idle": _bytes(page, came, seconds),
                "new_rows": _bytes(page, came, seconds, goes_on),
            }
            context.close()
            turns = [
                (notices, _tabs(browser, app, notices, seconds)) for _ in range(rounds) for notices in (False, True)
            ]
        for notices, name in ((False, "without_notices"), (True, "with_notices")):
            mine = [one for asked, one in turns if asked is notices]
            figures[name] = {
                what: round(statistics.mean(one[what] for one in mine), 2) for what in ("server", "browser")
            }
        live.writer.close()
    click.echo(json.dumps(figures))
