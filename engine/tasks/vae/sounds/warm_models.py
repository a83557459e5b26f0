"""The models that a server keeps ready, by what they were asked for."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from engine.tasks.vae.sounds.generate import Studio
from engine.tasks.vae.sounds.load import open_model, traces

MOST_MODELS = 4


class WarmModels:
    """The last four models of a run, or the one of an exported file at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._studios: OrderedDict[str, Studio] = OrderedDict()  # by the digest of their weights
        self._weights: dict[str | None, str] = {}  # of a named state, as long as the files are those of _traces
        self._traces: object = None

    def studio(self, checkpoint: str | None) -> Studio:
        """The model of a named state, None: the best; its files are read again only when one of them changed."""
        now = traces(self.path)  # before the files are read: what changes meanwhile is seen the next time
        if now != self._traces:
            self._weights.clear()
            self._traces = now
        studio = self._studios.pop(self._weights.get(checkpoint, ""), None)
        if studio is None:
            trained = open_model(self.path, checkpoint)
            studio = self._studios.pop(trained.weights, None) or Studio(trained)
        weights = studio.trained.weights
        self._studios[weights], self._weights[checkpoint] = studio, weights
        while len(self._studios) > MOST_MODELS:
            self._studios.popitem(last=False)
        return studio
