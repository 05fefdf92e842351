"""Drivers that need no search: cosine, one-cycle, and three optimizers that choose their rate.

The packages of the last three are imported only where they are used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

from studies.full_runs.training import Driver

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from studies.full_runs.tasks import Task


def cosine_factor(task: Task, step: int) -> float:
    """Rise linearly over the task's warm-up; fall as half a cosine, from 1 to 0."""
    warmup = min(1.0, (step + 1) / (task.n_warmup_steps + 1))
    return warmup * 0.5 * (1 + math.cos(math.pi * min(1.0, step / task.n_steps)))


def follow_cosine(task: Task, optimizer: Optimizer) -> Driver:
    """Let the optimizer's rate follow the cosine."""
    return Driver(optimizer, LambdaLR(optimizer, lambda step: cosine_factor(task, step)))


def cosine(task: Task, model: nn.Module, lr: float) -> Driver:
    """Train with the task's optimizer and a cosine."""
    return follow_cosine(task, task.make_optimizer(model, lr))


def one_cycle(task: Task, model: nn.Module, lr: float) -> Driver:
    """Train with torch's OneCycleLR with the given highest rate, all else by default."""
    optimizer = task.make_optimizer(model, lr)
    return Driver(optimizer, OneCycleLR(optimizer, lr, total_steps=task.n_steps + 1))


def prodigy(task: Task, model: nn.Module) -> Driver:
    """Train with Prodigy and a cosine, as its page recommends."""
    from prodigyopt import Prodigy  # noqa: PLC0415

    has_warmup = task.n_warmup_steps > 0
    options: dict[str, Any] = {"weight_decay": task.weight_decay, "safeguard_warmup": has_warmup}
    return follow_cosine(task, Prodigy(model.parameters(), lr=1.0, **options))


def mechanic(task: Task, model: nn.Module) -> Driver:
    """Train with the task's optimizer under Mechanic, at its page's rate of 1, and a cosine."""
    from mechanic_pytorch import mechanize  # noqa: PLC0415

    kind = mechanize(task.optimizer_class)
    return follow_cosine(task, kind(model.parameters(), lr=1.0, **task.options))


class ScheduleFree(Driver):
    """The schedule-free variant of the task's optimizer at its own default rate.

    Its page asks for a warm-up: 5 % of the run, which is also the longest warm-up of a task.
    """

    is_averaged = True

    def __init__(self, task: Task, model: nn.Module) -> None:
        import schedulefree  # noqa: PLC0415

        kind = schedulefree.AdamWScheduleFree
        if task.optimizer == "momentum":
            kind = schedulefree.SGDScheduleFree
        options = {"weight_decay": task.weight_decay, "warmup_steps": task.n_steps // 20}
        super().__init__(kind(model.parameters(), **options))
        self.optimizer.train()
