"""Record full training runs at many learning rates, for searches to be replayed on.

Run ``python -m studies.sweeps.record`` for all tasks, or name some (``digits-mlp/sgd``). The same
command goes on where it stopped; ``--table`` prints the best rates instead.

All rates of a task and a seed train at once, at a constant rate and with a cosine decay to zero,
from the same weights and on the same batches. Each line of ``data/sweep_constant.jsonl.gz`` is one
run:

    task          problem/optimizer
    lr, seed      learning rate, seed of weights and batches
    initial       held-out loss before training
    reports       mean training loss of consecutive windows of ``report_steps`` steps
                  (null: not finite; nothing follows it)
    total_steps   length of the full run in steps
    final         lowest held-out loss after training began (null: never finite)

``data/sweep_cosine.jsonl.gz`` adds ``"schedule": "cosine"``; its windows are ten times as long.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from studies.sweeps.archive import DATA, SCHEDULES, Archive
from studies.sweeps.best_rates import print_table
from studies.sweeps.fleet import train
from studies.sweeps.tasks import PROBLEMS, TASKS

if TYPE_CHECKING:
    from pathlib import Path

RATES = tuple(float(f"{10**k:.4g}") for k in np.arange(-7, 1.01, 0.25))
SEEDS = (0, 1, 2)
N_REPORTS, COSINE_THINNING = 500, 10


def record(
    task: str, seed: int, lrs: tuple[float, ...] = RATES, n_reports: int = N_REPORTS
) -> list[dict[str, Any]]:
    """Record all rates and both schedules of a task with one seed."""
    name, optimizer = task.split("/")
    problem = PROBLEMS[name]
    initial, recorder = train(problem, optimizer, seed, lrs, n_reports)
    rows = []
    for i, (reports, final) in enumerate(zip(recorder.reports, recorder.finals)):
        schedule = SCHEDULES[i // len(lrs)]
        thinning = 1 if schedule == "constant" else COSINE_THINNING
        curve = reports.reshape(-1, thinning).mean(1)
        row = {
            "task": task,
            "lr": lrs[i % len(lrs)],
            "seed": seed,
            "initial": _short(initial),
            "report_steps": problem.total_steps // n_reports * thinning,
            "total_steps": problem.total_steps,
            "final": _short(final),
            "reports": _until_broken(curve),
        }
        rows.append(row | ({"schedule": schedule} if schedule == "cosine" else {}))
    return rows


def _short(value: float) -> float | None:
    """Return four digits, None for what is not finite."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _until_broken(curve: np.ndarray) -> list[float | None]:
    """Return the reports up to and with the first that is not finite."""
    broken = np.flatnonzero(~np.isfinite(curve))
    return [_short(v) for v in (curve[: broken[0] + 1] if broken.size else curve)]


def sweep(
    tasks: list[str],
    folder: Path = DATA,
    seeds: tuple[int, ...] = SEEDS,
    lrs: tuple[float, ...] = RATES,
    n_reports: int = N_REPORTS,
) -> None:
    """Record what is missing, task by task."""
    archive = Archive(folder, 2 * len(lrs))
    recorded = archive.seeds()
    for task in tasks:
        for seed in seeds:
            if (task, seed) in recorded:
                continue
            start = time.perf_counter()
            archive.add(record(task, seed, lrs, n_reports))
            print(f"{task}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
        archive.pack()


def main() -> None:
    """Record, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("tasks", nargs="*", default=TASKS, help="problem/optimizer; default: all")
    parser.add_argument("--table", action="store_true", help="only print the best rates")
    options = parser.parse_args()
    if options.table:
        print_table()
        return
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # numbers below 1e-38 are a hundred times slower
    sweep(options.tasks)


if __name__ == "__main__":
    main()
