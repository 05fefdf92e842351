"""Measure epochs to a target loss, search included, for ways to find a learning rate.

Four networks, two sizes, two data sets for each, three seeds: 48 cells. Every method picks a rate
and pays for its search; then one run of full length at that rate, constant, shows when the
held-out loss first reaches the target. Runs at a dense grid of rates, with seeds of their own, say
what the target of a task is. Run ``python studies/epochs_to_target.py``: rows go to a CSV file,
and the same command goes on where it stopped. ``--table`` prints the tables only, ``--figure``
draws.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch
from epochs_bench import Bench
from epochs_methods import METHODS
from epochs_score import ORACLE, REFERENCE, SHARES, best_rates, score, targets
from epochs_searches import Cell, Pick
from epochs_table import format_tables
from epochs_tasks import TASKS

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
    rows = read(path)
    done = {(row["task"], row["seed"], row["method"]) for row in rows}
    known = best_rates(rows)
    for seed in seeds:
        for task in tasks:
            missing = [m for m in methods if (task, str(seed), m) not in done]
            cell = Cell(Bench(TASKS[task], seed, **options)) if missing else None
            for method in missing:
                if cell is not None:
                    is_known = method == ORACLE
                    pick = cell.pick(known[task], 0) if is_known else METHODS[method](cell)
                    append(path, cell.bench, method, pick)


def run_references(path: Path, tasks: Iterable[str], **options: int) -> None:
    """Append a row for every task and rate of the dense grid that the file does not hold yet."""
    done = {(row["task"], row["seed"], row["method"]) for row in read(path)}
    for seed in REFERENCE_SEEDS:
        for task in tasks:
            bench = Bench(TASKS[task], seed, **options)
            for lr in REFERENCE_RATES[bench.task.optimizer]:
                method = f"{REFERENCE}{lr}"
                if (task, str(seed), method) not in done:
                    append(path, bench, method, Pick(lr, 0, bench.full_run(lr)))


def read(path: Path) -> list[dict[str, str]]:
    """Read the rows so far."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, bench: Bench, method: str, pick: Pick) -> None:
    """Append one row, with a header in front of the first."""
    minima = " ".join(f"{minimum.step}:{minimum.loss:.5g}" for minimum in pick.minima)
    cell = [bench.task.name, bench.seed, method, f"{pick.lr:.6g}", pick.n_steps]
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        writer.writerow([*cell, bench.epoch_steps, bench.n_steps, minima])


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
    rows = read(options.rows)
    print(format_tables(rows))
    if options.figure:
        from epochs_figure import write_figure  # noqa: PLC0415 (plotly is not needed to measure)

        write_figure(score(rows, targets(rows, SHARES[0])), options.figure)


if __name__ == "__main__":
    main()
