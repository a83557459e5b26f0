"""What a user is told of failures that torch and the system report in their own ways."""

from __future__ import annotations

import errno
import hashlib
import os

import psutil
import pytest
import torch

from engine.errors import OutOfMemoryError, StorageError
from engine.loop.checkpoint import load_newest, must_fit
from engine.process.failures import recognise
from engine.rundir.layout import Layout
from engine.rundir.protocol import Manifest
from engine.rundir.writer import RunWriter


def refused() -> RuntimeError:
    """What torch's own allocator raises."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    return caught.value


@pytest.mark.parametrize(
    ("batch_size", "remedy"),
    [(8, "--batch-size 4."), (2, "--batch-size 1."), (1, "Close other programs"), (None, "Close other programs")],
)
def test_the_remedy_for_want_of_memory_is_less_than_what_was_tried(batch_size: int | None, remedy: str) -> None:
    for error in (refused(), MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")):
        told = recognise(error, batch_size)
        assert isinstance(told, OutOfMemoryError) and told.exit_code == 3 and remedy in told.remedy


def test_want_of_memory_is_not_blamed_on_a_checkpoint() -> None:
    with pytest.raises(RuntimeError, match="allocate"), must_fit():
        torch.empty(1 << 60)


def test_a_checkpoint_for_which_memory_lacks_is_not_passed_over(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path_factory.mktemp("full") / "run"
    with RunWriter.open(root, device="cpu", threads=1, versions={}) as writer:
        path, data = Layout(root).checkpoint(1), b"a checkpoint"
        manifest = Manifest(file=path.name, step=1, epoch=1, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        writer.write_artefact(path, data, manifest)
    free = psutil.virtual_memory()._replace(available=10)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(OutOfMemoryError, match="more than the memory that is free"):
        load_newest(Layout(root))


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "Free some space"), (errno.EROFS, "rights"), (errno.ENOENT, "Put it back"), (errno.EIO, "drive")],
)
def test_the_remedy_for_a_disk_follows_what_it_said(number: int, remedy: str) -> None:
    told = recognise(OSError(number, os.strerror(number), "kick.wav"))
    assert isinstance(told, StorageError) and "kick.wav" in told.cause and remedy in told.remedy
