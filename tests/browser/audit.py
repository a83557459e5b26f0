"""What axe-core finds on a page, less what Streamlit's own elements are like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import axe_playwright_python


@dataclass(frozen=True)
class Excuse:
    """A rule that elements of Streamlit's break out of the project's reach. inside: a selector of where they lie."""

    rule: str
    inside: str
    reason: str


EXCUSED = (
    Excuse(
        "scrollable-region-focusable",
        ".st-key-listen, .st-key-heard",
        "a container of fixed height takes no tabindex; the players in it take the focus, though not for axe-core",
    ),
    Excuse(
        "empty-table-header",
        ".stDataFrame",
        "the column in which rows are selected has no name, and takes none",
    ),
    Excuse(
        "presentation-role-conflict",
        ".stFileUploader",
        "where files are dropped is a section without a role that can have the focus; the button in it is the way in",
    ),
    Excuse(
        "aria-dialog-name",
        ".stToast",
        "a toast names itself after a title that it has not; what it says is read as its content",
    ),
    Excuse(
        "region",
        "#vg-tooltip-element, #stFloatingOverlayPortal",
        "what floats over a page, a chart's tooltip or an open list, hangs below the body and beside all landmarks",
    ),
)

RUN = """async ({ excused, part }) => {
  const found = await axe.run(document.querySelector(part) || document.body, { resultTypes: ['violations'] });
  return found.violations.flatMap(rule => rule.nodes.filter(node => {
    const one = document.querySelector(node.target.flat().join(' '));
    return !excused.some(each => each.rule === rule.id && one && one.closest(each.inside));
  }).map(node => `${rule.id} (${rule.impact}): ${node.target.join(' ')}: ${node.html.slice(0, 200)}: ` +
     `${(node.any[0] || node.all[0] || node.none[0] || {}).message || ''}`));
}"""


@cache
def axe() -> str:
    """axe-core, as one script."""
    return (files(axe_playwright_python) / "axe.min.js").read_text()


def violations(page: Any, part: str = "body") -> list[str]:
    """Rule, place and element of each fault of the page as it stands. part: a selector of what is looked at."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe())
    excused = [{"rule": one.rule, "inside": one.inside} for one in EXCUSED]
    found: list[str] = page.evaluate(RUN, {"excused": excused, "part": part})
    return found
