"""A verdict is right about labelled curves, says why, and does not depend on the loss's scale.

Covers ``verdicts.reasons`` and ``verdicts.verdict``.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect import Verdict
from optuna_bisect.verdicts.classifier import classify, compare_ends
from optuna_bisect.verdicts.curve import Curve, Run

PROBE = 120


def steps(n: int) -> tuple[int, ...]:
    return tuple(10 * i for i in range(n))


def curve(*losses: float) -> Curve:
    return Curve(steps(len(losses)), losses)


def descent(rate: float, n: int = 13, noise: float = 0.0, seed: int = 0) -> Curve:
    rng = np.random.default_rng(seed)
    losses = 1 + 1.3 * np.exp(-rate * np.arange(n)) + noise * rng.standard_normal(n)
    return curve(2.3, *losses[1:])


BEST = Run(4, 1e-2, descent(0.4))


def test_not_finite_is_overshoot_at_once_and_certain() -> None:
    verdict = classify(curve(2.3, math.nan), 1.0, probe_steps=PROBE)
    assert verdict == Verdict("overshoot", 1.0, "loss is not finite at step 10")


@pytest.mark.parametrize(("rate", "name"), [(1e-1, "overshoot"), (1e-3, "undershoot")])
def test_a_run_that_falls_behind_lost_on_its_side_of_the_incumbent(rate: float, name: str) -> None:
    verdict = classify(
        descent(0.1).until(20), rate, initial=2.3, incumbent=BEST, probe_steps=PROBE
    )
    assert verdict is not None
    assert verdict.name == name
    assert "of trial 4's at step 20" in verdict.reason


def test_a_run_that_keeps_up_gets_no_verdict_before_the_end() -> None:
    keeps_up = descent(0.39).until(110)
    assert classify(keeps_up, 1e-1, initial=2.3, incumbent=BEST, probe_steps=PROBE) is None


@pytest.mark.parametrize(
    ("speed", "rate", "name"),
    [
        (0.5, 1e-1, "balanced"),
        (0.38, 1e-1, "balanced"),  # lacks 0.2 % of the progress
        (0.3, 1e-1, "overshoot"),
        (0.3, 1e-3, "undershoot"),
    ],
)
def test_the_end_of_a_probe_decides_by_its_last_loss(speed: float, rate: float, name: str) -> None:
    verdict = classify(descent(speed), rate, initial=2.3, incumbent=BEST, probe_steps=PROBE)
    assert verdict is not None
    assert verdict.name == name


def test_without_an_incumbent_flat_gets_the_likelier_verdict_with_low_confidence() -> None:
    flat = curve(2.3, 2.301, 2.299, 2.3, 2.301)
    slow = classify(flat, 1e-6, initial=2.3, probe_steps=PROBE)
    assert slow is not None
    assert (slow.name, slow.confidence < 0.6) == ("undershoot", True)
    moved = curve(2.3, 9.0, 2.301, 2.3, 2.301, 2.299, 2.3, 2.301)
    collapsed = classify(moved, 1.0, initial=2.3, probe_steps=PROBE)
    assert collapsed is not None
    assert (collapsed.name, collapsed.confidence < 0.6) == ("overshoot", True)


def test_a_spike_within_the_recovery_window_is_forgiven() -> None:
    spiked = curve(2.3, 50.0, 1.6, 1.5)
    assert classify(spiked, 1e-2, initial=2.3, probe_steps=PROBE) is None
    recovered = curve(2.3, 50.0, *(1.0 + 0.6**i for i in range(11)))
    verdict = classify(recovered, 1e-2, initial=2.3, probe_steps=PROBE)
    assert verdict is not None
    assert verdict.name == "balanced"


def test_a_loss_that_stays_above_the_initial_one_overshoots() -> None:
    verdict = classify(curve(2.3, 60.0, 52.0, 51.0, 50.5), 1.0, initial=2.3, probe_steps=PROBE)
    assert verdict is not None
    assert verdict.name == "overshoot"
    assert "above the initial" in verdict.reason


def test_a_run_alone_that_has_not_flattened_undershoots() -> None:
    straight = classify(curve(*np.linspace(2.3, 1.1, 13)), 1e-4, initial=2.3, probe_steps=PROBE)
    assert straight is not None
    assert straight.name == "undershoot"
    assert (
        straight.reason
        == "still descends from 2.3 to 1.1 by step 120, 45% of it in the second half: too slow"
    )
    flattened = classify(descent(0.5), 1e-2, initial=2.3, probe_steps=PROBE)
    assert flattened is not None
    assert flattened.name == "balanced"


def test_a_cut_is_surer_the_further_behind_and_the_further_away() -> None:
    def cut(speed: float, rate: float) -> float:
        run = descent(speed).until(20)
        verdict = classify(run, rate, initial=2.3, incumbent=BEST, probe_steps=PROBE)
        assert verdict is not None
        return verdict.confidence

    assert cut(0.02, 3e-2) > cut(0.2, 3e-2)
    assert cut(0.2, 1e-1) > cut(0.2, 3e-2)


def test_a_rise_that_all_reports_share_is_less_sure_than_an_explosion() -> None:
    shared = classify(curve(2.3, 2.314, 2.313, 2.312), 1e-4, initial=2.3, probe_steps=PROBE)
    explodes = classify(curve(2.3, 2.9, 80.0, 9e6), 1.0, initial=2.3, probe_steps=PROBE)
    assert shared is not None
    assert explodes is not None
    assert shared.confidence < 0.6
    assert explodes.confidence > 0.9


def test_a_flat_curve_that_jumps_about_gets_the_lowest_confidence() -> None:
    wild = classify(curve(2.3, 5.3e5, 1.2e3, 7.4e3), 1.0, initial=2.3, probe_steps=PROBE)
    assert wild is not None
    assert (wild.name, wild.confidence) == ("overshoot", 0.51)
    assert "no direction" in wild.reason


@pytest.mark.parametrize(
    "losses",
    [(47.9, 2.56e6, 9e6, 9e6), (47.9, 9.01e6, 9e6), (47.9, 642.0, 1.55e6)],
    ids=["bursts by and by", "at one blow", "ever faster"],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_run_too_short_for_its_noise_that_explodes_is_not_called_too_low(losses, sign) -> None:
    burst = classify(curve(*losses), 0.08, initial=47.9, probe_steps=80, sign=sign)
    assert burst is not None
    assert (burst.name, burst.confidence < 0.6) == ("overshoot", True)
    assert "likely too high" in burst.reason
    assert "too low" not in burst.reason


def test_a_last_report_above_all_others_may_be_the_first_of_a_burst() -> None:
    late = classify(curve(47.9, 4.21, 2.06e3), 0.7, initial=47.9, probe_steps=80)
    assert late is not None
    assert late.reason.endswith("too low, or dead, or about to burst")


def test_a_plateau_above_an_easy_first_batch_is_called_too_low() -> None:
    """All reports are moved alike, but for the noise of a batch."""
    plateau = classify(curve(2.3, 2.314, 2.32, 2.312), 1e-5, initial=2.3, probe_steps=PROBE)
    assert plateau is not None
    assert plateau.name == "undershoot"


def test_a_loss_that_left_its_level_for_good_is_not_said_to_have_come_back() -> None:
    """Nothing was reported before the first update, so that the initial loss is that of others."""
    stayed = classify(curve(9e6, 9.00001e6, 9e6), 1.0, initial=47.87, probe_steps=80)
    assert stayed is not None
    assert stayed.reason == "loss went from 47.87 to 9e+06 and stayed near that: 9e+06 at step 20"
    back = classify(
        curve(2.3, 9.0, 2.301, 2.3, 2.301, 2.299, 2.3), 1.0, initial=2.3, probe_steps=PROBE
    )
    assert back is not None
    assert back.reason == "loss went from 2.3 to 9 and came back to 2.3 at step 60"


def test_a_reason_stays_short_where_the_loss_explodes() -> None:
    burst = classify(curve(2.3, 4e9, 8e27), 1.0, initial=2.3, incumbent=BEST, probe_steps=PROBE)
    assert burst is not None
    assert burst.reason == (
        "no progress at step 20 (loss 8e+27, at first 2.3), unlike trial 4; rate above it"
    )


def test_rates_of_a_linear_range_may_be_zero() -> None:
    assert compare_ends(0.4, 0.0, 0.5, Run(3, 0.01)).name == "balanced"
    verdict = classify(descent(0.1).until(20), 0.0, initial=2.3, incumbent=BEST, probe_steps=PROBE)
    assert verdict is not None
    assert verdict.name == "undershoot"


def test_no_flat_verdict_before_the_end_where_the_initial_loss_is_unknown() -> None:
    epochs = Curve((0, 1, 2, 3, 4, 5), (0.3, 0.301, 0.299, 0.3, 0.3, 0.301))
    assert classify(epochs, 1e-2, initial=None, probe_steps=12) is None


def test_nothing_reported_is_no_verdict() -> None:
    assert classify(Curve(), 1e-2, probe_steps=PROBE) is None


@given(
    speed=st.floats(0.0, 1.0),
    n=st.integers(1, 13),
    seed=st.integers(0, 100),
    c=st.floats(1e-2, 1e2),
    d=st.floats(-10, 10),
    alone=st.booleans(),
)
def test_losses_times_c_and_plus_d_give_the_same_verdict(
    *, speed: float, n: int, seed: int, c: float, d: float, alone: bool
) -> None:
    run = descent(speed, noise=0.01, seed=seed).until(10 * (n - 1))

    def moved(original: Curve) -> Curve:
        return Curve(original.steps, tuple(c * loss + d for loss in original.losses))

    best = None if alone else BEST
    shifted = None if alone else Run(4, 1e-2, moved(BEST.curve))
    one = classify(run, 1e-1, initial=2.3, incumbent=best, probe_steps=PROBE)
    two = classify(moved(run), 1e-1, initial=2.3 * c + d, incumbent=shifted, probe_steps=PROBE)
    assert (one and one.name) == (two and two.name)


def test_values_alone_are_compared_by_side() -> None:
    assert compare_ends(0.4, 0.1, 0.5, Run(3, 0.01)).name == "balanced"
    assert compare_ends(0.6, 0.1, 0.5, Run(3, 0.01)).name == "overshoot"
    assert compare_ends(0.6, 0.001, 0.5, Run(3, 0.01)).name == "undershoot"


def test_a_verdict_refuses_unknown_names_and_confidences() -> None:
    with pytest.raises(ValueError, match="but got 'high'"):
        Verdict("high", 0.9, "")  # type: ignore[arg-type]  # the error is the point
    with pytest.raises(ValueError, match=r"but got 0\.5"):
        Verdict("balanced", 0.5, "")


def test_a_first_probe_that_came_down_and_turned_round_is_an_overshoot() -> None:
    down, up = np.linspace(2.3, 1.4, 6), np.linspace(1.48, 2.0, 7)
    verdict = classify(curve(*down, *up), 1.0, initial=2.3, probe_steps=PROBE)
    assert verdict is not None
    assert verdict.name == "overshoot"
    assert "went from 2.3 to 1.4 and turned round to 2" in verdict.reason


@pytest.mark.parametrize("last", [1.44, 1.41])
def test_a_first_probe_that_wavers_at_its_end_is_balanced(last: float) -> None:
    losses = [*np.linspace(2.3, 1.4, 8), *np.linspace(1.4, last, 5)]
    verdict = classify(curve(*losses), 1.0, initial=2.3, probe_steps=PROBE)
    assert verdict is not None
    assert verdict.name == "balanced"
