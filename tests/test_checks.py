"""Checks of settings: what each one refuses, and that it says what came."""

from __future__ import annotations

import math

import pytest

from optuna_bisect._checks import check_at_least, check_inside


@pytest.mark.parametrize("wrong", [0, 1, -0.1, 2.0, math.nan, math.inf, True, "0.5", None])
def test_a_number_must_lie_strictly_inside(wrong):
    with pytest.raises(ValueError, match=r"factor must lie in \(0, 1\) but got"):
        check_inside("factor", wrong, 0, 1)
    check_inside("factor", 0.5, 0, 1)


def test_the_upper_limit_itself_is_inside_where_the_range_is_closed():
    check_inside("growth_factor", 2, 1, 2, closed=True)
    with pytest.raises(ValueError, match=r"must lie in \(1, 2\] but got 1\."):
        check_inside("growth_factor", 1, 1, 2, closed=True)


@pytest.mark.parametrize("wrong", [-1e-9, math.nan, math.inf, False, "1", None])
def test_a_number_must_be_finite_and_not_below_its_limit(wrong):
    with pytest.raises(ValueError, match=r"min_lr must be a finite number of at least 0 but got"):
        check_at_least("min_lr", wrong, 0)
    check_at_least("min_lr", 0, 0)


@pytest.mark.parametrize("wrong", [3, 8.5, True, "8"])
def test_a_whole_number_must_be_whole_and_not_below_its_limit(wrong):
    with pytest.raises(ValueError, match=r"window must be a whole number of at least 4 but got"):
        check_at_least("window", wrong, 4, whole=True)
    assert check_at_least("window", 8.0, 4, whole=True) == 8
