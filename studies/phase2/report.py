"""Tables and the figure of `phase2.py`."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from phase2_methods import FIXED, OURS, RIVALS
from phase2_tasks import HELD_OUT, TASKS
from plotly.subplots import make_subplots

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from phase2 import Row

FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
OWN = "#D55E00"
N_COLUMNS = 5
COLORS = {
    "phase 2": OWN,
    "cosine": "#0072B2",
    "warm-up + linear": "#56B4E9",
    "late decay": "#009E73",
    "one cycle": "#CC79A7",
    "constant": "#222222",
    "plateau": "#E69F00",
    "greedy": "#8C6D31",
    "schedule-free": "#7B4FA3",
    "prodigy": "#8A8A8A",
}


class Results:
    """Geometric means over seeds of one metric, by task, method and factor.

    Args:
        rows: All runs.
        metric: ``"lowest"`` or ``"last"``.
        seeds: Which seeds count; None: all.
    """

    def __init__(
        self, rows: Sequence[Row], metric: str = "lowest", seeds: Sequence[int] | None = None
    ) -> None:
        self._values: dict[tuple[str, str, float], list[float]] = {}
        for row in rows:
            if row.method != "search" and (seeds is None or row.seed in seeds):
                factors = FACTORS if row.method == "prodigy" else (row.factor,)
                for factor in factors:
                    key = (row.task, row.method, factor)
                    value = min(getattr(row, metric), 1e3)
                    self._values.setdefault(key, []).append(math.log(value))

    def mean(self, task: str, method: str, factor: float) -> float:
        """Return the geometric mean over seeds, NaN where there is no run."""
        values = self._values.get((task, method, factor))
        return math.exp(fmean(values)) if values else math.nan

    def count(self, method: str, factor: float, tasks: Sequence[str]) -> int:
        """Count the runs."""
        return sum(len(self._values.get((task, method, factor), ())) for task in tasks)

    def best(self, task: str, method: str = "cosine") -> float:
        """Return the mean at the method's own best start."""
        means = [self.mean(task, method, factor) for factor in FACTORS]
        return min((m for m in means if not math.isnan(m)), default=math.nan)

    def ratio(self, method: str, factor: float, tasks: Sequence[str]) -> float:
        """Return the geometric mean over tasks, relative to cosine from its own best start."""
        ratios = [self.mean(task, method, factor) / self.best(task) for task in tasks]
        known = [math.log(ratio) for ratio in ratios if not math.isnan(ratio)]
        return math.exp(fmean(known)) if known else math.nan


def show(rows: Sequence[Row], options: argparse.Namespace) -> None:
    """Print the tables, or draw the figure."""
    if options.figure:
        draw(rows).write_image(options.figure, width=960, height=560)
        return
    chosen = [task for task in TASKS if task not in HELD_OUT]
    for name, tasks in (("all tasks", list(TASKS)), ("chosen on", chosen), ("held out", HELD_OUT)):
        for metric in ("lowest", "last"):
            print(f"\n{name}, {metric} validation loss / cosine's from its own best start\n")
            print_table(Results(rows, metric, options.seed), tasks)
    print_tasks(Results(rows, "lowest", options.seed))
    print_bars(Results(rows, "lowest", options.seed), list(TASKS))
    print_ablations(rows)


def print_ablations(rows: Sequence[Row]) -> None:
    """Print the parts of Phase 2, on the runs that all of them have."""
    keys = [{(r.task, r.factor, r.seed) for r in rows if r.method == m} for m in OURS]
    common = set.intersection(*keys)
    chosen = [r for r in rows if (r.task, r.factor, r.seed) in common and r.method in OURS]
    cosine = [r for r in rows if r.method == "cosine" and r.seed in {key[2] for key in common}]
    results = Results([*chosen, *cosine])
    tasks = [task for task in TASKS if any(key[0] == task for key in common)]
    print(f"\nablations, {len(common)} runs each on {', '.join(tasks)}\n")
    print_table(results, tasks)


def print_table(results: Results, tasks: Sequence[str]) -> None:
    """Print methods over start rates."""
    print("| method | " + " | ".join(f"{factor:g}x" for factor in FACTORS) + " |")
    print("| --- |" + " --- |" * len(FACTORS))
    for method in ("phase 2", *RIVALS, *(m for m in OURS if m != "phase 2")):
        cells = [results.ratio(method, factor, tasks) for factor in FACTORS]
        if not all(math.isnan(cell) for cell in cells):
            texts = ["" if math.isnan(cell) else f"{cell:.3f}" for cell in cells]
            print(f"| {method} | " + " | ".join(texts) + " |")


