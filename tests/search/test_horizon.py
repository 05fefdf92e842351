"""The horizon law: schedules, the exponent, and the drift that the curves show."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect.search.assessment import assess
from optuna_bisect.search.grid import Grid
from optuna_bisect.search.horizon import (
    COOL_DOWNS,
    EXPONENT,
    MAX_FACTOR,
    RELIEF,
    cool_down_of,
    correct,
    drift_of,
    exponent_for,
    exponent_of,
    is_at_edge,
)
from optuna_bisect.search.probe import Probe
from optuna_bisect.verdicts.curve import Curve

GRID = Grid(1e-4, 1e-1)
HERE, ABOVE = GRID.rate_at(0), GRID.rate_at(1)
STEPS = tuple(range(0, 1300, 100))


def progress(power: float, scale: float = 1.0, n: int = 13) -> Curve:
    """Make a curve whose progress from a loss of 10 grows as a power of the step."""
    losses = [10 - scale * 4 * (step / 1200) ** power for step in STEPS[:n]]
    return Curve(STEPS[:n], tuple(losses))


def drift(
    above: Curve, best: Curve | None = None, *, factor: float = 1, shift: float = 0
) -> float:
    """Read the drift from a winner at point 0 and a probe one point above it."""
    curves = [(HERE, best or progress(0.3)), (ABOVE, above)]
    probes = [
        Probe(i, rate, Curve(c.steps, tuple(factor * x + shift for x in c.losses)), is_full=not i)
        for i, (rate, c) in enumerate(curves)
    ]
    return drift_of(assess(probes, GRID))


@pytest.mark.parametrize("name", COOL_DOWNS)
def test_names_and_shares_are_the_same_thing(name: str) -> None:
    assert cool_down_of(name) == cool_down_of(COOL_DOWNS[name])


@pytest.mark.parametrize("bad", ["onecycle", "", -0.1, 1.1, math.nan, True, None])
def test_an_unknown_schedule_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="but got"):
        cool_down_of(bad)  # type: ignore[arg-type]


def test_a_longer_run_wants_a_lower_rate_by_the_power() -> None:
    assert correct(0.1, 100, 10_000, 0.5) == pytest.approx(0.01)
    assert correct(0.1, 100, 100, 0.5) == 0.1


@pytest.mark.parametrize(
    ("rate", "horizon", "final"), [(0.1, 0, 10), (0.1, 5, None), (0.0, 5, 10)]
)
def test_what_is_not_known_is_not_corrected(rate: float, horizon: int, final: int | None) -> None:
    assert correct(rate, horizon, final, EXPONENT) == rate


@given(st.floats(0, 1), st.floats(-5, 5), st.floats(-5, 5), st.floats(0, 1), st.floats(0, 1))
def test_the_exponent_falls_with_drift_and_with_decay(
    exponent: float, drift_a: float, drift_b: float, decay_a: float, decay_b: float
) -> None:
    low, high = sorted((drift_a, drift_b))
    less, more = sorted((decay_a, decay_b))
    most = exponent_of(exponent, low, less)
    assert 0 <= exponent_of(exponent, high, more) <= most <= MAX_FACTOR * exponent


def test_a_decay_takes_most_of_the_correction_back() -> None:
    assert exponent_of(0.3, 0.0, 0.0) == 0.3
    assert exponent_of(0.3, 0.0, cool_down_of("cosine")) == pytest.approx(0.3 * (1 - RELIEF))
    assert exponent_of(0.3, 0.0, 0.5) == exponent_of(0.3, 0.0, 1.0)
    assert exponent_of(0.3, 0.0, 0.05) > exponent_of(0.3, 0.0, 0.1)


def test_no_exponent_means_no_correction_whatever_the_curves_show() -> None:
    assert exponent_of(0.0, -1.0, 0.0) == exponent_of(0.0, 1.0, 1.0) == 0.0


def test_a_neighbour_that_catches_up_is_a_drift_upwards() -> None:
    assert drift(progress(0.6, scale=0.9)) > 0.1


def test_a_neighbour_that_falls_behind_is_a_drift_downwards() -> None:
    assert drift(progress(0.1, scale=0.9)) < -0.1


def test_a_neighbour_that_keeps_its_distance_is_no_drift() -> None:
    assert drift(progress(0.3, scale=0.8)) == pytest.approx(0, abs=1e-9)


def test_half_of_a_run_of_a_neighbour_that_was_cut_is_enough_but_not_its_beginning() -> None:
    assert drift(progress(0.6, scale=0.9, n=7)) > 0.1
    assert drift(progress(0.6, scale=0.9, n=4)) == 0


def test_a_neighbour_that_has_not_caught_on_says_nothing() -> None:
    assert drift(progress(1.5, scale=0.3)) == 0


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_reports_say_nothing(n: int) -> None:
    assert drift(progress(0.6, n=n)) == 0


def test_noise_is_no_drift() -> None:
    wild = [loss + (-1) ** i for i, loss in enumerate(progress(0.3).losses)]
    noisy = Curve(STEPS, (10.0, *wild[1:]))
    assert drift(progress(0.4, scale=0.95), noisy) == 0


def test_without_a_neighbour_or_a_winner_there_is_no_drift() -> None:
    alone = Probe(0, HERE, progress(0.3))
    assert drift_of(assess([alone], GRID)) == 0
    assert drift_of(assess([], GRID)) == 0


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_losses_times_c_and_plus_c_show_the_same_drift(factor: float, shift: float) -> None:
    above = progress(0.6, scale=0.9)
    scaled = drift(above, factor=factor, shift=shift)
    assert scaled == pytest.approx(drift(above), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("scale", "at_edge"), [(0.9, False), (0.6, False), (0.4, True), (-0.2, True)]
)
def test_a_higher_rate_that_falls_far_behind_marks_the_edge(scale: float, at_edge: bool) -> None:
    curves = [(HERE, progress(0.3)), (ABOVE, progress(0.3, scale=scale))]
    probes = [Probe(i, rate, c, is_full=not i) for i, (rate, c) in enumerate(curves)]
    evidence = assess(probes, GRID)
    assert is_at_edge(evidence) is at_edge
    relieved = exponent_of(EXPONENT, drift_of(evidence), 1.0)
    found = exponent_for(evidence, EXPONENT, 1.0)
    assert found == (exponent_of(EXPONENT, drift_of(evidence), 0.0) if at_edge else relieved)


def test_a_higher_rate_that_broke_marks_the_edge() -> None:
    broke = Curve(STEPS[:4], (10.0, 9.0, 8.0, math.nan))
    probes = [Probe(0, HERE, progress(0.3)), Probe(1, ABOVE, broke, is_full=False)]
    assert is_at_edge(assess(probes, GRID))
