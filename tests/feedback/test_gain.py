"""The gain: how far an event moves it, how often, and when too many moves end the feedback."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from feedback_runs import OPEN, drive, signals

from optuna_bisect.feedback.engine import rate
from optuna_bisect.feedback.settings import Settings


def test_moves_are_spaced_by_the_cooldown():
    _, log = drive([2.3 - 0.005 * i for i in range(60)], options=Settings(cooldown=5))
    steps = [step for step, _, events in log if events]
    assert min(b - a for a, b in pairwise(steps)) >= 60


def test_too_many_moves_end_the_feedback_and_the_rate_halves_when_the_run_is_twice_as_old():
    schedule = replace(OPEN, low=1e-9, high=1e9, horizon_exponent=0.0)
    levels = [2.3 - 0.001 * i for i in range(200)]
    state, log = drive(levels, schedule=schedule, options=Settings(max_moves=5))
    assert signals(log).count("undershoot") == 5
    assert signals(log)[-1] == "pause"
    begin = state.decay_step
    assert rate(schedule, state, 2 * begin) == pytest.approx(rate(schedule, state, begin) / 2)
