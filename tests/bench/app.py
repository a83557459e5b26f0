"""``python -m tests.bench app``: what watching costs.

CPU of the server with one and five tabs on a live run, the way from an appended line to changed pixels, how long a
run of a million steps takes to open, and ten of a hundred thousand beside one another, how soon a killed trainer shows
as crashed, and how many clicks and seconds lie between the open page and the demo's first sound. The last line printed
is JSON.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import click
import psutil

from engine.rundir.reader import RunReader
from engine.rundir.record import Abilities, MetricSpec, Monitor, RunConfig, RunRecord, Source
from engine.rundir.status import Best, State
from engine.rundir.writer import RunWriter
from tests.browser.chromium import Server, chromium, server, start_trainer
from tests.conftest import until
from tests.run_list import list_runs

STEPS_PER_EPOCH = 250
COMPARED_STEPS = 100_000
WATCH_S = 20.0
SMALL = ("--threads", "1", "--channels", "8", "--batch-size", "4", "--max-epochs", "400")
SPECS = [
    MetricSpec(name="val_recon_db", label="new sounds", unit="dB", chart="quality", better="lower"),
    MetricSpec(name="train_recon_db", label="its own sounds", unit="dB", chart="quality", better="lower"),
    MetricSpec(name="train_loss", label="Loss", chart="loss", better="lower"),
    MetricSpec(name="kl_divergence", label="KL", unit="nats", chart="regulariser"),
    MetricSpec(name="kl_weight", label="KL weight", chart="regulariser"),
    MetricSpec(name="learning_rate", label="Learning rate", chart="rate"),
]


class FakeTrainer:
    """Writes what a trainer writes, through the engine's own writer, at a pace that is asked for."""

    def __init__(self, root: Path, total_steps: int) -> None:
        self.writer = RunWriter.open(root, device="cpu", threads=1, versions={})
        self.total = total_steps
        self.epochs = math.ceil(total_steps / STEPS_PER_EPOCH)
        self.step = 0
        self.writer.write_run(
            RunRecord(
                uuid="0", name=root.name, created_at=time.time(), task="vae", config=RunConfig(training={}, task={}),
                source=Source(kind="folder", name="bench"), fingerprint="", num_train=100, batch_size=16,
                steps_per_epoch=STEPS_PER_EPOCH, total_steps=total_steps, total_epochs=self.epochs, metrics=SPECS,
                monitor=Monitor(metric="val_recon_db", reference="train_recon_db", unit="dB", baseline=14.0),
                can=Abilities(make_sounds=True),
            )
        )  # fmt: skip
        self.writer.state(State.RUNNING, phase="train")

    def advance(self, loss: float | None = None) -> None:
        """One update, and the end of its epoch when it is the last of one."""
        self.step += 1
        epoch = math.ceil(self.step / STEPS_PER_EPOCH)
        value = 1 / math.sqrt(self.step) + 0.1 * math.sin(self.step) if loss is None else loss
        self.writer.event(
            "step", step=self.step, epoch=epoch, total_steps=self.total, train_loss=value, recon_loss=value,
            kl_loss=0.123456789, kl_weight=min(1.0, self.step / self.total), learning_rate=1e-3, grad_norm=1.23456789,
            step_time_s=0.0123456,
        )  # fmt: skip
        if self.step % STEPS_PER_EPOCH == 0:
            error = 14 * math.exp(-epoch / 200) + 4
            self.writer.event(
                "epoch", epoch=epoch, total_epochs=self.epochs, step=self.step, train_loss=value, val_loss=value,
                val_recon_db=error, train_recon_db=error - 0.5, baseline_db=14.0, kl_divergence=20.0,
                learning_rate=1e-3,
            )  # fmt: skip

    def tell(self) -> None:
        """The status, as often as the engine says it."""
        epoch = math.ceil(self.step / STEPS_PER_EPOCH)
        best = Best(metric="val_recon_db", value=5.0, raw=5.0, epoch=max(1, epoch - 1), step=self.step)
        self.writer.update(
            step=self.step, epoch=epoch, total_steps=self.total, total_epochs=self.epochs, eta_s=600.0, steps_per_s=5.0,
            baseline=14.0, best=best, overfitting_gap=0.1, metrics={"val_recon_db": 5.0, "train_recon_db": 4.5},
        )  # fmt: skip


