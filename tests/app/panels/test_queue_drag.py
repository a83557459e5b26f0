"""Cards of requests are told apart by the class that Streamlit makes of their keys."""

from __future__ import annotations

import re

from app.panels.queue_drag import card_key


def test_no_two_requests_have_cards_of_one_class() -> None:
    names = ["a.b-1", "a-b-1", "a_b-1", "a_2e_b-1", "a b-1", "ä-1"]
    classes = {re.sub(r"[^a-zA-Z0-9_-]", "-", card_key(name)) for name in names}
    assert len(classes) == len(names) and all(card_key(name) in classes for name in names)
