"""Compare the whole product with tuned schedules by the lowest validation loss of a full run.

Run ``python -m studies.full_runs.compare`` from the root of the repository. Each run adds one row
to a CSV file, and the same command goes on where it stopped; several may share the file.
``--table`` prints the tables, ``--figure`` draws.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch

from studies.full_runs.methods import METHODS
from studies.full_runs.rows import Row, append, read
from studies.full_runs.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = Path(__file__).parent / "results.csv"


def is_done(path: Path, key: tuple[str, str, float, int]) -> bool:
    """Tell whether the file has the run."""
    return any((r.task, r.method, r.variant, r.seed) == key for r in read(path))


def record(options: argparse.Namespace) -> None:
    """Do every run that is not in the file yet."""
    for seed in options.seed:
        for name in options.method:
            for variant in METHODS[name].variants:
                for task in options.task:
                    key = (task, name, variant, seed)
                    if not is_done(options.output, key):
                        append(options.output, run(*key))


def run(task: str, name: str, variant: float, seed: int) -> Row:
    """Do one run."""
    begin = time.process_time()
    result = METHODS[name].run(TASKS[task], seed, variant)
    row = Row(task, name, variant, seed, *result, time.process_time() - begin)
    print(
        f"{task} {name} {variant:g}x seed {seed}: {row.lowest:.4g} in {row.seconds:.0f} s",
        flush=True,
    )
    return row


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    add = parser.add_argument
    add("--task", nargs="+", choices=list(TASKS), default=list(TASKS), help="which tasks")
    add("--method", nargs="+", choices=list(METHODS), default=list(METHODS), help="which methods")
    add("--seed", nargs="+", type=int, default=[0, 1, 2], help="weights and order of the data")
    add("--output", type=Path, default=PATH, help="the CSV file")
    add("--table", action="store_true", help="print the tables; run nothing")
    add("--figure", type=Path, help="draw the figure; run nothing")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, or show what is there."""
    options = parse(argv)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.table or options.figure:
        from studies.full_runs.report import show  # noqa: PLC0415

        show(read(options.output), options)
        return
    record(options)


if __name__ == "__main__":
    main()
