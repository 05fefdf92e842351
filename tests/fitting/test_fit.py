"""Under-fitting, over-fitting, good fit: each of the curves that a textbook draws is named so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect import judge_fit

STEPS = tuple(range(10, 1010, 25))
T = np.asarray(STEPS) / 1000
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(2, len(T)))
FALL = 2.3 * np.exp(-6 * T)
SHAPES = {
    "falls to 0.003 while validation climbs to 6": (
        0.003 + FALL,
        0.7 + 1.6 * np.exp(-12 * T) + 5.3 * T**2,
        "over-fitting",
    ),
    "validation turns at 40 %": (0.05 + FALL, 0.3 + FALL + (T > 0.4) * (T - 0.4), "over-fitting"),
    "validation stays far above": (0.01 + FALL, 1.5 + 0.3 * FALL, "over-fitting"),
    "validation hardly moves from the beginning": (
        0.01 + FALL,
        2.3 - 0.1 * (1 - np.exp(-6 * T)),
        "over-fitting",
    ),
    "both flatten together": (0.1 + FALL, 0.15 + FALL, "good fit"),
    "a small gap": (0.05 + FALL, 0.35 + 0.85 * FALL, "good fit"),
    "a slow power law": (2.3 * (1 + 60 * T) ** -0.5, 2.4 * (1 + 60 * T) ** -0.5, "good fit"),
    "nothing learned": (2.3 + 0 * T, 2.31 + 0 * T, "under-fitting"),
    "bounces back": (2.3 - T + 3 * np.maximum(0, T - 0.5), 2.35 - T, "under-fitting"),
    "a straight descent": (2.3 - T, 2.35 - T, "under-fitting"),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_each_textbook_curve_has_its_name(shape, noise) -> None:
    train, val, name = SHAPES[shape]
    fit = judge_fit(STEPS, train + noise * NOISE[0], val + noise * NOISE[1], initial=2.3)
    assert fit.name == name, fit
    assert str(fit).startswith(f"{name}: {fit.reason}")


@pytest.mark.parametrize("shape", SHAPES)
@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-10, 10))
def test_the_unit_of_the_loss_and_what_is_added_do_not_matter(shape, scale, shift) -> None:
    train, val, name = SHAPES[shape]
    noisy = train + 0.01 * NOISE[0], val + 0.01 * NOISE[1], np.asarray([2.3])
    train, val, initial = (scale * (x + shift) for x in noisy)
    assert judge_fit(STEPS, train, val, initial=float(initial[0])).name == name


@pytest.mark.parametrize("seed", range(40))
def test_noise_alone_is_no_over_fitting(seed) -> None:
    noise = 0.05 * np.random.default_rng(seed).normal(size=(2, len(T)))
    fit = judge_fit(STEPS, 0.2 + FALL + noise[0], 0.25 + FALL + noise[1], initial=2.3)
    assert fit.name == "good fit", fit


def test_a_run_that_blows_up_at_too_high_a_rate_under_fits() -> None:
    """Both losses of a probe on digits, momentum 0.9, at three times the best rate."""
    train = (2.3059, 2.2781, 2.2193, 1.8144, 1.5203, 1.3396, 1.0985, 3.3409)
    val = (2.304, 2.2713, 2.0359, 1.6272, 1.4433, 0.77586, 4.6878, 2.0473)
    assert judge_fit(range(1, 30, 4)[:8], train, val).name == "under-fitting"


def test_the_best_step_is_that_of_the_lowest_validation_loss() -> None:
    train, val, _ = SHAPES["validation turns at 40 %"]
    fit = judge_fit(STEPS, train, val)
    assert (fit.best_val_loss, fit.best_step) == min(zip(val, STEPS))
    assert judge_fit(STEPS, train, val, best=(7, 0.1)).best_step == 7


def test_few_or_not_finite_losses_are_not_judged() -> None:
    train, val, _ = SHAPES["a straight descent"]
    assert judge_fit(STEPS[:5], train[:5], val[:5]) is None
    assert judge_fit(STEPS, np.full(len(T), np.nan), val) is None
    broken = np.where(T > 0.5, np.inf, val)
    assert judge_fit(STEPS, train, broken).best_step <= 500
