"""The one message that a run asks for as it stands: its end, or the verdict of one that still learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.claims.advice import Kept, what_is_kept
from engine.claims.evidence import LATE_PART, beyond
from engine.claims.figures import amount, better, figure
from engine.claims.kinds import WORSENS, Severity, kind_of, verdict
from engine.claims.sweet import SweetSpot, band
from engine.claims.verdict import as_told, few_files, gain_of, still_improves, until_when
from engine.quantities import counted, number, plural, small
from engine.rundir.findings import Diagnosis, Evidence
from engine.rundir.record import Monitor, Nouns, RunRecord
from engine.rundir.status import Best, State, Status
from engine.rundir.view import RunView, ShownState


def headline(view: RunView, kept: Callable[[], Kept], fresh: Sequence[str] = ()) -> Diagnosis | None:
    """What is most worth saying; None while there is nothing.

    kept: looks up what of the run verifies, asked only where the message says so. fresh: warnings of the last minutes
    that are no findings.
    """
    status = view.status
    if view.state is ShownState.FAILED:
        return _failed(status, kept())
    if view.damage is not None:
        return _say("damaged", "error", " ".join(view.damage))
    if status is None:
        return _say("unreadable", "info", "Its status cannot be read. What else is here is shown below.")
    if view.state is ShownState.CRASHED:
        files = kept()
        said = f"It ended without a word {_place(status, files.newest)}. {_after_a_crash(status, files)}"
        return _say("crashed", "warning", said)
    if view.state is ShownState.UNKNOWN:
        return _say(
            "elsewhere", "info",
            f"{view.doubt or 'Nobody can tell whether it still learns.'} Its last word was {small(status.epoch)} "
            f"{plural(status.epoch, 'epoch')} in. It can be looked at and listened to here"
            + (", not trained." if view.read_only else "."),
        )  # fmt: skip
    if view.state is ShownState.COMPLETED:
        return _whole(_done(view, status), kept())
    if view.state is ShownState.CANCELLED:
        return _say("stopped", "info", f"Stopped {_place(status)}, as you asked. {_after_a_stop(view, status, kept())}")
    if view.state is ShownState.INTERRUPTED:
        who = "Ctrl-C, a closed terminal or another signal ended it"
        said = f"Interrupted {_place(status)}: {who}. {_after_a_stop(view, status, kept())}"
        return _say("interrupted", "info", said)
    return _live(status, fresh)


def best_epoch(status: Status | None, run: RunRecord | None) -> Best | None:
    """Where it was best, once there are two epochs to choose from: the only one there is is no spot yet.

    Nor is the best of a run that has come out worse than the baseline all along.
    """
    best = status.best if status else None
    if status is None or best is None or (best.epoch == 1 and status.epoch <= 2):
        return None
    gain = gain_at_best(status, run)
    return None if gain is not None and gain < 0 else best


def gain_at_best(status: Status, run: RunRecord | None) -> float | None:
    """How much better than the baseline it was at its best, as a fraction; None without either."""
    if status.best is None or run is None:
        return None
    return gain_of(status.best.raw, run.monitor)


def best_name(status: Status | None) -> str:
    """What the best epoch is called: the sweet spot once the run is over or past it, where enough files check."""
    if status is None or status.state.live or not (status.state is State.COMPLETED or past_best(status)):
        return "best so far"
    return "best" if status.evidence is not None and few_files(status.evidence) else "sweet spot"


def saved_best_name(status: Status | None, step: int) -> str:
    """What the best state is called that is saved, of update ``step``. While it learns a later epoch may be better than
    it, whose weights are saved with the next checkpoint, or were lost with the process."""
    behind = status is not None and status.best is not None and status.best.step > step
    return "best that is saved" if behind else best_name(status)


def past_best(status: Status | None) -> bool:
    """Whether the verdict is that new ones come out worse by now: what lies beyond the best epoch is then marked."""
    judged = verdict(status.diagnosis) if status else None
    return judged is not None and judged.code in WORSENS


def sweet_spot(status: Status | None, run: RunRecord | None) -> SweetSpot | None:
    """Of a run that has something to choose from. Its verdict alone says whether a part of it lies beyond."""
    best = best_epoch(status, run)
    if status is None or best is None:
        return None
    reach = band(best.epoch, status.evidence)
    beyond_it = (reach[1] if reach else best.epoch) if past_best(status) else None
    few = status.evidence is not None and few_files(status.evidence)
    return SweetSpot(best.epoch, best_name(status), reach, beyond_it, few)


def optimism_note(best: str, evidence: Evidence | None, monitor: Monitor) -> str:
    """Beside an error of the best epoch, as it is shown: the items that measure it also chose the epoch.

    By how much that flatters is said where it is notable. Nothing where it is known not to be.
    """
    sweet_range = evidence.sweet_range if evidence else None
    by = sweet_range.optimism if sweet_range else None
    chose = f"the {monitor.nouns.items} that check also chose the epoch."
    if by is None:
        return f"Its {best} there may be optimistic, nobody can tell by how much: {chose}"
    if evidence is None or not beyond(by, 0.0, evidence.best):
        return ""
    return f"Its {best} there is a little optimistic, by about {amount(by, monitor.unit)}: {chose}"


def _say(code: str, severity: Severity, message: str) -> Diagnosis:
    return Diagnosis(code=code, severity=severity, message=message)


def _live(status: Status, fresh: Sequence[str]) -> Diagnosis | None:
    judged = verdict(status.diagnosis)
    if judged is not None and kind_of(judged).severity in ("error", "warning"):
        return judged
    if fresh:
        return _say("warned", "warning", f"Take care. {fresh[-1]}")
    return judged if judged is not None and kind_of(judged).severity == "info" else None


def _failed(status: Status | None, files: Kept) -> Diagnosis:
    error = status.error if status else None
    if status is None or error is None:
        return _say("failed", "error", "It failed. The log says more.")
    cause = error.cause.rstrip(".")
    if cause[1:2].islower():
        cause = cause[:1].lower() + cause[1:]
    where = f" at epoch {status.epoch}" if status.step else " before its first update"
    if "epoch" in cause or "step" in cause:
        where = ""  # the cause says it better
    left = f" {what_is_kept(files)}" if status.step else ""
    # The remedy last: it may end with a command, and who copies that copies nothing else.
    return _say("failed", "error", f"It failed{where}: {cause}.{left} {error.remedy}".rstrip())


def _place(status: Status, saved: int | None = None) -> str:
    """Where it stands: at the end of an epoch, or in one whose check has not come yet.

    saved: the epoch of its last save. That of a process that was killed may be ahead of its last word.
    """
    if saved is not None and saved > status.epoch:
        return f"in epoch {saved}"
    if not status.epoch:
        return "at the very beginning"
    checked = status.evidence.epoch if status.evidence else 0
    return f"at epoch {status.epoch}" if checked >= status.epoch else f"in epoch {status.epoch}"


def _after_a_crash(status: Status, files: Kept) -> str:
    if files.step is not None:
        said = f"The last save is of step {files.step:,}, in epoch {files.newest}: resume from there."
        lost = status.step - files.step  # by its last word: it may have come farther
        after = f"At least {counted(lost, 'update')} after it {plural(lost, 'is', 'are')} lost."
        return said if lost <= 0 else f"{said} {after}"
    if files.usable or files.best is not None or files.damaged:
        return what_is_kept(files)
    if status.last_checkpoint is not None:
        return "What it had saved is gone."
    return "Nothing is saved: resuming begins at the start." if status.step else "It had not begun to learn."


def _after_a_stop(view: RunView, status: Status, files: Kept) -> str:
    if files.usable or (files.best is not None and files.step is None):
        return what_is_kept(files)
    if files.step is None:
        return "Nothing is saved." if status.step else "It had not begun to learn."
    what = f"Everything up to step {files.step:,} is kept"
    return f"{what}; you can go on from there." if view.resumable else f"{what}."


def _done(view: RunView, status: Status) -> Diagnosis:
    run, evidence = view.run, status.evidence
    best, best_range = best_epoch(status, run), sweet_spot(status, run)
    if run is None or evidence is None:
        return _say("done", "good", "Done. Everything it was to learn is learnt.")
    nouns, gain, judged = run.monitor.nouns, gain_at_best(status, run), verdict(as_told(view))
    if gain is not None and gain < 0:
        return _unlearnt(judged, nouns)
    if best is None or best_range is None:
        return _no_best(judged, status)
    gained = f", {better(gain, run.monitor)} than the average {nouns.item}" if gain is not None else ""
    result = f"{_ended(status)} {best_range.sentence}{gained}."
    severity = _severity(judged)
    choice = optimism_note(figure(best.raw, run.monitor.unit), evidence, run.monitor)
    return _say("done", severity, f"{result} {_how_it_ended(evidence, judged, best, run)} {choice}".rstrip())


def _whole(said: Diagnosis, files: Kept) -> Diagnosis:
    """Of a run that is done, with what of its best state is lost: no front page is green that names what is damaged."""
    if files.best is not None or not files.damaged:
        return said
    lost = f"{said.message} Its best state is damaged: use another epoch, or a copy of the run that is whole."
    return _say(said.code, "warning", lost)


def _no_best(judged: Diagnosis | None, status: Status) -> Diagnosis:
    """Of a run that is done and has no sweet spot: there was no number, or no two epochs to choose from."""
    if status.best is None:
        return _say("done", "warning", f"Done. {judged.message if judged else 'No epoch was measured.'}")
    few = f"{small(status.epoch).capitalize()} {plural(status.epoch, 'epoch is', 'epochs are')}"
    more = f" {judged.message}" if judged is not None and _severity(judged) == "warning" else ""
    return _say("done", _severity(judged), f"Done. {few} too short to have a sweet spot.{more}")


def _unlearnt(judged: Diagnosis | None, nouns: Nouns) -> Diagnosis:
    """Of a run that is never better than the baseline: what its verdict makes of that, and nothing beside it."""
    if judged is None:
        return _say("done_unlearnt", "info", f"Done. It never did better than the average {nouns.item}.")
    code = "done_unlearnt" if judged.code in ("too_early", "not_learning") else "done"
    return _say(code, _severity(judged), f"Done. {judged.message}")


def _ended(status: Status) -> str:
    return f"Done: {reason_done(status)}." if ended_itself(status) else "Done."


def ended_itself(status: Status) -> bool:
    """Whether a completed run ended before its last planned epoch, which it does only when it was asked to."""
    return status.total_epochs is not None and status.epoch < status.total_epochs


def reason_done(status: Status) -> str:
    """Why a completed run is over, to stand after "it is complete: "."""
    if ended_itself(status):
        return f"it ended itself after epoch {status.epoch} of {status.total_epochs}, as you asked"
    return f"all {number(status.step)} steps are done" if status.step != 1 else "its one step is done"


def _severity(judged: Diagnosis | None) -> Severity:
    """Of the message of a run that is done: its verdict's, but for having come to rest."""
    if judged is None or judged.code == "stagnation":
        return "good"
    return kind_of(judged).severity


