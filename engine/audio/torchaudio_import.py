"""torchaudio, whether or not its compiled part loads.

There is no CPU build of torchaudio: the one wheel on PyPI is compiled for one torch and one CUDA, and beside a CPU
build of torch ``import torchaudio`` raises OSError while loading that part. Its transforms and filterbanks, all that
this project uses, are pure Python. So when the plain import fails, an empty stand-in takes the place of
``torchaudio._extension`` in ``sys.modules``: torchaudio then believes it was installed without a compiled part,
a case it supports. Nothing on disk is touched.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


def _import() -> ModuleType:
    try:
        return importlib.import_module("torchaudio")
    except (OSError, ImportError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "torchaudio":
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
        del sys.modules[name]
    sys.modules["torchaudio._extension"] = _without_compiled_part()
    return importlib.import_module("torchaudio")


def _without_compiled_part() -> ModuleType:
    def unavailable(function: Any) -> Any:
        return function  # only decorates forced_align, which then fails on its own missing operator

    extension = ModuleType("torchaudio._extension")
    extension.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=unavailable
    )
    return extension


torchaudio = _import()
