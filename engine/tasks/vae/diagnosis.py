"""What the sound model's own figures say: collapse, idle dimensions, too few files to check with."""

from __future__ import annotations

import math

from engine.config import TrainingConfig
from engine.metrics import MetricsHistory
from engine.task import Diagnosis
from engine.tasks.vae.memory import MemoryReading

COLLAPSED_NATS = 0.5
IDLE_PART = 0.5
DIVERSE_RATIO = 2.0
FEW_FILES = 3


def diagnose(
    history: MetricsHistory, config: TrainingConfig, num_val_files: int, memory: MemoryReading | None
) -> list[Diagnosis]:
    """Findings on the last epoch; nothing before the first. memory: what the meter said at the last preview."""
    found: list[Diagnosis] = []
    if num_val_files < FEW_FILES:
        files = "One sound is" if num_val_files == 1 else f"{num_val_files} sounds are"
        found.append(
            Diagnosis(
                code="few_files",
                severity="info",
                message=f"{files} too few to check with: the figures are rough, so trust your ears more.",
            )
        )
    if not history.epochs:
        return found
    last = history.epochs[max(history.epochs)]
    warm = last.epoch >= config.kl_warmup_fraction * last.total_epochs
    divergence = last.kl_divergence
    if warm and divergence is not None and divergence < COLLAPSED_NATS:
        found.append(
            Diagnosis(
                code="collapsed",
                severity="warning",
                message=f"The code carries almost nothing ({divergence:.2f} nats): every sound comes out the same. "
                "Try a longer KL warm-up or more free bits.",
            )
        )
        return found
    idle = history.column("idle_dims")[-1]
    if warm and idle > IDLE_PART:
        found.append(
            Diagnosis(
                code="idle_dims",
                severity="info",
                message=f"{idle:.0%} of the code's dimensions are idle: a smaller latent_dim would do.",
            )
        )
    train, val = history.column("train_kl_divergence")[-1], history.column("kl_divergence")[-1]
    if math.isfinite(train) and train > 0 and val / train > DIVERSE_RATIO:
        found.append(
            Diagnosis(
                code="too_diverse",
                severity="warning",
                message="New sounds look foreign to the model: this collection is too small or too diverse for it.",
            )
        )
    if memory is not None:
        found.append(_of_memory(memory))
    return found


def _of_memory(memory: MemoryReading) -> Diagnosis:
    ours, theirs = f"{memory.samples_db:.1f} dB", f"{memory.held_out_db:.1f} dB"
    if memory.repeats:
        return Diagnosis(
            code="repeats",
            severity="warning",
            message=f"New sounds come nearer to what it learnt ({ours}) than unheard sounds do ({theirs}): it repeats. "
            f"The nearest training sound is {memory.file}: listen to both.",
        )
    return Diagnosis(
        code="new",
        severity="good",
        message=f"New sounds are as far from what it learnt ({ours}) as unheard sounds are ({theirs}): no copies. "
        f"The nearest training sound is {memory.file} ({memory.file_db:.1f} dB).",
    )
