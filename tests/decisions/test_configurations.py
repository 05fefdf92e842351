"""Which search a trial joins: workers spread over configurations, and meet when few are left.

Covers ``decisions.searches`` and ``decisions.next_rate``.
"""

from __future__ import annotations

import math

import optuna
import pytest
from configured_trainer import objective, settings
from optuna.distributions import CategoricalDistribution

import optuna_bisect as ob
from optuna_bisect.decisions.configurations import (
    choose_search,
    find_searches,
    may_keep,
    untried_groups,
)
from optuna_bisect.decisions.next_rate import start_rate
from optuna_bisect.decisions.searches import best_of, read_searches
from optuna_bisect.study.history import History, Running
from optuna_bisect.study.reading import read_history


def history_after(n_trials: int, n_configurations: int) -> History:
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**settings(n_configurations)), pruner=ob.VerdictPruner()
    )
    study.optimize(objective, n_trials=n_trials)
    return read_history(study)


def waiting(number: int) -> Running:
    return Running(number, None, None, is_local=False)


def running(number: int, search: int) -> Running:
    return Running(number, "probe", 1e-3, is_local=False, search=search)


def test_the_first_workers_begin_different_configurations_then_share_them() -> None:
    history = history_after(0, 3)._replace(n_configurations=3)
    crowd = tuple(waiting(i) for i in range(5))
    places = [choose_search(history._replace(running=crowd[:i]), i, {}) for i in range(5)]
    assert places == [0, 1, 2, 0, 1]


def claiming(number: int, search: int) -> Running:
    return waiting(number)._replace(search=search)


def test_a_choice_that_is_written_counts_whatever_its_trials_number() -> None:
    history = history_after(0, 3)._replace(n_configurations=3)
    crowd = (claiming(1, 1), waiting(2), claiming(5, 5), claiming(6, 5))
    assert choose_search(history._replace(running=crowd), 4, {}) == 1, "the third one is trial 2's"
    assert choose_search(history._replace(running=crowd[:1]), 4, {}) == 4


def test_of_too_many_choices_the_lowest_stay_and_who_joined_the_others_chooses_anew() -> None:
    history = history_after(0, 2)._replace(n_configurations=2)
    crowd = [claiming(1, 1), claiming(2, 2), claiming(3, 3), claiming(4, 3)]

    def keeps(own: Running) -> bool:
        others = tuple(r for r in crowd if r != own)
        return may_keep(history._replace(running=others), own.number, own.search)

    assert [keeps(r) for r in crowd] == [True, True, False, False]


def test_a_search_that_has_probes_is_kept_and_one_given_up_is_not() -> None:
    history = history_after(0, 2)._replace(n_configurations=2)
    running_there = (running(1, 1), running(2, 2), waiting(3))
    assert may_keep(history._replace(running=running_there), 4, 2)
    assert not may_keep(history._replace(running=running_there), 4, 4)
    turned = (running(1, 1), running(3, 1))
    assert not may_keep(history._replace(running=turned), 4, 3)
    assert may_keep(history._replace(running=(running(1, 1), waiting(3))), 4, 3)


def test_with_one_configuration_every_worker_joins_the_first_one() -> None:
    history = history_after(0, 1)
    crowd = tuple(waiting(i) for i in range(4))
    assert [choose_search(history._replace(running=crowd[:i]), i, {}) for i in range(4)] == [0] * 4


def test_a_search_that_nobody_works_on_comes_before_a_new_one() -> None:
    history = history_after(2, 3)
    assert choose_search(history, 2, {}) == 0
    assert choose_search(history._replace(running=(running(2, 0),)), 3, {}) == 3


def test_chosen_values_join_the_search_that_holds_them_or_begin_their_own() -> None:
    history = history_after(2, 1)
    held = history.held(0)
    assert choose_search(history, 2, held) == 0
    assert choose_search(history, 2, {"optimizer": held["optimizer"]}) == 0
    assert choose_search(history, 2, {"optimizer": "another"}) == 2


@pytest.fixture(scope="module")
def finished() -> History:
    return history_after(100, 6)


def test_when_all_searches_are_over_there_is_nothing_to_join(finished) -> None:
    assert all(s.is_over for s in find_searches(finished))
    assert choose_search(finished, 999, {}) is None


def test_the_best_search_ended_lowest_and_is_not_dropped(finished) -> None:
    searches = find_searches(finished)
    best = best_of(searches)
    assert best.score == min(s.score for s in searches)
    assert best.dropped is None
    assert best.outcome.winner.params == best.held


def rate_for(history: History, **held) -> float | None:
    return start_rate(read_searches(history), history, held)


def test_rates_are_transferred_within_a_group_only(finished) -> None:
    assert 0.03 < rate_for(finished, optimizer="sgd") < 0.3
    assert 6e-4 < rate_for(finished, optimizer="adam") < 6e-3
    assert rate_for(finished, optimizer="another") is None
    one_group = finished._replace(group_by=())
    assert rate_for(one_group, optimizer="another") == rate_for(one_group, optimizer="sgd")


def test_a_category_that_does_not_move_the_rate_makes_no_groups(finished) -> None:
    """Activations were drawn at random, so that their best rates are the same in the mean."""
    space = {"activation": CategoricalDistribution(["relu", "tanh"])}
    searches = [
        s._replace(held={"activation": ("relu", "tanh")[i % 2]})
        for i, s in enumerate(s for s in read_searches(finished) if s.held["optimizer"] == "adam")
    ]
    history = finished._replace(space=space)
    assert len(searches) > 1
    assert start_rate(searches, history, {"activation": "relu"}) == pytest.approx(
        math.exp(sum(math.log(s.outcome.winner.lr) for s in searches) / len(searches)), rel=0.5
    )


def test_a_batch_four_times_as_large_starts_at_twice_the_rate(finished) -> None:
    (search,) = [best_of(read_searches(finished))]
    searches = [search._replace(held={"batch_size": 32})]
    history = finished._replace(space={}, group_by=None)
    before = start_rate(searches, history, {"batch_size": 32})
    assert start_rate(searches, history, {"batch_size": 128}) == pytest.approx(2 * before)


def test_every_group_that_has_no_search_is_listed_until_it_has_one() -> None:
    history = history_after(1, 4)._replace(group_by=("optimizer",))
    tried = history.held(0)["optimizer"]
    rest = [{"optimizer": name} for name in ("sgd", "adam") if name != tried]
    assert untried_groups(history) == rest
    beside = running(1, 1)._replace(others=rest[0])
    assert untried_groups(history._replace(running=(beside,))) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"group_by": None},
        {"n_configurations": 1},
        {"group_by": ("decay",)},
        {"group_by": ("optimizer", "unknown")},
    ],
)
def test_no_group_is_listed_where_not_all_can_be_tried(changed) -> None:
    history = history_after(1, 4)._replace(group_by=("optimizer",))._replace(**changed)
    assert untried_groups(history) == []
