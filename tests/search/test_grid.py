"""The grid covers its range evenly in log space and finds the point of every rate."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect.search.grid import SPACING, Grid

ranges = st.tuples(st.floats(-9, 0), st.floats(0.1, 9)).map(
    lambda pair: (10 ** pair[0], 10 ** (pair[0] + pair[1]))
)


@given(ranges)
def test_every_point_lies_inside_and_finds_itself(bounds: tuple[float, float]) -> None:
    low, high = bounds
    grid = Grid(low, high)
    for k in range(grid.first, grid.last + 1):
        rate = grid.rate_at(k)
        assert low <= rate <= high
        assert grid.nearest(rate) == k


@given(ranges)
def test_no_part_of_the_range_is_further_than_one_step_from_a_point(
    bounds: tuple[float, float],
) -> None:
    low, high = bounds
    grid = Grid(low, high)
    top = grid.rate_at(grid.last)
    assert high / top <= math.sqrt(SPACING) * (1 + 1e-9)


def test_a_range_that_reaches_zero_is_cut_linearly() -> None:
    grid = Grid(-1.0, 1.0)
    assert not grid.is_log
    points = [grid.rate_at(k) for k in range(grid.first, grid.last + 1)]
    assert points[0] == -1.0
    assert points[-1] == 1.0
    steps = [b - a for a, b in itertools.pairwise(points)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_rates_outside_belong_to_the_ends_but_only_near_ones_are_contained() -> None:
    grid = Grid(1e-4, 1e-1)
    assert grid.nearest(1e-9) == grid.first
    assert grid.nearest(10.0) == grid.last
    assert grid.contains(0.12)
    assert not grid.contains(1.0)
    assert not grid.contains(0.0)
