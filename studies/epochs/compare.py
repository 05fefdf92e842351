"""Measure epochs to a target loss, search included, for ways to find a learning rate.

Four networks, two sizes, two data sets for each, three seeds: 48 cells. Every method picks a rate
and pays for its search; then one run of full length at that rate, constant, shows when the
held-out loss first reaches the target. Runs at a dense grid of rates, with seeds of their own, say
what the target of a task is. Run ``python -m studies.epochs.compare``: rows go to a CSV file, and
the same command goes on where it stopped. ``--table`` prints the tables only, ``--figure`` draws.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch

from studies.epochs.bench import Bench
from studies.epochs.figure import write_figure
from studies.epochs.methods import METHODS
from studies.epochs.score import ORACLE, REFERENCE, SHARES, best_rates, score, targets
from studies.epochs.searches import Cell, Pick
from studies.epochs.tables import format_tables
from studies.epochs.tasks import TASKS
from studies.shared import csv_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SEEDS, REFERENCE_SEEDS = (0, 1, 2), (100, 101)
# Quarter decades around the best rates; the ends lose clearly on every task.
REFERENCE_RATES = {
    "momentum": tuple(float(f"{10 ** (k / 4):.3g}") for k in range(-10, -1)),
    "adam": tuple(float(f"{10 ** (k / 4):.3g}") for k in range(-14, -5)),
    "adamw": tuple(float(f"{10 ** (k / 4):.3g}") for k in range(-14, -5)),
}
COLUMNS = ["task", "seed", "method", "lr", "search_steps", "epoch_steps", "full_steps", "minima"]


def run(
    path: Path, tasks: Iterable[str], seeds: Iterable[int], methods: Sequence[str], **options: int
) -> None:
    """Append a row for every task, seed and method that the file does not hold yet."""
    known, done = best_rates(csv_rows.read(path)), read_keys(path)
    for seed, task in product(seeds, tasks):
        missing = [method for method in methods if (task, str(seed), method) not in done]
        if not missing:
            continue
        cell = Cell(Bench(TASKS[task], seed, **options))
        for method in missing:
            pick = cell.pick(known[task], 0) if method == ORACLE else METHODS[method](cell)
            append(path, cell.bench, method, pick)


def run_references(path: Path, tasks: Iterable[str], **options: int) -> None:
    """Append a row for every task and rate of the dense grid that the file does not hold yet."""
    done = read_keys(path)
    for seed, task in product(REFERENCE_SEEDS, tasks):
        bench = Bench(TASKS[task], seed, **options)
        for lr in REFERENCE_RATES[bench.task.optimizer]:
            method = f"{REFERENCE}{lr}"
            if (task, str(seed), method) not in done:
                append(path, bench, method, Pick(lr, 0, bench.full_run(lr)))


def read_keys(path: Path) -> set[tuple[str, str, str]]:
    """Return task, seed and method of every row so far."""
    return {(row["task"], row["seed"], row["method"]) for row in csv_rows.read(path)}


def append(path: Path, bench: Bench, method: str, pick: Pick) -> None:
    """Append what a method needed in a cell."""
    minima = " ".join(f"{minimum.step}:{minimum.loss:.5g}" for minimum in pick.minima)
    cell = (bench.task.name, bench.seed, method, pick.lr, pick.n_steps)
    values = (*cell, bench.epoch_steps, bench.n_steps, minima)
    csv_rows.append(path, dict(zip(COLUMNS, values)))


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    here, names = Path(__file__).parent, [*METHODS, ORACLE]
    parser.add_argument("--rows", type=Path, default=here / "epochs_to_target.csv")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--methods", nargs="+", choices=names, default=names)
    parser.add_argument("--table", action="store_true", help="only print the tables")
    parser.add_argument("--figure", type=Path, help="draw the figure there")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # Adam on dead units is several times slower without
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if not options.table:
        run_references(options.rows, options.tasks)
        run(options.rows, options.tasks, options.seeds, options.methods)
    rows = csv_rows.read(options.rows)
    print(format_tables(rows))
    if options.figure:
        write_figure(score(rows, targets(rows, SHARES[0])), options.figure)


if __name__ == "__main__":
    main()
