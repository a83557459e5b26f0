"""Where and how to compute: the only place that sets process-wide switches of torch."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

from engine import rng
from engine.errors import ConfigError
from engine.threads import automatic_threads


@dataclass(frozen=True)
class Device:
    """What a run computes on. ``exact``: whether the same run gives the same bits again here."""

    torch: torch.device
    threads: int
    exact: bool

    @property
    def name(self) -> str:
        if self.torch.type == "cuda":
            return f"{self.torch} ({torch.cuda.get_device_name(self.torch)})"
        return f"{self.torch} ({platform.processor() or platform.machine()})"

    def memory(self) -> tuple[int, int] | None:
        """Used and total bytes of the accelerator; None without one."""
        if self.torch.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.torch)
            return total - free, total
        if self.torch.type == "mps":
            return torch.mps.driver_allocated_memory(), psutil.virtual_memory().total
        return None


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """What is drawn inside, a model's first weights, comes from the run's ``seed`` alone and moves no other draw."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.generator(seed, "init").integers(2**32)))
        yield


def onto(device: torch.device, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """``tensors`` on ``device``, where some may be. To CUDA from pinned memory, so that the copy waits for nobody."""

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        if device.type != "cuda" or tensor.is_cuda:
            return tensor.to(device)
        return tensor.pin_memory().to(device, non_blocking=True)

    return {name: moved(tensor) for name, tensor in tensors.items()}


def choose(name: str, threads: int | None) -> Device:
    """The device called ``name`` (auto, cpu, cuda, cuda:N, mps), threads set; ``ConfigError`` when it is not there."""
    count = threads or automatic_threads()
    torch.set_num_threads(count)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        found = torch.cuda.device_count()
        if (device.index or 0) >= found:
            remedy = "Use --device cpu." if not found else f"Use cuda:0 to cuda:{found - 1}."
            raise ConfigError(f"There is no device {name} here.", remedy)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("There is no device mps here.", "Use --device cpu.")
    return Device(device, count, exact=device.type == "cpu")
