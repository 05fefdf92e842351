"""The points that a search may probe: a grid in log space that can be refined."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

# Neighbouring rates differ by this factor. 2.5 and 4 were replayed too (studies/LOG.md).
SPACING = 3.0
# A linear range that reaches 0 or below has no ratios: it is cut into this many parts.
N_LINEAR_PARTS = 16


@dataclass(frozen=True)
class Grid:
    """Points ``middle * 3^k`` inside a range, and its ends where they lie far from the last point.

    Points are numbered by whole numbers k from ``first`` to ``last``; 0 is the first to be probed.

    Args:
        low: Low end of the range.
        high: High end of the range, not below low.
        level: Number of halvings of the spacing; 0 is the coarse grid that the search starts on.
        origin: Point 0, where an earlier study says where to start. None: the middle of the range.
    """

    low: float
    high: float
    level: int = 0
    origin: float | None = None

    @property
    def is_log(self) -> bool:
        """Whether points are spaced by ratios; not possible where the range reaches 0."""
        return self.low > 0

    @cached_property
    def _step(self) -> float:
        width = self.high - self.low or 1.0
        coarse = math.log(SPACING) if self.is_log else width / N_LINEAR_PARTS
        return coarse * 0.5**self.level

    def _coordinate(self, rate: float) -> float:
        return math.log(rate) if self.is_log else rate

    @cached_property
    def _anchor(self) -> float:
        if self.origin is not None:
            return self._coordinate(self.origin)
        return (self._coordinate(self.low) + self._coordinate(self.high)) / 2

    @cached_property
    def last(self) -> int:
        """Number of the highest point."""
        return _count_points((self._coordinate(self.high) - self._anchor) / self._step)

    @cached_property
    def first(self) -> int:
        """Number of the lowest point."""
        return -_count_points((self._anchor - self._coordinate(self.low)) / self._step)

    def position(self, rate: float) -> float:
        """Distance of a rate from point 0 in steps; of the nearer end for rates outside."""
        inside = min(max(rate, self.low), self.high)
        return (self._coordinate(inside) - self._anchor) / self._step

    def rate_at(self, position: float) -> float:
        """Return the rate at a position, clamped into the range, as a Python float."""
        coordinate = self._anchor + position * self._step
        rate = math.exp(coordinate) if self.is_log else coordinate
        return float(min(max(rate, self.low), self.high))

    def nearest(self, rate: float) -> int:
        """Return the number of the point nearest to a rate."""
        return _find_nearest(self, rate)

    def contains(self, rate: float) -> bool:
        """Whether a rate lies inside the range, or no further than half a step outside."""
        return _is_near(self, rate)

    def refined(self) -> Grid:
        """Return the same range at half the spacing."""
        return replace(self, level=self.level + 1)


def _count_points(distance: float) -> int:
    """Count the points on one side; an end strip wider than half a step has its end probed."""
    n = math.floor(distance + 1e-9)
    return n + (distance - n > 0.5)


# The rates of finished trials are asked for again and again, as each new one is judged.
@lru_cache(maxsize=2**16)
def _find_nearest(grid: Grid, rate: float) -> int:
    position = grid.position(rate)
    k = min(max(round(position), grid.first), grid.last)
    if grid.first + 1 < k < grid.last - 1:
        return k
    # The end points may lie less than one step beyond their neighbours.
    return min(
        (i for i in (k - 1, k, k + 1) if grid.first <= i <= grid.last),
        key=lambda i: abs(grid.position(grid.rate_at(i)) - position),
    )


@lru_cache(maxsize=2**16)
def _is_near(grid: Grid, rate: float) -> bool:
    if grid.is_log and rate <= 0:
        return False
    below = grid._coordinate(grid.low) - grid._coordinate(rate)
    above = grid._coordinate(rate) - grid._coordinate(grid.high)
    return max(below, above) <= grid._step / 2
