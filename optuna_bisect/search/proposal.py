"""The search: which rate is worth the next probe, given the evidence so far.

The rules, the ones that were tried instead, and their measurements are in studies/LOG.md.
"""

from __future__ import annotations

import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from optuna_bisect.verdicts.comparison import is_behind
from optuna_bisect.verdicts.shape import FEW_REPORTS, progress_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.search.probe import Probe

Question = Literal["start", "warm", "scan", "deepen", "halve", "recheck", "higher", "spread"]

# A probe is proposed at most this many points away from the incumbent.
MAX_REACH = 3
# After so many flat probes without an incumbent one is run in full.
FLATS_PER_RUN = 4
# Where to go on when a warm start shows no progress: the earlier rate is probably not far too low.
WARM_POINTS = (-1, -3)
# A warm start is far off where the point beside it makes more than twice its progress.
FAR_SHARE = 0.5
# A search without end stops halving at this share of the spacing: one part in 10^6 of the rate.
MIN_GAP = 1e-6
GOLDEN = (math.sqrt(5) - 1) / 2
# Probes with few reports differ clearly where their ends lie this many times further apart than
# those of neighbouring rates do.
CLEAR = 5.0


class Proposal(NamedTuple):
    """A rate to probe next, and the question that it answers."""

    rate: float
    question: Question


def propose(
    evidence: Evidence, pending: Sequence[float] = (), *, endless: bool = False
) -> Proposal | None:
    """Choose the next rate; None where the search is over, or may be once ``pending`` has ended.

    ``pending`` are rates of probes that still run, which are not asked again. ``endless`` goes on
    with a finer grid where the search would be over.
    """
    grid = evidence.grid
    taken = {grid.nearest(rate) for rate in pending}
    found = _propose_coarse(evidence, taken)
    if found is not None:
        return Proposal(grid.rate_at(found[0]), found[1])
    return _refine(evidence, pending) if endless else None


def _refine(evidence: Evidence, pending: Sequence[float]) -> Proposal | None:
    """Halve the wider gap beside the incumbent, finer than the grid; the low side of equals."""
    if evidence.incumbent is None:
        return None
    best, grid = evidence.incumbent.rate, evidence.grid
    here = grid.position(best)
    beside = [r for r in (*pending, evidence.below, evidence.above) if r is not None]
    below = max((r for r in beside if r < best), default=best)
    above = min((r for r in beside if r > best), default=best)
    low, high = grid.position(below), grid.position(above)
    if max(here - low, high - here) < MIN_GAP:
        return None
    middle = (low + here) / 2 if here - low >= high - here else (here + high) / 2
    return Proposal(grid.rate_at(middle), "halve")


def choose(
    evidence: Evidence,
    pending: Sequence[float],
    *,
    ahead: int = 0,
    endless: bool = False,
    number: int | None = None,
) -> Proposal:
    """Choose a rate for one of several workers, in any case.

    Where every question of interest is being asked already, the unseen point nearest to the
    incumbent. ``ahead`` is the number of running probes that will choose before this one.
    ``number`` is the trial's, which no other trial has; None: the number of all probes.
    """
    taken = list(pending)
    for _ in range(ahead):
        taken.append(choose(evidence, taken, endless=endless).rate)
    if number is None:
        number = len(evidence.probes) + len(taken)
    return propose(evidence, taken, endless=endless) or _spread(evidence, taken, number)


def _spread(evidence: Evidence, pending: Sequence[float], number: int) -> Proposal:
    """Return the unseen point nearest to the incumbent; where all are seen, fill the range.

    Multiples of the golden ratio, modulo 1, fill a range evenly and never repeat (Kronecker
    sequence; Niederreiter 1992, chapter 3), if no two workers take the same multiple.
    """
    grid = evidence.grid
    known = evidence.seen.keys() | {grid.nearest(rate) for rate in pending}
    centre = grid.nearest(evidence.incumbent.rate) if evidence.incumbent else 0
    unseen = set(range(grid.first, grid.last + 1)) - known - {centre}
    if unseen:
        nearest = min(unseen, key=lambda i: (abs(i - centre), i))
        return Proposal(grid.rate_at(nearest), "spread")
    low, high = grid.position(grid.low), grid.position(grid.high)
    share = number * GOLDEN % 1
    return Proposal(grid.rate_at(low + share * (high - low)), "spread")


def _propose_coarse(evidence: Evidence, taken: set[int]) -> tuple[int, Question] | None:
    grid, best = evidence.grid, evidence.incumbent
    if best is None:
        return _propose_scan(evidence, taken)
    if len(evidence.seen.keys() | taken) > grid.last - grid.first:
        # Every point is seen.
        return _propose_recheck(evidence, best, taken)
    near = _propose_near(evidence, best, taken)
    if not best.is_full and not best.is_broken:
        # It still runs: what it does not answer yet is not asked again.
        return near
    return (
        near or _propose_recheck(evidence, best, taken) or _propose_higher(evidence, best, taken)
    )


