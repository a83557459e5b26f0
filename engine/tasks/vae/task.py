"""The sound task: a folder of recordings, the ConvVAE, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from engine.audio import augment
from engine.audio.mel import AudioSpectrogram
from engine.collection.collection import Collection, open_collection
from engine.collection.health import links_sentence
from engine.collection.split import assign_sides, split_files
from engine.config import TrainingConfig
from engine.device import first_weights, onto
from engine.metrics import MetricsHistory
from engine.plan import BatchLayout
from engine.resolve import follow, get_adaptive_split, resolve
from engine.rundir.record import different_sounds
from engine.schedule import warmed_cosine
from engine.task import Batch, Finding, Monitor, OpenContext, Preview, Source, StepOutput
from engine.tasks.vae import diagnosis
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.copying import CopyingReading
from engine.tasks.vae.dataset import AudioTrainingDataset, EvaluationItems
from engine.tasks.vae.evaluation import METRICS, copies, error_by_file, held_out_figures, own_figures
from engine.tasks.vae.fitting import Fitting
from engine.tasks.vae.loader import TrainingLoader
from engine.tasks.vae.losses import VAELoss, get_kl_weight, vae_loss
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.preparation import prepare
from engine.tasks.vae.previews import HeldOut, previews
from engine.tasks.vae.residual import Residual

METERED_SAMPLES = 6


class VAETask:
    """See :class:`engine.task.Task`. Letters: B batch, M mel bands, F frames, D latent_dim, L latent frames."""

    name = "vae"
    metrics = METRICS
    optimizer = torch.optim.AdamW

    def __init__(
        self,
        collection: Collection,
        config: TrainingConfig,
        task_config: VAEConfig,
        device: torch.device,
        context: OpenContext,
    ) -> None:
        self.device = device
        self.fingerprint = collection.fingerprint
        sounds = collection.sounds
        different = different_sounds(collection.rows)  # copies of ten sounds are a collection of ten
        fraction = config.val_fraction or get_adaptive_split(different)
        known = [context.sides.get(sound.path) for sound in sounds]
        sides = split_files(collection.groups, fraction, config.split_seed, known)
        context.on_files(assign_sides(collection.rows, sides))
        parts = {
            side: AudioTrainingDataset(
                [sound for sound, own in zip(sounds, sides, strict=True) if own == side],
                task_config.spectrogram,
                task_config.chunk_duration_s,
            )
            for side in ("train", "val")
        }
        self.train, self.val = parts["train"], parts["val"]
        self.num_train = len(self.train.chunks)
        self.num_train_files, self.num_val_files = len(self.train.sounds), len(self.val.sounds)
        self.config = resolve(config, different, self.num_train)
        self.task_config = follow(task_config, self.config.preset)
        self._prepare(context)

    def _prepare(self, context: OpenContext) -> None:
        spectrogram = self.task_config.spectrogram
        self.model = self._new_model().to(self.device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.transform = AudioSpectrogram(spectrogram).to(self.device)
        context.report("prepare", 0, 0)
        found = prepare(self.train, self.val, self.transform, context)
        scale = found.scale
        self.codec = Codec(self.model, spectrogram, scale, found.ceiling, sharp_attacks=self.task_config.sharp_attacks)
        shape = (self.task_config.latent_dim, 1 if self.model.vector else self.model.latent_frames)
        batches = BatchLayout.of(self.config, self.num_train)
        self.loader = TrainingLoader(self.train, self.transform, batches, self.config, self.task_config, shape)
        self.train_items = EvaluationItems(self.train, found.train_db, found.train_loudest)
        self.val_items = EvaluationItems(self.val, found.val_db, found.val_loudest)
        context.check()
        self.monitor = Monitor(
            metric="val_recon_db",
            reference="train_recon_db",
            unit="dB",
            baseline=float(self.val_items.error_db(self.train_items.average()[None, :, None]).mean()),
            standard_error="val_recon_se_db",
            files="val_recon_db_files",
            nouns=self.task_config.nouns,
        )
        self._fitting = Fitting(self.train, self.val, self.task_config, found.shapes)
        self.codec.level, self.codec.end_db = self._fitting.level, self._fitting.end_db
        self.codec.images = self._fitting.images
        self._meter = found.meter(self.train, self.transform)
        self._copying: CopyingReading | None = None

    def _new_model(self) -> ConvVAE:
        with first_weights(self.config.seed):
            return ConvVAE(
                self.task_config.spectrogram.n_mels,
                self.task_config.latent_dim,
                self.task_config.channels,
                self.task_config.code,
                self.train.frames,
            )

    def schedule(self, step: int, progress: float) -> dict[str, float]:
        """Learning rate: see ``warmed_cosine``. KL weight: see ``get_kl_weight``."""
        return {
            "learning_rate": warmed_cosine(self.config.learning_rate, step, progress),
            "kl_weight": get_kl_weight(progress, 1.0, self.task_config.kl_warmup_fraction),
        }

    @torch.no_grad()
    def batch(self, seed: int, step: int) -> Batch:
        """x [B, 1, M, F], varied and standardised; keep [B, M, F]; latent [B, D, L]."""
        drawn, scale = onto(self.device, self.loader.batch(seed, step)), self.codec.scale
        varied = augment.apply(drawn["clean"], drawn, drawn["noise"], scale.ref, self.transform.config)
        x = scale.standardise(varied)[:, None].contiguous(memory_format=torch.channels_last)
        return {"x": x, "keep": drawn["keep"], "latent": drawn["latent"]}

    def training_step(self, model: ConvVAE, batch: Batch, knobs: Mapping[str, float]) -> StepOutput:
        x = batch["x"]
        mean, log_var = model.encode(x * batch["keep"][:, None])
        z = mean + batch["latent"] * torch.exp(0.5 * log_var)
        out = self._loss(x, model.decode(z, x.shape[-1]), mean, log_var, knobs["kl_weight"])
        return StepOutput(out.loss, {"train_loss": out.loss, "recon_loss": out.recon, "kl_loss": out.kl})

    def _loss(
        self, x: torch.Tensor, output: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor, kl_weight: float
    ) -> VAELoss:
        return vae_loss(
            x,
            output,
            mean,
            log_var,
            kl_weight=kl_weight,
            free_bits=self.task_config.free_bits,
            std_db=self.codec.scale.std,
        )

    @torch.inference_mode()
    def evaluate(self, model: ConvVAE, part: Literal["train", "val"]) -> dict[str, Any]:
        """Error in dB over active bins on both sides; the rest on validation. The code is its mean, the KL weight 1."""
        items = self.val_items if part == "val" else self.train_items
        x = self.codec.scale.standardise(items.db)[:, None]
        output, mean, log_var = copies(model, x, self.device)
        errors = items.error_db(self.codec.scale.restore(output[:, 0]))
        out = self._loss(x, output, mean, log_var, 1.0)
        if part == "train":
            return own_figures(errors, out)
        by_file = error_by_file(errors, items, len(self.val.sounds))
        return held_out_figures(errors, by_file, self.monitor.baseline, out, mean.shape[1:], self.codec.scale.std)

    def previews(self, model: ConvVAE, epoch: int) -> Iterator[Preview]:
        seconds = self.task_config.preview_duration_s
        temperature, seed = self.task_config.temperature, self.config.seed
        codec = self._codec_of(model)
        if epoch > 0:
            self._copying = self._read_meter(codec)
        file = self.val.sounds[self._listening()].path
        for one in previews(codec, self._held_out, seconds, seed, temperature, self._listening_texture()):
            yield one if one.role == "sample" else replace(one, file=file)

    @torch.inference_mode()
    def _read_meter(self, codec: Codec) -> CopyingReading:
        """New sounds from the same noise every time, against all training sounds."""
        frames = self.train.frames
        drawn = [
            codec.sample_db(1, frames, self.config.seed + item, self.task_config.temperature)[0]
            for item in range(METERED_SAMPLES)
        ]
        return self._meter.read(torch.stack(drawn))

    @cached_property
    def _held_out(self) -> HeldOut:
        """What the previews copy, read once: hours later the file may be another."""
        rate = self.task_config.spectrogram.sample_rate
        sound = self._listening()
        mono = self.val.whole(sound, round(self.task_config.preview_duration_s * rate)).numpy()
        return HeldOut.of(self.val.sounds[sound], mono, rate)

    def _listening(self) -> int:
        """The held-out sound one listens to: the one whose length is the middle of all."""
        order = np.argsort([sound.num_samples for sound in self.val.sounds], kind="stable")
        return int(order[len(order) // 2])

    def _listening_texture(self) -> int:
        return len(self._fitting.learned) // 2

    def diagnose(self, history: MetricsHistory) -> list[Finding]:
        return diagnosis.diagnose(history, self.task_config, self._copying)

    @torch.inference_mode()
    def prepare_snapshot(self, model: ConvVAE) -> None:
        """Fit prior, map, residual and edges to ``model``."""
        codec = self._codec_of(model)
        self.codec.prior, self.codec.file_codes = self._fitting.fit(codec)
        items = self.train_items
        output, _, _ = copies(model, codec.scale.standardise(items.db)[:, None], self.device)
        decoded, first = codec.scale.restore(output[:, 0]), torch.tensor([chunk.start == 0 for chunk in items.chunks])
        self.codec.residual = Residual.measure(
            items.db, decoded, items.active, items.files, first, self.transform, codec.scale.floor
        )
        self.codec.edges = self._fitting.edges(self._codec_of(model))

    def _codec_of(self, model: ConvVAE) -> Codec:
        codec = self.codec
        return replace(codec, model=model)

    def state_dict(self) -> dict[str, Any]:
        copying = {} if self._copying is None else {"memory": self._copying.state()}
        return self.codec.state_dict() | copying

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.codec.load_state_dict(state)
        self._copying = CopyingReading.from_state(state["memory"]) if "memory" in state else None

    def begin_with(self, state: Mapping[str, Any]) -> None:
        """The scale: in other units its weights would hear other sounds."""
        self.codec.begin_with(state)


def open_task(
    source: Source, config: TrainingConfig, task_config: VAEConfig, device: torch.device, context: OpenContext
) -> VAETask:
    """A folder of sounds, ready to train on. ``DataError`` when there is too little to learn from."""
    assert source.path is not None, "a folder of sounds has a path"
    collection = open_collection(
        Path(source.path),
        task_config.decode,
        context.report,
        context.check,
        warn=context.warn,
        exclude=task_config.exclude,
    )
    if passed_over := links_sentence(collection):
        context.warn(passed_over)
    return VAETask(collection, config, task_config, device, context)
