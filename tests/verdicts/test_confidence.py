"""A verdict is surer where it knows more, and never surer than the recorded runs allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect.verdicts import confidence
from optuna_bisect.verdicts.curve import Curve
from optuna_bisect.verdicts.shape import late_share_of, unevenness_of

amounts = st.floats(0, 1e6)
ratios = st.floats(-10, 1)


@given(one=amounts, more=amounts, ratio=ratios, n=st.integers(1, 50))
def test_a_cut_is_surer_the_further_the_rates_are_apart(one, more, ratio, n) -> None:
    near, far = sorted((one, more))
    assert confidence.of_cut(near, ratio, n) <= confidence.of_cut(far, ratio, n)


@given(decades=st.floats(0, 3), one=ratios, more=ratios, n=st.integers(1, 50))
def test_a_cut_is_surer_the_further_the_run_is_behind(decades, one, more, n) -> None:
    far, near = sorted((one, more))
    assert confidence.of_cut(decades, far, n) >= confidence.of_cut(decades, near, n)


@given(decades=st.floats(0, 3), ratio=ratios, n=st.integers(1, 50), more=st.integers(0, 50))
def test_a_cut_is_surer_the_more_reports_there_were(decades, ratio, n, more) -> None:
    earlier = confidence.of_cut(decades, ratio, n)
    assert earlier <= confidence.of_cut(decades, ratio, n + more)


@pytest.mark.parametrize(
    ("of", "sign"),
    [
        (confidence.of_best, -1),
        (confidence.of_end, 1),
        (confidence.of_rise, 1),
        (confidence.of_straight, 1),
    ],
)
@given(one=amounts, more=amounts)
def test_more_evidence_is_never_less_sure(of, sign, one, more) -> None:
    low, high = sorted((one, more))
    assert sign * of(low) <= sign * of(high)
    assert 0.5 < of(low) < 1


def test_equal_departures_are_even_and_an_explosion_is_not() -> None:
    steps = (0, 10, 20, 30)
    assert unevenness_of(Curve(steps, (2.0, 2.5, 1.5, 2.5)), 2.0) == 1
    assert unevenness_of(Curve(steps, (2.0, 3.0, 12.0, 1002.0)), 2.0) == 100
    assert unevenness_of(Curve(steps, (2.0, 2.0, 2.0, 2.0)), 2.0) == 1
    assert unevenness_of(Curve((0,), (2.0,)), 2.0) == 1


def test_a_straight_line_makes_half_of_its_progress_late() -> None:
    steps = tuple(range(0, 130, 10))
    straight = Curve(steps, tuple(2 - 0.1 * i for i in range(13)))
    flattened = Curve(steps, tuple(1 + 0.5**i for i in range(13)))
    assert late_share_of(straight, 2.0) == pytest.approx(0.5, abs=0.06)
    assert late_share_of(flattened, 2.0) < 0.03
    assert late_share_of(straight.until(40), 2.0) == 0
    assert late_share_of(Curve(steps, tuple(2 + 0.1 * i for i in range(13))), 2.0) == 0
