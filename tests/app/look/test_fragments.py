"""What Streamlit drops of a fragment leaves the page whole.

The server's own queue (``ForwardMsgQueue``) decides what is dropped; the browser's tree of blocks is a model of its
rules: a message needs each block above it, and a place no further than one behind its neighbours.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.testing.v1 import AppTest

from engine.rundir.status import State
from tests.app.library import write
from tests.conftest import ROOT

PAGES = ["runs", "queue", "run", "listen", "compare"]
Visit = Callable[..., AppTest]


class Browser:
    """The tree of a page, as the messages build it. Each block: its children, and the run that sent it."""

    def __init__(self) -> None:
        self.roots: dict[int, Any] = {}
        self.run = 0  # the number of the run whose messages arrive

    def take(self, message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "script_finished":
            if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                self.roots = {root: self._kept(block) for root, block in self.roots.items()}
        elif message.HasField("delta"):
            self._set(list(message.metadata.delta_path), message.delta.WhichOneof("type") == "add_block")

    def _set(self, path: list[int], is_block: bool) -> None:
        above = self.roots.setdefault(path[0], [self.run, []])
        for index in path[1:-1]:
            assert index < len(above[1]) and isinstance(above[1][index][1], list), f"no block above {path}"
            above = above[1][index]
        siblings = above[1]
        assert path[-1] <= len(siblings), f"Bad delta path {path}: there are {len(siblings)}"
        old = siblings[path[-1]][1] if path[-1] < len(siblings) else None
        children = (old if isinstance(old, list) else []) if is_block else None
        siblings[path[-1] : path[-1] + 1] = [[self.run, children]]

    def _kept(self, block: Any) -> Any:
        """Without what this run did not send."""
        run, children = block
        if children is None:
            return block
        return [run, [self._kept(one) for one in children if one[0] == self.run]]


@pytest.fixture
def sent() -> Iterator[list[ForwardMsg]]:
    """All that the pages draw from now on."""
    messages: list[ForwardMsg] = []

    def copied(message: ForwardMsg) -> None:
        if message.HasField("delta"):
            messages.append(ForwardMsg.FromString(message.SerializeToString()))

    ForwardMsgQueue.on_before_enqueue_msg(copied)
    yield messages
    ForwardMsgQueue.on_before_enqueue_msg(None)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_stands_whatever_of_a_fragment_is_dropped(
    page: str, visit: Visit, runs_dir: Path, sent: list[ForwardMsg]
) -> None:
    live = write(runs_dir / "live", state=State.RUNNING, done=12, close=False)
    write(runs_dir / "over", name="over")
    query = {"compare": {"runs": "live,over"}, "run": {"run": "live"}, "listen": {"run": "live"}}
    visit(page, **query.get(page, {}))
    live.close()
    fragments = {one.delta.fragment_id for one in sent if one.delta.fragment_id}
    assert fragments
    for fragment in fragments:
        again = [one for one in sent if one.delta.fragment_id == fragment]
        for flushed in range(len(sent) + 1):
            _interrupted([], sent, again, fragment, flushed)
            _interrupted(sent, sent, again, fragment, flushed)


def _interrupted(
    before: list[ForwardMsg], page: list[ForwardMsg], again: list[ForwardMsg], fragment: str, flushed: int
) -> None:
    """The page is drawn anew and ``flushed`` messages of it are sent when the fragment is drawn again."""
    browser, queue = Browser(), ForwardMsgQueue()
    for browser.run, messages in enumerate((before, page[:flushed]), 1):
        for one in messages:
            browser.take(one)
    queue._queue = list(page[flushed:])
    queue.enqueue(ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY))
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=[fragment])
    for one in queue._queue:
        browser.take(one)
    browser.run += 1
    for one in again:
        browser.take(one)


def test_fragments_are_placed_by_one_function() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "app").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "fragment"
    ]
    assert found == ["app/look/fragments.py"]


def test_no_message_stands_for_an_earlier_one(visit: Visit) -> None:
    visit("runs")
    assert config.get_option("global.minCachedMessageSize") > 2**30  # bytes: the largest message there can be
