"""The learning rates in an optimizer's parameter groups: floats, or tensors filled in place."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from optuna_bisect._checks import check_positive
from optuna_bisect._logger import logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch.optim import Optimizer

# The present rate of a group, and the one that it was made with.
_RATES = ("lr", "initial_lr")


def first_rate(optimizer: Optimizer) -> float:
    """Read the rate that the first group was made with; 1.0 where even that is zero."""
    group = optimizer.param_groups[0]
    return float(group["lr"]) or float(group.get("initial_lr", 0.0)) or 1.0


def find_ratios(optimizer: Optimizer) -> list[float]:
    """Divide the rates that the groups were made with by the first one."""
    for group in optimizer.param_groups:
        lr = group["lr"]
        group.setdefault("initial_lr", lr.clone() if isinstance(lr, torch.Tensor) else lr)
    rates = [float(group["initial_lr"]) for group in optimizer.param_groups]
    check_positive("the first group's lr", rates[0])
    return [lr / rates[0] for lr in rates]


def read_rates(optimizer: Optimizer) -> list[float | torch.Tensor]:
    """Copy the rates of all groups."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return [lr.clone() if isinstance(lr, torch.Tensor) else lr for lr in rates]


def write_rates(optimizer: Optimizer, rates: Sequence[float | torch.Tensor]) -> None:
    """Set the rates of all groups, tensors in place."""
    for group, lr in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


class RateWriter:
    """Sets the rates of all groups, in the ratios that they were made with.

    Attributes:
        lr: The rate of the first group that was set last, NaN before.
        is_stale: Whether it is to be written anew, whoever else has changed it.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._ratios = find_ratios(optimizer)
        self._is_warned = False
        self.lr, self.is_stale = math.nan, True

    def write(self, lr: float, step: int) -> bool:
        """Set the rate for the updates after a step; return whether it was not set already."""
        is_changed = self._is_changed(step)
        if len(self._ratios) != len(self._optimizer.param_groups):
            self._ratios = find_ratios(self._optimizer)
        elif lr == self.lr and not is_changed and not self.is_stale:
            return False
        self.lr, self.is_stale = lr, False
        write_rates(self._optimizer, [lr * ratio for ratio in self._ratios])
        return True

    def _is_changed(self, step: int) -> bool:
        """Tell whether someone else has set the rate, and warn; a tensor would have to be read."""
        found = self._optimizer.param_groups[0]["lr"]
        if math.isnan(self.lr) or not isinstance(found, float) or found == self.lr:
            return False
        if not self._is_warned:
            logger.warning(
                f"At step {step} the learning rate was {found:.6g}, but BisectionLR had set "
                f"{self.lr:.6g}: another scheduler, or the training loop, sets it as well. "
                "BisectionLR sets its own again; let it be the only one (it has warmup_steps=)."
            )
        self._is_warned = True
        return True


@contextmanager
def keep_rates(optimizer: Optimizer) -> Iterator[None]:
    """Keep the rates, in the very same tensors, while an optimizer's state is loaded.

    A captured graph reads the rate from the tensor that it was captured with, and loading would
    put another one in its place. The rates that the groups were made with are the unit of groups
    that come later and of a resumed run, and a state from before the first step has none.
    """
    kept = [
        {name: group[name] for name in _RATES if name in group} for group in optimizer.param_groups
    ]
    yield
    for group, rates in zip(optimizer.param_groups, kept, strict=True):
        group.update(rates)
