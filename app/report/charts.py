"""A run's charts as pictures in a page: the app's own specifications and rows, turned into SVG without a browser."""

from __future__ import annotations

import itertools
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import vl_convert

from app.charts import specs
from app.look.style import safe

THEME = Path(__file__).resolve().parents[1] / ".streamlit" / "config.toml"
FONT = "'Source Sans 3', 'Source Sans Pro', 'Segoe UI', system-ui, sans-serif"
_ID = re.compile(r'(?<=\bid=")[^"]+(?=")|(?<=url\(#)[^)]+(?=\))')
_NAMESPACE = re.compile(r'\sxmlns(:\w+)?="[^"]*"')
_serial = itertools.count()

Theme = dict[str, Any]


@lru_cache(maxsize=1)
def themes() -> dict[str, Theme]:
    """The colours of the app, by "light" and "dark"."""
    theme = tomllib.loads(THEME.read_text(encoding="utf-8"))["theme"]
    return {name: theme[name] for name in ("light", "dark")}


def chart(rows: pa.Table, spec: specs.Spec, alt: str, widths: dict[str, int]) -> str:
    """HTML of a chart in both themes. widths: class to width in px; the page shows the one that fits its window."""
    drawn = "".join(
        f'<div class="{theme} {size}">{_svg(rows, spec, width, colours)}</div>'
        for theme, colours in themes().items()
        for size, width in widths.items()
    )
    return f'<div class="chart" role="img" aria-label="{safe(alt)}">{drawn}</div>'


def _svg(rows: pa.Table, spec: specs.Spec, width: int, theme: Theme) -> str:
    filled = {**spec, "width": width, "data": spec["data"] | {"values": rows.to_pylist()}, "config": _config(theme)}
    svg: str = vl_convert.vegalite_to_svg(filled)
    # Names are one room for all pictures of a page; in HTML the element needs no namespace.
    own = f"c{next(_serial)}-"
    return _NAMESPACE.sub("", _ID.sub(lambda found: own + found[0], svg))


def _config(theme: Theme) -> dict[str, Any]:
    quiet = theme["grayTextColor"]
    return {
        "background": None,
        "font": FONT,
        "range": {"category": theme["chartCategoricalColors"]},
        "view": {"stroke": None},
        "axis": {"labelColor": quiet, "titleColor": quiet, "gridColor": theme["borderColor"]},
    }
