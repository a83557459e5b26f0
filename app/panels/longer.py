"""More of a run that has ended: how much, and what that means, before it goes on."""

from __future__ import annotations

import streamlit as st

from app.look import style
from engine.errors import SweetspotError
from engine.process.resume_point import ResumePoint, resume_point
from engine.quantities import about, number
from engine.rundir.reader import RunReader

EPOCHS, MINUTES = "Epochs", "Minutes"
_UNIT, _AMOUNTS = "longer-unit", {EPOCHS: "longer-epochs", MINUTES: "longer-minutes"}


def ask(reader: RunReader) -> bool:
    """The fields of the question; whether it can be answered."""
    try:
        point = resume_point(reader.root)
    except SweetspotError as error:
        style.note("red", "error", "It cannot be trained longer.", str(error))
        return False
    if point is None or point.file is None:
        style.note("gray", "info", "Nothing of it was saved.", "Copy it as a new run instead.")
        return False
    style.line(f"It goes on from *epoch {point.epoch}*, step *{number(point.step)}*, for")
    unit, amount = st.columns(2, vertical_alignment="bottom")
    chosen = unit.segmented_control("Counted in", list(_AMOUNTS), default=EPOCHS, required=True, key=_UNIT)
    default = max(1, round(point.epoch / 2)) if chosen == EPOCHS else 5
    amount.number_input(chosen, min_value=1, max_value=100_000, value=default, key=_AMOUNTS[chosen])
    style.quiet(_meaning(point, chosen, int(st.session_state[_AMOUNTS[chosen]])))
    return True


def options() -> list[str]:
    """What was chosen, as ``sweetspot train --resume`` takes it."""
    unit = st.session_state[_UNIT]
    return [{EPOCHS: "--more-epochs", MINUTES: "--more-minutes"}[unit], str(st.session_state[_AMOUNTS[unit]])]


def _meaning(point: ResumePoint, unit: str, amount: int) -> str:
    seconds = 60.0 * amount if unit == MINUTES else point.elapsed_s / max(1, point.epoch) * amount
    how = "in place of what was left" if point.step < point.total_steps else "beyond its end"
    again = "" if point.step < point.total_steps else " Its learning rate rises again, as in a run of that length."
    length = f"{about(seconds)[:1].upper()}{about(seconds)[1:]}" if unit == EPOCHS else "That long"
    return f"{length}, {how}.{again} Curves, previews and the best epoch so far stay."
