"""Training: one update, one look at the validation loss, one full run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn
    from torch.optim import Optimizer

    from studies.full_runs.tasks import Task

Batch = tuple[torch.Tensor, torch.Tensor]

N_LOOKS = 25
# What this package's sampler takes by default; every search with probes gets the same length.
PROBE_SHARE = 1 / 50
N_REPORTS = 25
# Updates that renew the means of batch norm before averaged weights are looked at.
N_NORM_STEPS = 20


class Driver:
    """An optimizer, and what moves its rate after each update.

    Args:
        optimizer: The optimizer.
        scheduler: A scheduler of torch; None: the rate stays.
    """

    is_averaged = False

    def __init__(
        self, optimizer: Optimizer, scheduler: torch.optim.lr_scheduler.LRScheduler | None = None
    ) -> None:
        self.optimizer, self._scheduler = optimizer, scheduler

    def step(self, loss: float) -> None:  # noqa: ARG002
        """Move the rate after an update that had this training loss."""
        if self._scheduler is not None:
            self._scheduler.step()


class Outcome(NamedTuple):
    """What a full run reached, and how many updates it took."""

    lowest: float
    last: float
    n_steps: int


def build(task: Task, seed: int) -> nn.Module:
    """Build the network; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return task.network()


def batches(task: Task, seed: int) -> Iterator[Batch]:
    """Yield batches for ever, in an order that the seed alone decides."""
    generator = torch.Generator().manual_seed(seed)
    x, y = task.data()[:2]
    while True:
        order = torch.randperm(len(x), generator=generator)
        for chosen in order.split(task.batch_size):
            # An odd last batch of one example would break batch norm.
            if len(chosen) == task.batch_size:
                yield x[chosen], y[chosen]


def update(task: Task, model: nn.Module, optimizer: Optimizer, batch: Batch) -> float:
    """Do one update; return its training loss."""
    x, y = batch
    loss = task.loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def validate(task: Task, model: nn.Module) -> float:
    """Return the validation loss, infinite where it is not finite."""
    x, y = task.data()[2:]
    model.eval()
    loss = float(task.loss(model(x), y))
    model.train()
    return loss if math.isfinite(loss) else math.inf


def look(task: Task, model: nn.Module, driver: Driver, seed: int) -> float:
    """Validate; averaged weights need batch norm's means anew."""
    if not driver.is_averaged:
        return validate(task, model)
    driver.optimizer.eval()
    state = torch.get_rng_state()
    with torch.no_grad():
        for _, (x, _) in zip(range(N_NORM_STEPS), batches(task, seed + 1000)):
            model(x)
    torch.set_rng_state(state)
    loss = validate(task, model)
    driver.optimizer.train()
    return loss


def full_run(task: Task, seed: int, make: Callable[[nn.Module], Driver]) -> Outcome:
    """Train in full, with about 25 looks; give up after three that are not finite."""
    model = build(task, seed)
    driver = make(model)
    looks, step = [look(task, model, driver, seed)], 0
    for step, batch in zip(range(1, task.n_steps + 1), batches(task, seed)):
        try:
            driver.step(update(task, model, driver.optimizer, batch))
        except FloatingPointError:
            looks.append(math.inf)
            break
        if step * N_LOOKS // task.n_steps > (step - 1) * N_LOOKS // task.n_steps:
            looks.append(look(task, model, driver, seed))
            if all(value == math.inf for value in looks[-3:]):
                break
    return Outcome(min(looks), looks[-1], step)


def probe(task: Task, lr: float, seed: int) -> Iterator[tuple[int, float]]:
    """Train shortly at a constant rate, without warm-up.

    Yields:
        Updates done and the mean training loss since the last time, 25 times; before them once
        after one update, with the loss of the untrained network.
    """
    model = build(task, seed)
    optimizer = task.make_optimizer(model, lr)
    n_steps = round(PROBE_SHARE * task.n_steps)
    every = max(1, n_steps // N_REPORTS)
    losses: list[float] = []
    for step, batch in zip(range(1, n_steps + 1), batches(task, seed)):
        losses.append(update(task, model, optimizer, batch))
        if step == 1 or step % every == 0:
            yield step, sum(losses) / len(losses)
            losses.clear()
