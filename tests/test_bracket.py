"""The interval arithmetic is done in log space and never leaves the interval."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from optuna_bisect import Bracket

rates = st.floats(1e-12, 1e6)


@st.composite
def brackets(draw: st.DrawFn) -> Bracket:
    low, high = sorted((draw(rates), draw(rates)))
    assume(low < high)
    return Bracket(low, high)


def test_midpoint_is_the_geometric_mean() -> None:
    assert Bracket(1e-6, 1e-2).midpoint == pytest.approx(1e-4)
    assert Bracket(1e-6, 1e-2).log_width == pytest.approx(4)


@given(brackets())
def test_midpoint_and_splits_stay_inside(bracket: Bracket) -> None:
    assert bracket.midpoint in bracket
    assert all(rate in bracket for rate in bracket.split(3))


@given(brackets(), st.integers(1, 8))
def test_split_cuts_into_equal_ratios(bracket: Bracket, k: int) -> None:
    assume(bracket.log_width > 1e-3)
    points = [bracket.low, *bracket.split(k), bracket.high]
    steps = [math.log(b / a) for a, b in itertools.pairwise(points)]
    assert steps == pytest.approx([steps[0]] * (k + 1), rel=1e-6)


@given(brackets(), rates)
def test_clamp_returns_the_nearest_rate_inside(bracket: Bracket, rate: float) -> None:
    clamped = bracket.clamp(rate)
    assert clamped in bracket
    assert type(clamped) is float
    assert (clamped == rate) == (rate in bracket)


def test_narrow_moves_bounds_inwards_only() -> None:
    bracket = Bracket(1e-4, 1e-1)
    assert bracket.narrow(low=1e-3) == Bracket(1e-3, 1e-1)
    assert bracket.narrow(low=1e-6, high=1.0) == bracket


def test_narrow_refuses_evidence_that_contradicts_itself() -> None:
    with pytest.raises(ValueError, match="but got"):
        Bracket(1e-4, 1e-1).narrow(low=1e-2, high=1e-3)


@pytest.mark.parametrize(
    ("low", "high"), [(1, 0.1), (0.1, 0.1), (0, 1), (-1, 1), (1, math.inf), (math.nan, 1)]
)
def test_bad_bounds_raise(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="but got "):
        Bracket(low, high)


def test_split_into_nothing_raises() -> None:
    with pytest.raises(ValueError, match="k must be a positive whole number but got 0"):
        Bracket(1, 2).split(0)
