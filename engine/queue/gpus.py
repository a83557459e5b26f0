"""Which GPU each training of a queue computes on, where a machine has several. No torch: it deals with names alone."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import psutil

VISIBLE = "CUDA_VISIBLE_DEVICES"
_ORDER = "CUDA_DEVICE_ORDER"
_LISTED = re.compile(r"^( *)\S+ .*\(UUID: ([^)]+)\)$", re.MULTILINE)
_LIST_LIMIT_S = 20.0


@dataclass(frozen=True)
class Gpus:
    """The GPUs that CUDA shows the worker, by the names ``CUDA_VISIBLE_DEVICES`` takes: numbers, or UUIDs.

    by_bus: they are in the order of ``nvidia-smi``, by their place on the bus; CUDA's own has the fastest one first.
    """

    names: tuple[str, ...]
    by_bus: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Gpus:
        """Those that ``environment`` lets be seen, else all that ``nvidia-smi`` lists; none without it."""
        given = environment.get(VISIBLE)
        return cls(listed(_nvidia_smi()), _ORDER not in environment) if given is None else cls(allowed(given))

    def taken_by(self, device: str, under_way: Sequence[str]) -> str:
        """The one for a training on ``device``; "" where it needs none, or there is no choice.

        The one that the fewest trainings ``under_way`` (each by its GPU) compute on, the first of several.
        ``cuda:N`` is its user's own choice.
        """
        if len(self.names) < 2 or not device.startswith(("auto", "cuda")):
            return ""
        number = device.partition(":")[2]
        if number:
            return self.names[int(number)] if int(number) < len(self.names) else ""
        return min(self.names, key=list(under_way).count)

    def environment(self, device: str, gpu: str) -> dict[str, str]:
        """What a training on ``device`` is started with to see ``gpu`` alone; one that names it by number sees them
        all, numbered as here."""
        if not gpu:
            return {}
        if ":" in device:
            return {_ORDER: "PCI_BUS_ID"} if self.by_bus else {}
        return {VISIBLE: gpu}

    def of_process(self, pid: int) -> str:
        """The one that an earlier worker gave to the process ``pid``; "" where that is not known."""
        try:
            given = psutil.Process(pid).environ().get(VISIBLE, "")
        except (psutil.Error, OSError):
            return ""
        return given if given in self.names else ""


def allowed(variable: str) -> tuple[str, ...]:
    """The names in ``CUDA_VISIBLE_DEVICES``; as for CUDA nothing counts after one that is none, such as -1."""
    names = (name.strip() for name in variable.split(","))
    return tuple(takewhile(lambda name: name and not name.startswith("-"), names))


def listed(text: str) -> tuple[str, ...]:
    """The UUIDs in what ``nvidia-smi -L`` prints. One that is cut into instances (MIG) counts as these: no process sees
    it whole."""
    found = [(len(indent), uuid) for indent, uuid in _LISTED.findall(text)]
    following = pairwise([*found, (0, "")])
    return tuple(uuid for (indent, uuid), (next_indent, _) in following if next_indent <= indent)


def _nvidia_smi() -> str:
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_LIST_LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
