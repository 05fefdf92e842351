"""What deciding costs: our sampler and pruner beside Optuna's own, in memory, as ratios.

Run ``python studies/overhead.py``. Each figure is the median of many calls in one process, after
a warm-up; ``ask`` and the suggestion of the rate count, the objective does not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from optuna_bisect import BisectionSampler, VerdictPruner

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = {"lr": FloatDistribution(1e-6, 1.0, log=True)}


def fill(study: optuna.Study, n_trials: int) -> None:
    """Add finished trials that a random search left."""
    for i in range(n_trials):
        lr = 10 ** (-6 + 6 * (i * 0.618 % 1))
        trial = optuna.create_trial(params={"lr": lr}, distributions=SPACE, value=float(i % 97))
        study.add_trial(trial)


def median_seconds(call: Callable[[], object], n_calls: int) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(n_calls):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def time_sampler(
    sampler: optuna.samplers.BaseSampler, n_trials: int, n_calls: int, state: TrialState
) -> float:
    """Time ``ask`` and ``suggest_float`` where finished trials go on to come in."""
    study = optuna.create_study(sampler=sampler)
    fill(study, n_trials)
    times = []
    for i in range(n_calls + 1):
        begin = time.perf_counter()
        trial = study.ask()
        trial.suggest_float("lr", 1e-6, 1.0, log=True)
        times.append(time.perf_counter() - begin)
        value = 1.0 + i % 7 if state == TrialState.COMPLETE else None
        study.tell(trial, value, state=state)
    return statistics.median(times[1:])


def time_pruner(pruner: optuna.pruners.BasePruner, n_trials: int, n_reports: int) -> float:
    """Time ``should_prune`` in a trial with many reports, among finished trials."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner)
    fill(study, n_trials)
    trial = study.ask()
    trial.suggest_float("lr", 1e-6, 1.0, log=True)
    for step in range(n_reports):
        trial.report(1.0 / (1 + step), step)
    trial.should_prune()
    return median_seconds(trial.should_prune, 200)


def print_sampler(n_trials: int, n_calls: int, state: TrialState) -> None:
    """Print one line: our sampler beside the two that everybody uses."""
    ours = time_sampler(BisectionSampler(), n_trials, n_calls, state)
    random = time_sampler(optuna.samplers.RandomSampler(seed=0), n_trials, n_calls, state)
    tpe = time_sampler(optuna.samplers.TPESampler(seed=0), n_trials, n_calls, state)
    print(
        f"{n_trials:5d} trials  ask + suggest {1e3 * ours:.3f} ms: {ours / random:.1f} x random, "
        f"{ours / tpe:.2f} x TPE"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=50)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for state in (TrialState.COMPLETE, TrialState.FAIL):
        print(f"trials that go on to come in are {state.name}")
        for n in options.trials:
            print_sampler(n, options.calls, state)
    ours = time_pruner(VerdictPruner(), options.trials[-1], options.reports)
    stock = time_pruner(optuna.pruners.MedianPruner(), options.trials[-1], options.reports)
    print(
        f"{options.trials[-1]} trials, {options.reports} reports  should_prune "
        f"{1e3 * ours:.2f} ms: {ours / stock:.2f} x median pruner"
    )


if __name__ == "__main__":
    main()
