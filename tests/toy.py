"""A third task in forty lines: a straight line. The trainer must run it without knowing it."""

import torch
from torch import nn

from engine import rng
from engine.config import TaskConfig, TrainingConfig
from engine.plan import BatchLayout
from engine.resolve import resolve
from engine.task import MetricSpec, Monitor, Preview, StepOutput


class LineConfig(TaskConfig):
    noise: float = 0.1


class Line:
    name = "line"
    optimizer = torch.optim.AdamW
    metrics = (MetricSpec(name="val_loss", label="error"),)
    monitor = Monitor(metric="val_loss", reference="train_eval")
    num_train, num_train_files, num_val_files, fingerprint = 64, 0, 0, "line"

    def __init__(self, config: TrainingConfig) -> None:
        self.config, self.task_config = resolve(config, 100, self.num_train), LineConfig()
        torch.manual_seed(self.config.seed)
        self.model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
        self.size = BatchLayout.of(self.config, self.num_train).batch_size

    def schedule(self, step, progress):
        return {"learning_rate": self.config.learning_rate}

    def batch(self, seed, step):
        draw = rng.generator(seed, "line", step)
        x = torch.from_numpy(draw.uniform(-1, 1, (self.size, 1))).float()
        return {"x": x, "y": 2 * x + self.task_config.noise * torch.from_numpy(draw.standard_normal(x.shape)).float()}

    def training_step(self, model, batch, knobs):
        loss = nn.functional.mse_loss(model(batch["x"]), batch["y"])
        return StepOutput(loss, {})

    def evaluate(self, model, part):
        with torch.inference_mode():
            x = torch.linspace(-1, 1, 16)[:, None]
            loss = float(nn.functional.mse_loss(model(x), 2 * x))
        return {"val_loss": loss} if part == "val" else {"train_eval": loss}

    def previews(self, model, epoch):
        yield Preview("table", "sample", {"npy": b"line"})

    def diagnose(self, history):
        return []

    def prepare_snapshot(self, model):
        pass

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

    begin_with = load_state_dict