def cpu_of(app: Server, seconds: float) -> float:
    """Fraction of a core that the server takes over ``seconds``."""
    process = psutil.Process(app.process.pid)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    return float((sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began))


def watch(browser: Any, app: Server, trainer: FakeTrainer, tabs: int) -> float:
    """CPU of the server with ``tabs`` windows on a run that makes five steps a second."""
    contexts = [browser.new_context(viewport={"width": 1400, "height": 900}) for _ in range(tabs)]
    for context in contexts:
        page = context.new_page()
        page.goto(f"{app.url}/run?run={trainer.writer.root.name}")
        page.wait_for_selector(".stVegaLiteChart svg", timeout=60_000)
    stop = threading.Event()

    def pace() -> None:
        while not stop.wait(0.2):
            trainer.advance()
            trainer.tell()

    writing = threading.Thread(target=pace)
    writing.start()
    time.sleep(5)
    load = cpu_of(app, WATCH_S)
    stop.set()
    writing.join()
    for context in contexts:
        context.close()
    return load


def latency(browser: Any, app: Server, trainer: FakeTrainer, rounds: int = 15) -> list[float]:
    """Seconds from an appended step to a loss curve that looks otherwise."""
    context = browser.new_context(viewport={"width": 1400, "height": 1400})
    page = context.new_page()
    page.goto(f"{app.url}/run?run={trainer.writer.root.name}")
    page.wait_for_selector(".stVegaLiteChart svg", timeout=60_000)
    page.wait_for_timeout(4000)
    changed = """old => { const now = [...document.querySelectorAll('.stVegaLiteChart .mark-line path')]
        .map(p => p.getAttribute('d')).join('|'); return now !== old ? now : false }"""
    seen = page.wait_for_function(changed, arg="").json_value()
    taken = []
    for number in range(rounds):
        page.wait_for_timeout(1000 + 137 * number % 1000)
        seen = page.evaluate(changed, arg="") or seen
        began = time.monotonic()
        for _ in range(3):
            trainer.advance(loss=0.2 + 0.5 * (number % 2))
        trainer.tell()
        seen = page.wait_for_function(changed, arg=seen, polling="raf").json_value()
        taken.append(time.monotonic() - began)
    context.close()
    return taken


def open_million(browser: Any, app: Server, root: Path) -> float:
    """Seconds until the curve of a run of a million steps stands on the page, nothing of it read before."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(app.url)
    page.wait_for_selector(".ss-brand")
    page.wait_for_timeout(2000)
    began = time.monotonic()
    page.goto(f"{app.url}/run?run={root.name}")
    page.wait_for_function(
        "document.querySelectorAll('.stVegaLiteChart:has(.mark-line path)').length >= 4",
        timeout=120_000,
    )
    taken = time.monotonic() - began
    context.close()
    return taken


def open_compare(browser: Any, app: Server, roots: list[Path]) -> float:
    """Seconds until the curves of all of ``roots`` stand over one another, nothing of them read before."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{app.url}/new")  # which reads no run
    page.wait_for_selector(".ss-brand")
    page.wait_for_timeout(2000)
    began = time.monotonic()
    page.goto(f"{app.url}/compare?runs={','.join(root.name for root in roots)}")
    page.wait_for_function(
        "count => document.querySelectorAll('.mark-line path[d]').length >= count", arg=len(roots), timeout=120_000
    )
    taken = time.monotonic() - began
    context.close()
    return taken


def completed(root: Path, steps: int) -> Path:
    """``root``, with a run of so many steps that is done."""
    trainer = FakeTrainer(root, steps)
    for _ in range(steps):
        trainer.advance()
    trainer.tell()
    trainer.writer.state(State.COMPLETED)
    trainer.writer.close()
    return trainer.writer.root


