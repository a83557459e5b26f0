"""Run directories written through the engine's own writer: what a trainer would leave, in a moment."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.files.io import write_wave
from engine.claims.evidence import gather
from engine.loop.diagnosis import diagnose
from engine.metrics import EpochMetrics, MetricsHistory
from engine.rundir.encoding import encode
from engine.rundir.findings import Diagnosis, SweetRange
from engine.rundir.layout import Layout
from engine.rundir.protocol import Manifest, PlanRecord
from engine.rundir.record import DatasetRecord, FileRow, MetricSpec, Monitor, RunConfig, RunRecord, Source
from engine.rundir.status import Best, CheckpointRef, ErrorInfo, PhaseProgress, State
from engine.rundir.writer import RunWriter
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.nouns import SOUNDS

SPECS = [
    MetricSpec(name="val_recon_db", label="new sounds", unit="dB", chart="quality", better="lower"),
    MetricSpec(name="train_recon_db", label="its own sounds", unit="dB", chart="quality", better="lower"),
    MetricSpec(name="train_loss", label="Loss", chart="loss", better="lower"),
    MetricSpec(name="val_loss", label="Validation loss", chart="loss", better="lower"),
    MetricSpec(name="kl_divergence", label="KL", unit="nats", chart="regulariser"),
    MetricSpec(name="kl_weight", label="KL weight", chart="regulariser"),
    MetricSpec(name="learning_rate", label="Learning rate", chart="rate"),
]


def record(name: str, epochs: int = 20, **changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "uuid": "0" * 32, "name": name, "created_at": 1_700_000_000.0, "task": "vae",
        "config": RunConfig(training={"preset": "conservative", "learning_rate": 0.001}, task={"channels": 32}),
        "source": Source(kind="folder", name="drums", path="/nowhere/drums"), "fingerprint": "f", "num_train": 14,
        "num_train_files": 14, "num_val_files": 6, "batch_size": 16, "steps_per_epoch": 10, "total_steps": 10 * epochs,
        "total_epochs": epochs, "metrics": SPECS,
        "monitor": Monitor(
            metric="val_recon_db", reference="train_recon_db", unit="dB", baseline=14.2, nouns=SOUNDS
        ),
        "can": VAEConfig.can,
    }  # fmt: skip
    return RunRecord(**(values | changes))


def write(
    root: Path,
    *,
    name: str = "drums",
    state: State = State.COMPLETED,
    epochs: int = 20,
    done: int = 20,
    best: int = 12,
    error: ErrorInfo | None = None,
    diagnosis: list[Diagnosis] | None = None,
    progress: PhaseProgress | None = None,
    close: bool = True,
    apart: float = 0.3,
    files: Sequence[FileRow] = (),
    sweet_range: SweetRange | None = None,
    own: dict[str, Any] | None = None,
    **changes: Any,
) -> RunWriter:
    """A run of ``done`` out of ``epochs`` epochs in ``state``.

    Its error is lowest at ``best``, and until then ``apart`` dB above that on its own sounds. diagnosis: what its task
    found beside what its curves say. sweet_range: as the last epoch brought it; by default no files are told apart.
    own: further figures of every epoch.
    """
    writer = RunWriter.open(root, device="cpu", threads=1, versions={"torch": "0"})
    if files:
        writer.write_dataset(DatasetRecord(files=list(files)))
    writer.write_run(record(name, epochs, **changes))
    val = train = math.nan
    history = MetricsHistory("val_recon_db", "train_recon_db")
    for epoch in range(1, done + 1):
        for step in range(10 * epoch - 9, 10 * epoch + 1):
            writer.event(
                "step", step=step, epoch=epoch, total_steps=10 * epochs, train_loss=1 / step, recon_loss=1 / step,
                kl_loss=0.1, kl_weight=step / (10 * epochs), learning_rate=1e-3, grad_norm=1.0, step_time_s=0.1,
            )  # fmt: skip
        train = 14 - 8 * (1 - math.exp(-epoch / 5))
        val = train + 0.02 * max(0, epoch - best) ** 2 + apart
        metrics = EpochMetrics.model_validate(
            {"epoch": epoch, "total_epochs": epochs, "step": 10 * epoch, "train_loss": 0.1, "val_loss": 0.2,
             "val_recon_db": val, "train_recon_db": train, "baseline_db": 14.2, "kl_divergence": 20.0,
             "learning_rate": 1e-3, "overfitting_gap": (val - train) / train} | (own or {})
        )  # fmt: skip
        if epoch == done and done >= best:
            found = sweet_range or SweetRange(best, best, done, 0, False, False, None, None)
            metrics = metrics.model_copy(update={"sweet_range": found})
        history.add_epoch(metrics)
        writer.event("epoch", **metrics.model_dump(exclude_none=True))
    monitor = record(name, epochs, **changes).monitor
    evidence = gather(history, monitor, record(name, epochs, **changes).num_val_files)
    raw = (evidence.best if evidence else None) or math.nan
    spot = Best(metric="val_recon_db", value=raw, raw=raw, epoch=best, step=10 * best)
    writer.update(
        epoch=done, total_epochs=epochs, step=10 * done, total_steps=10 * epochs, baseline=14.2, elapsed_s=60.0,
        steps_per_s=5.1, eta_s=600.0, phase="train" if progress is None else "decode", progress=progress,
        doing="" if progress is None else "reading sounds",
        metrics={"val_recon_db": val, "train_recon_db": train}, overfitting_gap=(val - train) / train,
        evidence=evidence, diagnosis=diagnose(evidence, monitor, diagnosis or []),
        best=spot if done >= best else None,
        last_checkpoint=CheckpointRef(file="step-00000100.safetensors", step=100, epoch=10, at=1.0)
        if done >= 10 else None,
    )  # fmt: skip
    if done >= 10:
        data, path = b"weights", writer.layout.checkpoint(100)
        digest = hashlib.sha256(data).hexdigest()
        writer.write_artefact(path, data, Manifest(file=path.name, step=100, epoch=10, bytes=len(data), sha256=digest))
    writer.state(state, error=error)
    if close and state.live:
        writer._heart.stop()  # a process has the lock of a run that lives, until this one ends
    elif close:
        writer.close()
    return writer


def extend(root: Path, reason: str, step: int = 200, minutes: float | None = None) -> None:
    """What the trainer notes when the user of a run of :func:`write` asks for more of it after update ``step``."""
    record = PlanRecord(
        step=step, total_steps=step + 30, progress=0.5, epoch=step // 10, epoch_ends=step, steps_per_epoch=10,
        total_epochs=step // 10 + 3, reason=f"extended {reason}", extends=True, minutes=minutes, at=1.0, elapsed_s=60.0,
        session="s",
    )  # fmt: skip
    with Layout(root).plans.open("ab") as plans:
        plans.write(encode(record) + b"\n")


def lay_sound(place: Path, name: str, **origin: object) -> Path:
    """A sound as the engine writes it."""
    place.mkdir(exist_ok=True)
    write_wave(place / f"{name}.wav", np.zeros(480, np.float32), 48_000, "PCM_24")
    recipe = {"state": "epoch-0059-step-00002006.safetensors", "sound": {"seed": 7, "origin": origin}}
    (place / f"{name}.json").write_text(json.dumps(recipe))
    return place / f"{name}.wav"
