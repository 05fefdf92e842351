"""Detectors on series whose answer is known: healthy runs, overshoots, undershoots."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from feedback_runs import SCHEDULE, drive, learns, noisy, signals

from optuna_bisect.feedback.detectors import find_overshoot, is_healthy
from optuna_bisect.feedback.settings import Settings


def test_a_balanced_run_is_left_alone():
    for seed in range(10):
        _, log = drive(noisy(learns, 140, seed=seed), first=2.5)
        assert set(signals(log)) <= {"overshoot", "stall"}, "a plateau may lower the rate only"
        assert not signals(log[:30])


def test_pure_noise_and_spikes_do_not_trigger_an_early_move():
    levels = noisy(learns, 45)
    levels[20], levels[33] = 9.0, 30.0
    _, log = drive(levels, first=2.5)
    assert signals(log) == []


def test_a_rising_loss_cuts_the_rate_to_a_third_inside_the_window():
    levels = [learns(i) for i in range(20)] + [0.25 + 0.05 * i for i in range(9)]
    state, log = drive(levels, first=2.5)
    assert signals(log) == ["overshoot"]
    assert state.gain == pytest.approx(1 / 3)
    assert "rose" in next(e.reason for x in log for e in x[2])


def test_a_rising_validation_loss_over_a_falling_training_loss_cuts_the_rate():
    n = 30
    levels = [2.3 - 0.02 * i if i > 10 else 2.3 - 0.04 * i for i in range(n)]
    vals = [2.3 + (0.02 * (i - 10) if i > 10 else -0.02 * i) for i in range(n)]
    options = Settings(threshold=9.0)
    _, log = drive(levels, vals, options=options)
    assert "overshoot" in signals(log)
    assert "alidation" in next(e.reason for x in log for e in x[2])


def test_a_zigzag_around_a_flat_level_is_an_overshoot():
    levels = [learns(i) for i in range(16)] + [0.5 + 0.2 * (-1) ** i for i in range(20)]
    state, _ = drive(levels, first=2.5, options=Settings(feedback=False))
    event = find_overshoot(Settings(), state)
    assert event is not None
    assert "sign" in event.reason


def test_a_zigzag_on_a_descending_trend_is_normal():
    levels = [2.3 - 0.5 * math.log1p(i) + 0.02 * (-1) ** i for i in range(40)]
    _, log = drive(levels, options=Settings(threshold=9.0))
    assert signals(log) == []


def test_a_straight_descent_raises_the_rate_by_at_most_two_per_move():
    state, log = drive([2.3 - 0.005 * i for i in range(60)])
    assert set(signals(log)) == {"undershoot"}
    rates = [x[1] for x in log]
    assert max(b / a for a, b in pairwise(rates)) <= 2.0
    assert state.gain > 2


def test_a_loss_that_never_moves_raises_the_rate():
    _, log = drive(noisy(lambda i: 2.3, 40, seed=1))
    assert "undershoot" in signals(log)


def test_a_loss_that_is_constant_has_not_left_its_level():
    _, log = drive([2.3] * 60)
    assert set(signals(log)) == {"undershoot"}


def test_a_first_loss_that_is_low_by_chance_is_corrected_and_is_no_collapse():
    _, log = drive(noisy(lambda i: 2.3, 120, sd=0.1, seed=4), first=2.05)
    assert signals(log)[0] == "undershoot"
    assert "collapse" not in signals(log)


def test_a_loss_above_the_baseline_raises_the_rate_only_where_one_is_given():
    levels = noisy(lambda i: 0.2 + 2 * math.exp(-i), 24, seed=3)
    assert signals(drive(levels, first=2.3)[1]) == []
    _, log = drive(levels, first=2.3, options=Settings(baseline=0.1))
    assert "undershoot" in signals(log)


def test_nothing_is_undershoot_before_the_probe_horizon():
    schedule = replace(SCHEDULE, probe_steps=600)
    _, log = drive([2.3 - 0.005 * i for i in range(59)], schedule=schedule)
    assert signals(log) == []


def test_up_to_twice_the_probe_horizon_only_a_descent_that_is_twice_as_straight_is_undershoot():
    def straight(i):
        return 2.3 - 0.01 * (i + 1) ** 0.8

    early = [straight(i) for i in range(60)]
    schedule = replace(SCHEDULE, probe_steps=310)
    assert signals(drive(early, schedule=schedule)[1]) == []
    assert "undershoot" in signals(drive(early, schedule=replace(SCHEDULE, probe_steps=100))[1])


def test_weights_are_healthy_only_after_learning():
    assert is_healthy(drive([learns(i) for i in range(20)])[0])
    assert not is_healthy(drive([2.3] * 20)[0])
    assert not is_healthy(drive([learns(i) for i in range(20)] + [2.0])[0])
