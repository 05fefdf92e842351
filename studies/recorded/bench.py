"""Recorded runs as a bench for searches: probes to pay for, full runs to judge a pick by."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from studies.sweeps.archive import SCHEDULES, final_of, group, table_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

N_REPORTS = 12
TABLES = [table_path(schedule) for schedule in SCHEDULES]


class Setting(NamedTuple):
    """What is replayed, beside the table and the method."""

    horizon: float
    low: float
    high: float
    noise: float = 0.0
    flip: float = 0.0
    workers: int = 1
    schedule: str = "constant"
    fresh_seeds: bool = False


class Task:
    """One recorded task at one horizon: probes to look at, full runs to judge by."""

    def __init__(self, name: str, runs: list[dict], full_runs: list[dict], horizon: float) -> None:
        self.name = name
        total, width = runs[0]["total_steps"], runs[0]["report_steps"]
        n_windows = max(1, round(horizon * total / width / N_REPORTS))
        self.probe_share = n_windows * width * N_REPORTS / total
        self.initial = float(np.median([r["initial"] for r in runs if r["initial"] is not None]))
        self._curves = {
            lr: [_curve(r["reports"], n_windows) for r in rs] for lr, rs in _by_rate(runs).items()
        }
        self._finals = {
            lr: min(self.initial, float(np.mean([final_of(r) for r in rs])))
            for lr, rs in _by_rate(full_runs).items()
        }

    @property
    def rates(self) -> list[float]:
        """The recorded rates in ascending order."""
        return list(self._curves)

    def curve(self, lr: float, seed: int) -> list[float]:
        """Return the reports of a probe without the untrained loss."""
        curves = self._curves[nearest(lr, self._curves)]
        return curves[seed % len(curves)]

    def regret(self, lr: float) -> float:
        """Return the share of the attainable loss reduction that a full run at a rate loses."""
        best = min(self._finals.values())
        return (self._finals[nearest(lr, self._finals)] - best) / (self.initial - best)


def _by_rate(runs: list[dict]) -> dict[float, list[dict]]:
    """Group runs by their rate, seeds in order."""
    found = defaultdict(list)
    for run in sorted(runs, key=lambda r: (r["lr"], r["seed"])):
        found[run["lr"]].append(run)
    return found


def nearest(lr: float, rates: Iterable[float]) -> float:
    """Return the recorded rate that is nearest in log space."""
    return min(rates, key=lambda rate: abs(math.log(rate / lr)))


def _curve(reports: list[float | None], n_windows: int) -> list[float]:
    """Average consecutive windows; the first that is not finite ends the curve."""
    losses = []
    for i in range(N_REPORTS):
        part = reports[i * n_windows : (i + 1) * n_windows]
        if len(part) < n_windows or None in part:
            return [*losses, math.nan]
        losses.append(float(np.mean(part)))
    return losses


class Bench:
    """One search on one task: hands out reports, and counts them."""

    # Step numbers like a real trainer's: the reports of a probe are this far apart.
    steps_per_report = 1000

    def __init__(self, task: Task, setting: Setting, seed: int) -> None:
        shift = 10 ** np.random.default_rng([7, seed]).uniform(-0.5, 0.5)
        self.low, self.high = setting.low * shift, setting.high * shift
        self.probe_share, self.setting, self.n_paid = task.probe_share, setting, 0
        self.rng = np.random.default_rng(seed)
        self.seed = int(self.rng.integers(2**31))
        self._task, self._n_probes = task, 0

    @property
    def initial(self) -> float:
        """The loss before training."""
        return self._task.initial

    @property
    def cost(self) -> float:
        """What was paid so far, in full runs."""
        return self.n_paid * self.probe_share / N_REPORTS

    @property
    def steps(self) -> dict[str, int]:
        """Lengths of a probe and of the full run, as the sampler takes them."""
        probe_steps = N_REPORTS * self.steps_per_report
        return {
            "probe_steps": probe_steps,
            "final_steps": round(probe_steps / self.probe_share),
        }

    def reports(self, lr: float) -> Iterator[float]:
        """Yield the reports of a probe, with noise where the setting asks for it."""
        self._n_probes += 1
        seed = self.seed + self._n_probes * self.setting.fresh_seeds
        for loss in self._task.curve(lr, seed):
            self.n_paid += 1
            yield loss * (1 + self.setting.noise * self.rng.standard_normal())


def load(paths: Iterable[Path], horizon: float, schedule: str = "constant") -> list[Task]:
    """Read tables; tasks of several files come in the order of their names.

    Probes run at a constant rate; the full runs are those with the given schedule.
    """
    runs = group(paths)
    names = sorted({name for name, _ in runs})
    return [Task(n, runs[n, "constant"], runs[n, schedule], horizon) for n in names]
