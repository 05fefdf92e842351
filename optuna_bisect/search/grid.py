"""The points that a search may probe: a grid in log space."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

# Neighbouring rates differ by this factor. 2.5 and 4 were replayed too (studies/LOG.md).
SPACING = 3.0
# A linear range that reaches 0 or below has no ratios: it is cut into this many parts.
N_LINEAR_PARTS = 16


@dataclass(frozen=True)
class Grid:
    """Points ``middle * 3^k`` inside a range, and its ends where they lie far from the last point.

    Points are numbered by whole numbers k from ``first`` to ``last``. Point 0 is the first to be
    probed: ``origin``, where an earlier study says where to start, else the middle of the range.
    """

    low: float
    high: float
    origin: float | None = None

    @property
    def is_log(self) -> bool:
        """Whether points are spaced by ratios, which is not possible where the range reaches 0."""
        return self.low > 0

    @cached_property
    def _step(self) -> float:
        if self.is_log:
            return math.log(SPACING)
        width = self.high - self.low or 1.0
        # The width of the widest ranges is infinite.
        parts = self.high / N_LINEAR_PARTS - self.low / N_LINEAR_PARTS
        return width / N_LINEAR_PARTS if math.isfinite(width) else parts

    def _coordinate(self, rate: float) -> float:
        return math.log(rate) if self.is_log else rate

    @cached_property
    def _anchor(self) -> float:
        if self.origin is not None:
            return self._coordinate(self.origin)
        return self._coordinate(self.low) / 2 + self._coordinate(self.high) / 2

    @cached_property
    def last(self) -> int:
        """Number of the highest point."""
        return _count_points((self._coordinate(self.high) - self._anchor) / self._step)

    @cached_property
    def first(self) -> int:
        """Number of the lowest point."""
        return -_count_points((self._anchor - self._coordinate(self.low)) / self._step)

    def position(self, rate: float) -> float:
        """Return the distance from point 0 in steps; for a rate outside the range, its end's."""
        inside = min(max(rate, self.low), self.high)
        return (self._coordinate(inside) - self._anchor) / self._step

    def rate_at(self, position: float) -> float:
        """Return the rate at a position, clamped into the range, as a Python float."""
        # Beyond the end the exponential may overflow.
        coordinate = min(self._anchor + position * self._step, self._coordinate(self.high))
        rate = math.exp(coordinate) if self.is_log else coordinate
        return float(min(max(rate, self.low), self.high))

    def nearest(self, rate: float) -> int:
        """Return the number of the point nearest to a rate."""
        return self.first + bisect_left(self._middles, self.position(rate))

    def contains(self, rate: float) -> bool:
        """Whether a rate lies inside the range, or no further than half a step outside."""
        if self.is_log and rate <= 0:
            return False
        coordinate = self._coordinate(rate)
        below = self._coordinate(self.low) - coordinate
        above = coordinate - self._coordinate(self.high)
        return max(below, above) <= self._step / 2

    @cached_property
    def _middles(self) -> list[float]:
        """Positions half way between neighbouring points; those at the ends may lie closer."""
        points = [self.position(self.rate_at(i)) for i in range(self.first, self.last + 1)]
        return [(a + b) / 2 for a, b in pairwise(points)]


def _count_points(distance: float) -> int:
    """Count the points on one side; an end strip wider than half a step has its end probed."""
    n = math.floor(distance + 1e-9)
    return n + (distance - n > 0.5)
