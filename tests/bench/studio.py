"""``python -m tests.bench studio``: clicks and seconds from an empty library to the first sound of one's own, a run of
hundreds of previews, and ten long runs beside one another.

Seconds are those of the clock; a busy computer needs more of them, so what server and browser computed stands beside
them. The last line printed is JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil
import soundfile
from PIL import Image

from engine.registry import find_source
from engine.rundir.layout import Layout
from tests.bench.app import COMPARED_STEPS, STEPS_PER_EPOCH, completed, open_compare, ten_runs
from tests.browser.chromium import Server, chromium, server
from tests.run_list import list_runs

PATIENCE_MS = 600_000
NEWEST = 20  # so many previews are open; older ones are folded
COUNT_CLICKS = "window.clicks = 0; addEventListener('click', event => { clicks += event.isTrusted }, true)"
LONG_TASKS = """() => { window.longest = 0;
  new PerformanceObserver(list => list.getEntries().forEach(one => { longest = Math.max(longest, one.duration) }))
    .observe({ type: 'longtask' }) }"""
SILENT = "[...document.querySelectorAll('audio')].every(one => one.paused && !one.currentTime)"
HEARD = "[...document.querySelectorAll('audio')].some(one => one.currentTime > 0)"


def own_sound(browser: Any, runs: Path, folder: Path) -> dict[str, float]:
    """From the open page of an empty library to the first preview that plays, ``folder`` dropped."""
    with server(runs) as app, _page(browser, app.url) as page:
        link = page.get_by_role("link", name="or learn from sounds of your own")
        link.wait_for()
        page.evaluate(COUNT_CLICKS)
        began, before = time.monotonic(), _computed()
        link.click()
        page.locator(".st-key-drop-folder input[type=file]").set_input_files(str(folder))
        try:
            page.get_by_role("button", name="Start learning").click()
            started = time.monotonic()
            player = page.locator(".st-key-timeline audio").first
            player.wait_for()
            while page.evaluate(SILENT):  # a preview that comes in that moment moves it away under the mouse
                player.scroll_into_view_if_needed()
                box = player.bounding_box()
                page.mouse.click(box["x"] + 20, box["y"] + box["height"] / 2)
                page.wait_for_timeout(500)
            page.wait_for_function(HEARD)
            heard, clicks = time.monotonic(), page.evaluate("clicks") + 1  # a player keeps its click to itself
            computed = _computed() - before
        finally:
            for reader in list_runs(runs):
                os.kill(reader.sessions()[-1].pid, signal.SIGKILL)
    return {
        "own_clicks": clicks, "own_until_start_s": round(started - began, 1), "own_sound_s": round(heard - began, 1),
        "own_computed_s": round(computed, 1),
    }  # fmt: skip


def _computed() -> float:
    """Processor seconds of all that was started here: browser, server, trainer."""
    total = 0.0
    for one in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # gone in between
            total += sum(one.cpu_times()[:2])
    return total


def many_previews(browser: Any, runs: Path, count: int) -> dict[str, float]:
    """A run that is done with ``count`` of them: until its newest stand there, and what scrolling to the last costs."""
    root = completed(runs / "heard", count * STEPS_PER_EPOCH)
    _previews(root, count)
    with server(runs) as app:
        opened_s, computed_s = _taken(browser, app, lambda page: _open_heard(page, app, root))
        with _page(browser, f"{app.url}/run?run={root.name}") as page:
            page.locator(".st-key-timeline audio").nth(NEWEST - 1).wait_for(state="attached")
            page.wait_for_timeout(3_000)
            page.evaluate(LONG_TASKS)
            began = time.monotonic()
            box = page.locator(".st-key-listen").bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            for _ in range(60):
                page.mouse.wheel(0, 120)
                page.wait_for_timeout(30)
            scrolled = time.monotonic() - began
            longest = page.evaluate("longest")
            began = time.monotonic()
            page.locator(".st-key-timeline summary").first.click()
            page.locator(".st-key-timeline audio").nth(2 * NEWEST - 1).wait_for(state="attached")
            unfolded = time.monotonic() - began
    return {
        "previews": count, "previews_open_s": round(opened_s, 2), "previews_open_computed_s": round(computed_s, 2),
        "scroll_s": round(scrolled, 2), "scroll_longest_task_ms": round(longest), "unfold_s": round(unfolded, 2),
    }  # fmt: skip


def _open_heard(page: Any, app: Server, root: Path) -> None:
    page.goto(f"{app.url}/run?run={root.name}")
    page.locator(".st-key-timeline audio").nth(NEWEST - 1).wait_for(state="attached")


def _previews(root: Path, count: int) -> None:
    """One sound every epoch, half a second of a tone that rises, and its picture."""
    folder = Layout(root).previews
    folder.mkdir(exist_ok=True)
    picture = folder / "picture.png"
    Image.new("RGB", (640, 112), "#7A4E00").save(picture)
    for epoch in range(1, count + 1):
        name = f"epoch-{epoch:04d}-step-{STEPS_PER_EPOCH * epoch:08d}-sample-00"
        soundfile.write(folder / f"{name}.wav", np.sin(np.arange(24_000) * (0.02 + epoch / 10_000)) / 4, 48_000)
        shutil.copy(picture, folder / f"{name}.png")
    picture.unlink()


def compare(browser: Any, runs: Path) -> dict[str, float]:
    """Ten runs of 100,000 steps, nothing of them read before, and again once they were."""
    roots = ten_runs(runs, COMPARED_STEPS)
    with server(runs) as app:
        process = psutil.Process(app.process.pid)
        found = {}
        for name in ("first", "again"):
            before = sum(process.cpu_times()[:2])
            found[f"compare_{name}_s"] = round(open_compare(browser, app, roots), 2)
            found[f"compare_{name}_server_s"] = round(sum(process.cpu_times()[:2]) - before, 2)
    return found


def _taken(browser: Any, app: Server, act: Any) -> tuple[float, float]:
    """(seconds of the clock, seconds that the server computed) until ``act`` on a new page is done."""
    process = psutil.Process(app.process.pid)
    with _page(browser, f"{app.url}/new") as page:  # which reads no run
        page.wait_for_timeout(2_000)
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        act(page)
        return time.monotonic() - began, sum(process.cpu_times()[:2]) - before


@contextmanager
def _page(browser: Any, url: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.wait_for_selector(".ss-brand")
    yield page
    context.close()


@click.command()
@click.option("--source", default="demo", show_default=True, help="The folder of one's own, or a data set's.")
@click.option("--previews", default=500, show_default=True, help="Of the run that is scrolled.")
def command(source: str, previews: int) -> None:
    """Measure what pressing takes, and print one JSON line last."""
    folder = Path(find_source(source).source.path or source)
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        figures = own_sound(browser, Path(place) / "none", folder)
        click.echo(json.dumps(figures))
        figures |= many_previews(browser, Path(place) / "many", previews)
        click.echo(json.dumps(figures))
        figures |= compare(browser, Path(place) / "ten")
    click.echo(json.dumps(figures))
