"""All probes are judged against each other, in any order with the same result.

Covers ``search.evidence`` and ``search.probe``.
"""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from pure_search import GRID, STEPS, search, synthetic

from optuna_bisect.search.assessment import assess
from optuna_bisect.search.probe import Probe
from optuna_bisect.search.proposal import propose
from optuna_bisect.verdicts.curve import Curve
from optuna_bisect.verdicts.shape import is_above


@given(st.floats(-5.5, -0.5), st.randoms())
def test_the_order_of_the_trials_does_not_matter(exponent: float, random: object) -> None:
    probes = search(10**exponent)
    shuffled = probes.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types it as object
    assert assess(shuffled, GRID) == assess(probes, GRID)
    for n in range(len(probes)):
        part = probes[:n]
        assert propose(assess(part[::-1], GRID)) == propose(assess(part, GRID))


def test_a_full_probe_above_a_rate_that_blew_up_is_no_incumbent() -> None:
    lucky = Curve(STEPS, tuple(2.3 * 0.5**i for i in range(len(STEPS))))
    probes = [
        Probe(0, 1e-3, synthetic(1e-3, 1e-3)),
        Probe(1, 1e-2, Curve((0, 10), (2.3, math.nan)), is_full=False),
        Probe(2, 1e-1, lucky),
    ]
    incumbent = assess(probes, GRID).incumbent
    assert incumbent is not None
    assert incumbent.number == 0


def test_runs_of_different_lengths_that_report_once_at_their_end_can_be_compared() -> None:
    probes = [
        Probe(0, 1e-3, Curve((39,), (0.5,))),
        Probe(1, GRID.rate_at(1), Curve((59,), (0.4,))),
        Probe(2, GRID.rate_at(-1), Curve((79,), (0.6,))),
    ]
    incumbent = assess(probes, GRID).incumbent
    assert incumbent is not None
    assert incumbent.number == 1


def test_a_rise_that_comes_from_the_batches_is_no_collapse() -> None:
    """All probes share their batches: what rises alike at every rate says nothing about rates."""
    # Seed 183 of the README's torch example: harder and harder batches after an easy one.
    losses = [[3.573, 4.153, 5.292, 3.570, 3.855, 4.540, 6.866 + i * 1e-2] for i in range(4)]
    climbs = [2.3, 2.0, 2.1, 2.3, 3.1, 5.9, 16.0]
    steps = tuple(range(0, 28, 4))
    probes = [
        Probe(i, 10.0 ** (-3 - i), Curve(steps, tuple(curve)), is_full=False, question="scan")
        for i, curve in enumerate(losses)
    ]
    assert all(is_above(p.curve, losses[0][0]) for p in probes)
    evidence = assess(probes, GRID)
    assert not evidence.collapsed
    assert propose(evidence) is not None
    diverged = Probe(9, 1.0, Curve(steps, tuple(c + 1.273 for c in climbs)), is_full=False)
    assert assess([*probes, diverged], GRID).collapsed == {GRID.nearest(1.0)}


def test_a_probe_that_ended_early_by_itself_is_not_the_horizon_of_all_others() -> None:
    whole = [Probe(i, GRID.rate_at(i), synthetic(GRID.rate_at(i), 1e-3)) for i in range(3)]
    curve = synthetic(GRID.rate_at(-1), 1e-3).until(20)
    short = Probe(3, GRID.rate_at(-1), curve, is_short=True)
    evidence = assess([*whole, short], GRID)
    assert evidence.horizon == 121
    assert evidence.incumbent == assess(whole, GRID).incumbent
    assert -1 in evidence.seen


def test_a_longer_probe_takes_the_place_of_one_that_ended_early_also_where_it_is_worse() -> None:
    short = Probe(0, GRID.rate_at(0), synthetic(GRID.rate_at(0), 1e-3).until(20), is_short=True)
    longer = Probe(1, GRID.rate_at(-2), synthetic(GRID.rate_at(-2), 1e-3))
    assert assess([short], GRID).incumbent == short
    assert assess([short, longer], GRID).incumbent == longer
