"""The pictures of the app in the documentation: ``python -m tests.browser.app_picture RUN_DIR [--page sounds]``.

The page of a run stands at the head of the README, the page Sounds in docs/tutorial.md. For that, eight sounds are made
with the run where there are none yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tests.browser.chromium import chromium, server
from tests.conftest import ROOT

WAIT_MS = 300_000


def run(page: Any) -> None:
    page.locator(".stVegaLiteChart .mark-line path").first.wait_for(state="attached", timeout=WAIT_MS)
    page.locator(".stMain audio").first.wait_for(timeout=WAIT_MS)  # the last to come, after their pictures


def sounds(page: Any) -> None:
    button = page.locator(".st-key-make-now button")
    button.wait_for(timeout=WAIT_MS)
    if not page.locator(".stMain audio").count():
        button.click()
        page.locator(".stMain audio").nth(7).wait_for(timeout=WAIT_MS)
    page.get_by_text("Variations and morphs").click()
    page.locator(".st-key-make-relatives button").wait_for(timeout=WAIT_MS)
    page.mouse.move(0, 0)


PAGES = {"run": (run, 960, "app.png"), "sounds": (sounds, 1080, "sounds-page.png")}


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--page", "name", type=click.Choice([*PAGES]), default="run", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The file; by default the one that docs/ has.")
def main(run_dir: Path, name: str, out: Path | None) -> None:
    """Take a page of the run in the directory RUN_DIR, as a window 1400 wide shows it."""
    ready, height, file = PAGES[name]
    with chromium() as browser, server(run_dir.resolve().parent) as app:
        page = browser.new_page(viewport={"width": 1400, "height": height})
        page.goto(f"{app.url}/{name}?run={run_dir.name}", timeout=WAIT_MS)
        ready(page)
        page.locator("[data-testid=stSkeleton]").first.wait_for(state="detached", timeout=WAIT_MS)
        page.wait_for_timeout(5_000)  # what fades in has come
        page.screenshot(path=out or ROOT / "docs" / file)


if __name__ == "__main__":
    main()
