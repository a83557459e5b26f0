"""Texts of others on their way to an element that reads Markdown. Pure, no Streamlit.

Names, units, labels and reasons come from run directories, which may be anybody's, and from files. What Streamlit
draws of ``st.metric``, ``help=``, a link or a slider's label is Markdown: an image in it is fetched from wherever it
says. Each such text passes here; a text that ``st.html`` draws passes ``style.safe``. The options of ``st.selectbox``
and ``st.multiselect`` are drawn as they are: those pass ``escaped`` alone.
"""

from __future__ import annotations

import re

from engine.printable import escaped

_SPECIAL = re.compile(r"([\\`*_\[\]<>&$~|]|^[#+-](?=[\s#-]|$)|(?<=^\d)[.)](?=\s)|(?<=^\d\d)[.)](?=\s))")
# Addresses, emoji and icons are looked for once more in the finished text, where no backslash is left to see.
_FOUND_LATER = re.compile(r"(?i)(:(?=//|[a-z]|[\w+-]+:)|www(?=\.)|@)")
_JOINER = "\u2060"  # without width, and no line may break there


def plain(text: str) -> str:
    """Markdown that shows ``text`` as it is: no image, link, formula or icon. Control characters are spelled."""
    parted = _FOUND_LATER.sub(rf"\1{_JOINER}", escaped(text.replace("\n", " ").strip()))
    return _SPECIAL.sub(r"\\\1", parted)
