"""What all probes of a study say together, computed anew from the set of them, in any order."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from optuna_bisect.curves import (
    N_SKIPPED,
    Curve,
    has_jumped,
    is_above,
    is_behind,
    is_flat,
    is_tied,
    progress_of,
    rises_alike,
    starts_untrained,
)
from optuna_bisect.verdicts import Incumbent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from optuna_bisect.grid import Grid

# A point whose trials broke without evidence is given up after this many.
MAX_ATTEMPTS = 2


@dataclass(frozen=True)
class Probe:
    """One finished Phase 1 trial as the search sees it; lower is better.

    Args:
        number: Trial number.
        rate: Its learning rate.
        curve: What it reported.
        value: What it returned, where probes are compared by that and not by their reports.
        is_full: Whether it ran its whole length instead of being cut.
        is_broken: Whether it ended in an exception or died.
        question: Why it was proposed, None if a user chose the rate.
        judge: Number of the trial that it was cut against while that one still ran itself.
        has_fallen: Whether others were cut against it before it came to nothing.
    """

    number: int
    rate: float
    curve: Curve = field(default_factory=Curve)
    value: float | None = None
    is_full: bool = True
    is_broken: bool = False
    question: str | None = None
    judge: int | None = None
    has_fallen: bool = False

    @cached_property
    def is_finite(self) -> bool:
        """Whether nothing that it reported or returned is infinite or NaN."""
        return self.curve.is_finite and (self.value is None or math.isfinite(self.value))

    @property
    def has_score(self) -> bool:
        """Whether there is a number to compare it by."""
        return self.value is not None or len(self.curve) > 0

    def score(self, horizon: int) -> float:
        """Return the number by which full probes are compared: the value, or the last report."""
        if self.value is not None:
            return self.value
        return self.compared(horizon).losses[-1]

    def compared(self, horizon: int) -> Curve:
        """Return the part of the curve that is compared: up to a horizon, one report at least."""
        return self.curve.until(max(horizon - 1, self.curve.steps[0]))


@dataclass(frozen=True)
class Evidence:
    """What all probes say together.

    Attributes:
        grid: The points of the search.
        probes: Finished probes inside the range, by trial number.
        incumbent: The best balanced probe, None while there is none.
        initial: Loss before training, None if unknown.
        horizon: Number of steps at which full probes are compared.
    """

    grid: Grid
    probes: tuple[Probe, ...]
    incumbent: Probe | None
    initial: float | None
    horizon: int

    @cached_property
    def seen(self) -> dict[int, list[Probe]]:
        """Finished probes by grid point, without those that answered nothing."""
        at_point = defaultdict(list)
        for probe in self.probes:
            if self._is_comparable(probe):
                at_point[self.grid.nearest(probe.rate)].append(probe)
        return {i: probes for i, probes in at_point.items() if self._is_answered(probes)}

    @cached_property
    def collapsed(self) -> frozenset[int]:
        """Points known to overshoot on absolute evidence."""
        above = {
            i: [p for p in probes if _shows(is_above, p, self.initial)]
            for i, probes in self.seen.items()
        }
        return frozenset(
            i
            for i, probes in self.seen.items()
            if any(not p.is_finite for p in probes)
            or any(not self._is_shared(p, i, above) for p in above[i])
        )

    def _is_shared(self, probe: Probe, point: int, above: dict[int, list[Probe]]) -> bool:
        """Tell whether a rise comes from the data, which other rates have met as well."""
        others = [p for i, probes in above.items() if i != point for p in probes]
        return self.initial is not None and any(
            rises_alike(probe.curve, other.curve, self.initial) for other in others
        )

    @property
    def best_undershoot(self) -> Probe | None:
        """The flat probe below every collapse with most progress, of equals the highest.

        Progress grows with the rate where all rates are too low, so without noise this is the
        highest of them; it is the best guess where there is no incumbent.
        """
        top = min(self.collapsed, default=self.grid.last + 1)
        below = [p for i, probes in self.seen.items() if i < top for p in probes]
        flat = [p for p in below if self.initial is None or _shows(is_flat, p, self.initial)]
        slow = [p for p in flat if not _shows(has_jumped, p, self.initial)]
        return max(slow, key=lambda p: (self._progress(p), p.rate), default=None)

    def _progress(self, probe: Probe) -> float:
        """Return the progress in standard errors, 0 where it cannot be known."""
        if self.initial is None or not len(probe.curve):
            return 0.0
        return progress_of(probe.curve, self.initial)

    def on(self, grid: Grid) -> Evidence:
        """Return the same judgement on other points of the same range."""
        return replace(self, grid=grid)

    def _is_comparable(self, probe: Probe) -> bool:
        """Tell whether a probe answers a question of this search.

        A value that another sampler left says nothing where the incumbent is judged by reports.
        """
        by_value = self.incumbent is None or self.incumbent.value is not None
        is_foreign = probe.question is None and not len(probe.curve)
        return by_value or not is_foreign or probe.is_broken or not probe.is_finite

    def _is_answered(self, probes: Sequence[Probe]) -> bool:
        """Tell whether the probes at one point answered anything; broken ones may have not."""
        if len(probes) >= MAX_ATTEMPTS or any(not p.is_broken or not p.is_finite for p in probes):
            return True
        if self.incumbent is None or self.initial is None:
            return False
        return is_behind(probes[0].curve, self.initial, self.incumbent.curve) is not None

    @property
    def bracket(self) -> tuple[float, float]:
        """The rates around the optimum: the nearest seen ones that lost on either side."""
        low, high = self.grid.low, self.grid.high
        if self.incumbent is None:
            over = [p.rate for i in self.collapsed for p in self.seen[i]]
            return low, min([r for r in over if r > low], default=high)
        rates = [p.rate for probes in self.seen.values() for p in probes]
        best = self.incumbent.rate
        return (
            max([r for r in rates if low < r < best], default=low),
            min([r for r in rates if best < r < high], default=high),
        )

    @property
    def reference(self) -> Incumbent | None:
        """The incumbent as verdicts compare with it."""
        if self.incumbent is None:
            return None
        return Incumbent(self.incumbent.number, self.incumbent.rate, self.incumbent.curve)


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
    incumbent = _choose_incumbent(inside, candidates, initial, horizon)
    return Evidence(grid, inside, incumbent, initial, horizon)


def initial_loss(probes: Sequence[Probe]) -> float | None:
    """Infer the loss before training, which all probes share.

    The slowest run has moved least, so its first report is the nearest thing where nothing was
    reported before the first update. A run's own first report alone says nothing: after an epoch
    at a good rate it may lie near the end of the descent.

    Args:
        probes: Finished probes.

    Returns:
        The loss, or None where it cannot be known.
    """
    begun = [p for p in probes if len(p.curve) and math.isfinite(p.curve.losses[0])]
    curves = [(p.rate, p.curve) for p in begun]
    if not curves:
        return None
    untrained = [curve.losses[0] for _, curve in curves if starts_untrained(curve)]
    if untrained:
        return float(np.median(untrained))
    slowest = min(curves, key=lambda pair: pair[0])
    return slowest[1].losses[0] if len({rate for rate, _ in curves}) > 1 else None


def _shows(sign: Callable[[Curve, float], bool], probe: Probe, initial: float | None) -> bool:
    """Tell whether a probe's curve shows a sign that needs the initial loss."""
    if initial is None or len(probe.curve) < 2 or not probe.curve.is_finite:
        return False
    return sign(probe.curve, initial)


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
) -> Probe | None:
    """Take the best probe that moved and does not sit above a rate that blew up."""
    lowest = min((p.rate for p in candidates), default=math.inf)
    edge = min((p.rate for p in probes if not p.is_finite and p.rate > lowest), default=math.inf)
    moved = [p for p in candidates if p.rate < edge and not _shows(is_flat, p, initial)]
    best = min(moved, key=lambda p: (p.score(horizon), p.number), default=None)
    if best is None or best.value is not None:
        return best
    # Of runs that end alike the one that came down first is the better guess for a longer run.
    ends = {p.number: p.compared(horizon) for p in moved}
    tied = [p for p in moved if is_tied(ends[p.number], ends[best.number])]
    return min(tied, key=lambda p: (float(np.mean(ends[p.number].losses)), p.number))
