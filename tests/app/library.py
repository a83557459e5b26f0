"""Run directories written through the engine's own writer: what a trainer would leave, in a moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.rundir.schema import (
    Best,
    CheckpointRef,
    DatasetRecord,
    Diagnosis,
    ErrorInfo,
    FileRow,
    MetricSpec,
    Monitor,
    Progress,
    RunConfig,
    RunRecord,
    Source,
    State,
    SweetRange,
)
from engine.rundir.writer import RunWriter

SPECS = [
    MetricSpec(name="val_recon_db", label="new sounds", unit="dB", chart="quality", better="lower"),
    MetricSpec(name="train_recon_db", label="its own sounds", unit="dB", chart="quality", better="lower"),
    MetricSpec(name="train_loss", label="Loss", chart="loss", better="lower"),
    MetricSpec(name="val_loss", label="Validation loss", chart="loss", better="lower"),
    MetricSpec(name="kl_divergence", label="KL", unit="nats", chart="kl"),
    MetricSpec(name="kl_weight", label="KL weight", chart="kl"),
    MetricSpec(name="learning_rate", label="Learning rate", chart="rate"),
]


def record(name: str, epochs: int = 20, **changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "uuid": "0" * 32, "name": name, "created_at": 1_700_000_000.0, "task": "vae",
        "config": RunConfig(training={"preset": "conservative", "learning_rate": 0.001}, task={"channels": 32}),
        "source": Source(kind="folder", name="drums", path="/nowhere/drums"), "fingerprint": "f", "num_train": 14,
        "num_train_files": 14, "num_val_files": 6, "batch_size": 16, "steps_per_epoch": 10, "total_steps": 10 * epochs,
        "total_epochs": epochs, "metrics": SPECS,
        "monitor": Monitor(metric="val_recon_db", reference="train_recon_db", unit="dB", baseline_db=14.2),
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
    progress: Progress | None = None,
    close: bool = True,
    apart: float = 0.3,
    files: Sequence[FileRow] = (),
    sweet_range: SweetRange | None = None,
    **changes: Any,
) -> RunWriter:
    """A run of ``done`` out of ``epochs`` epochs in ``state``.

    Its error is lowest at ``best``, and until then ``apart`` dB above that on its own sounds.
    """
    writer = RunWriter.open(root, device="cpu", threads=1, versions={"torch": "0"})
    if files:
        writer.write_dataset(DatasetRecord(files=list(files)))
    writer.write_run(record(name, epochs, **changes))
    val = train = math.nan
    for epoch in range(1, done + 1):
        for step in range(10 * epoch - 9, 10 * epoch + 1):
            writer.event(
                "step", step=step, epoch=epoch, total_steps=10 * epochs, train_loss=1 / step, recon_loss=1 / step,
                kl_loss=0.1, kl_weight=step / (10 * epochs), learning_rate=1e-3, grad_norm=1.0, step_time_s=0.1,
            )  # fmt: skip
        train = 14 - 8 * (1 - math.exp(-epoch / 5))
        val = train + 0.02 * max(0, epoch - best) ** 2 + apart
        writer.event(
            "epoch", epoch=epoch, total_epochs=epochs, step=10 * epoch, train_loss=0.1, val_loss=0.2, val_recon_db=val,
            train_recon_db=train, baseline_db=14.2, kl_divergence=20.0, learning_rate=1e-3,
        )  # fmt: skip
    spot = Best(metric="val_recon_db", value=7.4, raw=7.2 + apart, epoch=best, step=10 * best)
    writer.update(
        epoch=done, total_epochs=epochs, step=10 * done, total_steps=10 * epochs, baseline_db=14.2, elapsed_s=60.0,
        steps_per_s=5.1, eta_s=600.0, phase="train" if progress is None else "decode", progress=progress,
        metrics={"val_recon_db": val, "train_recon_db": train}, overfitting_gap=(val - train) / train,
        diagnosis=diagnosis or [],
        best=spot if done >= best else None,
        sweet_range=sweet_range,
        last_checkpoint=CheckpointRef(file="step-00000100.pt", step=100, epoch=10, at=1.0) if done >= 10 else None,
    )  # fmt: skip
    writer.state(state, error=error)
    if close and state.live:
        writer._heart.stop()  # a process has the lock of a run that lives, until this one ends
    elif close:
        writer.close()
    return writer
