"""Detectors on runs that fail: stalls and collapses."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from feedback_runs import OPEN, SCHEDULE, drive, falls, learns, noisy, signals

from optuna_bisect.feedback.engine import advance
from optuna_bisect.feedback.settings import Settings
from optuna_bisect.feedback.state import Losses, State

# Momentum at three times its rate, from studies/phase2: a lucky descent, then death.
LUCKY = [2.29, 2.29, 2.24, 2.14, 1.78, 1.77, 2.49, 2.0, 1.94, 1.59, 1.85, 1.94, 2.66, 2.49, 2.38]


def test_a_wild_fall_that_is_lost_is_a_collapse_and_never_raises_the_rate():
    _, log = drive([*LUCKY, 2.43, 2.39, 2.41, 2.35, 2.37, 2.33, 2.36, 2.34], first=2.305)
    assert signals(log) == ["collapse"]
    assert log[-1][1] < 0.1


def test_noise_around_the_initial_level_is_hardly_ever_taken_for_a_fall_that_is_lost():
    alarms = 0
    for seed in range(60):
        _, log = drive(noisy(lambda i: 2.3, 120, sd=0.1, seed=seed), first=2.3)
        alarms += "collapse" in signals(log)
    assert alarms <= 6


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_a_collapse_at_once(wrong):
    state, log = drive([*[learns(i) for i in range(10)], wrong])
    assert signals(log) == ["collapse"]
    assert state.gain == pytest.approx(1 / 3)
    assert state.n_collapses == 1


def test_a_return_to_the_initial_level_is_a_collapse_and_caps_later_growth():
    levels = [learns(i) for i in range(20)] + [2.3] * 4
    state, log = drive(levels, first=2.3)
    assert signals(log) == ["collapse"]
    assert state.ceiling == pytest.approx(log[-1][1])


def test_an_explosion_that_stays_up_is_a_collapse_and_one_that_recovers_is_not():
    stays = [2.3, 40.0, 2.31, 2.30, 2.31, 2.30, 2.31]
    assert "collapse" in signals(drive(stays, first=2.3)[1])
    recovers = [2.3, 9.0, 5.0, 3.0, 2.0, 1.5, 1.0, 0.8, 0.7, 0.65, 0.6]
    assert "collapse" not in signals(drive(recovers, first=2.3)[1])


@pytest.mark.parametrize("n_intervals", [50, 150, 600])
def test_a_run_that_triples_its_age_without_descent_stalls_whatever_its_length(n_intervals):
    """Also where the past is kept in coarser parts: the unit of a step does not matter."""
    end = n_intervals // 5
    levels = noisy(lambda i: falls(min(i, end)), n_intervals, sd=0.002)
    state, log = drive(levels, schedule=OPEN, first=2.3, options=Settings(significance=1e-9))
    stalls = [step // 10 for step, _, events in log for e in events if e.signal == "stall"]
    assert 2 * end < stalls[0] <= n_intervals
    assert state.gain <= 1 / 3
    assert len(state.past.parts) < 128


@pytest.mark.parametrize("seed", range(10))
def test_a_noisy_descent_like_a_power_of_time_never_stalls(seed):
    _, log = drive(noisy(falls, 300, sd=0.03, seed=seed), schedule=OPEN, first=2.3)
    assert "stall" not in signals(log)


def test_after_a_stall_the_next_one_needs_a_third_of_the_whole_run_again():
    levels = noisy(lambda i: falls(min(i, 20)), 150, sd=0.002)
    _, log = drive(levels, schedule=OPEN, first=2.3, options=Settings(significance=1e-9))
    stalls = [step // 10 for step, _, events in log for e in events if e.signal == "stall"]
    assert all(b >= 1.5 * a - 1 for a, b in pairwise(stalls))


def test_a_run_that_has_learned_stalls_although_its_swings_hide_the_progress():
    levels = [learns(i) for i in range(16)] + [0.9 + 0.4 * (-1) ** (i // 2) for i in range(40)]
    _, log = drive(levels, first=2.5, options=Settings(significance=1e-9))
    assert "stall" in signals(log)


def test_a_significant_fall_proves_progress_although_the_losses_have_become_wild():
    """Else a run that swings far below its first loss is raised as one that never moved."""
    levels = [2.3 - 0.15 * i for i in range(9)] + [1.1 + 0.5 * (-1) ** i for i in range(14)]
    state = State()
    for i, level in enumerate(levels):
        losses = Losses(step=10 * (i + 1), train=level, first=2.3, n_calls=25)
        state = advance(SCHEDULE, Settings(feedback=False), state, losses)
    assert state.learned


def test_a_stall_counts_in_the_first_part_of_the_anneal_but_not_at_its_end():
    def stalls(begin):
        levels = noisy(lambda i: falls(min(i, begin)), 200, sd=0.002)
        schedule = replace(SCHEDULE, anneal_fraction=0.7)
        _, log = drive(levels, schedule=schedule, options=Settings(significance=1e-9))
        return [step for step, _, events in log for e in events if e.signal == "stall"]

    assert stalls(40)
    assert stalls(40)[0] > 600
    assert not stalls(100)


@pytest.mark.parametrize(("swing", "is_stalled"), [(0.03, False), (0.3, True)])
def test_where_the_loss_swings_a_doubtful_descent_is_a_stall(swing, is_stalled):
    """Both series have the same order, so that only the size of the swings differs."""
    generator = random.Random(3)
    noise = [generator.gauss(0, 1) for _ in range(40)]
    levels = [learns(i) + swing * (x - 0.03 * i if i > 4 else 0) for i, x in enumerate(noise)]
    _, log = drive(levels, schedule=replace(SCHEDULE, decay="none"), first=2.5)
    assert ("stall" in signals(log)) == is_stalled
