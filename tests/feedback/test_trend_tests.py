"""The statistics of a window against their textbook values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect.feedback.trend_tests import (
    critical_value,
    elasticity,
    serial_correlation,
    slope,
    trend,
    zigzag,
)
from optuna_bisect.verdicts.curve import noise_of


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=12, unique=True))
def test_the_trend_agrees_with_counting_pairs(levels):
    n = len(levels)
    score = sum((b > a) - (b < a) for i, a in enumerate(levels) for b in levels[i + 1 :])
    spread = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    expected = math.copysign(max(abs(score) - 1, 0), score) / spread
    assert trend(levels) == pytest.approx(expected)
    assert trend(levels[::-1]) == pytest.approx(-expected)


def test_signals_have_their_textbook_values():
    assert slope([0.0, 1.0, 2.0, 50.0, 4.0]) == 1.0
    assert noise_of([0.0, 1.0, 2.0, 3.0]) == 0.0
    assert noise_of([1.0]) == trend([1.0]) == zigzag([1.0]) == serial_correlation([1.0]) == 0.0
    assert serial_correlation([2.3] * 9) == 0.0
    assert serial_correlation(list(range(16))) > critical_value(0.005) > 0
    assert serial_correlation([0.0, 1.0] * 8) < 0
    there_and_back = [5, 4, 3, 2, 1, 0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert serial_correlation(there_and_back) > critical_value(0.05)
    assert zigzag([0.0, 1.0] * 8) > critical_value(0.005) > 0 > zigzag(list(range(16)))
    assert elasticity([1.0 - 0.01 * i for i in range(21, 31)], 1.0, 31) == pytest.approx(
        1, abs=0.05
    )
    assert elasticity([2.0] * 5, 1.0, 9) == 0.0
