"""What one leg tells beside the best one: legs are short lists of levels here."""

from __future__ import annotations

import math

import pytest

from optuna_bisect.feedback.legs import Race, best_leg, is_excited, judge_leg, ruled_out, shows

N = 8
BENT = tuple(2.3 - 0.5 * (i / N) ** 0.3 for i in range(1, N + 1))


def leg(levels, best=BENT, direction="up", **fields):
    """Make a race whose best leg has the rate 1."""
    rate = 3.0 if direction == "up" else 1 / 3
    start = Race(rate=rate, n_levels=N, firsts=(2.3,), direction=direction, **fields)
    return Race(**(vars(start) | {"levels": tuple(levels), "best": best, "best_rate": 1.0}))


def faster(factor, n=N, power=0.3):
    """Give the levels of the best leg, run through faster."""
    return [2.3 - 0.5 * (factor * i / N) ** power for i in range(1, n + 1)]


@pytest.mark.parametrize(("factor", "expected"), [(3.0, True), (1.8, True), (1.2, False)])
@pytest.mark.parametrize("power", [0.1, 0.3, 0.9])
def test_a_higher_rate_wins_where_it_is_clearly_sooner_whatever_the_shape(factor, expected, power):
    best = tuple(faster(1.0, power=power))
    verdicts = [judge_leg(leg(faster(factor, n, power), best)) for n in range(1, N + 1)]
    assert next(v for v in verdicts if v is not None) is expected


def test_a_higher_rate_that_is_three_times_as_fast_has_won_at_half_its_leg():
    assert judge_leg(leg(faster(3.0, N // 2))) is True
    assert judge_leg(leg(faster(3.0, N // 2 - 1))) is None


def test_a_leg_that_still_accelerates_goes_on_to_its_whole_length():
    best = tuple(faster(1.0, power=2.0))
    assert judge_leg(leg(faster(3.0, N - 1, 2.0), best)) is None
    assert judge_leg(leg(faster(3.0, N, 2.0), best)) is True


def test_a_higher_rate_that_comes_too_late_to_be_clearly_sooner_is_cut():
    """It is ahead of the best leg at equal length, all the same."""
    slow = leg(faster(1.1, 7))
    assert slow.progress() > slow.goal()
    assert judge_leg(slow) is False


def test_what_rose_at_first_is_excited_and_what_wobbles_is_not():
    assert is_excited(leg([3.5, 2.4, 2.3, 2.2, 2.1, 2.0, 1.95, 1.9]))
    assert not is_excited(leg([2.31, 2.29, 2.32, 2.28, 2.3, 2.31, 2.29, 2.3]))
    # One level is no rise where all of them scatter as much.
    assert not is_excited(leg([2.2, 2.45, 2.1, 2.4, 2.1, 2.3, 2.0, 2.2]))


def test_progress_shows_where_it_stands_out_of_its_noise():
    assert shows(best_leg(leg([])))
    assert not shows(leg([2.31, 2.27, 2.32, 2.28, 2.3, 2.25, 2.29, 2.26]))


FLAT = (2.31, 2.27, 2.32, 2.28, 2.3, 2.31, 2.27, 2.3)


def test_of_two_that_show_nothing_the_higher_one_goes_on_and_the_lower_one_does_not():
    level = [*FLAT[1:], FLAT[0]]
    assert judge_leg(leg(level, FLAT)) is True
    assert judge_leg(leg(level, FLAT, "down")) is False


def test_a_wild_leg_above_one_that_shows_nothing_loses():
    assert judge_leg(leg([2.3, 2.9, 3.4, 3.1, 2.8, 2.6, 2.4, 2.3], FLAT)) is False


def test_a_lower_rate_wins_a_tie():
    assert judge_leg(leg([level + 1e-4 for level in BENT], direction="down")) is True
    assert judge_leg(leg(faster(0.3), direction="down")) is False


def test_only_a_higher_rate_that_is_behind_is_ruled_out():
    assert ruled_out(leg(faster(0.9, N // 2)), is_won=False) == 3.0
    assert ruled_out(leg(faster(1.2, 6)), is_won=False) == math.inf
