"""The mel filterbank and Slaney's mel scale, both torchaudio's.

There is no CPU build of torchaudio: the wheel on PyPI is compiled for one torch and one CUDA, and beside another build
of torch its compiled part does not load. What is used here is pure Python, so then torchaudio is told that it was
installed without that part, a case it knows.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from types import ModuleType

import torch

try:
    from torchaudio.functional import functional
except (OSError, ImportError):
    _without = ModuleType("torchaudio._extension")
    _without.__dict__.update(_IS_TORCHAUDIO_EXT_AVAILABLE=False, fail_if_no_align=lambda function: function)
    sys.modules[_without.__name__] = _without
    from torchaudio.functional import functional

melscale_fbanks = functional.melscale_fbanks
FINENESS = 64  # Table entries a band: a straight line between two is then as exact as single precision.


def centres(bands: int, low: float, top: float, device: torch.device | None = None) -> torch.Tensor:
    """[bands] where each triangle of ``melscale_fbanks`` from ``low`` to ``top`` is highest, all in Hz."""
    return _hertz(bands, low, top)[FINENESS : FINENESS * (bands + 1) : FINENESS].to(device)


def rows(hertz: torch.Tensor, bands: int, low: float, top: float) -> torch.Tensor:
    """Which band each frequency in Hz is the centre of, with its fraction; any shape. Below band 0: -1 at ``low``.

    torchaudio has the way from mel to Hz for tensors and the way back for single numbers only, so it is looked up.
    """
    table = _hertz(bands, low, top).to(hertz.device)
    above = torch.searchsorted(table, hertz.contiguous()).clamp(1, len(table) - 1)
    below = above - 1
    part = (hertz - table[below]) / (table[above] - table[below])
    return (below + part) / FINENESS - 1


@lru_cache(maxsize=8)
def _hertz(bands: int, low: float, top: float) -> torch.Tensor:
    """Hz of evenly spaced places on the mel scale, ``FINENESS`` a band, from ``low`` to as far again beyond ``top``."""
    first, last = (functional._hz_to_mel(hertz, "slaney") for hertz in (low, top))
    steps = torch.arange(2 * FINENESS * (bands + 1), dtype=torch.float64)
    places = first + steps * (last - first) / ((bands + 1) * FINENESS)
    hertz: torch.Tensor = functional._mel_to_hz(places, "slaney")
    return hertz.float()
