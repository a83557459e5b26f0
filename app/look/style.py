"""What pages are written with: the head of each, headings, lines and notes, and names that are never markup."""

from __future__ import annotations

import html
import re
from functools import lru_cache

import streamlit as st
from PIL import Image, ImageDraw
from streamlit.delta_generator import DeltaGenerator

from app.look.sheet import CSS
from engine.printable import escaped

PAUSE = '<span class="ss-said">, </span>'  # between lines of one label, where they are read aloud
_STRONG = re.compile(r"\*([^*]+)\*")


@lru_cache(maxsize=1)
def icon() -> Image.Image:
    """The tab's icon: a level meter, its sweet spot in teal. A named icon would be fetched from another computer."""
    image = Image.new("RGBA", (64, 64))
    draw = ImageDraw.Draw(image)
    for place, half in enumerate((10, 18, 29, 20, 12)):
        box = (4 + 12 * place, 32 - half, 11 + 12 * place, 32 + half)
        draw.rounded_rectangle(box, 3, fill="#0B9A88" if place == 2 else "#8A867D")
    return image


def safe(text: object) -> str:
    """``text`` as HTML that shows itself and does nothing: names from files are never markup."""
    return html.escape("\n".join(map(escaped, str(text).split("\n"))), quote=True)


def below(text: str) -> None:
    """A way to :func:`here` on a screen so narrow that it lies below what stands beside it otherwise."""
    st.html(f'<a class="ss-below" href="#below" target="_self">{safe(text)} ↓</a>')


def here() -> None:
    """Where :func:`below` leads."""
    st.html('<span id="below"></span>')


def broken(text: object) -> str:
    """:func:`safe`, and where it is too long for its line it breaks between words, as the names of files part them."""
    return safe(text).replace("_", "_<wbr>")


def head() -> None:
    """The row on top of every page."""
    st.html(CSS)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="head"):
        st.html('<div class="ss-brand">Sweetspot</div>', width="content")
        st.page_link("views/runs.py", label="Runs", icon=":material/list:")
        st.page_link("views/new.py", label="New run", icon=":material/add:")
        st.page_link("views/queue.py", label="Queue", icon=":material/bedtime:")
        run = st.query_params.get("run")
        about = {"run": run} if run else None
        st.page_link("views/sounds.py", label="Sounds", icon=":material/graphic_eq:", query_params=about)
        st.page_link("views/explore.py", label="Explore", icon=":material/explore:", query_params=about)


def dialog() -> None:
    """What every dialog begins with: it lies outside the element that tells light-dark() which theme it is."""
    scheme = st.context.theme.type or "light dark"
    st.html(f"<style>[data-testid=stDialog]{{color-scheme:{scheme}}}</style>")


def name(text: str, small: bool = False) -> None:
    """A run's name as a heading."""
    tag, look = ("h2", "ss-card-name") if small else ("h1", "ss-name")
    st.html(f'<{tag} class="{look}">{broken(text)}</{tag}>', width="content")


def title(text: str, quiet: str = "") -> None:
    """The heading of a chart or a panel, with a quiet half behind it."""
    st.html(f'<div class="ss-head">{safe(text)} <span>{safe(quiet)}</span></div>')


def head_words(text: str) -> None:
    """The heading of a card, in a row with badges."""
    st.html(f'<div class="ss-head">{safe(text)}</div>', width="content")


def line(text: str) -> None:
    """One line of our own words; what stands between asterisks is bold."""
    st.html(f'<div class="ss-line">{strong(text)}</div>')


def announced(text: str) -> None:
    """:func:`line` that is read aloud whenever it says something else."""
    st.html(f'<div class="ss-line" role="status">{strong(text)}</div>')


def strong(text: str) -> str:
    """``text`` as safe HTML; what stands between asterisks is bold. Those of a name, which ``unmarked`` has replaced,
    are asterisks again: what is copied from the page is the name."""
    return _STRONG.sub(r"<b>\1</b>", safe(text)).replace("∗", "*")


def quiet(text: str) -> None:
    st.html(f'<div class="ss-quiet">{safe(text)}</div>')


def quiet_words(text: str) -> None:
    """Quiet words that take no more room than they need, in a row with links."""
    st.html(f'<div class="ss-quiet">{safe(text)}</div>', width="content")


def note(colour: str, icon: str, strong: str, text: str = "") -> None:
    """The one message a page may have. Plain text: causes and remedies may quote file names."""
    st.html(
        f'<div class="ss-note ss-{colour}" role="status"><span class="ss-icon" aria-hidden="true">{safe(icon)}</span>'
        f"<div><b>{safe(strong)}</b> {safe(text)}</div></div>"
    )


def empty(strong: str, text: str, place: DeltaGenerator | None = None) -> DeltaGenerator:
    """The card of a page that has nothing to show yet; what is put into it stands below the words."""
    card = (place or st).container(border=True, horizontal_alignment="center", key="empty")
    card.html(f'<div class="ss-empty"><div class="ss-card-name">{safe(strong)}</div><p>{safe(text)}</p></div>')
    return card


def finding(colour: str, icon: str, strong: str, text: str) -> None:
    """One line about a collection."""
    st.html(
        f'<div class="ss-finding"><span class="ss-icon ss-t-{colour}" aria-hidden="true">{safe(icon)}</span>'
        f"<div><b>{safe(strong)}</b>{safe(text)}</div></div>"
    )
