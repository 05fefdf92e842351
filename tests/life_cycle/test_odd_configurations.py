"""Several configurations where something is out of the ordinary: values, resumes, workers."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from configured_trainer import BEST_OF, objective, others_of, settings
from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from synthetic_trainer import decades, make_objective, roles, with_role
from worker_process import open_storage

import optuna_bisect as ob
from optuna_bisect.trials import attributes


def new_study(n_configurations: int, storage=None, **more: Any) -> optuna.Study:
    sampler = ob.BisectionSampler(**settings(n_configurations, **more))
    return optuna.create_study(storage=storage, sampler=sampler, pruner=ob.VerdictPruner())


def configurations(study: optuna.Study) -> dict[int, tuple[tuple[str, Any], ...]]:
    """Return the values of each search, which every one of its probes must have."""
    found: dict[int, set[Any]] = {}
    for trial in with_role(study, "probe"):
        values = tuple(sorted(others_of(trial).items()))
        found.setdefault(attributes.read(trial).search, set()).add(values)
    assert all(len(values) == 1 for values in found.values())
    return {search: values.pop() for search, values in found.items()}


def test_odd_choices_are_held_on_every_storage(url) -> None:
    """None is a value, also in the final trial; True and 1.0 stay what they are."""
    choices = [None, True, "a", 0.5]

    def also(trial: optuna.Trial) -> None:
        trial.suggest_categorical("act", choices)

    study = new_study(2, open_storage(url))
    for choice in choices[:2]:
        study.enqueue_trial({"act": choice})
    study.optimize(make_objective(also=also, n_steps=None))
    assert list(configurations(study).values()) == [(("act", None),), (("act", True),)]
    (final,) = with_role(study, "final")
    assert others_of(final) == ob.find_winner(study).params


def test_the_final_trial_takes_none_from_the_winner() -> None:
    choices = [None, *range(50)]
    study = new_study(1)
    study.enqueue_trial({"act": None})
    study.optimize(
        make_objective(also=lambda t: t.suggest_categorical("act", choices), n_steps=None)
    )
    assert others_of(with_role(study, "final")[0]) == {"act": None}


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
def test_not_a_number_is_a_choice_like_others() -> None:
    def also(trial: optuna.Trial) -> None:
        trial.suggest_categorical("x", [math.nan, 2 * math.nan])

    study = new_study(1)
    study.optimize(make_objective(also=also, n_steps=None))
    assert roles(study).count("probe") < 8
    assert [t.state for t in with_role(study, "final")] == [TrialState.COMPLETE]


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
def test_a_choice_need_not_be_hashable() -> None:
    choices = [[0.9, 0.99], [0.8, 0.9]]
    study = new_study(3)
    study.optimize(
        make_objective(also=lambda t: t.suggest_categorical("betas", choices), n_steps=None)
    )
    assert [t.state for t in with_role(study, "final")] == [TrialState.COMPLETE]


def test_a_rate_suggested_first_knows_the_configuration_that_is_to_come() -> None:
    def train(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-6, 10, log=True)
        trial.suggest_categorical("optimizer", list(BEST_OF))
        trial.suggest_float("decay", 1e-6, 1e-2, log=True)
        assert trial.params["lr"] == lr
        return objective(trial)

    study = new_study(6)
    study.optimize(train)
    assert len(configurations(study)) == 6
    warm = [t for t in with_role(study, "probe") if attributes.read(t).question == "warm"]
    assert len(warm) >= 3
    assert all(decades(t.params["lr"], BEST_OF[t.params["optimizer"]]) < 0.5 for t in warm)


def test_configurations_that_all_diverge_end_the_study_with_a_reason() -> None:
    def diverge(trial: optuna.Trial) -> float:
        trial.suggest_float("dropout", 0, 0.5)
        trial.suggest_float("lr", 1e-6, 1, log=True)
        trial.report(math.nan, 0)
        assert trial.should_prune()
        raise optuna.TrialPruned

    study = new_study(3, max_probes=6)
    study.optimize(diverge)
    assert len(configurations(study)) == 3
    assert "no probe ended with a finite loss" in attributes.read(study.trials[-1]).reason


def test_more_configurations_go_on_after_the_final_trial() -> None:
    study = new_study(1)
    study.enqueue_trial({"decay": 1e-6, "optimizer": "sgd"})
    study.optimize(objective)
    study.sampler = ob.BisectionSampler(**settings(4))
    study.enqueue_trial({"decay": 1e-4, "optimizer": "adam"})
    study.optimize(objective)
    assert len(configurations(study)) == 4
    finals = with_role(study, "final")
    assert [t.params["optimizer"] for t in finals] == ["sgd", "adam"]
    assert others_of(finals[1]) == ob.find_winner(study).params


def test_the_best_configuration_is_not_trained_in_full_twice() -> None:
    study = new_study(1)
    study.enqueue_trial({"decay": 1e-4, "optimizer": "adam"})
    study.optimize(objective)
    study.sampler = ob.BisectionSampler(**settings(3))
    study.optimize(objective)
    assert len(configurations(study)) == 3
    assert len(with_role(study, "final")) == 1
    assert "still the best" in attributes.read(study.trials[-1]).reason
    assert ob.find_winner(study).params == {"decay": 1e-4, "optimizer": "adam"}


def test_fewer_configurations_end_those_that_were_begun() -> None:
    study = new_study(5)
    study.optimize(objective, n_trials=12)
    n_begun = len(configurations(study))
    assert 1 < n_begun < 5
    study.sampler = ob.BisectionSampler(**settings(1))
    study.optimize(objective)
    assert len(configurations(study)) == n_begun
    assert len(with_role(study, "final")) == 1


def test_a_renamed_rate_is_no_other_parameter() -> None:
    def also(trial: optuna.Trial) -> None:
        trial.suggest_float("dropout", 0.0, 0.5)

    study = new_study(3)
    study.optimize(make_objective(also=also, n_steps=None), n_trials=8)
    study.optimize(make_objective(also=also, n_steps=None, name="learning_rate"))
    (final,) = with_role(study, "final")
    assert ob.find_winner(study).params == {"dropout": final.params["dropout"]}
    assert roles(study).count("probe") <= 14


@pytest.mark.parametrize("make", [RandomSampler, TPESampler])
def test_a_worker_restarted_with_its_seed_draws_other_configurations(make) -> None:
    study = new_study(6)
    while "final" not in roles(study):
        sampler = make(seed=1)
        study.sampler = ob.BisectionSampler(**settings(6, independent_sampler=sampler))
        study.optimize(objective, n_trials=1)
    assert len(set(configurations(study).values())) == 6


def test_two_workers_with_one_seed_draw_two_configurations() -> None:
    study = new_study(4)
    study.optimize(objective, n_trials=1)
    study.sampler = ob.BisectionSampler(**settings(4))
    asked = [study.ask()]
    held = []
    for _ in range(2):
        study.sampler = ob.BisectionSampler(**settings(4, seed=7))
        asked.append(study.ask())
        held.append(attributes.read(asked[-1]).held)
    assert None not in held
    assert held[0] != held[1]


class Corner(BaseSampler):
    """A user's sampler that gives all parameters at once, and always the same."""

    def infer_relative_search_space(self, study, trial):
        return optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False))

    def sample_relative(self, study, trial, search_space):
        return {
            name: d.high if isinstance(d, FloatDistribution) else d.choices[0]
            for name, d in search_space.items()
        }

    def sample_independent(self, study, trial, param_name, param_distribution):
        return RandomSampler(seed=0).sample_independent(
            study, trial, param_name, param_distribution
        )


