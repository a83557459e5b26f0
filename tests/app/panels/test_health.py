"""The card of a collection, however large."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

FILES = 5_000


def _card(folder: str) -> None:
    """What the page draws of a collection of whose files every second repeats another; one has a note instead."""
    from pathlib import Path

    import streamlit as st

    from app.panels import health
    from app.runs.scan import ADAPTIVE, Checked
    from engine.collection.health import Health
    from engine.rundir.record import FileRow
    from engine.settings import OverfittingPreset

    rows = [
        FileRow(path=f"{number}.wav", verdict="used", split="train", duration_s=0.2, same_as="0.wav" * (number % 2))
        for number in range(5_000)
    ]
    noted = {"verdict": "used_with_note", "reason": "cut off: 0.20 s of 3.00 s could be read", "same_as": None}
    rows[1] = rows[1].model_copy(update=noted)
    found = Health(
        files=rows, usable=len(rows), different=len(rows), skipped=0, total_duration_s=1000, median_duration_s=0.2,
        learn=4500, check=500,
        preset=OverfittingPreset.AGGRESSIVE, val_fraction=0.1, ready=True, findings=[],
    )  # fmt: skip
    st.session_state.setdefault("to-hear", True)
    health.card(Checked("many", Path(folder), ADAPTIVE, found), "many")


def test_of_thousands_of_files_a_few_are_shown_at_once(tmp_path: Path) -> None:
    page = AppTest.from_function(_card, default_timeout=120, kwargs={"folder": str(tmp_path)}).run()
    assert not page.exception
    assert heard(page) == [f"flagged-many-{number}.wav" for number in (1, 3, 5, 7, 9)]
    assert page.number_input(key="to-hear-page").max == FILES / 2 / 5
    page.number_input(key="to-hear-page").set_value(500).run()
    assert heard(page) == [f"flagged-many-{number}.wav" for number in (4991, 4993, 4995, 4997, 4999)]


def heard(page: AppTest) -> list[str | None]:
    """The files that have a player now, by the buttons beside them."""
    return [button.key for button in page.button if button.label == "Leave it out"]
