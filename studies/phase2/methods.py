"""The methods that are compared: each drives the rate of one run.

``schedulefree``, ``prodigyopt`` and ``transformers`` (for GreedyLR) are imported only by the
methods that need them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch.optim import lr_scheduler

from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.bracket import Bracket
from studies.phase2.tasks import OPTIMIZERS

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn
    from torch.optim import Optimizer

    from studies.phase2.tasks import Task

# Length of the winner's probe as a share of the full run.
PROBE_FRACTION = 0.1
# The bracket is start / REACH .. start * REACH.
REACH = 30.0


class Method:
    """An optimizer and what moves its rate.

    Args:
        task: The task.
        model: Its network.
        rate: The rate that the run is given.
        base: The winner's rate; nothing but the clamp ablation may look at it.
    """

    is_averaged = False

    def __init__(self, task: Task, model: nn.Module, rate: float, base: float) -> None:
        self.task, self.model, self.rate, self.base = task, model, rate, base
        self.finished, self.n_moves, self.n_restores = False, 0, 0
        self.optimizer = self.make()

    def make(self) -> Optimizer:
        """Build the optimizer and whatever goes with it."""
        return OPTIMIZERS[self.task.optimizer](list(self.model.parameters()), self.rate)

    def update(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Do one update and return the loss before it."""
        loss = self.task.loss(self.model(inputs), targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def step(self, loss: float, val_loss: float | None) -> None:
        """Move the rate after an update."""


class Scheduled(Method):
    """A scheduler that asks for nothing but the number of steps."""

    _scheduler: lr_scheduler.LRScheduler

    def step(self, loss: float, val_loss: float | None) -> None:  # noqa: ARG002
        """Go on by one step."""
        self._scheduler.step()


class Fixed(Scheduled):
    """A factor of the rate, given the share of the run that is done."""

    @staticmethod
    def factor(done: float) -> float:
        """Return the factor."""
        raise NotImplementedError

    def make(self) -> Optimizer:
        """Let torch's LambdaLR apply the factor."""
        optimizer, n = super().make(), self.task.n_steps
        self._scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: self.factor(step / n))
        return optimizer


def fixed(function: Callable[[float], float]) -> type[Method]:
    """Make a method of a factor."""
    return type("FixedMethod", (Fixed,), {"factor": staticmethod(function)})


def warm_up(done: float) -> float:
    """Rise linearly over 5 % of the run, then fall linearly to zero."""
    return max(done, 1e-3) / 0.05 if done < 0.05 else (1 - done) / 0.95


class OneCycle(Scheduled):
    """torch's OneCycleLR with the given rate as its highest one, all else by default."""

    def make(self) -> Optimizer:
        """Build it."""
        optimizer = super().make()
        has_momentum = "betas" in optimizer.defaults or optimizer.defaults.get("momentum", 0) > 0
        self._scheduler = lr_scheduler.OneCycleLR(
            optimizer, self.rate, self.task.n_steps + 1, cycle_momentum=has_momentum
        )
        return optimizer


class Plateau(Method):
    """torch's ReduceLROnPlateau on the validation loss: a third after 2 of 25 looks in vain."""

    def make(self) -> Optimizer:
        """Build it."""
        optimizer = super().make()
        self._scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=1 / 3, patience=2)
        return optimizer

    def step(self, loss: float, val_loss: float | None) -> None:  # noqa: ARG002
        """Look where there is a validation loss."""
        if val_loss is not None:
            self._scheduler.step(val_loss)


class Greedy(Method):
    """GreedyLR of transformers on the smoothed training loss, in the same bracket as ours."""

    def make(self) -> Optimizer:
        """Build it."""
        from transformers.optimization import GreedyLR  # noqa: PLC0415

        optimizer = super().make()
        limits = {"min_lr": self.rate / REACH, "max_lr": self.rate * REACH}
        self._scheduler = GreedyLR(optimizer, smooth=True, **limits)
        return optimizer

    def step(self, loss: float, val_loss: float | None) -> None:  # noqa: ARG002
        """Look at every loss that is a number."""
        if math.isfinite(loss):
            self._scheduler.step(loss)


