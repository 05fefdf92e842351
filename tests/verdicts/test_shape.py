"""What one curve shows depends on its shape alone, not on its scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect.verdicts.curve import Curve
from optuna_bisect.verdicts.shape import is_above, is_flat, progress_of, starts_untrained


def curve(losses: list[float]) -> Curve:
    return Curve(tuple(range(len(losses))), tuple(losses))


def noisy(level: float, slope: float, noise: float, n: int = 40, seed: int = 0) -> Curve:
    rng = np.random.default_rng(seed)
    return curve([level, *(level - slope * np.arange(1, n) + noise * rng.standard_normal(n - 1))])


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_progress_does_not_depend_on_scale_or_offset(seed: int, c: float, d: float) -> None:
    original = noisy(3.0, 0.02, 0.1, seed=seed)
    moved = Curve(original.steps, tuple(c * loss + d for loss in original.losses))
    assert progress_of(moved, 3.0 * c + d) == pytest.approx(progress_of(original, 3.0), rel=1e-4)


def test_flat_noise_is_flat_and_a_descent_is_not() -> None:
    flats = [is_flat(noisy(2.3, 0.0, 0.02, seed=s), 2.3) for s in range(200)]
    assert np.mean(flats) > 0.95
    assert not is_flat(noisy(2.3, 0.02, 0.02), 2.3)
    assert is_flat(curve([2.3] * 10), 2.3)


def test_a_spike_that_recovers_is_not_above() -> None:
    assert not is_above(curve([2.3, 40.0, 2.0, 1.8, 1.7, 1.6, 1.5]), 2.3)


def test_batches_that_happen_to_get_harder_are_not_above() -> None:
    # Reported by the torch example of the README at a rate of 1e-6, with seed 178.
    assert not is_above(curve([3.937, 3.716, 6.567, 3.037, 3.542, 4.469, 7.521]), 3.937)


def test_a_level_above_the_initial_loss_and_an_accelerating_climb_are_above() -> None:
    assert is_above(curve([2.3, 60.0, 52.0, 51.0, 50.5, 50.2]), 2.3)
    assert is_above(curve([370.0, 3.6e3, 5.2e4, 8e5]), 370.0)


def test_pure_noise_is_rarely_above() -> None:
    above = [is_above(noisy(2.3, 0.0, 0.02, seed=s), 2.3) for s in range(300)]
    assert np.mean(above) < 0.05


def test_only_step_zero_with_gaps_after_it_is_surely_untrained() -> None:
    assert starts_untrained(Curve((0, 100), (1.0, 0.9)))
    assert not starts_untrained(Curve((0, 1), (1.0, 0.9)))
    assert not starts_untrained(Curve((99, 199), (1.0, 0.9)))
    assert not starts_untrained(Curve((0,), (1.0,)))


@pytest.mark.parametrize("losses", [[2.304, 2.309], [2.304, 2.3089, 2.309]])
def test_of_three_finite_reports_none_is_above(losses: list[float]) -> None:
    # The loss before training is a held-out one, and nothing says how far apart the two lie.
    assert not is_above(curve(losses), 2.304)
