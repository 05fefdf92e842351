"""What is measured on a loss curve depends on its shape alone, not on its scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from optuna_bisect.verdicts.curve import Curve, noise_of


def curve(losses: list[float]) -> Curve:
    return Curve(tuple(range(len(losses))), tuple(losses))


def noisy(level: float, slope: float, noise: float, n: int = 40, seed: int = 0) -> Curve:
    rng = np.random.default_rng(seed)
    return curve([level, *(level - slope * np.arange(1, n) + noise * rng.standard_normal(n - 1))])


def test_noise_of_white_noise_is_its_standard_deviation_whatever_the_trend() -> None:
    rng = np.random.default_rng(1)
    losses = 5 - 0.3 * np.arange(4000) + 0.1 * rng.standard_normal(4000)
    assert noise_of(list(losses)) == pytest.approx(0.1, rel=0.05)


def test_one_spike_does_not_change_the_noise() -> None:
    clean = list(noisy(2.0, 0.01, 0.05).losses)
    spiked = clean.copy()
    spiked[20] = 1e6
    assert noise_of(spiked) < 2 * noise_of(clean)


def test_horizon_is_the_last_step_plus_one() -> None:
    assert Curve((0, 40, 119), (3.0, 2.0, 1.0)).horizon == 120
    assert Curve().horizon == 0
    assert not Curve((0,), (math.nan,)).is_finite
