"""Compare what a budget of full runs buys where six parameters are tuned at once.

Run ``python -m studies.configurations.compare`` from the root of the repository. Each study adds
one row to a CSV file, and the same command goes on where it stopped; several may share the file.
``--table`` prints the table, ``--figure`` draws it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch

from studies.configurations.methods import BUDGETS, METHODS
from studies.configurations.report import compare, table
from studies.configurations.tasks import TASKS
from studies.configurations.training import full_loss
from studies.shared import csv_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATH = Path(__file__).parent / "results.csv"


def record(options: argparse.Namespace) -> None:
    """Do every study that is not in the file yet."""
    for seed in options.seed:
        for budget in options.budget:
            for task in options.task:
                for method in options.method:
                    key = {"task": task, "method": method, "budget": budget, "seed": seed}
                    known = csv_rows.read(options.output)
                    if not any(all(row[k] == str(v) for k, v in key.items()) for row in known):
                        csv_rows.append(options.output, key | run(task, method, budget, seed))


def run(task: str, method: str, budget: int, seed: int) -> dict[str, object]:
    """Do one study, and train in full what it recommends, with weights that it has not seen."""
    begin = time.process_time()
    found = METHODS[method](TASKS[task], seed, budget)
    loss = full_loss(TASKS[task], found.config, found.lr, seed + 1000)
    seconds = time.process_time() - begin
    print(f"{task} {method} {budget} runs seed {seed}: {loss:.4g} in {seconds:.0f} s", flush=True)
    paid = found.n_paid / TASKS[task].n_steps
    return {
        "loss": loss,
        "paid": paid,
        "lr": found.lr,
        **found.config._asdict(),
        "seconds": seconds,
    }


def show(rows: Sequence[Mapping[str, str]], options: argparse.Namespace) -> None:
    """Print the table, draw the figure."""
    if options.table:
        print("\n".join(table(rows)))
    if options.figure:
        from studies.configurations.figure import draw  # noqa: PLC0415 (drawing wants plotly)
        from studies.shared.figure_file import write_small  # noqa: PLC0415

        write_small(draw(compare(rows)), options.figure, 900, 560)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    add = parser.add_argument
    add("--task", nargs="+", choices=list(TASKS), default=list(TASKS), help="which tasks")
    add("--method", nargs="+", choices=list(METHODS), default=list(METHODS), help="which methods")
    add("--budget", nargs="+", type=int, choices=BUDGETS, default=BUDGETS, help="full runs")
    add("--seed", nargs="+", type=int, default=[0, 1, 2], help="weights and order of the data")
    add("--output", type=Path, default=PATH, help="the CSV file")
    add("--table", action="store_true", help="print the table; run nothing")
    add("--figure", type=Path, help="draw the figure; run nothing")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, or show what is there."""
    options = parse(argv)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.table or options.figure:
        show(csv_rows.read(options.output), options)
        return
    record(options)


if __name__ == "__main__":
    main()
