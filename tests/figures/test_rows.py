"""Single trials and configurations as people see them: what was found, paid and dropped."""

from __future__ import annotations

import pytest
from figure_data import QUALITIES, search, search_several

import optuna_bisect as ob
from optuna_bisect.figures.rows import format_params
from optuna_bisect.figures.summary import summarize
from optuna_bisect.trials import attributes


def by_quality(study) -> dict:
    return {c.params["quality"]: c for c in summarize(study).configurations}


def test_every_probe_and_the_final_trial_say_which_search_they_belong_to(several) -> None:
    numbers = {c.number for c in summarize(several).configurations}
    for trial in several.trials:
        search_number = trial.user_attrs["bisect_search"]
        assert search_number in numbers
        assert several.trials[search_number].params["quality"] == trial.params["quality"]
    assert {row.search for row in summarize(several).rows} == numbers
    assert summarize(several).final.search == summarize(several).leading.number


def test_one_search_says_so_too(finished) -> None:
    assert {t.user_attrs["bisect_search"] for t in finished.trials} == {0}


def test_the_best_configuration_wins_and_one_that_is_far_behind_is_dropped(several) -> None:
    found, winner = by_quality(several), ob.find_winner(several)
    assert set(found) == set(QUALITIES)
    assert (found[1.0].result, found[1.0].reason) == ("winner", winner.status)
    assert found[1.0].rate == winner.lr
    assert found[1.0].bracket == winner.bracket
    assert found[0.3].result == "dropped"
    assert f"trial {found[1.0].number} " in found[0.3].reason
    assert found[0.9].result in ("worse", "dropped")
    assert found[1.0].value < found[0.9].value < found[0.3].value


def test_each_configuration_costs_what_its_probes_were_paid(several) -> None:
    summary = summarize(several)
    for c in summary.configurations:
        own = [t for t in several.trials if t.user_attrs["bisect_search"] == c.number]
        probes = [t for t in own if attributes.read(t).role == "probe"]
        assert c.n_steps == sum(t.last_step + 1 for t in probes)
        assert [row.number for row in c.rows] == [t.number for t in probes]
    total = sum(c.n_steps for c in summary.configurations)
    assert total / summary.final_steps == pytest.approx(summary.cost)


def test_values_keep_the_direction_of_the_reports() -> None:
    found = by_quality(search_several(sign=-1))
    assert found[1.0].result == "winner"
    assert found[0.3].value < found[1.0].value < 0


def test_a_search_that_goes_on_has_no_winner_of_its_own() -> None:
    (only,) = summarize(search_several(n_trials=1)).configurations
    assert (only.winner, only.is_over) == (None, False)
    assert only.result in ("best so far", "searched")


def test_where_no_rate_trains_that_is_the_result() -> None:
    (only,) = summarize(search_several([-1.0, 0.5], n_trials=1, max_probes=1)).configurations
    assert (only.result, only.value) == ("no rate", None)


def test_a_study_of_one_configuration_has_one_and_an_empty_one_none() -> None:
    (only,) = summarize(search()).configurations
    assert (only.result, only.params) == ("winner", {})
    assert summarize(search(n_trials=0)).configurations == ()


def test_parameters_are_said_in_a_line() -> None:
    assert format_params({"b": 1.23456e-05, "a": "x", "n": 3}) == "b 1.23e-05, a x, n 3"
