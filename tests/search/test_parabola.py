"""The winner's rate is refined between its neighbours, and never beyond a rate that lost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect.search.assessment import assess
from optuna_bisect.search.grid import SPACING, Grid
from optuna_bisect.search.parabola import fit_rate
from optuna_bisect.search.probe import Probe
from optuna_bisect.verdicts.curve import Curve

GRID = Grid(1e-6, 1.0)


def full(number: int, k: float, value: float) -> Probe:
    return Probe(number, GRID.rate_at(k), value=value)


@given(st.floats(-0.49, 0.49), st.floats(0.01, 100))
def test_a_parabola_through_three_full_probes_is_recovered(vertex: float, scale: float) -> None:
    probes = [full(i, k, scale * (k - vertex) ** 2) for i, k in enumerate((-1, 0, 1))]
    found = fit_rate(assess(probes, GRID))
    assert math.log(found / GRID.rate_at(0)) / math.log(SPACING) == pytest.approx(vertex, abs=1e-6)


def test_the_fit_moves_at_most_half_a_step() -> None:
    probes = [full(0, -1, 1.0), full(1, 0, 0.5), full(2, 1, 0.5000001)]
    found = fit_rate(assess(probes, GRID))
    assert found <= GRID.rate_at(0.5) * (1 + 1e-9)


def test_the_fit_never_goes_beyond_a_nearer_rate_that_lost() -> None:
    """Users and refined searches put probes between the points that the parabola goes through."""
    low, near, high = full(0, -1, 1.0), full(3, 0.1, 0.6), full(2, 1, 0.5000001)
    evidence = assess([low, full(1, 0, 0.5), high, near], GRID)
    assert fit_rate(evidence) == evidence.bracket[1] == near.rate


def test_without_a_full_neighbour_the_incumbents_own_rate_stands() -> None:
    cut = Probe(2, GRID.rate_at(1), Curve((0, 1, 2), (1.0, 1.0, 1.0)), is_full=False)
    assert fit_rate(assess([full(0, -1, 1.0), full(1, 0, 0.5), cut], GRID)) == GRID.rate_at(0)
