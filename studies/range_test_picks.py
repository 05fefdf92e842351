"""The ways to find a rate that ``range_test.py`` sets side by side, on one network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import optuna

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from studies.epochs.finder_rules import Search, arithmetic_midpoint, valley

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studies.epochs.bench import Bench
    from studies.epochs.searches import Sweep

# The first document's numbers.
FIRST_LOW, FIRST_HIGH, CLOSE_ENOUGH, MAX_MIDPOINTS = 1e-6, 1e-1, 1e-4, 10
SHORT_EPOCHS, SLOW, HIGH_LOSS = 5, 0.01, 1.0
MAX_HIGHER = 6


class Pick(NamedTuple):
    """A rate, and the training steps paid for it; NaN where a method names none."""

    lr: float
    n_steps: int


class Bisected(NamedTuple):
    """What the bisection handed over, with the rate and verdict of each probe."""

    pick: Pick
    probes: list[tuple[float, str]]


def from_sweep(sweep: Sweep) -> dict[str, Pick]:
    """Read a range test as finders do: steepest descent, valley, lowest loss."""
    rates, losses = sweep.rates, sweep.losses
    lowest = rates[int(np.nanargmin(losses))]
    picks = {
        "steepest": sweep.suggestion,
        "valley": valley(rates, losses),
        "minimum": lowest,
        "minimum / 10": lowest / 10,
    }
    return {name: Pick(lr, len(rates)) for name, lr in picks.items()}


def bisect(bench: Bench, low: float = 1e-7, high: float = 10.0) -> Bisected:
    """Search with this package for the rate of a constant run; stop before the final trial."""
    n_paid, found = 0, math.nan

    def objective(trial: optuna.Trial) -> float:
        nonlocal n_paid, found
        lr, plan = trial.suggest_float("lr", low, high, log=True), trial_plan(trial)
        if plan.is_final:
            found = lr
            return 0.0
        for step, loss in bench.probe(lr, plan.seed or 0):
            n_paid += 1
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    sampler = BisectionSampler(
        probe_steps=bench.probe_steps,
        final_steps=bench.n_steps,
        final_schedule="constant",
        seed=bench.seed,
    )
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(objective)
    probes = [t for t in study.trials if t.user_attrs["bisect_role"] == "probe"]
    tried = [(t.params["lr"], t.user_attrs["bisect_verdict"]) for t in probes]
    return Bisected(Pick(found, n_paid), tried)


def published(judge: Callable[[float], str]) -> Search:
    """Search as the first document says: arithmetic midpoints of 1e-6..1e-1.

    The high end is raised tenfold until it overshoots; a balanced midpoint is kept.

    Args:
        judge: Says overshoot, undershoot or balanced of a short run at a rate.

    Returns:
        The rate, and all that were tried.
    """
    low, high, tried = FIRST_LOW, FIRST_HIGH, list[float]()
    for _ in range(MAX_HIGHER):
        tried.append(high)
        if judge(high) == "overshoot":
            break
        high *= 10
    middle = high
    for _ in range(MAX_MIDPOINTS):
        if high - low < CLOSE_ENOUGH:
            break
        middle = arithmetic_midpoint(low, high)
        tried.append(middle)
        verdict = judge(middle)
        if verdict == "balanced":
            break
        low, high = (low, middle) if verdict == "overshoot" else (middle, high)
    return Search(middle, tuple(tried))


def judge_absolutely(losses: Sequence[float]) -> str:
    """Judge the losses of a few epochs by the first document's thresholds.

    It calls a loss near 1 high, a change below 0.01 slow, and a loss that rises or whose change
    often changes its sign an overshoot.
    """
    changes = np.diff(losses)
    flips = np.count_nonzero(np.diff(np.sign(changes)))
    if not np.isfinite(losses).all() or losses[-1] > losses[0] or flips > len(changes) / 2:
        return "overshoot"
    if losses[-1] > HIGH_LOSS or np.abs(changes).max() < SLOW:
        return "undershoot"
    return "balanced"


def as_published(bench: Bench) -> Pick:
    """Search as the first document says, on runs of five epochs."""
    n_steps = SHORT_EPOCHS * bench.epoch_steps

    def judge(lr: float) -> str:
        losses = list(bench.losses(bench.start(lr, bench.seed), bench.seed, n_steps))
        return judge_absolutely(np.reshape(losses, (SHORT_EPOCHS, -1)).mean(1).tolist())

    found = published(judge)
    return Pick(found.lr, len(found.tried) * n_steps)
