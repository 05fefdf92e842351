"""Judging all probes of a study against each other, in any order with the same result."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect.search.evidence import Evidence, Probe, initial_loss
from optuna_bisect.verdicts.comparison import gap_between
from optuna_bisect.verdicts.curve import (
    N_SKIPPED,
    is_above,
    is_behind,
    is_flat,
    rises_alike,
    starts_untrained,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optuna_bisect.search.grid import Grid

# A point whose trials broke without evidence is given up after this many.
MAX_ATTEMPTS = 2


def gather(probes: Iterable[Probe], grid: Grid) -> Evidence:
    """Judge all probes against each other.

    Args:
        probes: Finished probes in any order.
        grid: The points of the search.

    Returns:
        The evidence, the same for every order of the probes.
    """
    inside = tuple(sorted((p for p in probes if grid.contains(p.rate)), key=lambda p: p.number))
    initial = initial_loss(inside)
    candidates = _find_candidates(inside)
    horizon = min((p.curve.horizon for p in candidates if len(p.curve)), default=0)
    incumbent, leader = _choose_incumbent(inside, candidates, initial, horizon)
    judged = Evidence(
        grid,
        inside,
        incumbent,
        leader,
        initial,
        horizon,
        has_untrained=any(starts_untrained(p.curve) for p in inside),
    )
    return arrange(judged)


def extend(evidence: Evidence, probes: tuple[Probe, ...]) -> Evidence:
    """Judge one more probe.

    Most probes neither lead nor change what the others are measured by. Then their point is all
    that is new, and the cost does not grow with the number of probes.

    Args:
        evidence: What was known without the last probe.
        probes: All probes, in any order but for the last one.

    Returns:
        What ``gather`` would give for them.
    """
    probe = probes[-1]
    if not evidence.grid.contains(probe.rate):
        return evidence
    if _is_news(evidence, probe):
        return gather((*evidence.probes, probe), evidence.grid)
    # Copying a thousand references would cost as much as all the rest.
    is_whole = len(evidence.probes) == len(probes) - 1 and evidence.probes[:1] == probes[:1]
    inside = probes if is_whole else (*evidence.probes, probe)
    return _place(evidence._replace(probes=inside), probe)


def _is_news(evidence: Evidence, probe: Probe) -> bool:
    """Tell whether a probe may change the judgement of others."""
    best, leader = evidence.incumbent, evidence.leader
    if best is None or leader is None or probe.number < evidence.probes[-1].number:
        return True
    if _moves_initial(evidence, probe):
        return True
    if evidence.grid.nearest(probe.rate) in evidence.unanswered:
        return True
    if not probe.is_finite:
        return probe.rate <= best.rate
    if probe.shows(is_above, evidence.initial):
        return True
    if not probe.is_full or not probe.has_score:
        return leader.is_broken
    # The lowest full run decides which collapses bound the others.
    between = range(evidence.grid.nearest(probe.rate), evidence.grid.nearest(best.rate) + 1)
    if any(point in between for point in evidence.collapsed):
        return True
    return _may_lead(probe, leader, evidence)


def _moves_initial(evidence: Evidence, probe: Probe) -> bool:
    if not len(probe.curve) or not math.isfinite(probe.curve.losses[0]):
        return False
    if not evidence.has_untrained:
        return True
    return starts_untrained(probe.curve) and probe.curve.losses[0] != evidence.initial


def _may_lead(probe: Probe, leader: Probe, evidence: Evidence) -> bool:
    horizon = evidence.horizon
    if leader.is_broken or (len(probe.curve) and not 0 < horizon <= probe.curve.horizon):
        return True
    if leader.value is None and probe.value is None:
        ends = probe.compared(horizon), leader.compared(horizon)
        return gap_between(*ends, evidence.initial).is_tie
    # Runs with reports are never compared with values.
    return leader.value is not None and (probe.value is None or probe.value < leader.value)


def arrange(evidence: Evidence) -> Evidence:
    """Lay the probes out on the grid, and find those beside the incumbent.

    Args:
        evidence: Probes, incumbent and initial loss; the rest is computed anew.

    Returns:
        The whole evidence.
    """
    at_point = defaultdict(list)
    for probe in evidence.probes:
        if _is_comparable(probe, evidence.incumbent):
            at_point[evidence.grid.nearest(probe.rate)].append(probe)
    seen = {i: probes for i, probes in at_point.items() if _is_answered(probes, evidence)}
    best = evidence.incumbent
    rates = [p.rate for probes in seen.values() for p in probes]
    below, above = _beside(best.rate, rates, None, None) if best else (None, None)
    return evidence._replace(
        seen=seen,
        unanswered={i: probes for i, probes in at_point.items() if i not in seen},
        collapsed=_find_collapsed(seen, evidence.initial),
        below=below,
        above=above,
    )


def _place(evidence: Evidence, probe: Probe) -> Evidence:
    """Lay one more probe out that changes nothing about the others."""
    best, point = evidence.incumbent, evidence.grid.nearest(probe.rate)
    if best is None or not _is_comparable(probe, best):
        return evidence
    group = [*evidence.seen.get(point, ()), probe]
    if not _is_answered(group, evidence):
        unanswered = {**evidence.unanswered, point: group}
        return evidence._replace(unanswered=unanswered)
    below, above = _beside(best.rate, [probe.rate], evidence.below, evidence.above)
    return evidence._replace(
        seen={**evidence.seen, point: group},
        collapsed=evidence.collapsed if probe.is_finite else evidence.collapsed | {point},
        below=below,
        above=above,
    )


def _beside(
    rate: float, others: Sequence[float], below: float | None, above: float | None
) -> tuple[float | None, float | None]:
    """Return the nearest of other rates on either side, and of those that were nearest."""
    lower = [r for r in (*others, below) if r is not None and r < rate]
    higher = [r for r in (*others, above) if r is not None and r > rate]
    return max(lower, default=None), min(higher, default=None)


def _is_comparable(probe: Probe, incumbent: Probe | None) -> bool:
    """Tell whether a probe answers a question of this search.

    A value that another sampler left says nothing where the incumbent is judged by reports.
    """
    by_value = incumbent is None or incumbent.value is not None
    is_foreign = probe.question is None and not len(probe.curve)
    return by_value or not is_foreign or probe.is_broken or not probe.is_finite


def _is_answered(probes: Sequence[Probe], evidence: Evidence) -> bool:
    """Tell whether the probes at one point answered anything; broken ones may have not."""
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
    """Tell whether a rise comes from the data, which other rates have met as well."""
    others = [p for i, probes in above.items() if i != point for p in probes]
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
    return reported or full or (broken if len(broken) >= MAX_ATTEMPTS else [])


def _choose_incumbent(
    probes: Sequence[Probe], candidates: Sequence[Probe], initial: float | None, horizon: int
) -> tuple[Probe | None, Probe | None]:
    """Take the best probe that moved and does not sit above a rate that blew up.

    Returns:
        The incumbent, and the probe with the lowest end.
    """
    lowest = min((p.rate for p in candidates), default=math.inf)
    edge = min((p.rate for p in probes if not p.is_finite and p.rate > lowest), default=math.inf)
    moved = [p for p in candidates if p.rate < edge and not p.shows(is_flat, initial)]
    if not moved:
        return None, None
    # All have a value, or none has: the candidates are of one kind.
    by_value = [(p.value, p.number, p) for p in moved if p.value is not None]
    if by_value:
        *_, best = min(by_value, key=lambda row: row[:2])
        return best, best
    ends = {p.number: p.compared(horizon) for p in moved}
    leader = moved[0]
    for probe in moved[1:]:
        if gap_between(ends[probe.number], ends[leader.number], initial).difference < 0:
            leader = probe
    # Of runs that end alike the one that came down first is the better guess for a longer run.
    best_end = ends[leader.number]
    tied = [p for p in moved if gap_between(ends[p.number], best_end, initial).is_tie]
    first = min(tied, key=lambda p: (float(np.mean(ends[p.number].losses)), p.number))
    return first, leader
