"""A run's charts as pictures in a page: the app's own specifications and rows, turned into SVG without a browser."""

from __future__ import annotations

import itertools
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import vl_convert

from app.charts.parts import Spec
from app.look.style import safe
from engine.printable import escaped

THEME = Path(__file__).resolve().parents[1] / ".streamlit" / "config.toml"
FONT = "'Source Sans 3', 'Source Sans Pro', 'Segoe UI', system-ui, sans-serif"
_ID = re.compile(r'(?<=\bid=")[^"]+(?=")|(?<=url\(#)[^)]+(?=\))')
_NAMESPACE = re.compile(r'\sxmlns(:\w+)?="[^"]*"')
_serial = itertools.count()
WIDTH = 900

Theme = dict[str, Any]


@lru_cache(maxsize=1)
def themes() -> dict[str, Theme]:
    """The colours of the app, by "light" and "dark"."""
    theme = tomllib.loads(THEME.read_text(encoding="utf-8"))["theme"]
    return {name: theme[name] for name in ("light", "dark")}


def chart(rows: pa.Table, spec: Spec, alt: str, widths: dict[str, int]) -> str:
    """HTML of a chart in both themes. widths: class to width in px; the page shows the one that fits its window."""
    drawn = "".join(
        f'<div class="{theme} {size}">{_svg(rows, spec, width, colours)}</div>'
        for theme, colours in themes().items()
        for size, width in widths.items()
    )
    return f'<div class="chart" role="img" aria-label="{safe(alt)}">{drawn}</div>'


def picture(rows: pa.Table, spec: Spec, title: str, kind: Literal["png", "svg"]) -> bytes:
    """A chart as a file of its own, on the light ground of the app: it goes into papers and messages."""
    theme = themes()["light"]
    config = _config(theme) | {"background": theme["backgroundColor"]}
    padding = {side: max(12, pixels) for side, pixels in spec["padding"].items()}
    filled = _filled({**spec, "config": config, "title": _title(title), "padding": padding}, rows, WIDTH)
    if kind == "svg":
        return vl_convert.vegalite_to_svg(filled).encode()
    drawn: bytes = vl_convert.vegalite_to_png(filled, scale=2)
    return drawn


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "anchor": "start", "frame": "group", "fontSize": 15, "fontWeight": 600, "offset": 22}


def _filled(spec: Spec, rows: pa.Table, width: int) -> Spec:
    filled: Spec = _drawable({**spec, "width": width, "data": spec["data"] | {"values": rows.to_pylist()}})
    return filled


def _drawable(value: Any) -> Any:
    """With every text spelled as XML can hold it: the renderer ends the whole process at a control character."""
    if isinstance(value, dict):
        return {_drawable(key): _drawable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_drawable(one) for one in value]
    return escaped(value) if isinstance(value, str) else value


def _svg(rows: pa.Table, spec: Spec, width: int, theme: Theme) -> str:
    svg: str = vl_convert.vegalite_to_svg(_filled({**spec, "config": _config(theme)}, rows, width))
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
