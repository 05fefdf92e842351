"""The learning rates in an optimizer's parameter groups: floats, or tensors filled in place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from optuna_bisect._checks import check_positive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch.optim import Optimizer


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


@contextmanager
def keep_rates(optimizer: Optimizer) -> Iterator[None]:
    """Keep the rates, in the very same tensors, while an optimizer's state is loaded.

    A captured graph reads the rate from the tensor that it was captured with, and loading would
    put another one in its place.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    yield
    for group, lr in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = lr