def _how_it_ended(evidence: Evidence, judged: Diagnosis | None, best: Best, run: RunRecord) -> str:
    nouns, code = run.monitor.nouns, judged.code if judged else ""
    if code in WORSENS:
        later = "memorise" if code == "memorising" else "came out worse"
        return f"Later epochs {later}: use {best.epoch} unless {nouns.prefer}."
    unit = run.monitor.unit
    if code == "few_files":
        checking = (
            f"one of the {nouns.items} checks" if evidence.files == 1 else f"{evidence.files} {nouns.items} check"
        )
        return f"It cannot tell where the sweet spot lies: only {checking} it. Compare the previews yourself."
    if code == "gap" and evidence.own is not None:
        pair = f"{figure(evidence.own, unit)} against {figure(evidence.now, unit)} at the end"
        return f"It knows its own {nouns.items} better ({pair}): more {nouns.more} would help more than more time."
    if judged is not None and code == "too_early":
        return judged.message
    if judged is not None and kind_of(judged).severity == "warning" and code != "stagnation":
        return judged.message
    if code == "stagnation":
        return f"Little changed after epoch {evidence.moved}."
    little = evidence.moved is not None and evidence.moved <= LATE_PART * evidence.epoch
    if little or still_improves(evidence):
        return until_when(evidence, run.monitor)
    if best.epoch >= evidence.epoch:
        return "It was best at its very end."
    return f"Later epochs came out no better: use {best.epoch} unless {nouns.prefer}."
