"""What a run keeps: checkpoints to resume from, the best state, snapshots to use, previews to hear."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from typing import Any

import torch

from engine.claims.advice import Kept, kept
from engine.errors import RunDirectoryError, StorageError
from engine.loop.checkpoint import WeightAverage, describe, load, prune, steps_saved, training_state
from engine.loop.disk_space import free_bytes, reserve_bytes
from engine.loop.snapshot import serialise_snapshot, thin_snapshots
from engine.loop.state_file import serialise
from engine.loop.tracker import TrackerState
from engine.metrics import MetricsCallback, PreviewEvent
from engine.rundir.artefacts import find_checkpoints, find_snapshots, manifests_of
from engine.rundir.layout import manifest
from engine.rundir.protocol import PROTOCOL
from engine.rundir.reading import own_file
from engine.rundir.status import CheckpointRef
from engine.rundir.writer import RunWriter
from engine.task import Preview, Task


class Archive:
    """Writes into one run directory; a disk that refuses costs the file at hand and a warning, never the run.

    saved_step: the step of the newest checkpoint, -1 without one. saved_at: when saving was last tried (monotonic).
    """

    def __init__(
        self,
        task: Task,
        writer: RunWriter,
        optimizer: torch.optim.Optimizer,
        average: WeightAverage,
        callback: MetricsCallback,
    ) -> None:
        self.task, self.writer, self.callback = task, writer, callback
        self.optimizer, self.average = optimizer, average
        self.saved_step = -1
        self.saved_at = time.monotonic()
        self._passed_over = set(steps_saved(writer.layout))  # until one of them is gone on from, and those before it
        self._best: dict[str, Any] | None = None
        self._prepared: dict[str, torch.Tensor] | None = None  # the weights that the task's state belongs to

    def restored(self, state: dict[str, Any], step: int) -> None:
        """Go on from the checkpoint ``state`` of ``step``; older ones that a killed session had no time for go."""
        self.saved_step = step
        self._best = state.get("best")
        self._prepared = None
        self._passed_over = {one for one in self._passed_over if one > step}
        self._prune(step)

    def keep_best(self) -> None:
        """Remember the averaged weights of now; they are written with the next checkpoint.

        Written at once, they would be ahead of the checkpoint that a killed run goes on from.
        """
        self._best = copy.deepcopy(self.average.model.state_dict())

    def save(self, tracker: TrackerState, epoch: int, reason: str, figures: dict[str, float]) -> bool:
        """The best state if it is new, then all that exact resume needs; only then the oldest checkpoints go.

        Whether both are on the disk now. A best state that is refused goes into the checkpoint, to be written later.
        """
        self.saved_at = time.monotonic()
        if self.saved_step == tracker.step:
            self.save_best(tracker)
            return self._best is None
        self._prepare(self.average.model)  # first: the previews of this moment have mostly done it
        own = self.task.state_dict()
        self.save_best(tracker)
        tracker.elapsed_s = self.writer.elapsed_s
        state = training_state(self.task.model, self.optimizer, self.average, tracker, own)
        if self._best is not None:  # the disk refused it: it waits here, for a session that may not be this one
            state["best"] = self._best
        path = self.writer.layout.checkpoint(tracker.step)
        data = serialise(state)
        if not self.writer.write_artefact(path, data, describe(data, path, tracker.step, epoch, figures)):
            return False
        self.saved_step = tracker.step
        self._passed_over.discard(tracker.step)
        self._prune(tracker.step)
        self.writer.event("checkpoint", file=path.name, step=tracker.step, epoch=epoch, reason=reason)
        self.writer.update(
            last_checkpoint=CheckpointRef(file=path.name, step=tracker.step, epoch=epoch, at=time.time())
        )
        return self._best is None

    def _prune(self, newest: int) -> None:
        with suppress(OSError):  # a disk that does not list them now: the next checkpoint's turn
            prune(self.writer.layout, self.task.config.max_checkpoints, newest, self._passed_over)

    def save_best(self, tracker: TrackerState) -> None:
        """The best state, when it has not been written yet: averaged weights and what belongs to them."""
        best = tracker.best_record()
        if self._best is None or best is None:
            return
        self._prepare(self._with(self._best))
        data = serialise({"protocol": PROTOCOL, "average": self._best, "task": self.task.state_dict()})
        path = self.writer.layout.best
        if self.writer.write_artefact(path, data, describe(data, path, best.step, best.epoch, {best.metric: best.raw})):
            self._best = None

    def _prepare(self, model: torch.nn.Module) -> None:
        """Fit what belongs to weights, unless the task's state is that of these very ones: it takes as long as three
        updates, and checkpoint, best state and previews of one moment each ask for it."""
        weights = model.state_dict()
        before = self._prepared
        if before is None or not all(torch.equal(weights[name], value) for name, value in before.items()):
            self.task.prepare_snapshot(model)
            self._prepared = copy.deepcopy(weights)

    def kept(self) -> Kept:
        """What of the run lies on the disk and verifies."""
        root, layout = self.writer.root, self.writer.layout
        return kept(find_checkpoints(root, layout.checkpoints), find_snapshots(root, layout.snapshots))

    def has_previews(self, epoch: int, step: int) -> bool:
        """Whether the previews of this moment were all written: their snapshot comes last."""
        return own_file(manifest(self.writer.layout.snapshot(epoch, step)))

    def best_model(self, step: int) -> torch.nn.Module | None:
        """The best state's, of update ``step``; None where it is no longer on a disk that can be read."""
        if self._best is not None:
            return self._with(self._best)
        path = self.writer.layout.best
        with suppress(OSError, RunDirectoryError):
            if any(known.step == step for known in manifests_of(path)):
                return self._with(load(path)["average"])
        return None

    def _with(self, weights: dict[str, Any]) -> torch.nn.Module:
        model = copy.deepcopy(self.average.model)
        model.load_state_dict(weights)
        return model

    def write_previews(
        self,
        model: torch.nn.Module,
        epoch: int,
        step: int,
        figures: dict[str, float],
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Something to hear or see, and the averaged weights that made it; not from the space checkpoints need.

        stop: whether somebody waits for the end. Nothing of this moment is written then: who goes on from it makes it.
        """
        free = free_bytes(self.writer.root)
        if free is not None and free < reserve_bytes(model):
            self.writer.warn(
                "The disk is nearly full: previews and snapshots are left out, what is free is kept for checkpoints. "
                "Free some space.",
                code="storage",
            )
            return
        self._prepare(model)
        made = list(takewhile(lambda preview: not stop(), self.task.previews(model, epoch)))
        if stop():
            return
        written = [self._write_preview(preview, epoch, step) for preview in made]
        if not all(written):
            return  # without its snapshot the moment counts as missing
        data = serialise_snapshot(model, self.task.state_dict())
        path = self.writer.layout.snapshot(epoch, step)
        if self.writer.write_artefact(path, data, describe(data, path, step, epoch, figures)):
            self._thin()

    def _thin(self) -> None:
        try:
            thin_snapshots(self.writer.layout)
        except OSError as error:
            self.writer.warn(
                f"No snapshot is removed for now: it is not known which somebody wants kept. {StorageError.of(error)}",
                code="storage",
            )

    def _write_preview(self, preview: Preview, epoch: int, step: int) -> bool:
        """Whether the disk took it."""
        layout = self.writer.layout
        names = {}
        for suffix, data in preview.files.items():
            path = layout.preview(epoch, step, preview.role, preview.index, suffix)
            if not self.writer.write_preview(path, data):
                return False
            names[suffix] = path.relative_to(layout.root).as_posix()
        self.writer.event(
            "preview",
            epoch=epoch,
            step=step,
            kind=preview.kind,
            role=preview.role,
            index=preview.index,
            audio_path=names.get("wav"),
            image_path=names.get("png"),
            sample_rate=preview.sample_rate,
            file=preview.file,
        )
        if preview.sample_rate is not None:
            self.callback(PreviewEvent(epoch=epoch, audio_path=names["wav"], sample_rate=preview.sample_rate))
        return True
