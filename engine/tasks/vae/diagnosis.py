"""What the sound model's own figures say: collapse, idle dimensions, repetition. No torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.claims.figures import amount, figure
from engine.claims.kinds import GOING_ON, OF_THE_GAP, Finding, Kind
from engine.metrics import MetricsHistory
from engine.tasks.vae.config import VAEConfig

if TYPE_CHECKING:
    from engine.tasks.vae.copying import CopyingReading

COLLAPSED_NATS = 0.5
IDLE_PART = 0.5
DIVERSE_RATIO = 2.0
ALIKE_PART = 0.1
PLAYED_BACK = 0.5  # of the distance of unheard sounds: copies farther off are not told from a blur

COLLAPSED = Kind(
    "collapsed", "warning", "carries nothing", before="not_learning",
    silences=GOING_ON | OF_THE_GAP | {"new", "blurred", "repeats", "too_diverse", "stagnation"},
)  # fmt: skip
REPEATS = Kind(
    "repeats", "warning", "it repeats", before="not_learning", memorises=True,
    silences=GOING_ON | {"new", "not_learning", "too_early"},  # which speak of new sounds alone
)  # fmt: skip
TOO_DIVERSE = Kind(
    "too_diverse", "warning", "too diverse", before="gap_unsure", silences=GOING_ON,
    silenced_by=frozenset({"not_learning", "few_files", "too_early"}),
)  # fmt: skip
IDLE_DIMS = Kind("idle_dims", "info", "idle dimensions", judges=False)
NEW = Kind("new", "good", "no copies", judges=False, silenced_by=frozenset({"not_learning", "too_early"}))
BLURRED = Kind("blurred", "info", "still blurred", judges=False)
KINDS = (COLLAPSED, REPEATS, TOO_DIVERSE, IDLE_DIMS, NEW, BLURRED)


def diagnose(history: MetricsHistory, config: VAEConfig, copying: CopyingReading | None) -> list[Finding]:
    """Findings on the last epoch; nothing before the first. copying: what the meter said at the last preview."""
    if not history.epochs:
        return []
    found = [*_of_code(history, config), *_of_divergence(history)]
    return found if copying is None else [*found, *_of_copying(copying, history.column("train_recon_db")[-1])]


def _of_code(history: MetricsHistory, config: VAEConfig) -> list[Finding]:
    """Whether the code carries anything, once the KL weight has risen."""
    last = history.epochs[max(history.epochs)]
    if last.epoch < config.kl_warmup_fraction * last.total_epochs:
        return []
    divergence, idle = last.kl_divergence, history.column("idle_dims")[-1]
    if divergence is not None and divergence < COLLAPSED_NATS:
        return [
            Finding(
                COLLAPSED,
                f"The code carries almost nothing ({divergence:.2f} nats): every sound comes out the same. Try a "
                "longer KL warm-up or more free bits.",
            )
        ]
    if idle > IDLE_PART:
        return [
            Finding(IDLE_DIMS, f"{idle * 100:.0f} % of the code's dimensions are idle: a smaller latent_dim would do.")
        ]
    return []


def _of_divergence(history: MetricsHistory) -> list[Finding]:
    own, new = history.column("train_kl_divergence")[-1], history.column("kl_divergence")[-1]
    if not (math.isfinite(own) and own > 0 and new / own > DIVERSE_RATIO):
        return []
    return [
        Finding(
            TOO_DIVERSE,
            f"New sounds look foreign to the model: their codes lie {new / own:.1f} times as far out as those of its "
            "own sounds. The collection is too small or too diverse.",
        )
    ]


def repeats(samples_db: float, held_out_db: float, own_db: float) -> bool:
    """Whether new sounds play back what was learnt.

    samples_db, held_out_db: how far new and unheard sounds lie from the nearest training sound. own_db: how far off its
    copies of its own sounds are on average. What is blurred comes near to everything, so that alone proves nothing:
    those must be good enough, and new sounds must lie nearer to where such copies lie than to where unheard sounds do.
    False where one is no number.
    """
    return own_db <= PLAYED_BACK * held_out_db and samples_db < (own_db + held_out_db) / 2


def _of_copying(copying: CopyingReading, own_db: float) -> list[Finding]:
    """The distances in words that they support; nothing when one is no number."""
    ours, theirs = copying.samples_db, copying.held_out_db
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return []
    away, unheard, own = (amount(value, "dB") for value in (ours, theirs, own_db))  # in digits that show a tenth
    near = f"The nearest of all is {copying.file} ({figure(copying.file_db, 'dB')})"
    nearer = f"What it makes comes nearer to the sounds it learnt ({away} to the nearest) than unheard sounds do"
    if repeats(ours, theirs, own_db):
        said = f"It repeats. {nearer} ({unheard}); its copies of them are {own} off on average. {near}: listen to both."
        return [Finding(REPEATS, said, file=copying.file)]
    if ours <= (1 - ALIKE_PART) * theirs:
        kind, why = _no_copy(own_db, theirs)
        return [Finding(kind, f"{nearer} ({unheard}), {why}. {near}.", file=copying.file)]
    lies, do = ("farther from", "than") if ours > (1 + ALIKE_PART) * theirs else ("as far from", "as")
    said = f"it lies {lies} the sounds it learnt ({away} to the nearest) {do} unheard sounds do ({unheard})"
    return [Finding(NEW, f"What it makes is no copy: {said}. {near}.", file=copying.file)]


def _no_copy(own_db: float, theirs: float) -> tuple[Kind, str]:
    """What that is which comes nearer than unheard sounds and is no copy, and why."""
    own = amount(own_db, "dB")
    if not math.isfinite(own_db):
        return NEW, "which proves no copy"
    if own_db > PLAYED_BACK * theirs:
        return BLURRED, f"but its copies of them are {own} off on average, too far to tell a copy from a blur"
    return NEW, f"but not as near as its copies of them ({own} on average)"
