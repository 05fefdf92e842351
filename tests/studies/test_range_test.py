"""The range test beside the bisection: the document's rule on made-up runs, and all in short."""

from __future__ import annotations

import math

import pytest

from studies import range_test
from studies.epochs.searches import Sweep
from studies.range_test_picks import from_sweep, judge_absolutely, published


def test_arithmetic_midpoints_need_ten_tries_for_a_rate_far_below_the_high_end() -> None:
    found = published(lambda lr: "overshoot" if lr > 1e-3 else "undershoot")
    assert found.tried[:3] == pytest.approx((0.1, 0.05, 0.025), rel=1e-3)
    assert len(found.tried) == 1 + 10
    assert found.lr == pytest.approx(1e-3, abs=1e-4)


def test_a_balanced_midpoint_is_kept_and_a_high_end_that_converges_is_raised() -> None:
    found = published(lambda lr: "overshoot" if lr > 6 else "balanced")
    assert found.tried == pytest.approx((0.1, 1.0, 10.0, 5.0), rel=1e-5)


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [
        ([2.3, 2.4, 2.5, 2.6, 2.7], "overshoot"),
        ([2.3, 1.0, 2.0, 0.9, 1.9], "overshoot"),
        ([2.3, math.nan, math.nan, math.nan, math.nan], "overshoot"),
        ([2.3, 2.299, 2.298, 2.297, 2.296], "undershoot"),
        ([2.3, 0.9, 0.5, 0.4, 0.3], "balanced"),
        # Both are wrong: thresholds know nothing of the scale of a loss.
        ([0.0023, 0.0009, 0.0005, 0.0004, 0.0003], "undershoot"),
        ([2300, 900, 500, 400, 300], "undershoot"),
    ],
)
def test_the_thresholds_of_the_document_are_absolute(losses, verdict) -> None:
    assert judge_absolutely(losses) == verdict


def test_the_lowest_point_of_a_sweep_is_found_and_no_suggestion_stays_none() -> None:
    rates = [10 ** (-5 + i / 20) for i in range(100)]
    losses = [abs(i - 60) / 60 for i in range(100)]
    picks = from_sweep(Sweep(rates, losses, math.nan))
    assert picks["minimum"].lr == rates[60]
    assert math.isnan(picks["steepest"].lr)
    assert {pick.n_steps for pick in picks.values()} == {100}


def test_the_study_in_short_ends_in_one_sentence_and_a_page(monkeypatch, tmp_path, capsys) -> None:
    found = range_test.collect(n_epochs=4, n_rates=3)
    monkeypatch.setattr(range_test, "collect", lambda: found)
    range_test.main(["--output", str(tmp_path / "test.html")])
    *table, last = capsys.readouterr().out.splitlines()
    assert last.startswith("On this network one range test")
    assert sum(line.startswith("| ") for line in table) == 2 + len(found.picks)
    assert found.picks[range_test.OURS].n_steps < found.picks[range_test.FIRST].n_steps
    names = {trace.name for trace in range_test.draw(found).data}
    assert names >= range_test.LOOKS.keys()
    assert (tmp_path / "test.html").exists()
