"""Several parameters: one search holds all but the rate still, and a study holds several searches.

Covers ``decisions.configurations``, ``decisions.next_rate``, ``workers.configuration`` and
``workers.suggestion``.
"""

from __future__ import annotations

import math
import threading

import optuna
import pytest
from configured_trainer import BEST_OF, objective, others_of, scale_of, settings
from optuna.samplers import QMCSampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from synthetic_trainer import (
    FINAL_STEPS,
    PROBE_STEPS,
    STEPS,
    Trainer,
    decades,
    make_objective,
    run,
    with_role,
)

import optuna_bisect as ob
from optuna_bisect.decisions.configurations import find_searches
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import attributes


def new_study(n_configurations: int = 1, **more) -> optuna.Study:
    sampler = ob.BisectionSampler(**settings(n_configurations, **more))
    return optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())


def by_search(study: optuna.Study) -> dict[int, list[optuna.trial.FrozenTrial]]:
    found: dict[int, list[optuna.trial.FrozenTrial]] = {}
    for trial in with_role(study, "probe"):
        found.setdefault(attributes.read(trial).search, []).append(trial)
    return found


SAMPLERS = [
    RandomSampler,
    TPESampler,
    QMCSampler,
    lambda seed: TPESampler(multivariate=True, seed=seed),
]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("make", SAMPLERS)
@pytest.mark.parametrize("n_configurations", [1, 4])
def test_a_search_holds_everything_but_the_rate_still(make, n_configurations) -> None:
    study = new_study(n_configurations, independent_sampler=make(seed=1))
    study.optimize(objective)
    searches = by_search(study)
    assert len(searches) == n_configurations
    for number, trials in searches.items():
        assert number == trials[0].number
        assert {tuple(others_of(t).items()) for t in trials} == {
            tuple(others_of(trials[0]).items())
        }
    drawn = {tuple(others_of(t[0]).items()) for t in searches.values()}
    assert len(drawn) >= n_configurations - 1, "two may coincide by chance"


def test_the_final_trial_trains_the_best_configuration_at_its_rate() -> None:
    study = new_study(6)
    study.optimize(objective)
    (final,) = with_role(study, "final")
    winner = ob.find_winner(study)
    assert winner.params == others_of(final)
    reached = {n: scale_of(**others_of(t[0])) for n, t in by_search(study).items()}
    assert attributes.read(final).search == max(reached, key=reached.get)
    assert decades(winner.lr, BEST_OF[winner.params["optimizer"]]) < 0.25


def test_a_new_configuration_starts_where_those_of_its_optimizer_ended() -> None:
    study = new_study(8)
    study.optimize(objective)
    seen = set()
    for trials in by_search(study).values():
        first, optimizer = trials[0], trials[0].params["optimizer"]
        is_warm = attributes.read(first).question == "warm"
        assert is_warm == (optimizer in seen)
        if is_warm:
            assert decades(first.params["lr"], BEST_OF[optimizer]) < 0.5
        seen.add(optimizer)
    assert seen == set(BEST_OF)


