"""The app without a browser: its script runs as a whole, over a library in a temporary directory."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from app.runs import launch
from engine.process import start
from engine.queue import start as queue_start
from engine.queue import start_check
from tests import forkserver
from tests.conftest import ROOT

MAIN = str(ROOT / "app" / "main.py")
config._main_script_path = MAIN  # `streamlit run` says it, AppTest does not: the settings lie beside it


@pytest.fixture(scope="session", autouse=True)
def _scanned_once() -> Iterator[None]:
    """What is installed does not change: without this each AppTest looks through all of it for components."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    place = tmp_path / "runs"
    place.mkdir()
    monkeypatch.setattr(sys, "argv", ["main.py", "--runs-dir", str(place)])
    st.cache_resource.clear()
    yield place
    st.cache_resource.clear()


@pytest.fixture
def forked_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the app starts is forked from a warm process. tests/browser has it start Python itself."""

    for starts in (launch, start, queue_start, start_check):  # what makes sounds, a training, a queue's worker, a look
        monkeypatch.setattr(starts, "subprocess", forkserver.FORKING)


@pytest.fixture
def visit(runs_dir: Path) -> Callable[..., AppTest]:
    """Open a page with query parameters, as its address would."""

    def opened(page: str = "runs", **query: str) -> AppTest:
        app = AppTest.from_file(MAIN, default_timeout=120)
        if page != "runs":  # where no page is named
            app.switch_page(f"views/{page}.py")
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        return app

    return opened


@pytest.fixture
def trained(drum_run: Path, runs_dir: Path) -> Path:
    """A copy of a run of drums, in the library."""
    return Path(shutil.copytree(drum_run, runs_dir / "drums"))


def said(app: AppTest) -> str:
    """All that the page says in its own words; where they may break is no part of them."""
    return " ".join(element.proto.body for element in app.get("html")).replace("<wbr>", "")
