"""Warm starts, replayed: what a search costs that begins where an earlier one ended.

Every recorded task is searched cold; then the same task, with rates shifted by some decades and
another recorded seed, is searched cold and by ``BisectionSampler.from_study``.

    python -m studies.recorded.warm_start --horizon 0.02
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import optuna

from optuna_bisect import BisectionSampler, VerdictPruner
from studies.recorded.bench import TABLES, Bench, Setting, load
from studies.recorded.searches import search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.study import Study

    from studies.recorded.bench import Task

SHIFTS = (0.0, -0.25, 0.25, -0.5, 0.5, -1.0, 1.0, -2.0, 2.0)


class ShiftedBench(Bench):
    """A bench whose best rate is another one."""

    def __init__(self, task: Task, setting: Setting, seed: int, decades: float) -> None:
        super().__init__(task, setting, seed)
        self.seed += seed
        self._decades = decades

    def reports(self, lr: float) -> Iterator[float]:
        """Yield the reports of a probe at the rate that stands for this one."""
        return super().reports(lr * 10**-self._decades)

    def regret(self, lr: float) -> float:
        """Return what a full run at a rate loses."""
        return 1.0 if math.isnan(lr) else self._task.regret(lr * 10**-self._decades)


class Row(NamedTuple):
    """One search: its probes, its cost in full runs, and what its pick loses."""

    probes: int
    cost: float
    regret: float


def run(bench: ShiftedBench, earlier: Study | None) -> tuple[Row, Study]:
    """Search one bench, cold or from an earlier study."""
    settings = {"seed": bench.seed, **bench.steps}
    sampler = (
        BisectionSampler(**settings)
        if earlier is None
        else BisectionSampler.from_study(earlier, **settings)
    )
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    rate = search(study, bench)
    n_probes = sum(t.user_attrs.get("bisect_role") == "probe" for t in study.trials)
    return Row(n_probes, bench.cost, bench.regret(rate)), study


def main() -> None:
    """Print one line a shift."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tables", nargs="+", type=Path, default=TABLES)
    parser.add_argument("--horizon", type=float, default=0.02)
    parser.add_argument("--range", type=float, nargs=2, default=[1e-6, 1.0])
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tasks = load(options.tables, options.horizon)
    setting = Setting(options.horizon, *options.range)
    for decades in SHIFTS:
        pairs = []
        for seed in range(options.seeds):
            for task in tasks:
                _, earlier = run(ShiftedBench(task, setting, seed, 0.0), None)
                shifted = [ShiftedBench(task, setting, seed + 100, decades) for _ in range(2)]
                pairs.append((run(shifted[0], None)[0], run(shifted[1], earlier)[0]))
        cold, warm = np.mean(np.array(pairs), axis=0)
        print(
            f"shift {decades:+.2f} decades  probes cold {cold[0]:.2f} warm {warm[0]:.2f}  "
            f"cost {cold[1]:.3f} {warm[1]:.3f}  regret {cold[2]:.2%} {warm[2]:.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
