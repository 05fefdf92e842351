"""How sure a verdict is: the estimated probability that its name is right, by what it knows.

Fitted on the recorded sweeps in ``studies/sweeps/data`` and checked on tasks that are not among
them (studies/README.md, "How right are the verdicts"). Right means: right about runs of the
probe's length with the same seed, where rates within half a point of the grid of the best one, or
within 1 % of the attainable loss reduction, count as balanced.
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
# A run that came down and turned round: above the best rate in 14 of 14 recorded runs, and
# (14 + 1) / (14 + 2) by the rule of succession.
TURNED = 0.94
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

    ``decades`` lie between the two rates; ``ratio`` is the progress over the least that is not
    cut; ``n_reports`` is the number that could have been judged, at least 1.
    """
    base, per_decade, per_ratio, per_report = _CUT
    odds = base + per_decade * decades + per_ratio * min(max(ratio, 0.0), 1.0)
    return _limit(1 / (1 + math.exp(-odds - per_report * (n_reports - 1))))


def of_best(decades: float) -> float:
    """Return how sure the best run so far is, at a rate ``decades`` from the one that it beat."""
    return _limit(0.8 - 0.2 * decades)


def of_end(shortfall: float) -> float:
    """Return how sure a worse end is; ``shortfall`` is its lag as a share of the best progress."""
    return _limit(1 - 0.2 * math.exp(-10 * max(shortfall, 0.0)))


def of_rise(unevenness: float) -> float:
    """Return how sure it is that a rise above the initial loss is a divergence.

    Hard batches lift the loss of any low rate by about the same at each report; divergence grows.
    ``unevenness`` is the largest over the median departure from the initial loss.
    """
    return _limit(1 - 1 / max(unevenness, 1.0))


def of_straight(late_share: float) -> float:
    """Return how sure it is that a run with so much progress in its second half is too slow."""
    return _limit(min(0.8 + 0.25 * late_share, 0.95))


def _limit(probability: float) -> float:
    return min(max(probability, FLOOR), CEILING)
