"""What the search knows: finished probes, and what all of them say together."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optuna_bisect.verdicts.classifier import Incumbent
from optuna_bisect.verdicts.curve import Curve, has_jumped, is_flat, progress_of, starts_untrained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna_bisect.search.grid import Grid


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

    def compared(self, horizon: int) -> Curve:
        """Return the part of the curve that is compared: up to a horizon, one report at least."""
        return self.curve.until(max(horizon - 1, self.curve.steps[0]))

    def shows(self, sign: Callable[[Curve, float], bool], initial: float | None) -> bool:
        """Tell whether the curve shows a sign that needs the initial loss."""
        if initial is None or len(self.curve) < 2 or not self.curve.is_finite:
            return False
        return sign(self.curve, initial)


class Evidence(NamedTuple):
    """What all probes say together.

    Attributes:
        grid: The points of the search.
        probes: Finished probes inside the range, by trial number.
        incumbent: The best balanced probe, None while there is none.
        leader: The probe with the lowest end, which ties with the incumbent or is it.
        initial: Loss before training, None if unknown.
        horizon: Number of steps at which full probes are compared.
        seen: Finished probes by grid point, without those that answered nothing.
        collapsed: Points known to overshoot on absolute evidence.
        below: Highest seen rate below the incumbent's, None if there is none.
        above: Lowest seen rate above the incumbent's, None if there is none.
        unanswered: Probes at points where all trials broke before they answered anything.
        has_untrained: Whether any curve surely starts with the loss before training.
    """

    grid: Grid
    probes: tuple[Probe, ...]
    incumbent: Probe | None = None
    leader: Probe | None = None
    initial: float | None = None
    horizon: int = 0
    seen: Mapping[int, list[Probe]] = MappingProxyType({})
    collapsed: frozenset[int] = frozenset()
    below: float | None = None
    above: float | None = None
    unanswered: Mapping[int, list[Probe]] = MappingProxyType({})
    has_untrained: bool = False

    @property
    def best_undershoot(self) -> Probe | None:
        """The flat probe below every collapse with most progress, of equals the highest.

        Progress grows with the rate where all rates are too low, so without noise this is the
        highest of them; it is the best guess where there is no incumbent.
        """
        top = min(self.collapsed, default=self.grid.last + 1)
        below = [p for i, probes in self.seen.items() if i < top for p in probes]
        flat = [p for p in below if self.initial is None or p.shows(is_flat, self.initial)]
        slow = [p for p in flat if not p.shows(has_jumped, self.initial)]
        return max(slow, key=lambda p: (self._progress(p), p.rate), default=None)

    def _progress(self, probe: Probe) -> float:
        """Return the progress in standard errors, 0 where it cannot be known."""
        if self.initial is None or not len(probe.curve):
            return 0.0
        return progress_of(probe.curve, self.initial)

    @property
    def bracket(self) -> tuple[float, float]:
        """The rates around the optimum: the nearest seen ones that lost on either side."""
        low, high = self.grid.low, self.grid.high
        if self.incumbent is None:
            over = [p.rate for i in self.collapsed for p in self.seen[i]]
            return low, min([r for r in over if r > low], default=high)
        return (
            low if self.below is None else max(self.below, low),
            high if self.above is None else min(self.above, high),
        )

    @property
    def reference(self) -> Incumbent | None:
        """The incumbent as verdicts compare with it."""
        if self.incumbent is None:
            return None
        return Incumbent(self.incumbent.number, self.incumbent.rate, self.incumbent.curve)


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
