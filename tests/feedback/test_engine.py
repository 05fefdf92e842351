"""The engine of Phase 2: pure, so every test here feeds numbers and reads a rate."""

from __future__ import annotations

import ast
import math
import random
import sys
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optuna_bisect.feedback.engine
from optuna_bisect.feedback.detectors import find_overshoot, is_healthy
from optuna_bisect.feedback.engine import advance, begin_race, rate
from optuna_bisect.feedback.schedule import Schedule
from optuna_bisect.feedback.settings import Settings
from optuna_bisect.feedback.state import Losses, State
from optuna_bisect.feedback.trend_tests import critical, elasticity, serial, slope, trend, zigzag
from optuna_bisect.verdicts.curve import noise_of

LAW = {"start_lr": 0.1, "probe_steps": 160, "high": 1.0, "decay": "law", "anneal_fraction": 0.25}
SCHEDULE = Schedule(final_steps=2000, low=0.01, **LAW)
OPEN = Schedule(low=0.001, **LAW)


def drive(levels, vals=None, schedule=SCHEDULE, options=None, first=None):
    """Feed one level per interval of 10 steps; return the state and all (step, rate, events)."""
    state, log = State(), []
    for i, level in enumerate(levels):
        val = None if vals is None else vals[i]
        loss = level if first is None else first
        losses = Losses(step=10 * (i + 1), train=level, val=val, first=loss)
        state = advance(schedule, options or Settings(), state, losses)
        log.append((state.step, rate(schedule, state, state.step), state.events))
    return state, log


def signals(log):
    return [event.signal for _, _, events in log for event in events]


def noisy(function, n, sd=0.01, seed=0):
    generator = random.Random(seed)
    return [function(i) + generator.gauss(0, sd) for i in range(n)]


def learns(i):
    return 2.3 * math.exp(-i / 4) + 0.2


def test_the_backbone_is_the_horizon_law_and_the_anneal_ends_at_zero():
    assert SCHEDULE.rate(0) == SCHEDULE.rate(160) == 0.1
    assert SCHEDULE.rate(320) == pytest.approx(0.1 * 0.5**0.32)
    assert SCHEDULE.rate(1500) == pytest.approx(0.1 * (160 / 1500) ** 0.32)
    assert SCHEDULE.rate(1750) == pytest.approx(0.1 * (160 / 1750) ** 0.32 / 2)
    assert SCHEDULE.rate(2000) == SCHEDULE.rate(3000) == 0.0


def test_the_inverse_decay_ends_where_the_law_ends():
    law = replace(SCHEDULE, anneal_fraction=0, low=0.0)
    inverse = replace(law, decay="inverse")
    assert inverse.rate(2000) == pytest.approx(law.rate(2000))
    assert inverse.rate(500) > law.rate(500)
    assert replace(law, decay="none").rate(1999) == 0.1


def test_without_final_steps_there_is_no_anneal():
    assert OPEN.anneal_start == math.inf
    assert OPEN.rate(10**6) == pytest.approx(0.1 * (160 / 10**6) ** 0.32)


def test_min_lr_ends_the_anneal_but_never_raises_the_rate():
    assert replace(SCHEDULE, min_lr=1e-3).rate(2000) == 1e-3
    assert replace(SCHEDULE, min_lr=5.0).rate(2000) < 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_lr": 0.0},
        {"start_lr": math.nan},
        {"probe_steps": 0},
        {"final_steps": 0},
        {"probe_steps": 3000},
        {"horizon_exponent": 1.1},
        {"anneal_fraction": -0.1},
        {"decay": "cosine"},
        {"min_lr": -1.0},
        {"start_lr": 2.0},
        {"start_lr": 1e-3},
    ],
)
def test_a_schedule_rejects_values_outside_their_range(wrong):
    with pytest.raises(ValueError, match="but got"):
        replace(SCHEDULE, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"factor": 1.0},
        {"factor": 0.0},
        {"growth_factor": 2.1},
        {"growth_factor": 1.0},
        {"window": 3},
        {"significance": 0.5},
        {"threshold": 0.0},
        {"patience": 0},
        {"cooldown": -1},
        {"max_moves": 0},
    ],
)
def test_settings_reject_values_outside_their_range(wrong):
    with pytest.raises(ValueError, match="but got"):
        Settings(**wrong)


