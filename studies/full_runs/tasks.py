"""The tasks of the benchmark: six full runs of 4,000 to 8,000 updates on one core."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from studies.full_runs import data
from studies.full_runs.networks import CharLstm, Gpt, conv_net, mlp

if TYPE_CHECKING:
    from collections.abc import Callable

# What frameworks and tutorials suggest where nobody tunes.
DEFAULT_RATES = {"momentum": 1e-2, "adam": 1e-3}
# All searches get this range.
LOW, HIGH = 1e-6, 1.0


class Task(NamedTuple):
    """What is trained: data, network, loss, optimizer and length.

    Attributes:
        data: Loads the data.
        network: Builds the network.
        loss: Takes outputs and targets.
        optimizer: ``"momentum"`` (SGD, 0.9) or ``"adam"`` (AdamW where there is weight decay).
        n_steps: Updates of a full run.
        batch_size: Examples of an update.
        weight_decay: Of the optimizer.
        n_warmup_steps: Updates of linear warm-up in a full run, whoever chooses its rate.
    """

    data: Callable[[], data.Data]
    network: Callable[[], nn.Module]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    optimizer: str
    n_steps: int
    batch_size: int = 64
    weight_decay: float = 0.0
    n_warmup_steps: int = 0

    @property
    def default_rate(self) -> float:
        """The field's default."""
        return DEFAULT_RATES[self.optimizer]

    @property
    def optimizer_class(self) -> type[torch.optim.Optimizer]:
        """The optimizer of torch."""
        return torch.optim.SGD if self.optimizer == "momentum" else torch.optim.AdamW

    @property
    def options(self) -> dict[str, float]:
        """What the optimizer is given besides its rate."""
        momentum = {"momentum": 0.9} if self.optimizer == "momentum" else {}
        return {"weight_decay": self.weight_decay, **momentum}

    def make_optimizer(self, model: nn.Module, lr: float) -> torch.optim.Optimizer:
        """Build the optimizer."""
        return self.optimizer_class(model.parameters(), lr=lr, fused=True, **self.options)


TASKS = {
    "fashion-cnn": Task(data.fashion, conv_net, cross_entropy, "momentum", 6000, 32),
    "fashion-batchnorm": Task(
        data.fashion,
        lambda: conv_net(has_norm=True),
        cross_entropy,
        "momentum",
        5000,
        32,
        weight_decay=5e-4,
    ),
    "fashion-mlp": Task(
        data.fashion,
        lambda: nn.Sequential(nn.Flatten(), mlp(784, 10, 128, 0.2)),
        cross_entropy,
        "momentum",
        8000,
        32,
    ),
    "table-mlp": Task(
        data.table, lambda: mlp(10, 1, 128, 0.1), mse_loss, "adam", 8000, weight_decay=0.01
    ),
    "text-gpt": Task(
        data.text,
        lambda: Gpt(48),
        cross_entropy,
        "adam",
        5000,
        8,
        weight_decay=0.1,
        n_warmup_steps=250,
    ),
    "text-lstm": Task(data.text, lambda: CharLstm(64), cross_entropy, "adam", 4000, 16),
}
