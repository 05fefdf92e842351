"""What a window of smoothed losses says: rising, falling, flat, swinging or straight.

Only order, differences and ratios of differences are used, never a loss on its own scale, so
losses times a positive number or plus a constant give the same answers. Rank tests forgive the
single spike that healthy runs show. ``levels`` are smoothed losses in the order of time.
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

# The shortest window that can be significant at 5 % (all 6 pairs in order: 1 in 24).
MIN_WINDOW = 4


def trend(levels: Sequence[float]) -> float:
    """Measure how surely a series rises or falls, as a standard normal score.

    The test of Mann (1945) and Kendall (1975) counts ordered pairs. It knows no scale, and one
    spike among eight levels moves it by at most seven pairs of 28.

    Returns:
        The score with continuity correction: above zero rising, below zero falling, 0.0 for
        fewer than two levels or no order at all. The variance is that of series without ties.
    """
    n = len(levels)
    if n < 2:
        return 0.0
    score = float(np.tril(np.sign(np.subtract.outer(levels, levels))).sum())
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return math.copysign(max(abs(score) - 1.0, 0.0), score) / deviation


def slope(levels: Sequence[float]) -> float:
    """Return the median slope of all pairs, per interval (Theil 1950; Sen 1968)."""
    pairs = itertools.combinations(enumerate(levels), 2)
    return statistics.median((b - a) / (j - i) for (i, a), (j, b) in pairs)


def zigzag(levels: Sequence[float]) -> float:
    """Measure how often the sign of the change flips: Bienayme's turning point test (1874).

    Returns:
        A standard normal score: around zero for white noise, where two of three inner levels are
        turning points; above for a series that swings to and fro, far below for a smooth one.
        0.0 for fewer than four levels.
    """
    n = len(levels)
    if n < MIN_WINDOW:
        return 0.0
    changes = [b - a for a, b in itertools.pairwise(levels)]
    n_turns = sum((a < 0 < b) or (b < 0 < a) for a, b in itertools.pairwise(changes))
    return (n_turns - 2 * (n - 2) / 3) / math.sqrt((16 * n - 29) / 90)


def serial_correlation(levels: Sequence[float]) -> float:
    """Measure how alike neighbours are: the rank version of von Neumann's ratio (Bartels 1982).

    A descent, a hump, a fall and a return all leave neighbours closer in rank than two levels
    picked at random; levels around one value do not.

    Returns:
        A standard normal score: around zero for independent levels, above for any slow movement.
        0.0 for fewer than four levels, or where all are equal.
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
def critical_value(significance: float) -> float:
    """Turn a one-sided significance level, in (0, 0.5), into the score that it asks for."""
    return -statistics.NormalDist().inv_cdf(significance)


def elasticity(levels: Sequence[float], initial: float, n_intervals: int) -> float:
    """Measure how straight the descent still is: d log(progress) / d log(time).

    Short runs at the right rate flatten; a straight one asks for a higher rate.

    Args:
        levels: The last smoothed losses, at least two.
        initial: Loss before the first update.
        n_intervals: Number of intervals since the run began, with these.

    Returns:
        The elasticity at the middle of the window: 1 for a straight line, towards 0 for a curve
        that has flattened; 0.0 where there is no progress.
    """
    progress = initial - statistics.median(levels)
    if progress <= 0:
        return 0.0
    return -slope(levels) * (n_intervals - len(levels) / 2) / progress
