"""Judging all probes of a study against each other, in any order with the same result."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect.search.evidence import Evidence
from optuna_bisect.search.probe import initial_loss
from optuna_bisect.verdicts.comparison import gap_between, is_behind, rises_alike
from optuna_bisect.verdicts.curve import N_SKIPPED
from optuna_bisect.verdicts.shape import FEW_REPORTS, is_above, is_flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optuna_bisect.search.grid import Grid
    from optuna_bisect.search.probe import Probe

# A point whose trials broke without evidence is given up after this many.
MAX_ATTEMPTS = 2


def assess(probes: Iterable[Probe], grid: Grid) -> Evidence:
    """Judge finished probes against each other; their order makes no difference."""
    inside = tuple(sorted((p for p in probes if grid.contains(p.rate)), key=lambda p: p.number))
    initial = initial_loss(inside)
    candidates = _find_candidates(inside)
    horizon = min((p.curve.horizon for p in candidates if len(p.curve)), default=0)
    incumbent, leader = _choose_incumbent(inside, candidates, initial, horizon)
    return arrange(Evidence(grid, inside, incumbent, leader, initial, horizon))


def arrange(evidence: Evidence) -> Evidence:
    """Lay the probes out on the grid around the incumbent that is given, and find its neighbours.

    ``probes``, ``incumbent``, ``leader``, ``initial`` and ``horizon`` are kept; the rest is
    computed anew.
    """
    at_point = defaultdict(list)
    for probe in evidence.probes:
        if _is_comparable(probe, evidence.incumbent):
            at_point[evidence.grid.nearest(probe.rate)].append(probe)
    seen = {i: probes for i, probes in at_point.items() if _is_answered(probes, evidence)}
    best = math.nan if evidence.incumbent is None else evidence.incumbent.rate
    rates = [p.rate for probes in seen.values() for p in probes]
    return evidence._replace(
        seen=seen,
        collapsed=_find_collapsed(seen, evidence.initial),
        below=max((r for r in rates if r < best), default=None),
        above=min((r for r in rates if r > best), default=None),
    )


def _is_comparable(probe: Probe, incumbent: Probe | None) -> bool:
    """Tell whether a probe answers a question of this search.

    A value that another sampler left says nothing where the incumbent is judged by reports.
    """
    by_value = incumbent is None or incumbent.value is not None
    is_foreign = probe.question is None and not len(probe.curve)
    return by_value or not is_foreign or probe.is_broken or not probe.is_finite


def _is_answered(probes: Sequence[Probe], evidence: Evidence) -> bool:
    """Tell whether the probes at one point answered anything; those that broke may not have."""
    if len(probes) >= MAX_ATTEMPTS or any(not p.is_broken or not p.is_finite for p in probes):
        return True
    if evidence.incumbent is None or evidence.initial is None:
        return False
    return is_behind(probes[0].curve, evidence.initial, evidence.incumbent.curve) is not None


def _find_collapsed(seen: dict[int, list[Probe]], initial: float | None) -> frozenset[int]:
    """Return the points where a loss is not finite, or above the initial one for good."""
    above = {i: [p for p in probes if p.shows(is_above, initial)] for i, probes in seen.items()}
    broken = {i for i, probes in seen.items() if not all(p.is_finite for p in probes)}
    rising = {i for i in above if any(not _is_shared(p, i, above, initial) for p in above[i])}
    return frozenset(broken | rising)


def _is_shared(
    probe: Probe, point: int, above: dict[int, list[Probe]], initial: float | None
) -> bool:
    """Tell whether a rise above the initial loss comes from the data: another rate rose alike."""
    # A few probes a point are enough; all of them would take quadratic time.
    others = [p for i, probes in above.items() if i != point for p in probes[:MAX_ATTEMPTS]]
    return initial is not None and any(
        rises_alike(probe.curve, other.curve, initial) for other in others
    )


def _find_candidates(probes: Sequence[Probe]) -> list[Probe]:
    """Return the full probes; where several broke off and none was full, those that broke.

    Values and reports do not compare, so values count only where there are no reports.
    """
    finite = [p for p in probes if p.is_finite and p.has_score]
    full = [p for p in finite if p.is_full]
    broken = [p for p in finite if p.is_broken and len(p.curve) > N_SKIPPED]
    reported = [p for p in full if p.value is None]
    # What an objective ended early must not become the length at which all others are compared.
    reported = [p for p in reported if not p.is_short] or reported
    return reported or full or (broken if len(broken) >= MAX_ATTEMPTS else [])


def _may_have_moved(probe: Probe, initial: float | None) -> bool:
    return len(probe.curve) <= FEW_REPORTS or not probe.shows(is_flat, initial)


def _choose_incumbent(
    probes: Sequence[Probe], candidates: Sequence[Probe], initial: float | None, horizon: int
) -> tuple[Probe | None, Probe | None]:
    """Return the best probe, and the one with the lowest end, which the best may only tie with.

    Neither is flat, nor lies above a rate that blew up while a lower one ran in full.
    """
    lowest = min((p.rate for p in candidates), default=math.inf)
    edge = min((p.rate for p in probes if not p.is_finite and p.rate > lowest), default=math.inf)
    moved = [p for p in candidates if p.rate < edge and _may_have_moved(p, initial)]
    if not moved:
        return None, None
    # All have a value, or none has: the candidates are of one kind.
    by_value = [(p.value, p.number, p) for p in moved if p.value is not None]
    if by_value:
        *_, best = min(by_value, key=lambda row: row[:2])
        return best, best
    ends = {id(p): p.compared(horizon) for p in moved}
    leader = moved[0]
    for probe in moved[1:]:
        if gap_between(ends[id(probe)], ends[id(leader)], initial).difference < 0:
            leader = probe
    # Of runs that end alike the one that came down first is the better guess for a longer run.
    best_end = ends[id(leader)]
    tied = [p for p in moved if gap_between(ends[id(p)], best_end, initial).is_tie]
    first = min(tied, key=lambda p: (float(np.mean(ends[id(p)].losses)), p.number))
    return first, leader
