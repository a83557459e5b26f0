"""The desktop's dialog for a folder: when there is one, and what its answers mean. A real one is pressed on an Xvfb."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.panels.source import FOLDER
from app.runs import folder_dialog
from app.runs.folder_dialog import TITLE, FolderDialog, offered
from engine.child import command
from engine.errors import SweetspotError
from tests.app.conftest import said
from tests.conftest import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the dialogs of other systems were never run")
Stand = Callable[[str], Path]


@pytest.fixture
def zenity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """A stand-in for zenity, the only dialog there: a shell script with these lines. A screen is said to be there."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setenv("DISPLAY", ":99")

    def stands(lines: str) -> Path:
        path = place / "zenity"
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)
        return path

    return stands


def answer(lines: str, zenity: Stand) -> str | None:
    zenity(lines)
    words = offered(None)
    assert words is not None and words[0] == "zenity" and "--directory" in words
    return FolderDialog.opened(words).answer()


def test_what_was_chosen_is_the_answer_and_nothing_when_it_was_closed(zenity: Stand) -> None:
    assert answer("echo '/home/ana/Grüße drums '", zenity) == "/home/ana/Grüße drums "
    assert answer("echo 'Gtk-WARNING: a theme' >&2; exit 1", zenity) is None
    assert answer("exit 0", zenity) is None


def test_what_failed_says_so_with_a_remedy(zenity: Stand) -> None:
    for lines in ("echo 'cannot open display: :99' >&2; exit 1", "echo 'cannot open display: :99' >&2; exit 127"):
        with pytest.raises(SweetspotError, match="cannot open display: :99") as caught:
            answer(lines, zenity)
        assert caught.value.remedy == "Paste the folder's path in its place."
    zenity("").unlink()
    with pytest.raises(SweetspotError, match="cannot be opened"):
        FolderDialog.opened(["zenity"])


def test_one_that_is_open_can_be_closed(zenity: Stand) -> None:
    zenity("exec /bin/sleep 600")
    dialog = FolderDialog.opened(offered(None) or [])
    assert dialog.open
    dialog.close()
    assert not dialog.open


def test_nothing_is_offered_without_a_screen_a_dialog_or_to_who_sits_elsewhere(
    zenity: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zenity("exit 1")
    assert offered("192.168.0.7") is None and offered(None)
    path.unlink()
    monkeypatch.setattr(folder_dialog, "_tk", lambda: None)
    assert offered(None) is None
    monkeypatch.undo()
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert offered(None) is None


def test_browse_fills_the_field_of_the_form(
    visit: Callable[..., AppTest], zenity: Stand, drums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(st.context), "ip_address", None)  # AppTest's browser comes from nowhere
    gate = tmp_path / "gate"
    zenity(f"while [ ! -e '{gate}' ]; do /bin/sleep 0.05; done; echo '{drums}'")
    app = visit("new")
    app.session_state["source"] = FOLDER
    app.run()
    app.button(key="browse").click().run()
    assert "A dialog is open on the screen of" in said(app) and app.button(key="browse").disabled
    gate.touch()
    until(lambda: not app.session_state["folder-dialog"].open)
    app.run()
    app.run()  # the answer draws the page anew
    assert not app.exception and app.text_input(key="folder").value == str(drums)
    assert "A dialog is open" not in said(app) and not app.button(key="browse").disabled


def test_the_form_has_no_such_button_where_there_is_no_screen(
    visit: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(st.context), "ip_address", None)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    app = visit("new")
    app.session_state["source"] = FOLDER
    app.run()
    assert "browse" not in {one.key for one in app.button}


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An X server without a monitor."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        assert "SWEETSPOT_REQUIRE_SCREEN" not in os.environ, f"there is no {' and no '.join(missing)} here"
        pytest.skip(f"there is no {' and no '.join(missing)} here (apt-get install xvfb xdotool)")
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    words = ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    monkeypatch.setenv("DISPLAY", f":{server.stdout.readline().strip()}")
    yield words[0]
    server.terminate()
    server.wait()
    server.stdout.close()


@pytest.mark.slow
def test_a_real_dialog_is_opened_and_its_folder_taken(
    screen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Grüße drums"
    folder.mkdir()
    monkeypatch.chdir(folder)  # where it stands at first
    assert _answered_by("Return") == str(folder)
    assert _answered_by("Escape") is None


def _answered_by(key: str) -> str | None:
    dialog = FolderDialog.opened(command("app.runs.tk_dialog", TITLE))

    def closed() -> bool:
        """Without a window manager a key may come before the window has the focus."""
        if dialog.open and (window := _xdotool("search", "--onlyvisible", "--name", TITLE)):
            _xdotool("windowfocus", window.split()[-1])
            _xdotool("key", key)
        return not dialog.open

    until(closed)
    return dialog.answer()


def _xdotool(*words: str) -> str:
    return subprocess.run(["xdotool", *words], capture_output=True, text=True).stdout.strip()
