"""What a run learned from, as its dataset.json has it: read again only when that file is another."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from engine.rundir.reader import RunReader
from engine.rundir.record import DatasetRecord
from engine.stamp import Stamp, stamp


def dataset_of(reader: RunReader) -> DatasetRecord | None:
    """``reader.dataset()``: of five thousand files a tenth of a second, and a page asks at each of its runs."""
    moment = stamp(reader.layout.dataset)
    return None if moment is None else _read(os.fspath(reader.root), moment)


@lru_cache(maxsize=8)
def _read(root: str, _moment: Stamp) -> DatasetRecord | None:
    return RunReader(Path(root)).dataset()
