"""The tables of epochs to a target, as Markdown."""

from __future__ import annotations

from statistics import fmean, geometric_mean
from typing import TYPE_CHECKING

import numpy as np

from studies.epochs.score import SHARES, by_method, late_targets, score, targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studies.epochs.score import Place, Rows, Score

FINDER, GRID, OURS = "torch-lr-finder", "grid of 6", "optuna_bisect"
COLUMNS = (
    "method",
    "epochs to target",
    "search",
    "run",
    "against the LR finder",
    "fewer / more",
    "never reaches",
    "fails where the grid does not",
)


def format_tables(rows: Rows, shares: Sequence[float] = SHARES) -> str:
    """Return all tables as Markdown."""
    kinds = {f"{x:.0%} of the attainable reduction": targets(rows, x) for x in shares}
    kinds["what the best rate reaches at 75% of a full run"] = late_targets(rows)
    parts = []
    for kind, target in kinds.items():
        scores = score(rows, target)
        n_cells = len({(s.task, s.seed) for s in scores})
        parts += [f"Target: {kind}, {n_cells} cells:", _format(scores)]
    first = score(rows, targets(rows, shares[0]))
    parts += ["By network:", _format_models(first)]
    parts += ["Tasks in which a method of ours needs fewer epochs (mean of the seeds):"]
    return "\n\n".join([*parts, _format_wins(first)])


def _format_wins(scores: Sequence[Score]) -> str:
    """Count the tasks in which each method of ours beats each other one, on the mean of seeds."""
    methods = by_method(scores)
    ours = [name for name in methods if name.startswith(OURS)]
    lines = [f"| against | {' | '.join(ours)} |", "| --- " * (len(ours) + 1) + "|"]
    for name, other in methods.items():
        if not name.startswith(OURS):
            won = [_wins(methods[mine], other) for mine in ours]
            lines.append(f"| {name} | {' | '.join(won)} |")
    return "\n".join(lines)


def _wins(mine: Mapping[Place, Score], other: Mapping[Place, Score]) -> str:
    both = sorted(mine.keys() & other.keys())
    tasks = sorted({task for task, _ in both})
    fewer = [
        fmean(mine[c].total for c in both if c[0] == task)
        < fmean(other[c].total for c in both if c[0] == task)
        for task in tasks
    ]
    return f"{sum(fewer)} of {len(fewer)}"


def _format(scores: Sequence[Score]) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " * len(COLUMNS) + "|"]
    methods = by_method(scores)
    for name, mine in methods.items():
        totals = geometric_mean([s.total for s in mine.values()])
        search = fmean(s.search for s in mine.values())
        run = geometric_mean([s.run for s in mine.values()])
        n_failed = sum(not s.is_reached for s in mine.values())
        texts = [f"{totals:.1f}", f"{search:.1f}", f"{run:.1f}", *_against(mine, methods[FINDER])]
        texts += [f"{100 * n_failed / len(mine):.0f} %", _fails_alone(mine, methods[GRID])]
        lines.append(f"| {name} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _against(mine: Mapping[Place, Score], other: Mapping[Place, Score]) -> list[str]:
    """Compare totals in the cells that both have: geometric mean of the ratio, and counts."""
    ratios = {cell: mine[cell].total / other[cell].total for cell in mine if cell in other}
    if not ratios:
        return ["", ""]
    low, high = interval(ratios)
    fewer, more = sum(r < 1 for r in ratios.values()), sum(r > 1 for r in ratios.values())
    mean = geometric_mean(ratios.values())
    return [f"{mean:.2f} ({low:.2f} to {high:.2f})", f"{fewer} / {more}"]


def interval(ratios: Mapping[Place, float], n_samples: int = 2000) -> tuple[float, float]:
    """Return a 95 % interval of the geometric mean: bootstrap over tasks, whose seeds go along.

    Args:
        ratios: Ratios by task and seed.
        n_samples: Samples of the bootstrap.

    Returns:
        Both ends.
    """
    tasks = sorted({task for task, _ in ratios})
    logs = [[np.log(r) for (task, _), r in ratios.items() if task == own] for own in tasks]
    sums, counts = np.array([sum(own) for own in logs]), np.array([len(own) for own in logs])
    drawn = np.random.default_rng(0).integers(len(tasks), size=(n_samples, len(tasks)))
    means = np.exp(sums[drawn].sum(1) / counts[drawn].sum(1))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _fails_alone(mine: Mapping[Place, Score], grid: Mapping[Place, Score]) -> str:
    return str(sum(not mine[c].is_reached and grid[c].is_reached for c in mine if c in grid))


def _format_models(scores: Sequence[Score]) -> str:
    """Return epochs to target and the share that never reaches it, by network."""
    models = sorted({s.task.split("-")[0] for s in scores})
    lines = ["| method | " + " | ".join(models) + " |", "| --- |" + " --- |" * len(models)]
    for name, mine in by_method(scores).items():
        texts = []
        for model in models:
            own = [s for s in mine.values() if s.task.startswith(model)]
            failed = sum(not s.is_reached for s in own) / len(own) if own else 0
            total = f"{geometric_mean([s.total for s in own]):.1f}" if own else ""
            texts.append(f"{total}, {100 * failed:.0f} %" if own else "")
        lines.append(f"| {name} | " + " | ".join(texts) + " |")
    return "\n".join(lines)
