"""What a search holds still, and which probes it may learn from."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from optuna_bisect.search.probe import Probe
from optuna_bisect.study.configuration import (
    agree,
    find_searches,
    held_by,
    is_inside,
    rung_steps,
    top_rung,
)


def probe(number: int, search: int | None, **others: Any) -> Probe:
    return Probe(number, 1e-3, search=search, others=others)


@given(st.integers(1, 1000), st.integers(1, 10**6), st.integers(1, 9) | st.just(10**300))
def test_probes_on_the_top_rung_are_at_most_half_a_full_run(probe_steps, final_steps, n) -> None:
    top = top_rung(probe_steps, final_steps, n)
    assert 0 <= top < n
    assert top == 0 or rung_steps(probe_steps, top) <= final_steps / 2
    assert top == n - 1 or rung_steps(probe_steps, top + 1) > final_steps / 2


def test_without_both_lengths_there_is_one_rung() -> None:
    assert top_rung(None, 100, 3) == top_rung(10, None, 3) == 0


def test_only_parameters_that_both_have_are_compared() -> None:
    assert agree({"a": 1, "b": 2}, {"a": 1, "c": 3})
    assert not agree({"a": 1, "b": 2}, {"a": 1, "b": 3})
    assert agree({"a": None}, {"a": None})
    assert agree({"a": float("nan")}, {"a": float("nan")})
    assert not agree({"a": float("nan")}, {"a": 0.0})


def test_the_lowest_trial_that_has_a_parameter_says_what_is_held() -> None:
    members = [probe(2, 0, a=3, b=4), probe(0, 0, a=1), probe(1, 7, a=9, c=9)]
    assert held_by(members, 0) == {"a": 1, "b": 4}


def test_a_probe_that_ran_with_other_values_says_nothing() -> None:
    members = [probe(0, 0, a=1), probe(1, 0, a=2), probe(2, None, a=1), probe(3, None, a=2)]
    held = held_by(members, 0)
    assert [m.number for m in members if is_inside(m, 0, held)] == [0, 2]


def test_trials_of_another_sampler_are_one_search_only_where_they_are_alike() -> None:
    assert find_searches([]) == ()
    assert find_searches([probe(3, None), probe(1, None)]) == (1,)
    assert find_searches([probe(3, None, a=1), probe(1, None, a=2)]) == ()
    assert find_searches([probe(3, None, a=1), probe(5, 4, a=2), probe(4, 4, a=2)]) == (4,)


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1]), st.dictionaries(st.sampled_from("ab"), st.booleans()))
    )
)
def test_what_is_held_does_not_depend_on_the_order_of_trials(rows) -> None:
    members = [probe(i, search, **others) for i, (search, others) in enumerate(rows)]
    assert held_by(members, 0) == held_by(members[::-1], 0)
    held = held_by(members, 0)
    # Every value that is held is that of a probe inside, and nothing is held that nobody had.
    assert all(
        any(m.others.get(k) == v for m in members if m.search == 0) for k, v in held.items()
    )
