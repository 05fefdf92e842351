"""Two runs beside each other: which is behind, which ends lower, and which rise alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect.verdicts.comparison import (
    MAX_SHARE,
    PROGRESS_RATIO,
    gap_between,
    is_behind,
    least_share,
    rises_alike,
)
from optuna_bisect.verdicts.curve import Curve

STEPS = tuple(range(13))


def curve(losses: list[float]) -> Curve:
    return Curve(tuple(range(len(losses))), tuple(losses))


def plateau(level: float, noise: float, seed: int) -> Curve:
    """Fall from 2 to a level within three reports, and stay there."""
    rng = np.random.default_rng(seed)
    levels = [level + (2 - level) * 0.02**i for i in range(len(STEPS))]
    return Curve(STEPS, (2.0, *(x * (1 + noise * rng.standard_normal()) for x in levels[1:])))


def test_quiet_runs_are_compared_by_their_last_report() -> None:
    """One that crosses the other at the very end ends lower."""
    late = Curve(STEPS, tuple(2.0 - 0.1 * i for i in STEPS))
    early = Curve(STEPS, tuple(max(0.9, 2.0 - 0.3 * i) for i in STEPS))
    assert gap_between(late, early, 2.0).difference == pytest.approx(late.losses[-1] - 0.9)
    assert gap_between(late, early, 2.0).difference < 0


def test_noisy_runs_are_compared_by_several_reports() -> None:
    """The better one of two is found more often than by the last reports alone."""
    pairs = [(plateau(1.0, 0.05, 2 * s), plateau(1.05, 0.05, 2 * s + 1)) for s in range(300)]
    right = np.mean([gap_between(a, b, 2.0).difference < 0 for a, b in pairs])
    by_last = np.mean([a.losses[-1] < b.losses[-1] for a, b in pairs])
    assert right > by_last + 0.08
    assert right > 0.9


def test_noise_that_two_runs_share_cancels_out() -> None:
    """Hard batches hit both alike, so that the last report decides, and there is no tie."""
    better, worse = plateau(1.0, 0.05, 0), plateau(1.0, 0.05, 0)
    worse = Curve(STEPS, tuple(loss + 0.02 for loss in worse.losses))
    gap = gap_between(worse, better, 2.0)
    assert gap.difference == pytest.approx(0.02)
    assert gap.error == pytest.approx(0.0, abs=1e-9)
    assert not gap.is_tie
    assert gap_between(better, worse, 2.0).is_tie


@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 50))
def test_losses_on_another_scale_give_the_same_gap(scale, shift, seed) -> None:
    a, b = plateau(1.0, 0.03, seed), plateau(1.1, 0.03, seed + 1000)
    moved = [Curve(c.steps, tuple(scale * (x + shift) for x in c.losses)) for c in (a, b)]
    plain, other = gap_between(a, b, 2.0), gap_between(*moved, scale * (2.0 + shift))
    assert other.difference == pytest.approx(scale * plain.difference, rel=1e-4, abs=scale * 1e-8)


def test_no_more_than_half_of_the_reports_is_averaged() -> None:
    """However noisy the ends are, the descent before them does not count."""
    rng, n = np.random.default_rng(0), int(MAX_SHARE * (len(STEPS) - 2))
    ends = tuple(rng.normal(0, 5, size=n))
    early = (2.0, *[1e3] * (len(STEPS) - 1 - n))
    a, b = Curve(STEPS, early + ends), Curve(STEPS, (2.0, *[0.0] * (len(STEPS) - 1)))
    assert gap_between(a, b, 2.0).difference == pytest.approx(np.mean(ends))


def test_a_run_that_lags_is_cut_more_strictly_towards_the_end_of_the_probe() -> None:
    """A lag of a tenth is forgiven at the beginning, where there is time to catch up."""
    best = Curve(STEPS, tuple(2.0 - 0.1 * i for i in STEPS))
    slow = Curve(STEPS, tuple(2.0 - 0.09 * i for i in STEPS))
    assert is_behind(slow.until(4), 2.0, best) is None
    assert is_behind(slow.until(11), 2.0, best) == pytest.approx(0.9)
    assert is_behind(slow, 2.0, best, horizon=float("inf")) is None
    assert least_share(slow.until(0), 10**9) == pytest.approx(PROGRESS_RATIO)
    assert least_share(slow, 5) == 1.0


@pytest.mark.parametrize(("factor", "alike"), [(1.0, True), (1.05, True), (3.0, False)])
def test_a_rise_that_another_rate_shows_as_well_is_alike(factor: float, alike: bool) -> None:
    rise = [0.0, 0.5, 1.0, 2.0, 4.0, 4.2, 4.1]
    run = curve([2.3 + r for r in rise])
    other = curve([2.3 + factor * r for r in [*rise, 9.0]])
    assert rises_alike(run, other, 2.3) is alike
    assert not rises_alike(run, other.until(1), 2.3)


def test_behind_is_told_from_the_third_report_on() -> None:
    fast, slow = curve([2.0, 1.5, 1.0, 0.8, 0.7]), curve([2.0, 1.9, 1.8, 1.7, 1.6])
    assert is_behind(slow.until(1), 2.0, fast) is None
    assert is_behind(slow.until(2), 2.0, fast) == pytest.approx(0.2 / 1.0)
    assert is_behind(fast, 2.0, slow) is None


def test_behind_compares_at_equal_steps_where_reports_differ() -> None:
    every = Curve(tuple(range(0, 101, 10)), tuple(2.0 - 0.01 * s for s in range(0, 101, 10)))
    sparse = Curve((0, 25, 50, 75), (2.0, 1.75, 1.5, 1.25))
    assert is_behind(sparse, 2.0, every) is None
    slow = Curve((0, 25, 50, 75), (2.0, 1.9, 1.8, 1.7))
    share = is_behind(slow, 2.0, every)
    assert share == pytest.approx(0.4)
