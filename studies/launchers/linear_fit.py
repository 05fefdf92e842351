"""What the examples of this folder train: a linear model, by gradient descent on batches.

``python linear_fit.py`` trains it at nine rates, to compare with what the examples find.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

FULL_STEPS = 2_000


def fit(
    lr: float,
    n_steps: int,
    seed: int,
    report: Callable[[float, int], None] | None = None,
    every: int = 5,
) -> float:
    """Train for some steps, report the loss before every fifth one, and return that at the end.

    A rate that is too high ends at infinity: NaN would be a failed trial, which says nothing.
    """
    data = np.random.default_rng(0)
    x = data.normal(size=(2_000, 20)) * np.geomspace(0.1, 3, 20)
    y = x @ data.normal(size=20) + 0.1 * data.normal(size=2_000)
    order = np.random.default_rng(seed)
    weights = np.zeros(20)
    for step in range(n_steps):
        if report is not None and step % every == 0:
            report(float(np.mean((x @ weights - y) ** 2)), step)
        batch = order.integers(len(x), size=32)
        weights -= lr * x[batch].T @ (x[batch] @ weights - y[batch]) / 32
    loss = float(np.mean((x @ weights - y) ** 2))
    return loss if math.isfinite(loss) else math.inf


if __name__ == "__main__":
    print(f"untrained {fit(0.0, 0, seed=1):.4g}", "rate    probe of 40  full run", sep="\n")
    for rate in np.geomspace(1e-3, 1, 9):
        with np.errstate(all="ignore"):
            probe, full = (fit(float(rate), n, seed=1) for n in (FULL_STEPS // 50, FULL_STEPS))
            print(f"{rate:.4f}  {probe:<11.4g}  {full:.4g}")
