"""The documentation as a site: it builds without a warning, leads nowhere wrong, and fetches nothing from the net."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import click
import pytest

from engine.__main__ import group
from tests.conftest import ROOT, Make

DOCS = ROOT / "docs"
LARGEST = 3_000_000  # bytes of sounds and pictures on one page


FETCHED = {"script": "src", "img": "src", "audio": "src", "source": "src", "iframe": "src", "link": "href"}


class Html(HTMLParser):
    """What a page names: links to follow, things to fetch, places to arrive at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.places: set[str] = set()
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.places |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if values.get(FETCHED.get(tag, "")) and values.get("rel") not in ("canonical", "prev", "next"):
            self.fetched.append(values[FETCHED[tag]])

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def broken(site: Path) -> list[str]:
    """Every link or file of a built site that leads nowhere within it."""
    pages = {path.resolve(): Html(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links are those of a site at the root of a server
            continue
        for link in page.links + page.fetched:
            address, place = urldefrag(link)
            if urlsplit(address).scheme:
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            target = target / "index.html" if target.is_dir() else target
            known = target in pages and (not place or unquote(place) in pages[target].places)
            if not (known or (target.is_file() and target not in pages)):
                found.append(f"{path.name}: {link}")
    return found


def build(config: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """``mkdocs build --strict`` of a configuration."""
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(out),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def site(made_once: Callable[[str, Make], Path]) -> Path:
    """All pages, built for all workers by whichever asks first. Nobody writes into it."""

    def make(out: Path) -> None:
        done = build(ROOT / "mkdocs.yml", out)
        assert done.returncode == 0, done.stderr

    return made_once("site", make)


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all that stand below it, by the way a shell would find them."""
    if path != "sweetspot":
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, f"{path} {name}")


@pytest.mark.slow
def test_every_link_leads_somewhere(site: Path) -> None:
    assert len(list(site.glob("*.html"))) > 20
    assert broken(site) == []


@pytest.mark.slow
def test_nothing_is_fetched_from_the_net(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert [link for link in Html(page).fetched if urlsplit(link).netloc] == [], path.name
        assert "fonts.g" not in page and "unpkg" not in page
    for path in (DOCS / "style.css", *site.glob("assets/stylesheets/*.css")):
        assert not re.search(r"(url\(|@import )['\"]?(https?:)?//", path.read_text(encoding="utf-8")), path.name


@pytest.mark.slow
def test_every_command_and_option_is_on_the_page_of_commands(site: Path) -> None:
    page = (site / "commands.html").read_text(encoding="utf-8")
    sections = dict(re.findall(r"<h[2-4] id=\"(sweetspot[^\"]*)\">(.*?)(?=<h[2-4] id|</article>)", page, re.DOTALL))
    added = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["sweetspot.commands"]
    found = dict(commands(group, "sweetspot"))
    assert {f"sweetspot {name}" for name in added} <= found.keys()
    assert sections.keys() == {path.replace(" ", "-") for path in found}
    for path, command in found.items():
        said = " ".join(Html(sections[path.replace(" ", "-")]).text)
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden:
                assert all(name in said for name in (*param.opts, *param.secondary_opts)), f"{path}: {param.name}"
                first = (param.help or "").split(".")[0].split(" [")[0]
                assert " ".join(first.split()) in " ".join(said.split()), f"{path}: {param.name}"


@pytest.mark.slow
def test_the_search_knows_every_page(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    pages = {path.name for path in site.glob("*.html")} - {"404.html"}
    assert {name for name in pages if f'"{name}' not in index} == set()


@pytest.mark.slow
def test_light_and_dark_are_both_there(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert 'data-md-color-media="(prefers-color-scheme: dark)"' in page
    assert 'data-md-color-media="(prefers-color-scheme: light)"' in page


@pytest.mark.slow
def test_a_link_that_leads_nowhere_stops_the_build_and_each_is_named(tmp_path: Path) -> None:
    faults = {"no-such-place": "[x](questions.md#%s)", "no-such-page.md": "[x](%s)", "none.png": "![x](%s)"}
    shutil.copytree(DOCS, tmp_path / "docs")
    with (tmp_path / "docs" / "tables.md").open("a") as page:
        page.writelines(f"\n{link % target}\n" for target, link in faults.items())
    config = (ROOT / "mkdocs.yml").read_text().replace("website/hooks.py", str(ROOT / "website" / "hooks.py"))
    (tmp_path / "mkdocs.yml").write_text(config)
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    named = [line for line in done.stderr.splitlines() if line.startswith("WARNING") and "tables.md" in line]
    assert [target for target in faults if not any(target in line for line in named)] == []


def test_the_check_of_links_sees_what_the_build_does_not(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<h1 id="here">x</h1><a href="#here">x</a><a href="other.html#there">x</a><a href="https://example.org">x</a>'
        '<audio src="sound.mp3"></audio><a href="#nowhere">x</a><a href="other.html#not">x</a><a href="none.html">x</a>'
    )
    (tmp_path / "other.html").write_text('<p id="there">x</p>')
    wrong = ["#nowhere", "other.html#not", "none.html", "sound.mp3"]
    assert broken(tmp_path) == [f"index.html: {link}" for link in wrong]


def test_the_sounds_and_pictures_of_the_kit_are_few_and_all_used() -> None:
    page = (DOCS / "kit.md").read_text(encoding="utf-8")
    there = {path.name for path in (DOCS / "kit").iterdir()}
    assert set(re.findall(r"kit/([\w.-]+\.(?:mp3|png))", page)) == there
    assert 0 < sum(path.stat().st_size for path in (DOCS / "kit").iterdir()) < LARGEST


@pytest.mark.parametrize("name", ["recordings.md", "figures.md"])
def test_figures_for_musicians_are_those_that_were_measured(name: str) -> None:
    """Every decimal and every count of a thousand or more stands on a page that says how it was measured."""
    sources = ("model.md", "diagnoses.md", "questions.md", "reliability.md")
    measured = "".join((DOCS / source).read_text(encoding="utf-8") for source in sources)
    measured += (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "engine" / "config.py").read_text()
    page = re.sub(r"\]\([^)]*\)", "]", (DOCS / name).read_text(encoding="utf-8"))
    said = re.findall(r"(?<![\w.])\d+(?:\.\d+|,\d{3})(?![\w,])", page)
    assert len(said) > 3 and {figure for figure in said if figure not in measured} == set()


def test_the_table_of_collections_is_that_of_the_measurement() -> None:
    rows = re.findall(r"^\| [\w ]+ \| (\d+, \d+) \| ([\d.]+) dB \| ([\d.]+) \|$", _page("recordings.md"), re.MULTILINE)
    measured = _page("model.md").split("## What comes out")[1].split("##")[0]
    for sizes, error, part in rows:
        learnt, checked = sizes.split(", ")
        pattern = rf"^\| \w+ \({learnt}[^,]*, {checked}[^)]*\) \|[^|]*\| \*\*{error}, .*\| {part}, [\d.]+ \|$"
        assert re.search(pattern, measured, re.MULTILINE), f"{sizes}: {error}, {part}"
    assert len(rows) == 6


def test_the_start_is_that_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", _page("index.md"), re.DOTALL)
    assert len(blocks) == 2 and all(f"```bash\n{block}```" in readme for block in blocks)


def _page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")
