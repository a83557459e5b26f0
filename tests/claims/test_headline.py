"""The one message of a run whose record is damaged or whose process cannot be judged, and of one that is done."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from app.look.words import gain
from app.panels.summary import cards
from engine.claims.advice import Kept, what_is_kept
from engine.claims.evidence import interval
from engine.claims.figures import better
from engine.claims.headline import headline, optimism_note
from engine.claims.quality import quality
from engine.rundir.findings import Diagnosis, SweetRange
from engine.rundir.liveness import Liveness
from engine.rundir.protocol import SessionRecord
from engine.rundir.status import Best, CheckpointRef, ErrorInfo, State, Status
from engine.rundir.view import RunView, ShownState
from engine.tasks.mlp.nouns import NUMBERS
from tests.app.library import record
from tests.claims.histories import SCORE, SOUND, Run, falling, turning
from tests.claims.test_histories import ROWS

STATUS = Status(session="s", state=State.RUNNING, epoch=2, step=20)
SESSION = SessionRecord(
    session="s", pid=1, process_started_at=0, boot_id="b", host="h", started_at=0, device="cpu", threads=1, versions={}
)


def view(state: ShownState, status: Status = STATUS, liveness: Liveness = Liveness.DEAD, held_out: int = 6) -> RunView:
    run = record("r", monitor=SOUND, num_val_files=held_out)
    return RunView("r", "r", state, liveness, False, False, run, status, SESSION, None)


def said(shown: RunView) -> str:
    found = headline(shown, Kept)
    assert found is not None
    return found.message


def test_a_damaged_record_is_the_first_thing_to_say() -> None:
    damaged = replace(view(ShownState.RUNNING), damage=("run.json is damaged.", "Put it back."))
    assert said(damaged) == "run.json is damaged. Put it back."


def test_who_cannot_be_judged_is_said_to_be_what_it_is() -> None:
    copied = view(ShownState.UNKNOWN, liveness=Liveness.COPIED)
    assert said(copied).startswith("This is a copy of a run whose process trains in another directory. Its last word")
    assert said(copied).endswith("looked at and listened to here.")
    assert said(replace(copied, read_only=True)).endswith("listened to here, not trained.")


def done(optimism: float | None, planned: int = 12) -> str:
    pairs = SweetRange(10, 8, 14, 8, True, False, 0.0, 0.1, optimism)
    run = Run(turning(12, 10, 0.01), sweet=pairs)
    best = Best(metric="val_recon_db", value=run.val[9], raw=run.val[9], epoch=10, step=100)
    values = {"session": "s", "state": State.COMPLETED, "epoch": 12, "total_epochs": planned, "step": 120, "best": best}
    status = Status.model_validate(values | {"evidence": run.evidence(), "diagnosis": run.claims()})
    return said(view(ShownState.COMPLETED, status))


def test_by_how_much_the_best_epoch_flatters_is_said_where_it_is_notable() -> None:
    assert "a little optimistic, by about 0.42 dB: the sounds that check also chose" in done(0.42)
    assert "may be optimistic, nobody can tell by how much: the sounds that check also chose the epoch." in done(None)
    for by in (0.0, 0.001):
        assert "optimistic" not in done(by), "it was measured, and is nothing"


def test_what_was_recorded_alone_is_called_optimistic() -> None:
    for name, (run, *_) in ROWS.items():
        evidence = run.evidence()
        known = evidence.sweet_range.optimism if evidence and evidence.sweet_range else None
        said = optimism_note("5.0 dB", evidence, run.monitor)
        assert ("by about" in said) == (known is not None and said != ""), name
        assert known != 0.0 or said == "", name


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_a_command_at_the_end_of_a_remedy_is_the_end_of_the_message(epoch: int) -> None:
    command = "sweetspot train --resume /runs/moved"
    error = ErrorInfo(kind="x", cause="The run directory is no longer where it was.", remedy=f"Go on with: {command}")
    status = STATUS.model_copy(update={"state": State.FAILED, "epoch": epoch, "step": 10 * epoch, "error": error})
    for files in (Kept(), Kept(3), Kept(3, 5), Kept(damaged=2)):
        found = headline(view(ShownState.FAILED, status), lambda files=files: files)  # type: ignore[misc]
        assert found is not None and found.message.endswith(f" {command}")
        assert (what_is_kept(files) in found.message) == (epoch > 0)


def test_a_run_that_is_done_and_lost_its_best_state_is_not_shown_in_green() -> None:
    run = Run(falling(12))
    best = Best(metric="val_recon_db", value=run.val[-1], raw=run.val[-1], epoch=12, step=120)
    values = {"session": "s", "state": State.COMPLETED, "epoch": 12, "total_epochs": 12, "step": 120, "best": best}
    status = Status.model_validate(values | {"evidence": run.evidence(), "diagnosis": run.claims()})
    whole, lost, other = (
        headline(view(ShownState.COMPLETED, status), lambda files=files: files)  # type: ignore[misc]
        for files in (Kept(12, 12), Kept(newest=12, damaged=1), Kept(12, damaged=1))
    )
    assert whole is not None and whole.severity == "good" and other == whole
    assert lost is not None and lost.severity == "warning"
    assert lost.message.startswith(whole.message) and "Its best state is damaged: use another epoch" in lost.message


def test_a_run_that_ended_itself_says_so() -> None:
    assert done(None).startswith("Done. The sweet spot")
    assert done(None, planned=30).startswith("Done: it ended itself after epoch 12 of 30, as you asked.")


def test_a_run_that_was_best_at_its_very_end_speaks_of_no_later_epochs() -> None:
    run = Run([9.0, 8.0, 7.0, 6.0, 5.0])
    best = Best(metric="val_recon_db", value=5.0, raw=5.0, epoch=5, step=50)
    evidence = run.evidence().model_copy(update={"best_epoch": 5, "moved": 5, "late_gain": 0.0})
    values = {"session": "s", "state": State.COMPLETED, "epoch": 5, "total_epochs": 5, "step": 50, "best": best}
    words = said(view(ShownState.COMPLETED, Status.model_validate(values | {"evidence": evidence})))
    assert "It was best at its very end." in words and "Later epochs" not in words


def done_after(values: list[float], best: Best | None) -> Diagnosis:
    run = Run(values)
    fields = {"session": "s", "state": State.COMPLETED, "epoch": len(values), "total_epochs": len(values), "step": 90}
    fields |= {"best": best, "evidence": run.evidence(), "diagnosis": run.claims()}
    found = headline(view(ShownState.COMPLETED, Status.model_validate(fields)), Kept)
    assert found is not None
    return found


def test_a_run_that_never_gave_a_number_is_not_called_short() -> None:
    found = done_after([math.nan] * 100, None)
    assert found.severity == "warning" and "gave no number" in found.message and "short" not in found.message


@pytest.mark.parametrize(("epochs", "few"), [(1, "One epoch is"), (2, "Two epochs are")])
def test_a_run_of_one_or_two_epochs_is_said_to_be_too_short(epochs: int, few: str) -> None:
    best = Best(metric="val_recon_db", value=9.0, raw=9.0, epoch=1, step=10)
    found = done_after([9.0, 9.5][:epochs], best)
    assert found.message == f"Done. {few} too short to have a sweet spot." and found.severity == "good"


def test_a_score_is_said_to_have_less_error_not_to_be_better() -> None:
    assert (better(0.34, SOUND), better(-0.05, SOUND)) == ("34 % better", "5 % worse")
    assert (better(0.9, SCORE), better(-0.05, SCORE)) == ("90 % less error", "5 % more error")


def test_an_r2_of_97_percent_is_that_much_less_squared_error() -> None:
    """R² 0.97 is an error 83 % smaller, and its square 97 %."""
    squared = SCORE.model_copy(update={"metric": "val_r2", "baseline": 0.0, "nouns": NUMBERS})
    assert better(0.97, squared) == "97 % less squared error"
    assert gain(record("r", monitor=squared), squared.nouns) == "Less squared error than the average guess"
    told = quality(None, [], squared).explained
    assert "The scores are compared" in told and "the squared error may differ by more" in told


@pytest.mark.parametrize("held_out", [6, 24])
def test_what_stands_behind_plus_minus_is_one_thing_everywhere(held_out: int) -> None:
    """Six sounds, also in four files each, a standard error of 0.9 dB: the 95 % interval reaches 2.571 times as far."""
    run = Run([12.0, 8.0, 6.1], [11.0, 6.0, 3.0], se=0.9)
    metrics = {"val_recon_db": 6.1, "val_recon_se_db": 0.9}
    best = Best(metric="val_recon_db", value=6.1, raw=6.1, epoch=3, step=30)
    status = STATUS.model_copy(update={"epoch": 3, "evidence": run.evidence(), "metrics": metrics, "best": best})
    for state in (ShownState.RUNNING, ShownState.COMPLETED):
        card = cards(view(state, status, held_out=held_out))[-1]
        assert card.value == "6.1 ± 2.3 dB" and card.help is not None
        assert card.help.startswith("± is the 95 % interval of the mean over the 6 sounds that check.")
    (found,) = Run([12.0, 8.0, 4.0], [11.0, 6.0, 3.0], se=0.9).claims()
    assert found.code == "gap_unsure" and "4.0 ± 2.3 dB" in found.message
    assert interval(0.9, 2) is None, "two files cannot tell"


@pytest.mark.parametrize(("checked", "where"), [(22, "in epoch 23"), (23, "at epoch 23")])
def test_a_run_that_was_stopped_within_an_epoch_says_up_to_where_it_is_kept(checked: int, where: str) -> None:
    evidence = Run(falling(checked)).evidence()
    status = STATUS.model_copy(update={"epoch": 23, "step": 595, "evidence": evidence})
    files = Kept(best=20, newest=23, step=595)
    for state, words in (
        (ShownState.CANCELLED, f"Stopped {where}, as you asked. Everything up to step 595 is kept"),
        (
            ShownState.INTERRUPTED,
            f"Interrupted {where}: Ctrl-C, a closed terminal or another signal ended it. Everything up to step 595 is",
        ),
        (ShownState.CRASHED, f"It ended without a word {where}. The last save is of step 595, in epoch 23: resume"),
    ):
        found = headline(view(state, status), lambda: files)
        assert found is not None and found.message.startswith(words)


def test_a_save_after_the_last_word_of_a_killed_run_says_how_far_it_came() -> None:
    """The status is written once a second, a checkpoint at once."""
    status = STATUS.model_copy(update={"epoch": 326, "step": 2608})
    found = headline(view(ShownState.CRASHED, status), lambda: Kept(newest=330, step=2640))
    assert found is not None and found.message.startswith("It ended without a word in epoch 330. The last save is of")


def test_a_killed_run_whose_saves_are_lost_is_not_said_to_begin_again() -> None:
    saved = CheckpointRef(file="step-00000080.safetensors", step=80, epoch=4, at=1.0)
    status = STATUS.model_copy(update={"epoch": 4, "step": 80, "last_checkpoint": saved})
    for files, words in ((Kept(), "What it had saved is gone."), (Kept(damaged=1), "Nothing that was saved verifies")):
        found = headline(view(ShownState.CRASHED, status), lambda files=files: files)
        assert found is not None and words in found.message and "resuming" not in found.message
