"""Previews of several runs at equal epochs: copies of held-out sounds under their originals, and new sounds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.look import link, picture, style, words
from app.panels import preview_times
from app.panels.comparison import swatch
from app.panels.previews import BEFORE, Caption, moment, row, sort_previews
from app.runs import media
from app.runs.compared import Compared
from engine.rundir.artefacts import PreviewSet

NARROWEST = 0.05  # of the width: still to be seen


@dataclass(frozen=True)
class Heard:
    """What one run lets one hear or see. span_s: of its longest sound, 0 if unknown; picture_s: the time that a
    picture's whole width stands for."""

    one: Compared
    originals: Sequence[PreviewSet]
    copies: Sequence[PreviewSet]
    samples: Sequence[PreviewSet]
    span_s: float
    picture_s: float

    @property
    def root(self) -> Path:
        return self.one.reader.root


def show(runs: Sequence[Compared], found: Mapping[str, Sequence[PreviewSet]]) -> None:
    """All previews at one epoch. found: by run."""
    heard = [_heard(one, found[one.reader.id]) for one in runs]
    epochs = sorted({each.epoch for one in heard for each in (*one.copies, *one.samples)})
    nouns = words.nouns(runs[0].run)
    style.title(nouns.panel, "all at one epoch, or at the nearest there is")
    if not epochs:
        yet = " yet" if any(one.view.state.live for one in runs) else ""
        style.quiet(f"There is no {nouns.one}{yet}.")
        return
    epoch = _choose(heard, epochs)
    longest = max(one.span_s for one in heard)
    with st.container(key="beside"):
        left, right = st.columns(2, gap="large")
    with left:
        _copies(heard, epoch, longest, nouns.held_out)
    with right:
        _samples(heard, epoch, longest)


def _heard(one: Compared, found: Sequence[PreviewSet]) -> Heard:
    originals, copies, samples = sort_previews(found)
    span = preview_times.span_s(one.reader.root, found)
    return Heard(one, originals[:1], copies, samples, span, picture.preview_s(one.run) or span)


def _choose(heard: Sequence[Heard], epochs: Sequence[int]) -> int:
    """An epoch; to begin with, the last one that all have come to."""
    ends = [max((each.epoch for each in (*one.copies, *one.samples)), default=epochs[-1]) for one in heard]
    usual = str(max(epoch for epoch in epochs if epoch <= min(ends)) if min(ends) >= epochs[0] else epochs[0])
    if len(epochs) == 1:
        return epochs[0]
    options = [str(epoch) for epoch in epochs]
    chosen = st.select_slider(
        "Epoch", options, link.asked("epoch", options, usual), key="compare-epoch",
        format_func=lambda one: BEFORE if one == "0" else one,
    )  # fmt: skip
    link.keep("epoch", chosen, usual)
    return int(chosen)


def nearest(found: Sequence[PreviewSet], epoch: int) -> PreviewSet | None:
    """The one made nearest to the end of ``epoch``, of two as near the earlier one."""
    return min(found, key=lambda one: (abs(one.epoch - epoch), one.epoch, -one.step), default=None)


def _copies(heard: Sequence[Heard], epoch: int, longest: float, heading: str) -> None:
    style.quiet(heading)
    if longest:
        preview_times.axis(longest)
    same = len({_digest(one) for one in heard if one.originals}) <= 1
    if not same:
        style.quiet("They hold out different ones: each copy stands under its own original.")
    for number, one in enumerate(heard):
        if one.originals and (not same or not any(each.originals for each in heard[:number])):
            whose = "" if same else one.one.name
            _row(one, one.originals[0], Caption("Original", whose), f"the original {whose}".strip(), longest)
        _at(one, one.copies, epoch, longest, "copy")
    if not any(one.copies for one in heard):
        style.quiet("There is none.")


def _samples(heard: Sequence[Heard], epoch: int, longest: float) -> None:
    style.quiet("New ones")
    if longest:
        preview_times.axis(longest)
    for index in sorted({each.index for one in heard for each in one.samples}):
        for one in heard:
            _at(one, [each for each in one.samples if each.index == index], epoch, longest, "new")
    if not any(one.samples for one in heard):
        style.quiet("There is none.")


def _at(one: Heard, found: Sequence[PreviewSet], epoch: int, longest: float, what: str) -> None:
    """One run's at ``epoch``, under its name."""
    chosen = nearest(found, epoch)
    if chosen is None:
        style.quiet(f"{one.one.name}: {'none yet' if one.one.view.state.live else 'none'}.")
        return
    at = moment(chosen)
    detail = at if chosen.epoch == epoch else f"nearest: {at}"
    _row(
        one,
        chosen,
        Caption(one.one.name, detail, before=swatch(one.one.number)),
        f"{what}, {one.one.name}, {at}",
        longest,
    )


def _row(one: Heard, preview: PreviewSet, caption: Caption, says: str, longest: float) -> None:
    part = max(NARROWEST, picture.part_of(one.picture_s, longest))
    row(one.root, preview, caption, says, part, brief=bool(longest))


def _digest(one: Heard) -> str:
    """Of the original: the same sound, cut and levelled alike."""
    files = one.originals[0].files
    path = one.root / (files.get("wav") or next(iter(files.values())))
    try:
        return "" if media.refusal(path) else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
