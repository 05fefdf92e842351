"""Compare ways to find the rate of gradient boosting: what each costs and reaches.

Losses are those after 300 rounds on held-out data. ``python -m studies.boosting.compare`` runs
what is missing in ``results.csv`` and prints the table; ``--table`` prints it alone.
"""

from __future__ import annotations

import argparse
import math
import statistics
import warnings
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import optuna

from optuna_bisect import BisectionSampler, VerdictPruner
from studies.boosting.boosters import BOOSTERS, ROUNDS
from studies.boosting.tasks import NAMES, Task, load
from studies.shared import csv_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., float]

ROWS = Path(__file__).parent / "results.csv"
LOW, HIGH = 1e-3, 1.0
NINE = [10 ** (-3 + 3 * i / 8) for i in range(9)]


class Found(NamedTuple):
    """The rate that a method ended with, the loss there, and its cost in full runs."""

    rate: float
    loss: float
    cost: float


def best_of_nine(run: Run, task: Task) -> Found:
    """Try nine rates in full."""
    losses = {rate: run(task, rate) for rate in NINE}
    rate = min(losses, key=lambda rate: _finite(losses[rate]))
    return Found(rate, losses[rate], len(NINE))


def fixed(rate: float) -> Callable[[Run, Task], Found]:
    """Search nothing."""
    return lambda run, task: Found(rate, run(task, rate), 1)


def short_probes(share: float, exponent: float) -> Callable[[Run, Task], Found]:
    """Search with probes of a share of the rounds, then train in full."""

    def search(run: Run, task: Task) -> Found:
        sampler = BisectionSampler(
            probe_steps=round(share * ROUNDS), final_steps=ROUNDS, horizon_exponent=exponent
        )
        study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
        study.optimize(lambda trial: run(task, _suggest(trial), trial))
        rounds = sum(len(trial.intermediate_values) for trial in study.trials)
        return Found(study.best_params["lr"], study.best_value, rounds / ROUNDS)

    return search


def whole_runs(n_trials: int, *, is_pruned: bool = False) -> Callable[[Run, Task], Found]:
    """Bisect over whole runs: without lengths every trial is one, unless it is pruned."""

    def search(run: Run, task: Task) -> Found:
        study = optuna.create_study(sampler=BisectionSampler(), pruner=VerdictPruner())
        study.optimize(
            lambda trial: run(task, _suggest(trial), trial if is_pruned else None),
            n_trials=n_trials,
        )
        rounds = [len(trial.intermediate_values) or ROUNDS for trial in study.trials]
        return Found(study.best_params["lr"], study.best_value, sum(rounds) / ROUNDS)

    return search


METHODS: dict[str, Callable[[Run, Task], Found]] = {
    "best of nine rates": best_of_nine,
    "always 0.1": fixed(0.1),
    "probes of 2 %": short_probes(0.02, 0.32),
    "probes of 2 %, exponent 1": short_probes(0.02, 1.0),
    "probes of 10 %, exponent 0.5": short_probes(0.1, 0.5),
    "probes of 20 %, exponent 0.7": short_probes(0.2, 0.7),
    "4 whole runs": whole_runs(4),
    "6 whole runs": whole_runs(6),
    "8 whole runs": whole_runs(8),
    "6 runs, pruned by VerdictPruner": whole_runs(6, is_pruned=True),
}


def _suggest(trial: optuna.Trial) -> float:
    return trial.suggest_float("lr", LOW, HIGH, log=True)


def _finite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def run_missing() -> None:
    """Run every method on every task that has no row yet."""
    done = {(r["library"], r["task"], r["method"]) for r in csv_rows.read(ROWS)}
    for name, library, method in product(NAMES, BOOSTERS, METHODS):
        if (library, name, method) not in done:
            found = METHODS[method](BOOSTERS[library], load(name))
            row = {"library": library, "task": name, "method": method, **found._asdict()}
            csv_rows.append(ROWS, row)


def print_table() -> None:
    """Print, for each method, its cost and its loss relative to the best of nine rates."""
    rows = csv_rows.read(ROWS)
    nine = [r for r in rows if r["method"] == next(iter(METHODS))]
    best = {(r["library"], r["task"]): float(r["loss"]) for r in nine}
    print("| method | full runs | loss, relative | worst |\n| --- | --- | --- | --- |")
    for method in METHODS:
        own = [r for r in rows if r["method"] == method]
        ratios = [float(r["loss"]) / best[r["library"], r["task"]] for r in own]
        cost = statistics.fmean(float(r["cost"]) for r in own)
        mean = statistics.geometric_mean(ratios)
        print(f"| {method} | {cost:.2f} | {mean:.3f} | {max(ratios):.2f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the table of the rows so far")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    if not parser.parse_args().table:
        run_missing()
    print_table()
