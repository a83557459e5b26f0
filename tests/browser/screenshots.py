"""Every page in every state, light and dark, wide and narrow: ``python -m tests.browser.screenshots --out DIR``.

The runs are made by the real engine: one that learns while the pictures are taken, one that is done, one stopped, one
interrupted, one killed, one that diverged, one copied from "another computer".
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from app.runs.queueing import add
from engine.queue.files import Queue
from engine.registry import find_source
from engine.rundir import control
from engine.rundir.encoding import seal, unseal
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from tests.browser.chromium import chromium, server, start_trainer
from tests.conftest import until

WIDTHS = {1400: 900, 500: 900}
TALLEST = 3_600


def train(root: Path, source: Path | str, *options: str) -> subprocess.Popen[bytes]:
    return start_trainer(str(source), "--run-dir", str(root), *options)


def epoch(root: Path) -> int:
    status = RunReader(root).status()
    return status.epoch if status else 0


def make_runs(runs: Path, source: Path, minutes: float) -> None:
    """Everything that is over before the pictures are taken."""
    small = ("--threads", "1", "--channels", "16", "--augmentation-expansion", "3", "--max-epochs", "60")
    ended = {
        "voices-a": lambda root, process: control.send(root, "cancel"),
        "bells-low": lambda root, process: process.send_signal(signal.SIGTERM),
        "rain-40": lambda root, process: process.kill(),
    }
    for name, end in ended.items():
        if (runs / name).exists():
            continue
        process = train(runs / name, source, "--name", name, *small)
        until(lambda name=name: epoch(runs / name) >= 12, 300)  # type: ignore[misc]
        end(runs / name, process)
        process.wait()
    if not (runs / "bells-hi").exists():
        train(runs / "bells-hi", source, "--name", "bells-hi", *small, "--learning-rate", "50").wait()
    if not (runs / "kitchen-field").exists():
        limit = ("--max-minutes", str(minutes))
        train(runs / "kitchen-field", source, "--name", "kitchen-field", "--threads", "2", *limit).wait()
    for name in ("iris", "diabetes"):
        if not (runs / name).exists():
            train(runs / name, name).wait()
    if not (runs / "studio-mac").exists():
        _copy_from_elsewhere(runs / "rain-40", runs / "studio-mac")


def _queue(queue: Queue, source: Path) -> None:
    """One alone, and three presets with two seeds."""
    if not queue.requests():
        add(queue, str(source), "alone", {"max_epochs": 40})
        add(queue, str(source), "drums, dry", {"max_minutes": 10}, sweep=True)


def _copy_from_elsewhere(source: Path, target: Path) -> None:
    """As a run looks that was trained on another computer and copied here."""
    shutil.copytree(source, target)
    sessions = Layout(target).sessions
    elsewhere = {"host": "studio-mac", "boot_id": "its own", "machine_id": "its own"}
    lines = [json.loads(line) | elsewhere for line in sessions.read_text().splitlines()]
    sessions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    record = Layout(target).run
    record.write_bytes(seal((unseal(record.read_bytes()) or {}) | {"name": "studio-mac"}))


def take(
    browser: Any, url: str, out: Path, name: str, act: Callable[[Any], None] | None = None, fold: bool = False
) -> None:
    """One address in both themes and both widths."""
    for width, height in WIDTHS.items():
        for theme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
            page = context.new_page()
            page.goto(url)
            page.wait_for_selector(".ss-brand")
            page.wait_for_timeout(3000)
            if act is not None:
                act(page)
                page.wait_for_timeout(1500)
            if not fold:
                block = "document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"
                page.set_viewport_size({"width": width, "height": max(height, min(TALLEST, page.evaluate(block) + 20))})
                page.wait_for_timeout(2000)
            page.screenshot(path=out / f"{name}-{theme}-{width}.png")
            context.close()


def _advanced(page: Any) -> None:
    page.get_by_text("Advanced").click()
    page.get_by_role("textbox", name="Learning rate").fill("-1")
    page.keyboard.press("Enter")


def _tab(label: str) -> Callable[[Any], None]:
    return lambda page: page.get_by_role("tab", name=label).first.click()


def _folder(path: Path, learn: str | None = None) -> Callable[[Any], None]:
    """The form once a folder was typed into it."""

    def fill(page: Any) -> None:
        page.get_by_text("A folder on this computer").click()
        field = page.get_by_role("textbox", name="Folder")
        field.fill(str(path))
        field.press("Enter")
        page.wait_for_timeout(5000)
        if learn is not None:
            page.get_by_text(learn).click()

    return fill


def _table(page: Any) -> None:
    page.get_by_text("A data set", exact=True).click()
    page.wait_for_timeout(2000)


def _delete(page: Any) -> None:
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("go for good").wait_for()


def _dialog(page: Any) -> None:
    page.get_by_role("button", name="Resume from").click()
    page.get_by_text("Steps left").wait_for()


def _make(page: Any) -> None:
    """Eight sounds, once; the second has a star."""
    made = page.locator("audio")
    if not made.count():
        page.get_by_role("button", name="Make").click()
        made.nth(7).wait_for(state="attached", timeout=120_000)
        page.wait_for_timeout(1500)
        page.get_by_role("button", name="Give it a star").nth(1).click()


def _explore(page: Any) -> None:
    """A place near the others, one far out, and a file."""
    chart = page.locator(".stVegaLiteChart")
    chart.wait_for(timeout=120_000)
    page.wait_for_timeout(1500)
    box = chart.bounding_box()
    for number, (across, down) in enumerate(((0.55, 0.5), (0.16, 0.86))):
        page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
        page.locator("audio").nth(number).wait_for(state="attached", timeout=120_000)
        page.wait_for_timeout(1500)


def _explore_file(page: Any) -> None:
    """A recording and its copy, chosen from the list."""
    page.get_by_role("tab", name="A file").click()
    page.get_by_role("button", name="Hear it").locator("visible=true").click()
    page.locator("audio").nth(1).wait_for(state="attached", timeout=120_000)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the pictures go.")
@click.option("--runs-dir", type=click.Path(path_type=Path), required=True, help="Where the runs are made and kept.")
@click.option("--source", default="demo", show_default=True, help="What the runs learn from.")
@click.option("--minutes", default=3.0, show_default=True, help="How long the one that is done may learn.")
@click.option("--only", help="Only pictures whose name begins with this.")
def main(out: Path, runs_dir: Path, source: str, minutes: float, only: str | None) -> None:
    """Make the runs that are missing, then take the pictures."""
    out.mkdir(parents=True, exist_ok=True)
    runs_dir.mkdir(parents=True, exist_ok=True)
    path = Path(find_source(source).source.path or source)
    make_runs(runs_dir, path, minutes)
    nothing = runs_dir.parent / f"{runs_dir.name}-none"
    nothing.mkdir(exist_ok=True)
    wrong = runs_dir.parent / f"{runs_dir.name}-wrong"
    wrong.mkdir(exist_ok=True)
    (wrong / "broken.wav").write_bytes(b"no sound")
    (wrong / "empty.flac").write_bytes(b"")
    _queue(Queue(runs_dir), path)
    live = runs_dir / "drums-20"
    shutil.rmtree(live, ignore_errors=True)
    shutil.rmtree(Layout(runs_dir / "kitchen-field").sounds, ignore_errors=True)
    pictures: dict[str, tuple[str, Callable[[Any], None] | None]] = {
        "run-live": ("/run?run=drums-20", None),  # first: all the pictures take longer than it learns
        "run-log": ("/run?run=drums-20", _tab("Log")),
        "runs": ("/", None),
        "new": ("/new", None),
        "new-advanced": ("/new", _advanced),
        "new-folder": ("/new", _folder(path)),
        "new-nothing": ("/new", lambda page: page.get_by_text("A folder on this computer").click()),
        "new-drop": ("/new?from=own", None),
        "new-wrong": ("/new", _folder(wrong)),
        "new-table": ("/new", _table),
        "run-iris": ("/run?run=iris", None),
        "run-diabetes": ("/run?run=diabetes", None),
        "run-delete": ("/run?run=voices-a", _delete),
        "run-notes": ("/run?run=diabetes", _tab("Notes")),
        "run-stopped": ("/run?run=voices-a", None),
        "run-interrupted": ("/run?run=bells-low", None),
        "run-crashed": ("/run?run=rain-40", None),
        "run-failed": ("/run?run=bells-hi", None),
        "run-readonly": ("/run?run=studio-mac", None),
        "run-done": ("/run?run=kitchen-field", None),
        "run-resume": ("/run?run=rain-40", _dialog),
        "run-settings": ("/run?run=kitchen-field", _tab("Settings")),
        "run-curves": ("/run?run=kitchen-field", _tab("More curves")),
        "run-memory": ("/run?run=kitchen-field", _tab("Memory")),
        "run-none": ("/run?run=nothing", None),
        "compare": ("/compare?runs=kitchen-field,voices-a,bells-low,rain-40", None),
        "compare-none": ("/compare", None),
        "bench": ("/listen?run=kitchen-field", None),
        "queue": ("/queue", None),
        "sounds-empty": ("/sounds?run=kitchen-field", None),
        "sounds": ("/sounds?run=kitchen-field", _make),
        "sounds-tables": ("/sounds?run=iris", None),
        "explore-empty": ("/explore?run=kitchen-field", None),
        "explore": ("/explore?run=kitchen-field", _explore),
        "explore-file": ("/explore?run=kitchen-field", _explore_file),
    }
    wanted = {name: what for name, what in pictures.items() if only is None or name.startswith(only)}
    with chromium() as browser:
        if only is None or "runs-empty".startswith(only):
            with server(nothing) as app:
                take(browser, app.url, out, "runs-empty")
                take(browser, f"{app.url}/queue", out, "queue-empty")
        with server(runs_dir) as app:
            live.mkdir()
            limits = ("--name", "drums-20", "--threads", "1", "--max-minutes", "12")
            with Layout(live).log.open("wb") as log:  # as one that was started in the app
                process = start_trainer(str(path), "--run-dir", str(live), *limits, log=log)
            try:
                if only is None or "run-ready".startswith(only):
                    until(lambda: RunReader(live).sessions(), 300)
                    take(browser, f"{app.url}/run?run=drums-20", out, "run-ready")
                if {"run-live", "runs"} & wanted.keys():
                    until(lambda: epoch(live) >= 8, 900)
                for name, (where, act) in wanted.items():
                    take(browser, app.url + where, out, name, act)
            finally:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
