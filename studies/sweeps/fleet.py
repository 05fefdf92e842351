"""Trains copies of one network side by side, each with its own learning rate and schedule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.func import functional_call, grad_and_value, vmap

from studies.shared.data import loss_of
from studies.sweeps.optimizers import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studies.shared.data import Data
    from studies.sweeps.tasks import Problem

N_EVALUATIONS = 25


class Fleet:
    """Copies of one network that train side by side, each with its own rate and schedule.

    Their weights are the rows of one matrix, so that an optimizer is a few lines and a model that
    broke is left out by an index.
    """

    def __init__(
        self, network: torch.nn.Module, optimizer: str, lrs: torch.Tensor, cosine: torch.Tensor
    ) -> None:
        self._network, self._rule = network, RULES[optimizer]()
        self._shapes = {name: w.shape for name, w in network.named_parameters()}
        self._buffers = dict(network.named_buffers())
        flat = torch.cat([w.detach().flatten() for w in network.parameters()])
        self.weights = flat.repeat(len(lrs), 1)
        self._lrs, self._cosine = lrs[:, None], cosine[:, None]
        self._losses = vmap(self._loss, in_dims=(0, None, None))
        self._gradients = vmap(grad_and_value(self._loss), in_dims=(0, None, None))

    def _loss(
        self, row: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        parts = torch.split(row, [shape.numel() for shape in self._shapes.values()])
        weights = {
            name: part.view(shape) for (name, shape), part in zip(self._shapes.items(), parts)
        }
        outputs = functional_call(self._network, {**weights, **self._buffers}, (inputs,))
        return loss_of(outputs, targets)

    @torch.no_grad()
    def losses(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of every model."""
        losses: torch.Tensor = self._losses(self.weights, inputs, targets)
        return losses

    def step(self, inputs: torch.Tensor, targets: torch.Tensor, done: float) -> torch.Tensor:
        """Update every model on one batch, ``done`` of the run behind it; return the losses."""
        losses: torch.Tensor
        gradients, losses = self._gradients(self.weights, inputs, targets)
        decay = 0.5 * (1 + math.cos(math.pi * done))
        lrs = torch.where(self._cosine, self._lrs * decay, self._lrs)
        self.weights.sub_(lrs * self._rule.direction(gradients, self.weights))
        return losses

    def keep(self, alive: torch.Tensor) -> None:
        """Leave out the models that are not ``alive``: their arithmetic is slow and of no use."""
        self.weights, self._lrs = self.weights[alive], self._lrs[alive]
        self._cosine = self._cosine[alive]
        self._rule.keep(alive)


class Recorder:
    """The curves and the lowest held-out losses of a fleet; NaN where nothing was recorded."""

    def __init__(self, n_models: int, n_reports: int) -> None:
        self.reports = np.full((n_models, n_reports), np.nan)
        self.finals = np.full(n_models, np.inf)
        self.alive = np.arange(n_models)

    def report(self, index: int, losses: torch.Tensor) -> torch.Tensor:
        """Write the means of a window; return which of the models are still finite."""
        self.reports[self.alive, index] = losses
        finite = torch.isfinite(losses)
        self.alive = self.alive[finite.numpy()]
        return finite

    def evaluate(self, losses: torch.Tensor) -> None:
        """Write held-out losses."""
        self.finals[self.alive] = np.fmin(self.finals[self.alive], losses.numpy())


def batches(
    data: Data, problem: Problem, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the batches of a full run, in an order that the seed alone decides."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.long)
    for _ in range(problem.total_steps):
        if len(order) < problem.batch_size:
            order = torch.randperm(len(data.targets), generator=generator)
        chosen, order = order[: problem.batch_size], order[problem.batch_size :]
        yield data.inputs[chosen], data.targets[chosen]


def train(
    problem: Problem, optimizer: str, seed: int, lrs: tuple[float, ...], n_reports: int
) -> tuple[float, Recorder]:
    """Train at all rates, constant and cosine; return the untrained loss and the record."""
    data = problem.load()
    held = (data.held_inputs, data.held_targets)
    torch.manual_seed(seed)
    cosine = torch.arange(2 * len(lrs)) >= len(lrs)
    fleet = Fleet(problem.build(), optimizer, torch.tensor(lrs * 2), cosine)
    recorder = Recorder(2 * len(lrs), n_reports)
    initial = float(fleet.losses(*held)[0])
    width = problem.total_steps // n_reports
    window = []
    for step, batch in enumerate(batches(data, problem, seed), start=1):
        window.append(fleet.step(*batch, done=(step - 1) / problem.total_steps))
        if step % width == 0:
            alive = recorder.report(step // width - 1, torch.stack(window).double().mean(0))
            window = []
            if not alive.all():
                fleet.keep(alive)
        if step % (problem.total_steps // N_EVALUATIONS) == 0:
            recorder.evaluate(fleet.losses(*held))
    return initial, recorder
