"""The table of the benchmark: losses relative to the best rival's, by budget."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from studies.configurations.methods import METHODS, Usual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Key = tuple[str, str, str]


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Format, for each method and budget, the geometric mean of its losses over the best rival's.

    The best rival is that of the task and budget, by its geometric mean over seeds. "Wins" counts
    the pairs of task and seed in which a method's loss is lower than the best rival's.
    """
    losses = {(r["task"], r["method"], r["budget"], r["seed"]): float(r["loss"]) for r in rows}
    budgets = sorted({r["budget"] for r in rows}, key=int)
    lines = [
        "| method | " + " | ".join(f"{b} full runs | wins" for b in budgets) + " |",
        "| --- |" + " --- |" * (2 * len(budgets)),
    ]
    for name in METHODS:
        cells = [cell for budget in budgets for cell in _cells(losses, name, budget)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _cells(losses: Mapping[tuple[str, ...], float], name: str, budget: str) -> tuple[str, str]:
    ratios = []
    for task, method, b, seed in losses:
        if method == name and b == budget:
            best = _best_rival(losses, task, budget)
            ratios.append(losses[task, name, budget, seed] / losses[task, best, budget, seed])
    if not ratios:
        return "", ""
    wins = sum(ratio < 1 for ratio in ratios)
    return f"{statistics.geometric_mean(ratios):.3f}", f"{wins} of {len(ratios)}"


def _best_rival(losses: Mapping[tuple[str, ...], float], task: str, budget: str) -> str:
    def mean(name: str) -> float:
        found = [v for (t, m, b, _), v in losses.items() if (t, m, b) == (task, name, budget)]
        return statistics.geometric_mean(found) if found else float("inf")

    return min((name for name, method in METHODS.items() if isinstance(method, Usual)), key=mean)
