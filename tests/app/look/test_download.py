"""A button that makes a file when it is pressed: what it asks for is made, kept for the browser, or said why not."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.look import download
from tests.app.conftest import said


def _page() -> None:
    import streamlit as st

    from app.look import download
    from engine.errors import SweetspotError

    def fails() -> bytes:
        raise SweetspotError("No room is left.", "Free some space.")

    def refuses() -> bytes:
        raise PermissionError(13, "Permission denied")

    st.session_state.setdefault("calls", 0)

    def makes() -> bytes:
        st.session_state["calls"] += 1
        return b"sound"

    if "hidden" not in st.session_state:
        download.button("Take it", makes, "a.wav", "audio/wav", key="take")
    download.button("Take another", makes, "d.wav", "audio/wav", key="other")
    download.button("Fail", fails, "b.wav", "audio/wav", key="fail")
    download.button("Refuse", refuses, "c.wav", "audio/wav", key="refuse")

    def breaks() -> bytes:
        st.session_state["calls"] += 1
        raise ZeroDivisionError

    download.button("Break", breaks, "e.wav", "audio/wav", key="break")


@pytest.fixture
def app() -> AppTest:
    found = AppTest.from_function(_page, default_timeout=120).run()
    assert not found.exception and not found.get("download_button")
    return found


def ready(app: AppTest) -> list[str]:
    return [one.proto.id for one in app.get("download_button")]


def test_a_press_makes_the_file_once_and_a_page_drawn_anew_keeps_its_address(app: AppTest) -> None:
    app.button(key="take").click().run()
    first = ready(app)
    assert len(first) == 1 and app.session_state["calls"] == 1
    app.run()
    assert ready(app) == first and app.session_state["calls"] == 1
    app.button(key="take").click().run()
    assert len(ready(app)) == 1 and ready(app) != first and app.session_state["calls"] == 2


def test_a_fault_in_making_it_is_not_made_again_by_each_drawing(app: AppTest) -> None:
    app.button(key="break").click().run()
    assert app.exception and app.session_state["calls"] == 1
    app.run()
    assert not app.exception and app.session_state["calls"] == 1


def test_a_file_is_let_go_once_the_browser_had_time_to_fetch_it(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "KEPT_S", -1.0)
    app.button(key="take").click().run()
    app.run()
    assert not ready(app) and not app.session_state["fetched-files"]


def test_what_was_asked_for_just_before_is_not_forgotten_for_the_next(app: AppTest) -> None:
    app.button(key="take").click().run()
    first = ready(app)
    app.button(key="other").click().run()
    assert len(ready(app)) == 2 and set(first) < set(ready(app))


def test_a_press_lets_go_what_no_page_shows_any_more(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    app.button(key="take").click().run()
    app.session_state["hidden"] = True
    app.run()
    monkeypatch.setattr(download, "KEPT_S", -1.0)
    app.button(key="other").click().run()
    assert "take" not in app.session_state["fetched-files"]


@pytest.mark.parametrize(
    ("key", "sentence"), [("fail", "No room is left."), ("refuse", "The file cannot be made: Permission denied.")]
)
def test_what_cannot_be_made_says_why_and_is_not_tried_again(app: AppTest, key: str, sentence: str) -> None:
    app.button(key=key).click().run()
    assert not app.exception and sentence in said(app) and not ready(app)
    app.run()
    assert sentence not in said(app)