def _propose_higher(
    evidence: Evidence, best: Probe, taken: set[int]
) -> tuple[int, Question] | None:
    """Go up while no probe has clearly moved: runs that learn nothing differ as well."""
    if evidence.collapsed or _is_clear(evidence, best):
        return None
    found = _widest([max(evidence.seen.keys() | taken), evidence.grid.last + 1])
    return None if found is None else (found[0], "higher")


def _is_clear(evidence: Evidence, best: Probe) -> bool:
    """Tell whether full probes differ by more than neighbouring rates differ anyway."""
    if len(best.curve) > FEW_REPORTS:
        return True
    full = [p for p in evidence.probes if p.is_full and p.is_finite]
    by_value = [(p.rate, p.value) for p in full if p.value is not None]
    by_report = [(p.rate, p.curve.losses[-1]) for p in full if p.value is None and len(p.curve)]
    ends = [end for _, end in sorted(by_report if best.value is None else by_value)]
    steps = [abs(a - b) for a, b in pairwise(ends)]
    return bool(steps) and max(ends) - min(ends) > CLEAR * statistics.median_high(steps)


def _propose_scan(evidence: Evidence, taken: set[int]) -> tuple[int, Question] | None:
    """Look for any progress, between the highest flat point and the lowest collapse first."""
    grid, known = evidence.grid, sorted(set(evidence.seen) | taken)
    if not known:
        return 0, "start" if grid.origin is None else "warm"
    top = min(evidence.collapsed, default=grid.last + 1)
    if top == grid.first:
        # Everything overshoots.
        return None
    deeper = _propose_deeper(evidence, taken)
    if deeper is not None:
        return deeper
    flat = [i for i in evidence.seen if i < top]
    floor = max(flat, default=grid.first - 1)
    # Such a warm start is probably too high: one somewhat too low would have shown progress.
    for point in WARM_POINTS if grid.origin is not None else ():
        if point not in known and grid.first <= point < top:
            return point, "scan"
    inner = _widest([floor, *(i for i in known if floor < i < top), top])
    return inner or _widest([grid.first - 1, *known, grid.last + 1])


def _propose_deeper(evidence: Evidence, taken: set[int]) -> tuple[int, Question] | None:
    """Run the flat probe with most progress in full, where short ones stay within the noise.

    A rival that is ahead would end that run as early as the first one.
    """
    n_flat = sum(not p.is_full and p.is_finite for p in evidence.probes)
    n_asked = sum(p.question == "deepen" for p in evidence.probes)
    initial = evidence.initial
    if initial is None or evidence.rival or n_flat < FLATS_PER_RUN * (n_asked + 1):
        return None
    progress = {
        i: max(progress_of(p.curve, initial) if len(p.curve) else 0.0 for p in probes)
        for i, probes in evidence.seen.items()
        if i not in evidence.collapsed | taken and not any(p.is_full for p in probes)
    }
    best = max(progress, key=progress.__getitem__, default=None)
    return None if best is None else (best, "deepen")


def _widest(points: Sequence[int]) -> tuple[int, Question] | None:
    """Return the middle of the widest gap between neighbouring points, the upper one of equals."""
    width, a, b = max((b - a, a, b) for a, b in pairwise(points))
    return ((a + b + 1) // 2, "scan") if width > 1 else None


def _propose_near(evidence: Evidence, best: Probe, taken: set[int]) -> tuple[int, Question] | None:
    """Halve the wider unseen gap beside the incumbent; the low side where both are equal."""
    grid, known = evidence.grid, set(evidence.seen) | taken
    i = grid.nearest(best.rate)
    below = i - 1 - max([j for j in known if j < i], default=grid.first - 1)
    above = min([j for j in known if j > i], default=grid.last + 1) - i - 1
    if below <= 0 and above <= 0:
        return None
    reach = min(MAX_REACH, (max(below, above) + 1) // 2)
    if grid.origin is not None and not _is_far(evidence, best, i):
        # An earlier study's rate is probably near: its neighbours first, then longer steps.
        reach = min(reach, max(1, abs(i)))
    return (i - reach if below >= above else i + reach), "halve"


def _is_far(evidence: Evidence, best: Probe, i: int) -> bool:
    """Tell whether the incumbent, at point i, left the point nearer to point 0 far behind."""
    initial = evidence.initial
    if initial is None or i == 0:
        return False
    shares = [
        share
        for probe in evidence.seen.get(i - 1 if i > 0 else i + 1, ())
        if len(probe.curve) and probe.is_finite
        if (share := is_behind(probe.curve, initial, best.curve)) is not None
    ]
    return bool(shares) and max(shares) < FAR_SHARE


def _propose_recheck(
    evidence: Evidence, best: Probe, taken: set[int]
) -> tuple[int, Question] | None:
    """Run a neighbour once more that an older incumbent cut and the present one would not.

    Nor may the rival cut it, where there is one.
    """
    judges = [best] if evidence.rival is None else [best, evidence.rival]
    initial, i = evidence.initial, evidence.grid.nearest(best.rate)
    if initial is None:
        return None
    for j in (i - 1, i + 1):
        probes = evidence.seen.get(j, ())
        if j in taken or len(probes) != 1 or probes[0].is_full or not probes[0].is_finite:
            continue
        if all(is_behind(probes[0].curve, initial, p.curve) is None for p in judges):
            return j, "recheck"
    return None
