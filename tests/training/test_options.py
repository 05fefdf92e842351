"""Options that follow from others; test_adjuster.py has the checks, test_adjuster_in_trials.py
what a plan becomes.
"""

from __future__ import annotations

import pytest
from linear_fit import build, lr_of, make

from optuna_bisect.training.options import default_interval, leg_levels


@pytest.mark.parametrize(("options", "is_raised"), [({}, True), ({"threshold": 0.5}, False)])
def test_after_a_race_a_descent_need_be_less_straight_to_raise_the_rate(options, is_raised):
    model, optimizer = build()
    options = {"final_steps": 1000, "restore": (model, optimizer)} | options
    scheduler = make(optimizer=optimizer, **options)
    age = length = 0
    for _ in range(400):
        age += 1
        progress = 0.4 * (age / 100) ** 0.3 if lr_of(scheduler) > 0.05 else 0.0
        if scheduler.step(2.3 - progress):
            length = length or age
            age = 0 if scheduler.history[-1].signal == "leg" else length
    signals = [entry.signal for entry in scheduler.history]
    # Neither three times higher nor three times lower is better.
    assert signals[:3] == ["leg", "leg", "settled"]
    assert ("undershoot" in signals) == is_raised


@pytest.mark.parametrize(
    ("probe_steps", "final_steps", "interval"),
    [(10, 1000, 10), (10, 400, 5), (10, 100, 2), (1, 20, 1), (40, None, 4), (None, None, 10)],
)
def test_a_run_has_about_a_hundred_intervals(probe_steps, final_steps, interval):
    assert default_interval(probe_steps, final_steps) == interval


@pytest.mark.parametrize(
    ("fraction", "steps", "n_levels"),
    [(0.04, 1000, 8), (0.08, 1000, 16), (0.04, 300, 0), (0.0, 1000, 0), (0.04, None, 0)],
)
def test_a_leg_is_long_enough_to_be_read_and_short_enough_for_the_run(fraction, steps, n_levels):
    assert leg_levels(fraction, 5, steps) == n_levels
