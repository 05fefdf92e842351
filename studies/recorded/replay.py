"""Replay searches on recorded sweeps: what each pays for probes, and what its pick loses.

A search sees the recorded reports of a probe one by one and pays for each of them. Its pick is
judged by the recorded full run at the nearest rate: regret is the share of the attainable loss
reduction that is lost. Every seed shifts the range by up to half a decade, so that no method lives
on a lucky grid, and chooses one recorded seed for all probes of a search.

    python -m studies.recorded.replay --horizon 0.05
    python -m studies.recorded.replay --noise 0.1 --workers 4
    python -m studies.recorded.replay --method all --figure studies/figures/pareto.png

The lines of a table hold task, lr, seed, initial, report_steps, reports, total_steps and final;
``studies.sweeps`` records them.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import optuna

from studies.recorded.bench import TABLES, Bench, Setting, Task, load
from studies.recorded.replay_figure import write_pareto
from studies.recorded.searches import METHODS
from studies.sweeps.archive import SCHEDULES


def evaluate(tasks: list[Task], method: str, setting: Setting, n_seeds: int) -> list[dict]:
    """Run one method on all tasks with all seeds; return a row for each."""
    rows = []
    for seed in range(n_seeds):
        for task in tasks:
            bench = Bench(task, setting, seed)
            lr = METHODS[method](bench)
            regret = 1.0 if math.isnan(lr) else task.regret(lr)
            rows.append({"task": task.name, "regret": regret, "cost": bench.cost, "lr": lr})
    return rows


def summarize(rows: list[dict]) -> dict[str, float]:
    """Return mean cost, mean and median regret, and the share that loses over a fifth."""
    regrets = np.array([row["regret"] for row in rows])
    return {
        "cost": float(np.mean([row["cost"] for row in rows])),
        "regret": float(regrets.mean()),
        "median": float(np.median(regrets)),
        "fails": float(np.mean(regrets > 0.2)),
    }


def print_line(label: str, rows: list[dict]) -> None:
    """Print one line of the table."""
    row = summarize(rows)
    print(
        f"{label:42s} cost {row['cost']:.3f}  regret mean {row['regret']:6.2%} "
        f"median {row['median']:6.2%}  fails {row['fails']:5.1%}",
        flush=True,
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every replay."""
    add = parser.add_argument
    add("--tables", nargs="+", type=Path, default=TABLES)
    add("--horizon", type=float, nargs="+", default=[0.02, 0.05, 0.1], help="share of a full run")
    add("--range", type=float, nargs=2, default=[1e-6, 1.0], metavar=("LOW", "HIGH"))
    add("--seeds", type=int, default=5)
    add("--noise", type=float, default=0.0, help="relative noise of each report")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    add_options(parser)
    add = parser.add_argument
    add("--method", nargs="+", default=["optuna_bisect"], choices=[*METHODS, "all"])
    add("--flip", type=float, default=0.0, help="share of recorded verdicts that are replaced")
    add("--workers", type=int, default=1, help="workers of optuna_bisect that report in turn")
    add("--schedule", choices=SCHEDULES, default="constant", help="of full runs")
    add("--fresh-seeds", action="store_true", help="another recorded seed for every probe")
    add("--by-optimizer", action="store_true", help="one line for each optimizer as well")
    add("--figure", type=Path, help="write cost over regret, one line a method")
    return parser.parse_args()


def setting_of(options: argparse.Namespace, horizon: float) -> Setting:
    """Return what the command line asks for, at one horizon."""
    low, high = options.range
    return Setting(
        horizon,
        low,
        high,
        noise=options.noise,
        flip=options.flip,
        workers=options.workers,
        schedule=options.schedule,
        fresh_seeds=options.fresh_seeds,
    )


def print_optimizers(method: str, rows: list[dict]) -> None:
    """Print one line for each optimizer."""
    for optimizer in sorted({row["task"].split("/")[-1] for row in rows}):
        own = [row for row in rows if row["task"].endswith("/" + optimizer)]
        print_line(f"      {method} {optimizer}", own)


def main() -> None:
    """Replay, print the table and draw the figure."""
    options = parse()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    methods = list(METHODS) if "all" in options.method else options.method
    points = defaultdict(list)
    for horizon in options.horizon:
        tasks = load(options.tables, horizon, options.schedule)
        for method in methods:
            rows = evaluate(tasks, method, setting_of(options, horizon), options.seeds)
            print_line(f"{horizon:5.1%} {method}", rows)
            if options.by_optimizer:
                print_optimizers(method, rows)
            points[method].append((horizon, summarize(rows)))
    if options.figure:
        write_pareto(points, options.figure)


if __name__ == "__main__":
    main()