def test_state_and_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        State().gain = 2.0
    with pytest.raises(FrozenInstanceError):
        Settings().factor = 0.1


def test_the_engine_imports_only_numpy_the_standard_library_and_its_own_layer():
    own = {"gain", "race", "schedule", "settings", "trend_tests", "state", "detectors"}
    pure = {"_checks", "verdicts.curve"}
    package = Path(optuna_bisect.__file__).parent / "feedback"
    for name in (*own, "engine"):
        for node in ast.walk(ast.parse((package / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom):
                root, _, rest = (node.module or "").partition(".")
                inside = root == "optuna_bisect" and rest.removeprefix("feedback.") in own | pure
                assert inside or root == "numpy" or root in sys.stdlib_module_names


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


LUCKY = [2.29, 2.29, 2.24, 2.14, 1.78, 1.77, 2.49, 2.0, 1.94, 1.59, 1.85, 1.94, 2.66, 2.49, 2.38]
"""Momentum at three times its rate, from studies/phase2.py: a lucky descent, then death."""


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


def test_moves_are_spaced_by_the_cooldown():
    _, log = drive([2.3 - 0.005 * i for i in range(60)], options=Settings(cooldown=5))
    steps = [step for step, _, events in log if events]
    assert min(b - a for a, b in pairwise(steps)) >= 60


def falls(i):
    """Fall like a power of time, as losses do."""
    return 0.3 + 2.0 * (i + 1) ** -0.4


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


def test_up_to_twice_the_probe_horizon_only_a_descent_that_is_twice_as_straight_is_undershoot():
    def straight(i):
        return 2.3 - 0.01 * (i + 1) ** 0.8

    early = [straight(i) for i in range(60)]
    schedule = replace(SCHEDULE, probe_steps=310)
    assert signals(drive(early, schedule=schedule)[1]) == []
    assert "undershoot" in signals(drive(early, schedule=replace(SCHEDULE, probe_steps=100))[1])


def test_after_a_race_the_age_of_the_run_is_what_its_weights_have_seen():
    state = begin_race(replace(SCHEDULE, decay="none"), 8)
    for step in range(5, 2000, 5):
        lower = 0.5 if rate(SCHEDULE, state, step) < 0.1 else 1.0
        level = 2.3 - lower * ((step - state.begin) / 100) ** 0.3
        state = advance(SCHEDULE, Settings(), state, Losses(step=step, train=level, first=2.3))
        if state.race.is_over:
            break
    assert state.race.n_legs == 2
    # Eight intervals of five steps won; the four of the leg that lost are no time.
    assert (state.step, state.begin) == (60, 20)
    assert state.n_intervals == len(state.levels) == 4


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


def test_weights_are_healthy_only_after_learning():
    assert is_healthy(drive([learns(i) for i in range(20)])[0])
    assert not is_healthy(drive([2.3] * 20)[0])
    assert not is_healthy(drive([learns(i) for i in range(20)] + [2.0])[0])


def test_too_many_moves_end_the_feedback_and_the_rate_halves_when_the_run_is_twice_as_old():
    schedule = replace(OPEN, low=1e-9, high=1e9, horizon_exponent=0.0)
    levels = [2.3 - 0.001 * i for i in range(200)]
    state, log = drive(levels, schedule=schedule, options=Settings(max_moves=5))
    assert signals(log).count("undershoot") == 5
    assert signals(log)[-1] == "pause"
    begin = state.decay_step
    assert rate(schedule, state, 2 * begin) == pytest.approx(rate(schedule, state, begin) / 2)


def test_the_feedback_switch_leaves_the_open_loop_schedule():
    _, log = drive([2.3 - 0.005 * i for i in range(140)], options=Settings(feedback=False))
    assert [r for _, r, _ in log] == [SCHEDULE.rate(s) for s, _, _ in log]


def test_a_validation_plateau_finishes_the_run_and_a_descent_does_not():
    falls = [1.0 / (1 + i) for i in range(60)]
    levels = [learns(i) for i in range(60)]
    assert drive(levels, [0.5] * 60, schedule=OPEN)[0].finished
    assert not drive(levels, falls, schedule=OPEN)[0].finished
    assert not drive(levels[:30], [0.5] * 30)[0].finished, "an anneal is still to come"
    assert drive(levels, [0.5] * 60)[0].finished


def test_a_steady_descent_after_a_spike_is_no_plateau():
    vals = [0.3] * 10 + [5.0 - 0.05 * i for i in range(50)]
    assert not drive([learns(i) for i in range(60)], vals, schedule=OPEN)[0].finished


def test_the_full_length_finishes_the_run_and_the_anneal_is_noted():
    state, log = drive([learns(i) for i in range(200)], options=Settings(feedback=False))
    assert signals(log) == ["anneal", "finished"]
    assert state.finished


LEVELS = st.lists(st.floats(0.01, 10), min_size=1, max_size=160)


@given(levels=LEVELS, gain=st.floats(0.01, 1))
@settings(max_examples=60, deadline=None)
def test_the_rate_never_leaves_the_bracket_before_the_anneal(levels, gain):
    options = Settings(significance=0.3, patience=1, cooldown=0, threshold=0.01, max_moves=99)
    schedule = replace(SCHEDULE, low=0.1 * gain)
    floor = schedule.low * schedule.law(2000)
    _, log = drive(levels, schedule=schedule, options=options)
    assert all(floor <= r <= 1.0 for step, r, _ in log if step <= schedule.anneal_start)


@given(
    levels=st.lists(st.integers(1, 1000), min_size=1, max_size=120),
    scale=st.sampled_from([2.0**-9, 0.5, 4.0, 1024.0]),
    shift=st.integers(-(2**20), 2**20),
)
@settings(max_examples=60, deadline=None)
def test_losses_times_a_number_or_plus_a_number_give_the_same_moves(levels, scale, shift):
    """Numbers that floats hold exactly, so that the law holds bit for bit."""
    options = Settings(significance=0.3, patience=1, cooldown=0, threshold=0.1)
    plain = drive([float(x) for x in levels], options=options)[1]
    assert drive([scale * (x + shift) for x in levels], options=options)[1] == plain


@given(levels=LEVELS, data=st.data())
@settings(max_examples=30, deadline=None)
def test_advance_is_a_function_of_its_arguments(levels, data):
    cut = data.draw(st.integers(0, len(levels)))
    half, _ = drive(levels[:cut])
    for i, level in enumerate(levels[cut:], cut):
        losses = Losses(step=10 * (i + 1), train=level, first=level)
        half = advance(SCHEDULE, Settings(), half, losses)
    assert half == drive(levels)[0]


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=12, unique=True))
def test_the_trend_agrees_with_counting_pairs(levels):
    n = len(levels)
    score = sum((b > a) - (b < a) for i, a in enumerate(levels) for b in levels[i + 1 :])
    spread = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    expected = math.copysign(max(abs(score) - 1, 0), score) / spread
    assert trend(levels) == pytest.approx(expected)
    assert trend(levels[::-1]) == pytest.approx(-expected)


def test_signals_have_their_textbook_values():
    assert slope([0.0, 1.0, 2.0, 50.0, 4.0]) == 1.0
    assert noise_of([0.0, 1.0, 2.0, 3.0]) == 0.0
    assert noise_of([1.0]) == trend([1.0]) == zigzag([1.0]) == serial([1.0]) == 0.0
    assert serial([2.3] * 9) == 0.0
    assert serial(list(range(16))) > critical(0.005) > 0 > serial([0.0, 1.0] * 8)
    assert serial([5, 4, 3, 2, 1, 0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5]) > critical(0.05)
    assert zigzag([0.0, 1.0] * 8) > critical(0.005) > 0 > zigzag(list(range(16)))
    assert elasticity([1.0 - 0.01 * i for i in range(21, 31)], 1.0, 31) == pytest.approx(
        1, abs=0.05
    )
    assert elasticity([2.0] * 5, 1.0, 9) == 0.0
