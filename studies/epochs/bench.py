"""Training runs of one task with one seed: probes, full runs, and what they reach when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from optuna_bisect.sampler import DEFAULT_PROBE_SHARE
from studies.epochs.tasks import OPTIMIZERS
from studies.shared.data import loss_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studies.epochs.tasks import Task


class Minimum(NamedTuple):
    """A held-out loss that is the lowest so far, and the steps done before it."""

    step: int
    loss: float


class Bench:
    """One task with one seed: training runs at any rate.

    Args:
        task: What to train.
        seed: Seed of the cell.
        n_epochs: Length of a full run. None: that of the task.
    """

    def __init__(self, task: Task, seed: int, n_epochs: int | None = None) -> None:
        self.task, self.seed, self.data = task, seed, task.load()
        self.epoch_steps = len(self.data.targets) // task.batch_size
        self.n_steps = (n_epochs or task.n_epochs) * self.epoch_steps
        self.probe_steps = max(1, round(DEFAULT_PROBE_SHARE * self.n_steps))
        self.model: nn.Module = nn.Identity()
        self._minima: dict[float, list[Minimum]] = {}

    def start(self, lr: float, seed: int) -> torch.optim.Optimizer:
        """Build the network anew; the same seed gives the same weights."""
        torch.manual_seed(seed)
        self.model = self.task.build()
        return OPTIMIZERS[self.task.optimizer](self.model, lr)

    def losses(self, optimizer: torch.optim.Optimizer, seed: int, n_steps: int) -> Iterator[float]:
        """Train, and yield the training loss of every batch, before its update."""
        for _, chosen in zip(range(n_steps), self._batches(seed)):
            loss = loss_of(self.model(self.data.inputs[chosen]), self.data.targets[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
            yield loss.item()

    def probe(self, lr: float, seed: int) -> Iterator[tuple[int, float]]:
        """Yield step and loss of every batch, starting with the untrained loss."""
        yield from enumerate(self.losses(self.start(lr, seed), seed, self.probe_steps))

    def full_run(self, lr: float) -> list[Minimum]:
        """Train at a constant rate for the full length; the same rate is trained once only."""
        if lr not in self._minima:
            optimizer, minima = self.start(lr, self.full_seed), list[Minimum]()
            losses = self.losses(optimizer, self.full_seed, self.n_steps)
            for loss in self.watch(losses, minima):
                if not math.isfinite(loss):
                    break
            self._minima[lr] = minima
        return self._minima[lr]

    @property
    def full_seed(self) -> int:
        """Return the seed of full runs, which no search has seen."""
        return 1000 + self.seed

    def watch(self, losses: Iterator[float], minima: list[Minimum]) -> Iterator[float]:
        """Pass losses on; twice an epoch, note the held-out loss if it is the lowest so far."""
        minima.append(Minimum(0, self.held_loss()))
        for step, loss in enumerate(losses, 1):
            if step % (self.epoch_steps // 2) == 0:
                held = self.held_loss()
                if held < minima[-1].loss:
                    minima.append(Minimum(step, held))
            yield loss

    @torch.no_grad()
    def loss(self, inputs: torch.Tensor, targets: torch.Tensor) -> float:
        """Return the mean loss in evaluation mode."""
        self.model.eval()
        loss = loss_of(self.model(inputs), targets).item()
        self.model.train()
        return loss

    def held_loss(self) -> float:
        """Return the loss on the held-out examples."""
        return self.loss(self.data.held_inputs, self.data.held_targets)

    def _batches(self, seed: int) -> Iterator[torch.Tensor]:
        """Yield indices for ever, whole batches only, in an order that the seed alone decides."""
        generator = torch.Generator().manual_seed(seed)
        size = self.task.batch_size
        while True:
            order = torch.randperm(len(self.data.targets), generator=generator)
            yield from order[: self.epoch_steps * size].view(-1, size)
