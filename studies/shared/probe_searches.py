"""Searches over short runs: a grid, TPE with the median pruner, and this package."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import optuna

from optuna_bisect import VerdictPruner, trial_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optuna_bisect import BisectionSampler

    # Step and loss of every report of a short run.
    Reports = Iterator[tuple[int, float]]
    # Trains at a rate.
    Probe = Callable[[float], Reports]

LOW, HIGH = 1e-6, 1.0
# The best constant rate falls as this power of the number of steps; what the sampler assumes.
EXPONENT = 0.32
# What the frameworks and tutorials suggest where nobody tunes.
DEFAULT_RATES = {"sgd": 1e-2, "momentum": 1e-2, "adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3}


def run_grid(probe: Probe) -> dict[float, float]:
    """Return the last loss at each of six rates, evenly spaced in log space."""
    rates = [LOW * (HIGH / LOW) ** ((i + 0.5) / 6) for i in range(6)]
    return {lr: list(probe(lr))[-1][1] for lr in rates}


def best_of(ends: dict[float, float]) -> float:
    """Return the rate with the lowest loss."""
    finite = {lr: loss for lr, loss in ends.items() if math.isfinite(loss)}
    return min(finite, key=finite.__getitem__)


def run_tpe(probe: Probe, seed: int) -> tuple[float, int]:
    """Run 20 trials of TPE with the median pruner: common practice.

    Args:
        probe: Trains at a rate.
        seed: Seed of the sampler.

    Returns:
        The best rate, and the number of steps that all trials took.
    """
    paid = 0

    def objective(trial: optuna.Trial) -> float:
        nonlocal paid
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        before, loss = paid, math.inf
        for step, loss in probe(lr):
            paid = before + step + 1
            trial.report(loss, step)
            if not math.isfinite(loss) or trial.should_prune():
                raise optuna.TrialPruned
        return loss

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1),
    )
    study.optimize(objective, n_trials=20)
    return study.best_params["lr"], paid


def run_bisection(
    probe: Callable[[float, int], Reports], sampler: BisectionSampler, bounds: tuple[float, float]
) -> tuple[float, int]:
    """Search with this package; the final trial only says its rate.

    Args:
        probe: Trains at a rate, with the seed that the sampler gives all probes.
        sampler: The sampler, with its lengths.
        bounds: Low and high end of the range.

    Returns:
        The rate of the final trial (NaN if there was none), and the number of steps of all probes.
    """
    paid, found = 0, math.nan

    def objective(trial: optuna.Trial) -> float:
        nonlocal paid, found
        lr, plan = trial.suggest_float("lr", *bounds, log=True), trial_plan(trial)
        if plan.is_final:
            found = lr
            return 0.0
        before = paid
        for step, loss in probe(lr, plan.seed or 0):
            paid = before + step + 1
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return math.inf

    optuna.create_study(sampler=sampler, pruner=VerdictPruner()).optimize(objective)
    return found, paid
