"""The best rates of recorded tasks, and how they fall with the length of a run."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from studies.sweeps.archive import DATA, SCHEDULES, final_of, group, table_path

if TYPE_CHECKING:
    from pathlib import Path


def best_rates(rows: list[dict[str, Any]], losses: list[float]) -> tuple[float, float]:
    """Return the rate (by a parabola) of the lowest mean loss over the seeds, and that loss."""
    by_rate = defaultdict(list)
    for row, loss in zip(rows, losses):
        by_rate[math.log10(row["lr"])].append(loss)
    x = sorted(by_rate)
    y = np.minimum([np.mean(by_rate[k]) for k in x], rows[0]["initial"])
    i = int(y.argmin())
    if not 0 < i < len(x) - 1:
        return 10 ** x[i], float(y[i])
    left, right = y[i - 1] - y[i], y[i + 1] - y[i]
    shift = (left - right) / (left + right) / 2 if left + right else 0.0
    return 10 ** (x[i] + shift * (x[i + 1] - x[i])), float(y[i])


def short_loss(row: dict[str, Any], share: float) -> float:
    """Return the mean training loss of the last quarter of the first ``share`` of a run."""
    n = round(share * row["total_steps"] / row["report_steps"])
    reports = row["reports"][:n]
    if len(reports) < n or reports[-1] is None:
        return math.inf
    return float(np.mean(reports[-max(1, n // 4) :]))


def summarize(folder: Path, share: float) -> list[dict[str, Any]]:
    """Return the best rates of each task after a share of the run and after full runs.

    Beta says how they differ: the best rate falls with the length of the run to the power -beta.
    """
    recorded = group(table_path(name, folder) for name in SCHEDULES)
    summary = []
    for task in dict.fromkeys(task for task, _ in recorded):
        rows = recorded[task, "constant"]
        short, _ = best_rates(rows, [short_loss(row, share) for row in rows])
        entry = {"task": task, "initial": rows[0]["initial"], "short": short}
        for name in SCHEDULES:
            runs = recorded[task, name]
            lr, loss = best_rates(runs, [final_of(row) for row in runs])
            entry[name] = (lr, loss, math.log(short / lr) / math.log(1 / share))
        summary.append(entry)
    return summary


def print_table(folder: Path = DATA, share: float = 0.05) -> None:
    """Print the best rates by task, and beta by optimizer (mean, standard deviation)."""
    betas = defaultdict(list)
    print("| task | untrained | short lr | constant: lr, loss, beta | cosine: lr, loss, beta |")
    print("| --- | --- | --- | --- | --- |")
    for entry in summarize(folder, share):
        cells = [
            "{:.1e}, {:.3g}, {:.2f}".format(*entry[name])  # a star cannot stand in an f-string
            for name in SCHEDULES
        ]
        print(f"| {entry['task']} | {entry['initial']:.3g} | {entry['short']:.1e} |", end=" ")
        print(*cells, sep=" | ", end=" |\n")
        for optimizer in (entry["task"].split("/")[1], "all"):
            betas[optimizer].append([entry[name][2] for name in SCHEDULES])
    print("\n| optimizer | tasks | constant: beta | cosine: beta |\n| --- | --- | --- | --- |")
    for optimizer, values in sorted(betas.items()):
        means, spreads = np.mean(values, 0), np.std(values, 0)
        cells = [f"{mean:.2f} ± {spread:.2f}" for mean, spread in zip(means, spreads)]
        print("|", " | ".join([optimizer, str(len(values)), *cells]), "|")
