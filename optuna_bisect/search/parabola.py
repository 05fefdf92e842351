"""The last refinement of the winner's rate: a fit between the points, instead of more probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.verdicts.comparison import gap_between

if TYPE_CHECKING:
    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe


def fit_rate(evidence: Evidence) -> float:
    """Return the vertex of a parabola in log-rate through the incumbent and its two neighbours.

    At most half a grid step from the incumbent, and never beyond a rate that lost. The incumbent's
    own rate where a neighbour did not run in full, or where the three points are not convex.
    """
    grid, best = evidence.grid, evidence.incumbent
    if best is None:
        raise ValueError("fit_rate needs an incumbent but got evidence without one.")
    i, here = grid.nearest(best.rate), grid.position(best.rate)
    pairs = []
    for j in (i - 1, i + 1):
        full = [p for p in evidence.seen.get(j, ()) if is_measured_alike(p, best)]
        if not full:
            return best.rate
        lag, probe = min(((lag_of(p, best, evidence), p) for p in full), key=lambda pair: pair[0])
        pairs.append((grid.position(probe.rate) - here, lag))
    (a, lag_a), (b, lag_b) = pairs
    slope_a, slope_b = lag_a / a, lag_b / b
    curvature = (slope_b - slope_a) / (b - a)
    if not curvature > 0:
        return best.rate
    vertex = (a - slope_a / curvature) / 2
    low, high = evidence.bracket
    return min(max(grid.rate_at(here + min(max(vertex, -0.5), 0.5)), low), high)


def is_measured_alike(probe: Probe, best: Probe) -> bool:
    """Tell whether a full probe was measured as the incumbent was: by its value or by reports."""
    same = (probe.value is None) == (best.value is None)
    return same and probe.is_full and probe.is_finite and probe.has_score


def lag_of(probe: Probe, best: Probe, evidence: Evidence) -> float:
    """Return by how much a full probe ends above the incumbent, in units of the loss."""
    if probe.value is not None and best.value is not None:
        return probe.value - best.value
    ends = probe.compared(evidence.horizon), best.compared(evidence.horizon)
    return gap_between(*ends, evidence.initial).difference
