"""Rounds and speed-up of k workers that are equally fast, on runs without noise.

    python -m studies.scaling.rounds --figure studies/figures/speedup.png

In each round k workers ask, train side by side, and tell. The loss is a smooth function of the
rate with one minimum, whose place goes through the whole range. The least number of rounds that
k-section could need for n points of the grid is ceil(log2 n / log2(k + 1)).
"""

from __future__ import annotations

import argparse
import functools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import optuna
from optuna.trial import TrialState

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.decisions.next_rate import is_idle
from optuna_bisect.decisions.roles import decide
from optuna_bisect.study.reading import read_history

PROBE_STEPS, FINAL_STEPS, STEPS_PER_REPORT = 48, 192, 4
DECADES_PER_POINT = math.log10(3)
MAX_ROUNDS = 60


class Search(NamedTuple):
    """One search: its rounds, and the time that it took in probe lengths, and worked in sum."""

    n_rounds: int
    time: float
    work: float


def loss(lr: float, best: float, step: int) -> float:
    """Return the loss of a run whose progress falls off with the distance to the best rate."""
    progress = math.exp(-0.5 * (math.log10(lr / best) / 0.6) ** 2)
    return 2.3 * (1 - 0.9 * progress * step / (step + 8))


def search(n_workers: int, best: float, low: float, high: float, *, in_step: bool) -> Search:
    """Search with workers that all report at the same moments.

    Args:
        n_workers: Number of workers.
        best: The best rate.
        low: Low end of the range.
        high: High end.
        in_step: Whether all begin a round together; else each asks as soon as it is free.
    """
    study = optuna.create_study(
        sampler=BisectionSampler(probe_steps=PROBE_STEPS, final_steps=FINAL_STEPS),
        pruner=VerdictPruner(),
    )
    live: dict[int, tuple[optuna.Trial, float, int]] = {}
    n_rounds = n_ticks = n_worked = 0
    while n_rounds < MAX_ROUNDS and n_ticks < MAX_ROUNDS * PROBE_STEPS:
        if not live or not in_step:
            n_rounds += not live
            for i in range(n_workers):
                if i in live or (live and not in_step and would_wait(study)):
                    continue
                trial = study.ask()
                lr = trial.suggest_float("lr", low, high, log=True)
                if trial_plan(trial).role != "probe":
                    n_rounds -= in_step
                    share = STEPS_PER_REPORT / PROBE_STEPS
                    return Search(n_rounds, n_ticks * share, n_worked * share)
                live[i] = (trial, lr, 0)
        n_ticks += 1
        for i, (trial, lr, step) in list(live.items()):
            trial.report(loss(lr, best, step), step)
            n_worked += 1
            live[i] = (trial, lr, step + STEPS_PER_REPORT)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                del live[i]
    raise RuntimeError("the search did not end")


def would_wait(study: optuna.Study) -> bool:
    """Tell whether a worker would wait under ``optimize``."""
    history, number = read_history(study), len(study.get_trials(deepcopy=False))
    next_role = decide(history, number, is_fixed=False, may_wait=False, exponent=0.0).role
    return next_role == "probe" and is_idle(history, number)


def ideal_rounds(n_workers: int, low: float, high: float) -> int:
    """Return the least number of rounds of k-section on the points of the grid."""
    return math.ceil(math.log2(count_points(low, high)) / math.log2(n_workers + 1))


def count_points(low: float, high: float) -> int:
    """Return the number of points of the grid."""
    return 1 + 2 * round(math.log10(high / low) / 2 / DECADES_PER_POINT)


def least_probes(n_points: int) -> float:
    """Return the mean number of probes of the best search that compares runs, one at a time.

    Such a verdict says only which of two rates is nearer to the best one, so that the first probe
    says nothing. Places are uniform between the second and the last but one point; the search
    begins in the middle and ends when both neighbours of the best point are seen.
    """
    half = (n_points - 1) // 2
    return 1 + _least_after(half, half, -half + 0.75, half - 0.75)


@functools.cache
def _least_after(n_below: int, n_above: int, low: float, high: float) -> float:
    """Return the probes still needed: unseen points beside the best one, and where it may lie."""
    if n_below == n_above == 0:
        return 0.0
    if n_below > n_above:
        return _least_after(n_above, n_below, -high, -low)
    means = []
    for side, n in ((1, n_above), (-1, n_below)):
        for far in range(1, n + 1):
            # As seen from the best point towards the new one.
            a, b = (low, high) if side == 1 else (-high, -low)
            behind, middle = (n_below if side == 1 else n_above), min(max(far / 2, a), b)
            share, mean = (b - middle) / (b - a), 1.0
            if share > 0:
                mean += share * _least_after(far - 1, n - far, middle - far, b - far)
            if share < 1:
                mean += (1 - share) * _least_after(behind, far - 1, a, middle)
            means.append(mean)
    return min(means)


def mean_search(n_workers: int, low: float, high: float, n: int, *, in_step: bool) -> Search:
    """Average over places of the best rate."""
    places = np.geomspace(3 * low, high / 3, n)
    found = [search(n_workers, float(b), low, high, in_step=in_step) for b in places]
    return Search(*(float(np.mean(column)) for column in zip(*found, strict=True)))


def main() -> None:
    """Print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--range", type=float, nargs=2, default=[1e-6, 1.0])
    parser.add_argument("--places", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    low, high = options.range
    least = least_probes(count_points(low, high))
    print(f"by comparisons alone one worker needs {least:.2f} probes at least, on average")
    times = {}
    for k in options.workers:
        rounds = mean_search(k, low, high, options.places, in_step=True).n_rounds
        free = mean_search(k, low, high, options.places, in_step=False)
        times[k], ideal = free.time, ideal_rounds(k, low, high)
        print(
            f"{k} workers: {rounds:.2f} rounds in step (ideal {ideal}, {rounds / ideal:.2f}); "
            f"free {free.time:.2f} probe lengths (ratio {free.time / ideal:.2f}), speed-up "
            f"{times[options.workers[0]] / free.time:.2f}, work {free.work:.2f}"
        )
    if options.figure:
        draw(times, options.figure)


def draw(times: dict[int, float], path: Path) -> None:
    """Draw the speed-up over the number of workers."""
    import plotly.graph_objects as go  # noqa: PLC0415 (the table needs no plotly)

    ks = list(times)
    ideal = [math.log2(k + 1) for k in ks]
    figure = go.Figure()
    measured = [times[ks[0]] / times[k] for k in ks]
    figure.add_scatter(x=ks, y=measured, mode="lines+markers", name="measured")
    figure.add_scatter(
        x=ks,
        y=ideal,
        mode="lines",
        line_dash="dot",
        name="log2(workers + 1): the range cut into equal parts",
    )
    figure.update_layout(
        template="plotly_white",
        title=f"{ks[-1]} workers find the rate {measured[-1]:.1f} times as fast as one",
        xaxis={"title": "workers", "type": "log", "tickvals": ks},
        yaxis={"title": "speed-up of the search", "rangemode": "tozero"},
        legend={"x": 0.97, "xanchor": "right", "y": 0.05},
        width=560,
        height=360,
        margin={"l": 60, "r": 20, "t": 50, "b": 50},
    )
    figure.write_image(path, scale=2)


if __name__ == "__main__":
    main()
