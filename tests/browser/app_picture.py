"""The picture of the app at the head of the README: ``python -m tests.browser.app_picture RUN_DIR``."""

from __future__ import annotations

from pathlib import Path

import click

from tests.browser.chromium import chromium, server
from tests.conftest import ROOT


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs" / "app.png", show_default=True)
def main(run: Path, out: Path) -> None:
    """Take the page of the run in the directory RUN, as a window of 1400 by 960 shows it."""
    with chromium() as browser, server(run.resolve().parent) as app:
        page = browser.new_page(viewport={"width": 1400, "height": 960})
        page.goto(f"{app.url}/run?run={run.name}", timeout=120_000)
        page.locator(".stVegaLiteChart .mark-line path").first.wait_for(state="attached", timeout=120_000)
        page.locator(".stMain audio").first.wait_for(timeout=120_000)  # the last to come, after their pictures
        page.locator("[data-testid=stSkeleton]").first.wait_for(state="detached", timeout=120_000)
        page.wait_for_timeout(5_000)  # what fades in has come
        page.screenshot(path=out)


if __name__ == "__main__":
    main()
