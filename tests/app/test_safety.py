"""What keeps the app harmless: its configuration, its imports, its arguments."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit import net_util
from streamlit.testing.v1 import AppTest
from streamlit.web.server.server_util import is_url_from_allowed_origins

from app.charts import specs
from app.charts.parts import ROLES
from app.look.server_check import exposure
from app.runs.library import runs_directory, unknown_arguments
from tests.conftest import ROOT


def test_the_configuration_listens_to_this_computer_alone_and_tells_nobody() -> None:
    config = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())
    server = config["server"]
    assert server["address"] == "127.0.0.1"
    assert set(server["allowedHosts"]) == {"localhost", "127.0.0.1", "[::1]"}
    assert server["enableCORS"] and server["enableXsrfProtection"] and server["fileWatcherType"] == "none"
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "type" and config["client"]["toolbarMode"] == "minimal"
    assert config["runner"]["magicEnabled"] is False, "a bare expression would be written on the page"
    for theme in ("light", "dark"):
        assert len(config["theme"][theme]["chartCategoricalColors"]) == len(ROLES)


OWN = ("localhost", "127.0.0.1", "[::1]")


def test_settings_that_were_not_found_stop_the_app() -> None:
    unasked = exposure(None, True, OWN)
    assert unasked is not None and unasked.refused and "sweetspot app" in unasked.text
    unprotected = exposure("127.0.0.1", False, OWN)
    assert unprotected is not None and unprotected.refused
    for hosts in ((), (*OWN, "evil.example")):
        any_name = exposure("127.0.0.1", True, hosts)
        assert any_name is not None and any_name.refused and "any name" in any_name.strong
    asked = exposure("0.0.0.0", True, ())
    assert asked is not None and not asked.refused, "who says so means it, and is told what it means"
    assert exposure("127.0.0.1", True, OWN) is None and exposure("::1", True, OWN) is None


def test_with_the_first_page_nobody_is_asked_for_the_address_of_this_computer(
    visit: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)  # put back afterwards
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, timeout: asked.append(url))
    monkeypatch.setattr(net_util, "_external_ip", None)
    visit()
    assert not is_url_from_allowed_origins("http://example.org") and asked == []


@pytest.mark.slow
def test_without_its_settings_the_app_shows_nothing_but_why(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['main.py']; from streamlit.testing.v1 import AppTest; "
        f"app = AppTest.from_file({str(ROOT / 'app' / 'main.py')!r}, default_timeout=120).run(); "
        "said = ' '.join(e.proto.body for e in app.get('html')); "
        "assert 'settings were not found' in said and not app.button, said"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]


def test_every_line_and_text_colour_can_be_read_on_its_ground() -> None:
    theme = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())["theme"]
    for mode in ("light", "dark"):
        colours = theme[mode]
        for name in ("green", "yellow", "orange", "red", "blue", "gray"):
            assert _contrast(colours[f"{name}TextColor"], colours[f"{name}BackgroundColor"]) >= 4.5, (mode, name)
        for colour in colours["chartCategoricalColors"][:5]:
            assert _contrast(colour, colours["backgroundColor"]) >= 5 * 0.99, (mode, colour)


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.slow
def test_the_app_imports_no_torch() -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / "app").rglob("*.py") if path.stem not in ("__init__", "main")]
    modules = [".".join(path.with_suffix("").parts) for path in files if "views" not in path.parts]
    assert len(modules) > 20
    code = f"import sys; import {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-500:]


def test_runs_dir_is_taken_from_the_command_line() -> None:
    assert runs_directory(["--runs-dir", "/somewhere"]) == Path("/somewhere")
    assert runs_directory(["--runs-dir=/somewhere"]) == Path("/somewhere")
    assert runs_directory([]) == Path("runs").absolute()
    for nothing in (["--runs-dir"], ["--runs-dir", ""], ["--runs-dir="]):
        assert runs_directory(nothing) == Path("runs").absolute(), "not the folder that one happens to be in"
    assert unknown_arguments(["--runs-dir", "/somewhere", "--port", "1"]) == ["--port", "1"]


def test_a_chart_names_roles_and_never_a_colour() -> None:
    import json

    for spec in (
        specs.STRIP,
        specs.BARS,
        specs.small_chart("x"),
        specs.DOTS,
        specs.HISTOGRAM,
        specs.main_chart("x", "y"),
    ):
        text = json.dumps(spec)
        assert "#" not in text and '"range"' not in text
