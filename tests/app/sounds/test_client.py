"""The process that makes sounds, as the app asks it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from app.sounds.client import Client, client_of
from engine.errors import ConfigError, DataError, SweetspotError

pytestmark = pytest.mark.usefixtures("forked_starts")


def test_all_tabs_share_one_process_and_a_dead_one_comes_again(trained: Path, runs_dir: Path) -> None:
    client = client_of(trained)
    assert client_of(trained) is client and client.pid is None
    client.ask("hello")
    first = client.pid
    assert first is not None and client.ask("hello")["ok"] and client.pid == first
    os.kill(first, signal.SIGKILL)
    assert client.ask("hello")["ok"] and client.pid != first
    with pytest.raises(ConfigError, match="no operation"):
        client.ask("sing")
    with pytest.raises(DataError, match="weights of epoch 99 were not kept") as caught:
        client.ask("hello", checkpoint="epoch-99")
    assert caught.value.remedy
    with pytest.raises(SweetspotError, match="No sound came within"):
        client.ask("axes", timeout_s=0.0)
    assert client.pid is None and client.ask("hello")["ok"], "a late answer is never taken for the next one's"
    client.close()


def test_a_process_that_cannot_serve_says_why_each_time(tmp_path: Path) -> None:
    client = Client(tmp_path)
    for _ in range(2):
        with pytest.raises(SweetspotError, match="holds no run"):
            client.ask("hello")
    client.close()
