"""The models that a server keeps ready, by what they were asked for."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model, traces

MOST_MODELS = 4


class WarmModels:
    """The last four models of a run, or the one of an exported file at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._generators: OrderedDict[str, SoundGenerator] = OrderedDict()  # by the digest of their weights
        self._weights: dict[str | None, str] = {}  # of a named state, as long as the files are those of _traces
        self._traces: object = None

    def generator(self, checkpoint: str | None) -> SoundGenerator:
        """The model of a named state, None: the best; its files are read again only when one of them changed."""
        now = traces(self.path)  # before the files are read: what changes meanwhile is seen the next time
        if now != self._traces:
            self._weights.clear()
            self._traces = now
        generator = self._generators.pop(self._weights.get(checkpoint, ""), None)
        if generator is None:
            trained = open_model(self.path, checkpoint)
            generator = self._generators.pop(trained.weights, None) or SoundGenerator(trained)
        weights = generator.trained.weights
        self._generators[weights], self._weights[checkpoint] = generator, weights
        while len(self._generators) > MOST_MODELS:
            self._generators.popitem(last=False)
        return generator
