"""When a warning is said: when it comes true, and again when it was not for a while."""

from __future__ import annotations

from engine.claims.kinds import Finding, say
from engine.loop.diagnosis import QUIET_EPOCHS, newly_true
from engine.tasks.vae.diagnosis import IDLE_DIMS, NEW


def test_a_warning_that_was_gone_and_is_true_again_is_said_again() -> None:
    told: dict[str, int] = {}
    memorises, learns = say("memorising", "It memorises.").record, say("learning", "It is learning.").record
    true_at = {3, 4, 5, 8, 5 + QUIET_EPOCHS, 8 + 3 * QUIET_EPOCHS}
    said = [epoch for epoch in range(1, 60) if newly_true([memorises] if epoch in true_at else [learns], told, epoch)]
    assert said == [3, 8 + 3 * QUIET_EPOCHS], "flickering is one warning, coming back is another"


def test_only_warnings_are_warned_of() -> None:
    assert (
        newly_true([one.record for one in (say("learning", "x"), Finding(IDLE_DIMS, "x"), Finding(NEW, "x"))], {}, 5)
        == []
    )
