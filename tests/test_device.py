"""How a batch comes to the device."""

from __future__ import annotations

import pytest
import torch

from engine.device import onto

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here"))


@pytest.mark.parametrize("name", ["cpu", CUDA])
def test_a_batch_arrives_whole(name: str) -> None:
    sent = {"wave": torch.arange(6, dtype=torch.int16).view(2, 3), "keep": torch.tensor([True, False])}
    device = torch.device(name)
    arrived = onto(device, sent)
    assert arrived.keys() == sent.keys()
    for key, tensor in arrived.items():
        assert tensor.device.type == device.type and torch.equal(tensor.cpu(), sent[key])
