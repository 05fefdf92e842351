"""The race at the beginning of a run: legs are numbers here, so every outcome is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optuna_bisect.feedback.legs import SPACING, Race
from optuna_bisect.feedback.race import MAX_LEGS, advance_race, reopen
from optuna_bisect.search import grid

N = 8


def run(loss, race=None, limit=400):
    """Feed levels of ``loss(rate, i)`` until the race is over; return it and what it did."""
    race = Race(rate=1.0, n_levels=N) if race is None else race
    log = []
    for _ in range(limit):
        rate, i = race.rate, len(race.levels)
        race = advance_race(race, loss(rate, i + 1), loss(rate, 0))
        if race.keeps or race.returns != "nothing" or race.is_over:
            log.append((rate, race.keeps, race.returns))
        if race.is_over:
            return race, log
    raise AssertionError("the race never ends")


def bent(best, power=0.4):
    """Progress is flattening and the larger, the nearer the rate is to the best one."""

    def loss(rate, i):
        distance = abs(math.log(rate / best))
        return 2.3 - 1.5 * math.exp(-distance) * (i / N) ** power

    return loss


def test_rates_are_as_far_apart_as_in_the_search():
    assert grid.SPACING == SPACING


@pytest.mark.parametrize("start", [1.0, 3.0, 9.0, 27.0])
def test_from_a_start_that_is_too_high_the_race_goes_down_to_the_best_rate(start):
    race, _ = run(bent(1.0), Race(rate=start, n_levels=N))
    assert race.rate == pytest.approx(1.0)


def test_a_right_start_costs_half_a_leg_on_each_side_and_its_own_leg_goes_on():
    lengths = []

    def loss(rate, i):
        lengths.append((rate, i))
        return bent(1.0)(rate, i)

    race, log = run(loss)
    assert race.rate == 1.0
    sides = [(SPACING, False, "first"), (1 / SPACING, False, "best")]
    assert log == [(1.0, True, "first"), *sides]
    assert [max(i for r, i in lengths if r == rate) for rate, *_ in sides] == [N // 2, N // 2]


@pytest.mark.parametrize("start", [1 / 27, 1 / 9, 1 / 3])
@pytest.mark.parametrize("power", [0.2, 0.4, 0.8])
def test_from_a_start_that_is_too_low_the_race_goes_up_however_bent_the_curve(start, power):
    race, _ = run(bent(1.0, power), Race(rate=start, n_levels=N))
    assert race.rate == pytest.approx(1.0)


def flow(best, limit=1.0, clock=lambda i: i / N, power=0.1):
    """Progress depends on rate times time, as below the best rate, and then bends."""
    return lambda rate, i: 2.3 - min(rate / best, limit) ** power * clock(i) ** power


def test_three_times_as_fast_wins_where_the_losses_have_flattened():
    """The progress of the leg above is only 1.12 times that of the leg below."""
    race, _ = run(flow(1.0), Race(rate=1 / 27, n_levels=N))
    assert race.rate == pytest.approx(1.0)


def test_hardly_sooner_wins_nothing_and_caps_nothing():
    race, log = run(flow(1.0, limit=1.3))
    assert race.rate == 1.0
    assert [rate for rate, *_ in log] == [1.0, 3.0]
    assert race.ceiling == math.inf


@pytest.mark.parametrize(("warmup", "expected"), [(0.0, 1.0), (2.0 * N, 3.0)])
def test_in_a_warm_up_a_rate_that_is_faster_comes_less_sooner(warmup, expected):
    """The rate grows with the time there: sqrt(1.6) times sooner is 1.6 times as fast."""
    loss = flow(1.0, limit=1.6, clock=lambda i: (i / N) ** 2, power=0.5)
    race, _ = run(loss, Race(rate=1.0, n_levels=N, warmup=warmup))
    assert race.rate == expected


def test_a_first_leg_that_rose_looks_down_only():
    def loss(rate, i):
        hump = 2.0 if rate > 0.5 and i == 2 else 0.0
        return hump + 2.3 - (1.5 if rate > 0.5 else 0.6) * (i / N)

    race, log = run(loss)
    assert race.rate == 1.0
    assert [rate for rate, *_ in log] == [1.0, pytest.approx(1 / SPACING)]


def quiet(rate, i):
    """Wobble about the initial loss."""
    return 2.3 + 0.01 * math.sin(2.0 * i + rate) if i else 2.3


def test_a_first_leg_that_shows_nothing_looks_up_where_the_leg_below_shows_nothing_either():
    def loss(rate, i):
        return quiet(rate, i) if rate < 2 else bent(9.0)(rate, i)

    race, log = run(loss)
    assert log[1][:2] == (pytest.approx(1 / SPACING), False)
    assert race.rate == pytest.approx(9.0)


def test_a_first_leg_that_is_dead_goes_down_to_the_rate_that_lives():
    def loss(rate, i):
        return quiet(rate, i) if rate > 0.5 else bent(1 / 3)(rate, i)

    race, log = run(loss)
    assert race.rate == pytest.approx(1 / SPACING)
    assert all(rate <= 1.0 for rate, *_ in log)


def accelerating(power):
    """Progress grows like the time cubed and like a power of the rate, up to a rate of 9."""
    return lambda rate, i: 2.3 - min(rate, 9.0) ** power * (i / N) ** 3


def test_above_a_leg_that_accelerates_a_little_more_progress_wins_nothing_and_caps_nothing():
    """Short legs flatter high rates there."""
    race, log = run(accelerating(0.5))
    assert race.rate == 1.0
    assert log[:2] == [(1.0, True, "first"), (3.0, False, "best")]
    assert race.ceiling == math.inf


def test_above_a_leg_that_accelerates_three_times_the_progress_wins():
    race, _ = run(accelerating(1.5))
    assert race.rate == pytest.approx(9.0)


def test_a_rate_that_lost_clearly_caps_later_growth():
    race, _ = run(bent(1.0), Race(rate=9.0, n_levels=N))
    assert race.ceiling < 3.0


def wild(rate, i):
    """Descend alike at both rates, at the higher one with swings."""
    swing = 0.1 * (-1) ** i if rate > 0.5 and i else 0.0
    return 2.3 - 0.8 * (i / N) ** 0.3 * (1.0 if rate > 0.5 else 0.97) + swing


def test_of_two_rates_that_a_leg_cannot_tell_apart_the_lower_one_wins():
    race, log = run(wild)
    assert log[1][:2] == (pytest.approx(1 / SPACING), True)
    assert race.rate == pytest.approx(1 / SPACING)


def test_a_lower_rate_that_bends_later_is_not_cut_at_half_its_leg():
    def later(rate, i):
        return bent(1.0)(1.0, i) if rate > 0.5 else 2.3 - 1.85 * (i / N) ** 0.8

    race, _ = run(later)
    assert race.rate == pytest.approx(1 / SPACING)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_leg_that_is_not_finite_ends_at_once_and_the_next_is_a_third(wrong):
    fine = bent(0.1)
    race, log = run(lambda rate, i: fine(rate, i) if rate < 0.5 or i == 0 else wrong)
    assert log[0] == (1.0, False, "first")
    assert log[1][0] == pytest.approx(1 / SPACING)
    assert race.rate < 0.5


def test_where_everything_collapses_the_lowest_rate_starts_from_the_first_weights():
    race, log = run(lambda rate, i: 2.3 if i == 0 else math.nan)
    assert len(log) == MAX_LEGS
    assert log[-1][1:] == (False, "first")
    assert race.is_over


def test_the_race_stays_inside_its_limits():
    race, log = run(bent(1e-3), Race(rate=1.0, n_levels=N, low=0.3, high=2.0))
    assert all(0.3 <= rate <= 2.0 for rate, *_ in log)
    assert race.rate == pytest.approx(1 / SPACING)


def test_a_collapse_after_the_race_opens_it_again_below():
    race, _ = run(bent(1.0))
    again = reopen(race)
    assert not again.is_over
    assert (again.rate, again.returns) == (1 / SPACING, "first")
    assert reopen(replace(race, n_legs=MAX_LEGS)).is_over
    assert reopen(replace(race, low=0.9)).is_over


LEVELS = st.lists(st.integers(-400, 400), min_size=2, max_size=80)


@given(levels=LEVELS, scale=st.sampled_from([0.25, 1.0, 8.0]), shift=st.integers(-999, 999))
@settings(max_examples=60)
def test_losses_times_a_number_or_plus_a_number_make_the_same_race(levels, scale, shift):
    races = [Race(rate=1.0, n_levels=N), Race(rate=1.0, n_levels=N)]
    for level in levels:
        changed = scale * (level + shift)
        races[0] = advance_race(races[0], float(level), float(levels[0]))
        races[1] = advance_race(races[1], changed, scale * (levels[0] + shift))
        seen = [(r.rate, r.direction, r.keeps, r.returns) for r in races]
        assert seen[0] == seen[1]
        if races[0].is_over:
            return
