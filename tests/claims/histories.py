"""Synthetic runs: curves of every kind, and all that is claimed of them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.claims.evidence import gather
from engine.claims.quality import Quality, quality
from engine.loop.diagnosis import diagnose
from engine.metrics import EpochMetrics, MetricsHistory
from engine.rundir.findings import Diagnosis, Evidence
from engine.rundir.record import Monitor
from engine.sweet_range import SweetRange
from engine.tasks.vae import diagnosis as of_sound
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.nouns import SOUNDS

SOUND = Monitor(
    metric="val_recon_db", reference="train_recon_db", unit="dB", baseline=14.0, standard_error="val_recon_se_db",
    nouns=SOUNDS,
)  # fmt: skip
SCORE = Monitor(metric="val_accuracy", reference="train_accuracy", better="higher", baseline=0.4)
PLAIN = Monitor(metric="val_loss", reference="train_eval")


@dataclass(frozen=True)
class Reading:
    """What the memory meter hands over."""

    samples_db: float
    held_out_db: float
    file: str = "kick.wav"
    file_db: float = 5.0


@dataclass(frozen=True)
class Run:
    """Curves by epoch. se: the standard error of every epoch. kl: divergence on new and on its own items."""

    val: Sequence[float]
    own: Sequence[float] | None = None
    monitor: Monitor = SOUND
    files: int = 6
    se: float | None = None
    memory: Reading | None = None
    kl: tuple[float, float] = (20.0, 20.0)
    idle: float = 0.1
    sweet: SweetRange | None = None
    first: int = 1
    extra: dict[str, float] = field(default_factory=dict)

    def history(self) -> MetricsHistory:
        kept = MetricsHistory(self.monitor.metric, self.monitor.reference, self.monitor.better)
        for place, value in enumerate(self.val):
            own = {} if self.own is None else {self.monitor.reference: self.own[place]}
            error = {} if self.se is None else {"val_recon_se_db": self.se}
            kept.add_epoch(
                EpochMetrics.model_validate(
                    {"epoch": self.first + place, "total_epochs": self.first + len(self.val) - 1, "train_loss": 1.0,
                     "val_loss": value, "learning_rate": 1e-3, self.monitor.metric: value, **own, **error,
                     "kl_divergence": self.kl[0], "train_kl_divergence": self.kl[1], "idle_dims": self.idle}
                )
            )  # fmt: skip
        if self.sweet is not None:
            last = max(kept.epochs)
            kept.add_epoch(kept.epochs[last].model_copy(update={"sweet_range": self.sweet}))
        return kept

    def evidence(self) -> Evidence | None:
        return gather(self.history(), self.monitor, self.files)

    def claims(self, over: bool = False) -> list[Diagnosis]:
        found = of_sound.diagnose(self.history(), VAEConfig(), self.memory)  # type: ignore[arg-type]
        return diagnose(self.evidence(), self.monitor, found if self.monitor is SOUND else [], over=over)

    def codes(self) -> list[str]:
        return [one.code for one in self.claims()]

    def quality(self, over: bool = False) -> Quality:
        return quality(self.evidence(), self.claims(), self.monitor, over=over)


def falling(count: int, begin: float = 13.0, end: float = 5.0, pace: float = 6.0) -> list[float]:
    return [end + (begin - end) * math.exp(-place / pace) for place in range(count)]


def turning(count: int, turn: int, rise: float, begin: float = 13.0, end: float = 5.0) -> list[float]:
    """Falls to ``turn`` and then rises by ``rise`` an epoch."""
    down = falling(turn, begin, end, turn / 4)
    return down + [down[-1] + rise * place for place in range(1, count - turn + 1)]


def noisy(values: Sequence[float], spread: float, seed: int = 1) -> list[float]:
    drawn = random.Random(seed)
    return [value + drawn.gauss(0, spread) for value in values]


def plus(values: Sequence[float], more: float) -> list[float]:
    return [value + more for value in values]