def print_tasks(results: Results) -> None:
    """Print every task at 1x."""
    print(
        "\nphase 2 by task and start\n\n| task | 0.1x | 1x | 10x | cosine's best |\n"
        + "| --- " * 5
        + "|"
    )
    for task in TASKS:
        own = [f"{results.mean(task, 'phase 2', factor):.4g}" for factor in (0.1, 1.0, 10.0)]
        print(f"| {task} | " + " | ".join([*own, f"{results.best(task):.4g}"]) + " |")
    methods = ["phase 2", *RIVALS]
    print("\nat 1x, by task\n\n| task | " + " | ".join(methods) + " |")
    print("| --- |" + " --- |" * len(methods))
    for task in TASKS:
        print(
            f"| {task} | " + " | ".join(f"{results.mean(task, m, 1.0):.4g}" for m in methods), "|"
        )


def print_bars(results: Results, tasks: Sequence[str]) -> None:
    """Print what the bars of the plan ask for."""
    own = results.ratio("phase 2", 1.0, tasks)
    print(f"\nbar 1: {own:.3f} of cosine from its best start (at most 0.99)")
    for rival in ("plateau", "greedy"):
        print(f"bar 1: {own / results.ratio(rival, 1.0, tasks):.3f} of {rival} (at most 0.97)")
    for factor in (0.1, 10.0):
        wrong = results.ratio("phase 2", factor, tasks)
        print(f"bar 2: {factor:g}x is {wrong / own:.3f} of its own 1x (at most 1.10)")
        for method in FIXED:
            share = wrong / results.ratio(method, factor, tasks)
            print(f"bar 2: {factor:g}x is {share:.3f} of {method} (at most 0.90)")
    for task in tasks:
        means = {m: results.mean(task, m, 1.0) for m in RIVALS}
        best = min((m for m in means if not math.isnan(means[m])), key=lambda m: means[m])
        share = results.mean(task, "phase 2", 1.0) / means[best]
        print(f"bar 3: {task}: {share:.3f} of the best rival, {best} (at most 1.03)")


def draw(rows: Sequence[Row]) -> go.Figure:
    """Draw the loss over the start rate: all tasks first, then each task."""
    results, tasks = Results(rows), list(TASKS)
    titles = ["all, over cosine's best", *tasks]
    gaps = {"horizontal_spacing": 0.06, "vertical_spacing": 0.12}
    figure = make_subplots(rows=2, cols=N_COLUMNS, subplot_titles=titles, **gaps)
    for method, color in COLORS.items():
        for i in range(len(tasks) + 1):
            if i == 0:
                y = [results.ratio(method, factor, tasks) for factor in FACTORS]
            else:
                y = [results.mean(tasks[i - 1], method, factor) for factor in FACTORS]
            is_own = method == "phase 2"
            line = {"color": color, "width": 4 if is_own else 1.6}
            line["dash"] = "dot" if method == "prodigy" else "solid"
            trace = go.Scatter(
                x=FACTORS, y=y, mode="lines+markers", line=line, name=method, connectgaps=True
            )
            trace.update(
                legendgroup=method, showlegend=i == 0, marker={"size": 8 if is_own else 5}
            )
            figure.add_trace(trace, row=i // N_COLUMNS + 1, col=i % N_COLUMNS + 1)
    look = {"gridcolor": "#E4E7EB", "linecolor": "#9AA0A6", "ticks": "outside", "type": "log"}
    figure.update_xaxes(**look, tickvals=FACTORS, ticktext=["0.1", "0.3", "1", "3", "10"])
    figure.update_yaxes(**look, minor={"showgrid": False}, exponentformat="none")
    for i, task in enumerate(tasks, 1):
        # A run that learned nothing would flatten all others.
        lowest = min(results.best(task, method) for method in COLORS)
        worst = max(results.mean(task, method, 0.1) for method in COLORS)
        top = [math.log10(0.93 * lowest), math.log10(min(4 * lowest, 1.05 * worst))]
        figure.update_yaxes(range=top, nticks=5, row=i // N_COLUMNS + 1, col=i % N_COLUMNS + 1)
    figure.update_yaxes(range=[math.log10(0.85), math.log10(5)], row=1, col=1)
    figure.update_xaxes(title_text="start rate / the search's", row=2)
    figure.update_layout(
        template=None,
        title={"text": "Lowest validation loss over the start rate", "x": 0.02},
        font={"family": "Helvetica, Arial, sans-serif", "size": 12},
        legend={"orientation": "h", "y": -0.17, "x": 0},
        margin={"l": 50, "r": 20, "t": 80, "b": 110},
    )
    figure.update_annotations(font_size=12)
    return figure