def test_a_configuration_far_behind_is_dropped_after_one_short_probe() -> None:
    def clearly_worse(trial: optuna.Trial) -> float:
        quality = trial.suggest_categorical("quality", [1.0, 0.3])
        lr = trial.suggest_float("lr", 1e-6, 1, log=True)
        n_steps = ob.trial_plan(trial).n_steps
        for step in range(0, n_steps, 2):
            done = (
                quality * math.exp(-0.5 * (math.log10(lr / 2e-3) / 0.6) ** 2) * step / (step + 8)
            )
            trial.report(2.3 - 2 * done, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 2.3 - 2 * done

    study = new_study(3, group_by=())
    for quality in (1.0, 0.3):
        study.enqueue_trial({"quality": quality})
    study.optimize(clearly_worse, n_trials=40)
    bad = [t for t in with_role(study, "probe") if t.params["quality"] == 0.3]
    assert len(bad) == len({attributes.read(t).search for t in bad}), "one probe for each"
    assert sum(t.last_step for t in bad[1:]) < PROBE_STEPS // 2
    assert with_role(study, "final")[0].params["quality"] == 1.0


# Best rate and the share of the loss that it takes off.
NETWORKS = {"a": (1e-1, 0.5), "b": (2e-3, 0.9), "c": (1e-2, 0.6), "d": (1e-4, 0.7)}


def paid_for(names: list[str], **more) -> tuple[optuna.Study, int]:
    """Search among networks that differ in their best rate; return the steps of all probes too."""

    def train(trial: optuna.Trial) -> float:
        best, scale = NETWORKS[trial.suggest_categorical("name", names)]
        lr = trial.suggest_float("lr", 1e-6, 10, log=True)
        trainer = Trainer(best=best, edge=100 * best, scale=scale, noise=0.001)
        n_steps = ob.trial_plan(trial).n_steps
        return run(trial, trainer, lr, n_steps, range(0, n_steps, 2))

    study = new_study(len(names), group_by=("name",), **more)
    study.optimize(train)
    return study, sum(t.last_step + 1 for t in with_role(study, "probe"))


@pytest.mark.parametrize("make", [RandomSampler, TPESampler])
def test_each_value_of_the_grouping_parameter_is_searched_once(make) -> None:
    study, _ = paid_for(list(NETWORKS), independent_sampler=make(seed=3))
    names = [trials[0].params["name"] for trials in by_search(study).values()]
    assert sorted(names) == list(NETWORKS)


def test_one_study_of_all_groups_finds_the_winner_of_one_study_each_for_less() -> None:
    study, paid = paid_for(list(NETWORKS))
    apart = {name: paid_for([name]) for name in NETWORKS}
    winner = ob.find_winner(study)
    assert winner.params == {"name": "b"}
    assert winner.lr == pytest.approx(ob.find_winner(apart["b"][0]).lr)
    assert paid < 0.8 * sum(n for _, n in apart.values())


def test_a_group_that_is_behind_at_each_of_its_rates_is_dropped_near_its_own_best() -> None:
    study, _ = paid_for(list(NETWORKS))
    dropped = [s for s in find_searches(read_history(study)) if s.dropped]
    assert dropped
    for search in dropped:
        assert "at each of its rates" in search.dropped
        assert not any(p.is_full for p in search.history.finished.probes)
        best, _ = NETWORKS[search.held["name"]]
        assert decades(search.outcome.winner.lr, best) < 0.5
        reasons = [study.trials[p.number].user_attrs for p in search.history.finished.probes]
        assert any("was ahead at equal steps" in r["bisect_reason"] for r in reasons)


def test_an_enqueued_configuration_is_searched_too() -> None:
    study = new_study(1)
    chosen = {"decay": 1e-5, "optimizer": "sgd"}
    study.enqueue_trial(chosen)
    study.optimize(objective)
    assert [others_of(t) for t in study.trials] == [chosen] * len(study.trials)
    assert decades(ob.find_winner(study).lr, BEST_OF["sgd"]) < 0.25


def test_a_narrowed_range_begins_a_search_inside_it() -> None:
    def train(trial: optuna.Trial, high: float) -> float:
        return make_objective(also=lambda t: t.suggest_float("dropout", 0.0, high))(trial)

    study = new_study()
    study.optimize(lambda t: train(t, 0.9), n_trials=3)
    before = study.trials[0].params["dropout"]
    study.optimize(lambda t: train(t, before / 2))
    later = with_role(study, "probe")[3:]
    assert len({t.params["dropout"] for t in later}) == 1
    assert (
        with_role(study, "final")[0].params["dropout"] == later[0].params["dropout"] <= before / 2
    )
    assert decades(ob.find_winner(study).lr) < 0.25


def test_a_parameter_that_comes_later_or_hangs_on_another_is_held_too() -> None:
    def also(trial: optuna.Trial) -> None:
        if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
            trial.suggest_float("momentum", 0.0, 0.9)
        if trial.number > 2:
            trial.suggest_float("dropout", 0.0, 0.5)

    study = new_study(3)
    study.optimize(make_objective(also=also, n_steps=None))
    for trials in by_search(study).values():
        for name in ("momentum", "dropout"):
            assert len({t.params[name] for t in trials if name in t.params}) <= 1


def test_a_study_of_another_sampler_is_continued_with_one_configuration() -> None:
    study = optuna.create_study(sampler=TPESampler(seed=0), pruner=ob.VerdictPruner())

    def train(trial: optuna.Trial) -> float:
        return make_objective(also=lambda t: t.suggest_float("dropout", 0.0, 0.5))(trial)

    study.optimize(train, n_trials=8)
    study.sampler = ob.BisectionSampler(**STEPS)
    study.optimize(train)
    assert len({t.params["dropout"] for t in study.trials[8:]}) == 1
    assert len(with_role(study, "final")) == 1


@pytest.mark.parametrize("n_jobs", [4, 8])
@pytest.mark.parametrize("n_configurations", [1, 10])
def test_threads_hold_the_values_and_complete_one_final(n_configurations, n_jobs) -> None:
    study = new_study(n_configurations)
    study.optimize(lambda t: objective(t, pause=0.001), n_jobs=n_jobs)
    searches = by_search(study)
    assert len(searches) == n_configurations
    for trials in searches.values():
        assert len({tuple(others_of(t).items()) for t in trials}) == 1
    assert [t.state for t in with_role(study, "final")] == [TrialState.COMPLETE]


def test_workers_begin_with_different_configurations() -> None:
    study, barrier = new_study(3), threading.Barrier(3, timeout=30)

    def train(trial: optuna.Trial) -> float:
        if trial.number < 3:
            trial.suggest_float("decay", 1e-6, 1e-2, log=True)
            barrier.wait()
        return objective(trial)

    study.optimize(train, n_trials=9, n_jobs=3)
    assert {attributes.read(t).search for t in study.trials[:3]} == {0, 1, 2}


def test_several_configurations_need_the_length_of_the_full_run() -> None:
    with pytest.raises(ValueError, match="final_steps"):
        ob.BisectionSampler(n_configurations=2)


def test_a_wrong_number_of_configurations_is_refused() -> None:
    with pytest.raises(ValueError, match="n_configurations"):
        ob.BisectionSampler(n_configurations=0, final_steps=FINAL_STEPS)
