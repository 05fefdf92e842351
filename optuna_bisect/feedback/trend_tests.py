"""What a window of smoothed losses says: rising, falling, flat, swinging, collapsed.

Only order, differences and ratios of differences are used, never a loss on its own scale, so
losses times a positive number or plus a constant give the same answers. Rank tests forgive the
single spike that healthy runs show.
"""

from __future__ import annotations

import functools
import itertools
import math
import statistics
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_WINDOW = 4
"""The shortest window that can be significant at 5 % (all 6 pairs in order: 1 in 24)."""


@functools.lru_cache(maxsize=64)
def _pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of all pairs of n levels, later and earlier one."""
    later, earlier = np.tril_indices(n, -1)
    return later, earlier


def trend(levels: Sequence[float]) -> float:
    """Measure how surely a series rises or falls, as a standard normal score.

    The Mann-Kendall test counts ordered pairs. It knows no scale, and one spike among eight
    levels moves it by at most seven pairs of 28.

    Args:
        levels: Smoothed losses in the order of time.

    Returns:
        The score with continuity correction: above zero rising, below zero falling, 0.0 for
        fewer than two levels or no order at all.

    Source:
        Mann (1945); Kendall (1975); variance for series without ties.
    """
    n = len(levels)
    if n < 2:
        return 0.0
    values = np.asarray(levels, dtype=float)
    later, earlier = _pairs(n)
    score = float(np.sign(values[later] - values[earlier]).sum())
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return math.copysign(max(abs(score) - 1.0, 0.0), score) / deviation


def slope(levels: Sequence[float]) -> float:
    """Estimate the change of a series per interval, robustly.

    Args:
        levels: At least two smoothed losses in the order of time.

    Returns:
        The median of all pairwise slopes, in units of the loss per interval.

    Source:
        Theil (1950); Sen (1968).
    """
    values = np.asarray(levels, dtype=float)
    later, earlier = _pairs(len(values))
    # np.median would import numpy.ma at its first call: 0.1 s in the middle of a run.
    return median(((values[later] - values[earlier]) / (later - earlier)).tolist())


def median(levels: Sequence[float]) -> float:
    """Return the middle value of at least one level."""
    return float(statistics.median(levels))


def noise(levels: Sequence[float]) -> float:
    """Estimate the standard deviation of one level around its trend.

    Second differences cancel a straight trend, and nearly a bent one; their median ignores
    spikes.

    Args:
        levels: Smoothed losses in the order of time.

    Returns:
        The standard deviation, 0.0 for fewer than three levels.
    """
    if len(levels) < 3:
        return 0.0
    bends = [abs((c - b) - (b - a)) for a, b, c in zip(levels, levels[1:], levels[2:])]
    return median(bends) * 1.4826 / math.sqrt(6)


def zigzag(levels: Sequence[float]) -> float:
    """Measure how often the sign of the change flips, as a standard normal score.

    Args:
        levels: Smoothed losses in the order of time.

    Returns:
        Around zero for white noise, where two of three inner levels are turning points; above
        for a series that swings to and fro, far below for a smooth one. 0.0 for fewer than
        four levels.

    Source:
        The turning point test of Bienayme (1874).
    """
    n = len(levels)
    if n < MIN_WINDOW:
        return 0.0
    changes = [b - a for a, b in itertools.pairwise(levels)]
    n_turns = sum((a < 0 < b) or (b < 0 < a) for a, b in itertools.pairwise(changes))
    return (n_turns - 2 * (n - 2) / 3) / math.sqrt((16 * n - 29) / 90)


def serial(levels: Sequence[float]) -> float:
    """Measure how alike neighbours are, as a standard normal score.

    A descent, a hump, a fall and a return all leave neighbours closer in rank than two levels
    picked at random; levels around one value do not.

    Args:
        levels: Smoothed losses in the order of time.

    Returns:
        The score: around zero for independent levels, above for any slow movement. 0.0 for fewer
        than four levels, or where all are equal.

    Source:
        Bartels (1982), the rank version of von Neumann's ratio.
    """
    n = len(levels)
    if n < MIN_WINDOW:
        return 0.0
    # Equal levels share a rank: a constant loss has not moved.
    ranks = np.unique(np.asarray(levels, dtype=float), return_inverse=True)[1]
    spread = float(((ranks - ranks.mean()) ** 2).sum())
    if spread == 0:
        return 0.0
    ratio = float((np.diff(ranks) ** 2).sum()) / spread
    variance = 4 * (n - 2) * (5 * n * n - 2 * n - 9) / (5 * n * (n + 1) * (n - 1) ** 2)
    return (2 - ratio) / math.sqrt(variance)


@functools.cache
def critical(significance: float) -> float:
    """Turn a one-sided significance level into a threshold for `trend`.

    Args:
        significance: Chance of a false alarm per test, in (0, 0.5).

    Returns:
        The standard normal quantile, above zero.
    """
    return -statistics.NormalDist().inv_cdf(significance)


def elasticity(levels: Sequence[float], initial: float, n_intervals: int) -> float:
    """Measure how straight the descent still is.

    This is d log(progress) / d log(time): 1 for a straight line, towards 0 for a curve that has
    flattened. Short runs at the right rate flatten; a straight one asks for a higher rate.

    Args:
        levels: The last smoothed losses.
        initial: Loss before the first update.
        n_intervals: Number of intervals since the run began, with these.

    Returns:
        The elasticity at the middle of the window; 0.0 where there is no progress.
    """
    progress = initial - median(levels)
    if progress <= 0:
        return 0.0
    return -slope(levels) * (n_intervals - len(levels) / 2) / progress