def ten_runs(runs: Path, steps: int) -> list[Path]:
    """Ten runs of so many steps, alike but for their names."""
    first = completed(runs / "compared-0", steps)
    others = [runs / f"compared-{number}" for number in range(1, 10)]
    for other in others:
        shutil.copytree(first, other)
    return [first, *others]


def crash_shown(browser: Any, runs: Path, rounds: int = 3) -> list[float]:
    """Seconds from the kill of a real trainer to the badge that says so."""
    taken = []
    with server(runs) as app:
        for number in range(rounds):
            root = runs / f"killed-{number}"
            process = start_trainer("demo", "--run-dir", str(root), *SMALL)
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            try:
                until(lambda root=root: (status := RunReader(root).status()) and status.step >= 10, 300)
                page = context.new_page()
                page.goto(f"{app.url}/run?run={root.name}")
                page.locator(".stMarkdownBadge", has_text="Learning").wait_for(timeout=60_000)
                page.wait_for_timeout(3000 + 250 * number)
            finally:
                process.kill()
            began = time.monotonic()
            page.locator(".stMarkdownBadge", has_text="Crashed").wait_for(timeout=60_000)
            taken.append(time.monotonic() - began)
            process.wait()
            context.close()
    return taken


def first_sound(browser: Any, runs: Path) -> tuple[int, float]:
    """(clicks, seconds) from the open page of an empty library to the demo's first preview that plays."""
    with server(runs) as app:
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        page = context.new_page()
        page.goto(app.url)
        demo = page.get_by_role("button", name="Start the demo")
        demo.wait_for(timeout=60_000)
        began, clicks = time.monotonic(), 1
        demo.click()
        try:
            player = page.locator(".st-key-timeline audio").first
            player.wait_for(timeout=300_000)
            player.scroll_into_view_if_needed()
            box = player.bounding_box()
            page.mouse.click(box["x"] + 20, box["y"] + box["height"] / 2)
            clicks += 1
            page.wait_for_function("[...document.querySelectorAll('audio')].some(a => a.currentTime > 0)")
            taken = time.monotonic() - began
        finally:
            context.close()
            for reader in list_runs(runs):
                os.kill(reader.sessions()[-1].pid, signal.SIGKILL)
    return clicks, taken


@click.command()
@click.option("--steps", default=1_000_000, show_default=True, help="Steps of the long run.")
def command(steps: int) -> None:
    """Measure what watching costs, and print one JSON line last."""
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        runs = Path(place)
        live = FakeTrainer(runs / "live", 20_000)
        for _ in range(5_000):
            live.advance()
        live.tell()
        with server(runs) as app:
            figures: dict[str, Any] = {f"cpu_{tabs}_tabs": round(watch(browser, app, live, tabs), 3) for tabs in (1, 5)}
            taken = latency(browser, app, live)
            figures |= {"latency_median_s": round(statistics.median(taken), 2), "latency_max_s": round(max(taken), 2)}
        live.writer.state(State.COMPLETED)
        live.writer.close()
        long = completed(runs / "long", steps)
        with server(runs) as app:
            size = RunReader(long).layout.metrics.stat().st_size
            taken_s = open_million(browser, app, long)
            figures |= {"steps": steps, "megabytes": round(size / 1e6), "open_s": round(taken_s, 2)}
        roots = ten_runs(runs, COMPARED_STEPS)
        with server(runs) as app:
            figures["compare_ten_s"] = round(open_compare(browser, app, roots), 2)
        crashed = crash_shown(browser, runs)
        figures |= {"crashed_median_s": round(statistics.median(crashed), 2), "crashed_max_s": round(max(crashed), 2)}
        clicks, seconds = first_sound(browser, runs / "none")
        figures |= {"first_sound_clicks": clicks, "first_sound_s": round(seconds, 1)}
    click.echo(json.dumps(figures))
