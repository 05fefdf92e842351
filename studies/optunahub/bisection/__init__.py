"""Finds the learning rate by bisection with short, pruned trials, then runs one at full length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._optuna_bisect import BisectionSampler, VerdictPruner, find_winner, trial_plan
from ._optuna_bisect.terminal import print_verdict, show_progress

if TYPE_CHECKING:
    from ._optuna_bisect.adjuster import BisectionLR

__all__ = [
    "BisectionLR",
    "BisectionSampler",
    "VerdictPruner",
    "find_winner",
    "print_verdict",
    "show_progress",
    "trial_plan",
]


def __getattr__(name: str) -> Any:
    """Load what needs torch when it is asked for."""
    if name == "BisectionLR":
        from ._optuna_bisect.adjuster import BisectionLR  # noqa: PLC0415

        return BisectionLR
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
