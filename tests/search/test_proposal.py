"""The search finds the optimum of curves with a known one, whatever the order of the trials."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pure_search import GRID, search

from optuna_bisect.search.assessment import assess
from optuna_bisect.search.grid import SPACING
from optuna_bisect.search.probe import Probe, initial_loss
from optuna_bisect.search.proposal import choose, propose
from optuna_bisect.verdicts.curve import Curve


@given(st.floats(-5.5, -0.5))
def test_the_search_converges_next_to_the_optimum(exponent: float) -> None:
    best = 10**exponent
    probes = search(best)
    evidence = assess(probes, GRID)
    assert evidence.incumbent is not None
    assert abs(math.log(evidence.incumbent.rate / best)) <= math.log(SPACING) / 2 + 1e-9
    assert len(probes) <= 12


@given(st.floats(-5.5, -0.5), st.integers(0, 12))
def test_the_optimum_never_leaves_the_bracket(exponent: float, n: int) -> None:
    probes = search(10**exponent)[:n]
    low, high = assess(probes, GRID).bracket
    assert low <= 10**exponent <= high


def test_the_first_probe_is_the_middle_of_the_range() -> None:
    proposal = propose(assess([], GRID))
    assert proposal is not None
    assert proposal.rate == pytest.approx(1e-3)
    assert proposal.question == "start"


def test_flat_gives_no_direction_and_the_scan_goes_up_first_and_down_later() -> None:
    flat = Curve((0, 10, 20, 30), (2.3, 2.301, 2.299, 2.3))
    probes = [Probe(0, 1e-3, flat, is_full=False)]
    proposal = propose(assess(probes, GRID))
    assert proposal is not None
    assert proposal.rate > 1e-3
    probes.append(Probe(1, GRID.rate_at(1), Curve((0, 10), (2.3, math.inf)), is_full=False))
    proposal = propose(assess(probes, GRID))
    assert proposal is not None
    assert proposal.rate < 1e-3


def test_a_neighbour_cut_by_an_older_incumbent_is_run_once_more() -> None:
    probes = search(1e-3)
    incumbent = assess(probes, GRID).incumbent
    assert incumbent is not None
    beside = GRID.rate_at(GRID.nearest(incumbent.rate) + 1)
    good = incumbent.curve.until(30)
    cut = [p for p in probes if GRID.nearest(p.rate) != GRID.nearest(beside)]
    cut.append(Probe(90, beside, good, is_full=False))
    proposal = propose(assess(cut, GRID))
    assert proposal is not None
    assert (proposal.rate, proposal.question) == (pytest.approx(beside), "recheck")
    cut.append(Probe(91, beside, good, is_full=False))
    assert propose(assess(cut, GRID)) is None


def test_a_broken_probe_without_evidence_is_repeated_once_then_given_up() -> None:
    first = Probe(0, 1e-3, is_full=False, is_broken=True)
    again = propose(assess([first], GRID))
    assert again is not None
    assert again.rate == pytest.approx(1e-3)
    second = Probe(1, 1e-3, is_full=False, is_broken=True)
    other = propose(assess([first, second], GRID))
    assert other is not None
    assert other.rate != pytest.approx(1e-3)


def test_workers_ask_different_questions() -> None:
    evidence, pending = assess([], GRID), []
    for _ in range(GRID.last - GRID.first + 3):
        pending.append(choose(evidence, pending).rate)
    assert len({round(math.log(rate), 9) for rate in pending}) == len(pending)


def test_workers_that_fill_the_range_never_repeat_a_rate_whoever_ends_first() -> None:
    """One that chooses anew, after another one has come and gone, counts as many others as he."""
    full = [Probe(n, GRID.rate_at(i), value=1.0) for n, i in enumerate(range(-6, 7))]
    n = len(full)
    assert GRID.last - GRID.first + 1 == n
    late = choose(assess(full, GRID), [1e-3], number=n + 1)
    ended = Probe(n + 1, late.rate, value=1.0, question="spread")
    again = choose(assess([*full, ended], GRID), [], number=n)
    assert late.question == again.question == "spread"
    assert again.rate != pytest.approx(late.rate)


def test_a_worker_without_a_rate_is_counted_by_rank() -> None:
    evidence = assess([], GRID)
    first = choose(evidence, [])
    second = choose(evidence, [], ahead=1)
    assert second == choose(evidence, [first.rate])


def test_an_endless_search_refines_beside_the_best() -> None:
    probes: list[Probe] = []
    for number in range(25):
        proposal = choose(assess(probes, GRID), [], endless=True)
        value = abs(math.log10(proposal.rate) + 2.345)
        probes.append(Probe(number, proposal.rate, value=value))
    assert min(p.value for p in probes if p.value is not None) < 0.02


def test_the_initial_loss_comes_from_the_slowest_run_where_nothing_was_reported_before() -> None:
    epochs = (0, 1, 2)
    fast = Probe(0, 1e-1, Curve(epochs, (0.4, 0.3, 0.3)))
    slow = Probe(1, 1e-5, Curve(epochs, (2.29, 2.28, 2.27)))
    assert initial_loss([fast]) is None
    assert initial_loss([fast, slow]) == 2.29
    assert initial_loss([]) is None


def test_trials_that_failed_without_a_report_do_not_disturb_a_search_without_progress() -> None:
    flat = [Probe(i, 10.0**-i, Curve((0, 10, 20), (2.3,) * 3), is_full=False) for i in range(1, 6)]
    silent = Probe(9, 3e-2, is_full=False, is_broken=True)
    proposal = propose(assess([*flat, silent, replace(silent, number=10)], GRID))
    assert proposal is not None
    assert proposal.question == "deepen"


def test_no_flat_probe_is_run_in_full_where_a_rival_of_another_search_is_ahead() -> None:
    flat = [Probe(i, 10.0**-i, Curve((0, 10, 20), (2.3,) * 3), is_full=False) for i in range(1, 6)]
    rival = Probe(9, 1e-2, Curve((0, 10, 20), (2.3, 1.5, 1.0)))
    alone, proposal = assess(flat, GRID), propose(assess(flat, GRID)._replace(rival=rival))
    assert propose(alone).question == "deepen"
    assert proposal is not None
    assert proposal.question == "scan"
