"""The listening panel: every preview with its player and picture, newest on top; what is new stops none that plays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import streamlit as st

from app.look import newest_first, picture, style
from app.panels import preview_times
from app.panels.preview_times import LABEL_PX
from app.runs import media
from app.runs.original import own_errors
from app.runs.store import metrics_of
from engine.claims.figures import figure
from engine.claims.headline import best_epoch, best_name
from engine.quantities import counted, number
from engine.rundir.artefacts import PreviewSet
from engine.rundir.view import RunView

BEFORE = "before learning"


@dataclass(frozen=True)
class Caption:
    """What stands beside a preview: where it was made, how well it did there, and whether it is the sweet spot.

    copied: how well it did there on the one that is copied.
    """

    label: str
    detail: str = ""
    sweet: str = ""
    before: str = ""  # our own markup, in front of the label
    copied: str = ""
    starred: bool = False
    words: str = ""  # of a person
    cut: str = ""  # what of it its picture shows, where that is not all

    @property
    def spoken(self) -> str:
        """The label as it is heard: eyes know what a lone number is."""
        return f"epoch {self.label}" if self.label.isdigit() else self.label

    @property
    def html(self) -> str:
        """Its lines, with a pause between them where they are read aloud."""
        before = '<span class="ss-said">epoch </span>' if self.label.isdigit() else ""
        star = '<span class="ss-star" title="It has a star">★</span> ' if self.starred else ""
        lines = [("", self.detail), (' class="sweet"', self.sweet), ("", self.cut)]
        small = (f"{style.PAUSE}<small{look}>{style.broken(text)}</small>" for look, text in lines if text)
        return star + self.before + before + style.broken(self.label) + "".join(small)


def sort_previews(found: Sequence[PreviewSet]) -> tuple[list[PreviewSet], list[PreviewSet], list[PreviewSet]]:
    """(references, reconstructions, samples), each oldest first."""
    by_role = {role: list(group) for role, group in groupby(sorted(found, key=_order), key=lambda one: one.role)}
    return by_role.get("reference", []), by_role.get("recon", []), by_role.get("sample", [])


def _order(one: PreviewSet) -> tuple[str, int, int, int]:
    return one.role, one.epoch, one.step, one.index


def captions(root: Path, view: RunView, found: Sequence[PreviewSet]) -> dict[tuple[int, int], Caption]:
    """What stands beside each preview: its epoch, how well the model did there, and which is nearest the sweet spot."""
    store = metrics_of(root)
    store.refresh()
    run = view.run
    notes = view.notes
    sweet, called = nearest_best(view, found)
    curve = store.epochs.get(run.monitor.metric) if run else np.empty(0)
    ends, unit = _ends(store.epochs.get("step")), run.monitor.unit if run else ""
    own = own_errors(root, store, run) if run else np.empty(0)
    evidence = view.status.evidence if view.status else None
    checks = evidence.files if evidence else run.num_val_files if run else 0
    said = {}
    for epoch, step in _moments(found):
        label, detail = _where(epoch, step, ends, curve, unit)
        if step == 0 and run is not None and run.parent is not None:
            detail = "as it began"  # with what another run had learned
        copied = _where(epoch, step, ends, own, unit)[1] if _measured(epoch, step, ends, own) else ""
        if not copied and run is not None and _measured(epoch, step, ends, curve):
            copied = f"{detail}, the mean of {checks}" if checks > 1 else detail
        near = called if (epoch, step) == sweet else ""
        starred, words = step in notes.starred, notes.remarks.get(step, "")
        said[epoch, step] = Caption(
            label, detail, near, copied=copied or detail, starred=starred, words=words
        )  # fmt: skip
    return said


def nearest_best(view: RunView, found: Sequence[PreviewSet]) -> tuple[tuple[int, int] | None, str]:
    """The epoch and update of the previews nearest the best epoch, and what they are called for that."""
    best = best_epoch(view.status, view.run)
    sweet = min(_moments(found), key=lambda at: abs(at[1] - best.step), default=None) if best else None
    if best is None or sweet is None or sweet[1] == 0:
        return sweet, ""
    name = best_name(view.status)
    return sweet, name if sweet[1] == best.step else f"nearest the {name}"


def _moments(found: Sequence[PreviewSet]) -> list[tuple[int, int]]:
    return sorted({(one.epoch, one.step) for one in found if one.made})


def _measured(epoch: int, step: int, ends: Mapping[int, int], curve: np.ndarray) -> bool:
    """Whether ``curve`` has a figure that :func:`_where` can name."""
    at = epoch if ends.get(epoch) == step else epoch - 1
    return step > 0 and 0 < at <= len(curve) and math.isfinite(curve[at - 1])


def _ends(steps: np.ndarray) -> dict[int, int]:
    """By epoch, the update that ended it."""
    return {epoch: int(step) for epoch, step in enumerate(steps, 1) if np.isfinite(step)}


def _where(epoch: int, step: int, ends: dict[int, int], curve: np.ndarray, unit: str) -> tuple[str, str]:
    """(label, detail) of a moment. An error is measured at the end of an epoch: between two, the last one is named."""
    if step == 0:
        return "Start", "untrained"
    if ends.get(epoch) == step and epoch <= len(curve):
        return f"{epoch}", figure(float(curve[epoch - 1]), unit)
    before = epoch - 1
    measured = f"{figure(float(curve[before - 1]), unit)} at epoch {before}" if 0 < before <= len(curve) else ""
    return f"step {number(step)}", measured or f"in epoch {epoch}"


def listen(
    root: Path,
    found: Sequence[PreviewSet],
    captions: Mapping[tuple[int, int], Caption],
    nouns: tuple[str, str],
    picture_s: float,
) -> None:
    """Draw the panel. captions: by (epoch, step). nouns: the two headings. picture_s: what the whole width of a
    picture stands for."""
    references, copies, samples = sort_previews(found)
    span = preview_times.axis_s(root, found)
    part = picture.part_of(picture_s, span)
    if references or copies:
        style.quiet(nouns[0])
    if span:
        preview_times.axis(span)
    for reference in references[:1]:
        row(root, reference, Caption("Original"), "the original", part, brief=bool(span))
    if copies:
        _copies(root, copies, captions, part, bool(span))
    if samples:
        style.quiet(nouns[1])
        _timeline(root, samples, captions, part, span)


def _copies(
    root: Path,
    copies: Sequence[PreviewSet],
    captions: Mapping[tuple[int, int], Caption],
    part: float,
    brief: bool,
) -> None:
    """Only the newest copy is seen, but the ones before stay in the tree: who listens to one hears it to its end."""
    groups = newest_first.groups(copies)
    with st.container(key="copies", gap=None):
        for order, group in enumerate(groups):
            with st.container(key=f"copies-{order}", gap=None):
                for one in group if order >= len(groups) - 2 else ():
                    caption = captions.get((one.epoch, one.step), Caption(f"{one.epoch}"))
                    row(
                        root,
                        one,
                        Caption("Copy", moment(one)),
                        f"copy of the original, {moment(one)}, {caption.copied}",
                        part,
                        brief=brief,
                    )


def _timeline(
    root: Path,
    samples: Sequence[PreviewSet],
    captions: Mapping[tuple[int, int], Caption],
    part: float,
    span: float,
) -> None:
    def label(group: Sequence[PreviewSet]) -> str:
        return f"{counted(len(group), 'earlier one')}, {moment(group[0])} to {moment(group[-1])}"

    def draw(one: PreviewSet) -> None:
        caption = captions.get((one.epoch, one.step), Caption(*moment_parts(one)))
        row(root, one, replace(caption, cut=preview_times.cut(root, one, span)), part=part, brief=bool(span))

    with st.container(key="timeline", gap="small"):
        newest_first.show(samples, root.name, label, draw)


def moment_parts(one: PreviewSet) -> tuple[str, str]:
    """("45", "") for an epoch, ("Start", "untrained") before the first update."""
    if one.step == 0:
        return "Start", "untrained"
    return f"{one.epoch}", ""


def moment(one: PreviewSet) -> str:
    """ "epoch 45", or "before learning"."""
    return BEFORE if one.step == 0 else f"epoch {one.epoch}"


def row(
    root: Path,
    one: PreviewSet,
    caption: Caption,
    alt: str = "",
    part: float = 1.0,
    brief: bool = False,
    hearing: int = 0,
) -> None:
    """A label beside the preview, drawn by its kind: sound, picture or table.

    part: of the time axis that a sound's picture spans, as :func:`picture.part_of` has it. brief: its player shows no
    clock of whole seconds, since an axis in tenths stands over it. hearing: it plays by itself when this number is new
    to it; at 0 it never does.
    """
    label = f'<div class="ss-mark{" ss-brief" if brief else ""}">{caption.html}</div>'
    says = alt or f"{caption.spoken}, {caption.detail or moment(one)}"
    if "wav" not in one.files:  # a picture or a table wants the whole width
        with st.container(gap="small"):
            st.html(label.replace('"ss-mark"', '"ss-mark ss-above"'))
            _content(root, one, says)
            _words(caption)
        return
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(label, width=LABEL_PX)
        with st.container(gap=None):
            _content(root, one, says, part, hearing)
            _words(caption)


def _words(caption: Caption) -> None:
    if caption.words:
        st.html(f'<div class="ss-remark">“{style.safe(caption.words)}”</div>')


def sound_row(caption: Caption, sound: bytes, says: str) -> None:
    """A label beside the player of a sound that has no picture. Its player shows no clock of whole seconds."""
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(f'<div class="ss-mark ss-brief">{caption.html}</div>', width=LABEL_PX)
        with st.container(gap=None):
            st.audio(sound, "audio/wav", alt=f"Play {says}")


def _content(root: Path, one: PreviewSet, says: str, part: float | None = None, hearing: int = 0) -> None:
    """part: None of what stands on no time axis."""
    files = {suffix: root / path for suffix, path in one.files.items()}
    for suffix, path in list(files.items()):
        if why := media.refusal(path):
            del files[suffix]
            style.quiet(why)
    if "png" in files:
        if part is None:
            st.image(str(files["png"]), width="stretch", alt=f"Picture of {says}")
        else:
            picture.show(files["png"], part, f"Picture of {says}")
    if "wav" in files:
        # A player that has played by itself does so again only under another identity, of which its text is a part.
        again = f", hearing {hearing}" if hearing > 1 else ""
        st.audio(str(files["wav"]), alt=f"Play {says}{again}", autoplay=hearing > 0)
    elif "png" not in files and "npy" in files:
        _table(files["npy"])


def _table(path: Path) -> None:
    values = media.table(path)
    if values is None:
        style.quiet("This table cannot be read.")
    else:
        st.dataframe(values)