def test_a_sampler_that_always_draws_the_same_still_ends() -> None:
    study = new_study(3, independent_sampler=Corner())
    study.optimize(objective)
    drawn = list(configurations(study).values())
    assert drawn[1] == drawn[2] == (("decay", 1e-2), ("optimizer", "sgd"))
    assert len(with_role(study, "final")) == 1


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_branch_without_the_rate_that_is_drawn_again_and_again_still_ends() -> None:
    def branch(trial: optuna.Trial) -> float:
        name = trial.suggest_categorical("optimizer", ["sgd", "adam"])
        return make_objective(name=f"{name}_lr")(trial)

    adam = optuna.samplers.PartialFixedSampler({"optimizer": "adam"}, RandomSampler(seed=0))
    study = new_study(5, independent_sampler=adam)
    study.enqueue_trial({"optimizer": "sgd"})
    study.optimize(branch, n_trials=80)
    assert decades(with_role(study, "final")[0].params["sgd_lr"]) < 0.5


def test_enqueued_configurations_are_searched_while_four_threads_run() -> None:
    whole, fixed = {"decay": 1e-5, "optimizer": "sgd"}, {"decay": 1e-3, "optimizer": "adam"}
    study = new_study(4)
    for chosen in (whole, {"optimizer": "adam"}, {**fixed, "lr": 1e-3}, whole, {"lr": 1e-2}):
        study.enqueue_trial(chosen)
    study.optimize(lambda t: objective(t, pause=0.001), n_jobs=4)
    found = [dict(values) for values in configurations(study).values()]
    assert len(found) == 4
    assert whole in found
    assert fixed in found
    assert [t.state for t in with_role(study, "final")] == [TrialState.COMPLETE]


def test_four_trials_asked_for_at_once_and_told_in_turn() -> None:
    study, n_told = new_study(4), 0
    asked = [study.ask() for _ in range(4)]
    while not any(t.state == TrialState.COMPLETE for t in with_role(study, "final")):
        trial, state, value = asked.pop(0), TrialState.COMPLETE, None
        if ob.trial_plan(trial).role == "surplus":
            study.tell(trial, state=TrialState.PRUNED)
        else:
            try:
                value = objective(trial)
            except optuna.TrialPruned:
                state = TrialState.PRUNED
            study.tell(trial, value, state=state)
        asked.append(study.ask())
        n_told += 1
        assert n_told < 100
    assert len(configurations(study)) == 4
    assert len(with_role(study, "final")) == 1
