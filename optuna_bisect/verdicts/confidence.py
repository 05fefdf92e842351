"""How sure a verdict is: the estimated probability that its name is right, by what it knows.

Fitted on the recorded sweeps in ``studies/data`` and checked on tasks that are not among them
(studies/README.md, "How right are the verdicts"). Right means: right about runs of the probe's
length with the same seed, where rates within half a point of the grid of the best one, or within
1 % of the attainable loss reduction, count as balanced.
"""

from __future__ import annotations

import math

# What a verdict states that is hardly better than a guess.
FLOOR = 0.51
# 24 tasks without an error would allow no more: (24 + 1) / (24 + 2), Laplace's rule of succession.
CEILING = 0.96
# Only a loss that is not finite is certain.
CERTAIN = 1.0
# A run without progress is as often dead as slow, which one curve cannot tell.
FLAT = 0.55
# An end that lost to another one by an amount that nothing gives a scale.
UNSCALED_END = 0.8
# A rate that lies beyond one that others have seen lose.
ANSWERED = 0.8
# A first value, with nothing to compare it with.
FIRST_VALUE = 0.6
# Log odds that a run which is cut lost on the side of the incumbent on which it lies: with nothing
# but two equal rates, for each decade between them, for making as much progress as it may without
# being cut, and for each report that agrees after the first.
_CUT = (1.8, 1.8, -1.3, 0.2)


def of_cut(decades: float, ratio: float, n_reports: int) -> float:
    """Return how sure a cut behind the incumbent is.

    Args:
        decades: Distance of the two rates.
        ratio: Progress over the least that is not cut; what is below 0 counts as 0.
        n_reports: Number of reports that could have been judged, at least 1.
    """
    base, per_decade, per_ratio, per_report = _CUT
    odds = base + per_decade * decades + per_ratio * min(max(ratio, 0.0), 1.0)
    return _limit(1 / (1 + math.exp(-odds - per_report * (n_reports - 1))))


def of_best(decades: float) -> float:
    """Return how sure it is that the best run so far is the best: the nearer the one it beat.

    Args:
        decades: Distance of the two rates; between far ones there is room for a better one.
    """
    return _limit(0.8 - 0.2 * decades)


def of_end(shortfall: float) -> float:
    """Return how sure it is that a run which ended worse lost on its side.

    Args:
        shortfall: What it lacks at the end, as a share of the better run's progress.
    """
    return _limit(1 - 0.2 * math.exp(-10 * max(shortfall, 0.0)))


def of_rise(unevenness: float) -> float:
    """Return how sure it is that a rise above the initial loss is a divergence.

    Hard batches lift the loss of any low rate by about the same at each report; divergence grows.

    Args:
        unevenness: Largest over median departure from the initial loss, at least 1.
    """
    return _limit(1 - 1 / max(unevenness, 1.0))


def of_straight(late_share: float) -> float:
    """Return how sure it is that a run which has not flattened is too slow.

    Args:
        late_share: Share of the progress that was made in the second half.
    """
    return _limit(min(0.8 + 0.25 * late_share, 0.95))


def _limit(probability: float) -> float:
    return min(max(probability, FLOOR), CEILING)