class ScheduleFree(Method):
    """The schedule-free variant of the task's optimizer, with 5 % warm-up."""

    is_averaged = True

    def make(self) -> Optimizer:
        """Build it."""
        import schedulefree  # noqa: PLC0415

        parameters, kind = list(self.model.parameters()), self.task.optimizer
        warmup = round(0.05 * self.task.n_steps)
        if kind in ("sgd", "momentum"):
            # Its momentum is another one: rates of momentum 0.9 are ten times plain SGD's.
            rate = self.rate * (10 if kind == "momentum" else 1)
            return schedulefree.SGDScheduleFree(parameters, lr=rate, warmup_steps=warmup)
        decay = 0.1 if kind == "adamw" else 0.0
        return schedulefree.AdamWScheduleFree(
            parameters, lr=self.rate, weight_decay=decay, warmup_steps=warmup
        )


class Prodigy(Scheduled):
    """Prodigy at its own rate of 1 with cosine, as its page recommends; no start rate."""

    def make(self) -> Optimizer:
        """Build it."""
        from prodigyopt import Prodigy as Optimizer  # noqa: PLC0415

        decay = 0.1 if self.task.optimizer == "adamw" else 0.0
        optimizer = Optimizer(self.model.parameters(), lr=1.0, weight_decay=decay)
        self._scheduler = lr_scheduler.CosineAnnealingLR(optimizer, self.task.n_steps)
        return optimizer


class Bisection(Method):
    """Phase 2 of this package."""

    def __init__(self, *args: Any, has_restore: bool = True, **options: Any) -> None:
        self._has_restore, self._options = has_restore, options
        super().__init__(*args)

    def make(self) -> Optimizer:
        """Build it with a bracket that helps nobody."""
        optimizer = super().make()
        options = {
            "bracket": Bracket(self.rate / REACH, self.rate * REACH),
            "start_lr": self.rate,
            "probe_steps": round(PROBE_FRACTION * self.task.n_steps),
            "final_steps": self.task.n_steps,
            "restore": (self.model, optimizer) if self._has_restore else None,
        }
        self.scheduler = BisectionLR(optimizer, **(options | self._options))
        return optimizer

    def step(self, loss: float, val_loss: float | None) -> None:
        """Tell it the losses."""
        self.n_restores += self.scheduler.step(loss, val_loss)
        self.finished = self.scheduler.finished
        self.n_moves = len(self.scheduler.history)


class ClampOnly(Bisection):
    """The winner's bracket and the open loop: what the clamp alone forgives."""

    def make(self) -> Optimizer:
        """Start inside the winner's bracket; nothing is judged."""
        bracket = Bracket(self.base / 3, self.base * 3)
        self.rate = min(max(self.rate, bracket.low), bracket.high)
        self._options = {"bracket": bracket, "feedback": False} | LAW
        self._has_restore = False
        return super().make()


RIVALS: dict[str, Callable[..., Method]] = {
    "constant": fixed(lambda _: 1.0),
    "cosine": fixed(lambda done: 0.5 * (1 + math.cos(math.pi * done))),
    "one cycle": OneCycle,
    "warm-up + linear": fixed(warm_up),
    "late decay": fixed(lambda done: min(1.0, 4 * (1 - done))),
    "plateau": Plateau,
    "greedy": Greedy,
    "schedule-free": ScheduleFree,
    "prodigy": Prodigy,
}
FIXED = ("constant", "cosine", "one cycle", "warm-up + linear", "late decay")


def ours(**options: Any) -> Callable[..., Method]:
    """Make a variant of Phase 2."""
    return lambda *args: Bisection(*args, **options)


# The shape of the rate that was the default before it was measured (LOG.md).
LAW = {"decay": "law", "anneal_fraction": 0.25}
OPEN = {"has_restore": False, "feedback": False}
OURS: dict[str, Callable[..., Method]] = {
    "phase 2": ours(),
    "without race": ours(leg_fraction=0.0, **LAW),
    "without restore": ours(has_restore=False, **LAW),
    "law + anneal": ours(**OPEN, **LAW),
    "constant + half anneal": ours(**OPEN, decay="none", anneal_fraction=0.5),
    "law alone": ours(**OPEN, decay="law", anneal_fraction=0.0),
    "inverse + anneal": ours(**OPEN, decay="inverse", anneal_fraction=0.25),
    "clamp only": ClampOnly,
}
METHODS = RIVALS | OURS
