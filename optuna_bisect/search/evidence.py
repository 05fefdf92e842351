"""What all probes of a study say together: incumbent, bracket, collapses."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from optuna_bisect.verdicts.shape import has_jumped, is_flat, progress_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna_bisect.search.grid import Grid
    from optuna_bisect.search.probe import Probe


class Evidence(NamedTuple):
    """What all probes of a study say together.

    Attributes:
        grid: The points of the search.
        probes: Finished probes inside the range, by trial number.
        incumbent: The best balanced probe, None while there is none.
        leader: The probe with the lowest end; the incumbent ties with it or is the same probe.
        initial: Loss before training, None if unknown.
        horizon: Number of steps at which full probes are compared.
        seen: Finished probes by grid point, without those that answered nothing.
        collapsed: Points whose loss is not finite or rose for good: certain to overshoot.
        below: Highest seen rate below the incumbent's, None if there is none.
        above: Lowest seen rate above the incumbent's, None if there is none.
        rival: The best probe of another search that leads this one, None where none does.
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
    rival: Probe | None = None

    @property
    def best_undershoot(self) -> Probe | None:
        """The flat probe below every collapse with most progress, of equals the highest rate.

        Progress grows with the rate where all rates are too low: the best guess without an
        incumbent.
        """
        top = min(self.collapsed, default=self.grid.last + 1)
        below = [p for i, probes in self.seen.items() if i < top for p in probes]
        if (initial := self.initial) is None:
            return max(below, key=lambda p: p.rate, default=None)
        slow = [p for p in below if p.shows(is_flat, initial) and not p.shows(has_jumped, initial)]
        return max(slow, key=lambda p: (progress_of(p.curve, initial), p.rate), default=None)

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
