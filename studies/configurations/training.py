"""One run of a configuration: a full one with a cosine, or a probe at a constant rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from studies.configurations.tasks import Config, Task

N_REPORTS = 25


def train(
    task: Task,
    config: Config,
    lr: float,
    seed: int,
    n_steps: int,
    *,
    shape: Callable[[float], float] = lambda _: 1.0,
) -> Iterator[tuple[int, float]]:
    """Train, and validate about 25 times.

    Args:
        task: What is trained.
        config: Everything but the rate.
        lr: The rate.
        seed: Weights, dropout and order of the data.
        n_steps: Updates.
        shape: Factor of the rate, by the share of the run that is done.

    Yields:
        Updates done and the validation loss, the first time before any update.
    """
    torch.manual_seed(seed)
    model = task.network(config.width, config.dropout)
    optimizer = _optimizer(model, config, lr)
    scheduler = LambdaLR(optimizer, lambda step: shape(step / n_steps))
    every = max(1, n_steps // N_REPORTS)
    yield 0, validate(task, model)
    for step, (x, y) in zip(range(1, n_steps + 1), _batches(task, config.batch_size, seed)):
        optimizer.zero_grad()
        _loss(model(x), y).backward()
        optimizer.step()
        scheduler.step()
        if step % every == 0 or step == n_steps:
            yield step, validate(task, model)


def cosine(share: float) -> float:
    """Return the factor of a cosine to zero."""
    return (1 + math.cos(math.pi * share)) / 2


def full_loss(task: Task, config: Config, lr: float, seed: int) -> float:
    """Train in full with a cosine; return the last validation loss, the first one at most."""
    losses = [loss for _, loss in train(task, config, lr, seed, task.n_steps, shape=cosine)]
    return losses[-1] if math.isfinite(losses[-1]) else losses[0]


@torch.no_grad()
def validate(task: Task, model: nn.Module) -> float:
    """Return the validation loss."""
    x, y = task.data()[2:]
    model.eval()
    loss = float(_loss(model(x), y))
    model.train()
    return loss


def _loss(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return mse_loss(outputs, y) if y.is_floating_point() else cross_entropy(outputs, y)


def _optimizer(model: nn.Module, config: Config, lr: float) -> Optimizer:
    decay = config.weight_decay
    if config.optimizer == "adamw":
        return AdamW(model.parameters(), lr=lr, weight_decay=decay, fused=True)
    return SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=decay, fused=True)


def _batches(
    task: Task, batch_size: int, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    x, y = task.data()[:2]
    while True:
        for chosen in torch.randperm(len(x), generator=generator).split(batch_size):
            yield x[chosen], y[chosen]
