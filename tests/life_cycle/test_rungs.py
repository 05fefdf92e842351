"""Rungs: the best third of the configurations goes on with probes three times as long."""

from __future__ import annotations

import optuna
import pytest
from configured_trainer import BEST_OF, objective, others_of, settings
from optuna.trial import TrialState
from synthetic_trainer import decades, with_role

import optuna_bisect as ob
from optuna_bisect.decisions.configurations import find_searches, is_settled
from optuna_bisect.decisions.searches import leader_of, promoted, read_searches
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import attributes

LENGTHS = {"probe_steps": 20, "final_steps": 400}


def new_study(n_configurations: int, n_rungs: int, **more) -> optuna.Study:
    sampler = ob.BisectionSampler(**settings(n_configurations, n_rungs=n_rungs, **LENGTHS), **more)
    return optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())


def on_rung(study: optuna.Study, rung: int) -> list[optuna.trial.FrozenTrial]:
    return [t for t in with_role(study, "probe") if attributes.rung_of(t) == rung]


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    study = new_study(9, 3)
    study.optimize(objective)
    return study


def test_the_best_third_goes_on_with_probes_three_times_as_long(study) -> None:
    searches = [{attributes.read(t).search for t in on_rung(study, rung)} for rung in range(3)]
    assert [len(s) for s in searches] == [9, 3, 1]
    assert searches[0] > searches[1] > searches[2]
    for rung, steps in enumerate((20, 60, 180)):
        assert {ob.trial_plan(t).n_steps for t in on_rung(study, rung)} == {steps}
        assert max(t.last_step for t in on_rung(study, rung)) == steps - 2


def test_those_that_go_on_are_the_best(study) -> None:
    lowest = read_history(study, rung=0)
    scores = {s.number: s.score for s in read_searches(lowest)}
    chosen = promoted(lowest)
    assert max(scores[n] for n in chosen) <= min(v for n, v in scores.items() if n not in chosen)


def test_a_longer_search_begins_at_the_rate_of_the_shorter_one_corrected(study) -> None:
    winners = {s.number: s.outcome.winner.lr for s in read_searches(read_history(study, rung=0))}
    firsts = {attributes.read(t).search: t for t in reversed(on_rung(study, 1))}
    for number, trial in firsts.items():
        assert attributes.read(trial).question == "warm"
        assert trial.params["lr"] == pytest.approx(winners[number] * (19 / 60) ** 0.32)


def test_a_search_holds_its_configuration_on_every_rung(study) -> None:
    held: dict[int, set[tuple]] = {}
    for trial in with_role(study, "probe"):
        held.setdefault(attributes.read(trial).search, set()).add(tuple(others_of(trial).items()))
    assert {len(values) for values in held.values()} == {1}


def test_the_final_trial_trains_the_leader_of_the_top_rung(study) -> None:
    (final,) = with_role(study, "final")
    history = read_history(study)
    leader, winner = leader_of(history), ob.find_winner(study)
    assert all(map(is_settled, history.rungs))
    assert attributes.read(final).search == leader.number
    assert winner.number in {t.number for t in on_rung(study, 2)}
    assert winner.params == others_of(final)
    # What the longer probes found lies nearer to the full run, and is corrected by less.
    assert decades(final.params["lr"], BEST_OF[winner.params["optimizer"]]) < 0.3


def test_with_one_configuration_the_rate_is_refined() -> None:
    study = new_study(1, 2)
    study.optimize(objective)
    assert len({attributes.read(t).search for t in on_rung(study, 1)}) == 1
    assert len(on_rung(study, 1)) == 3
    assert len(with_role(study, "final")) == 1


def test_no_rung_has_probes_longer_than_half_the_full_run() -> None:
    study = new_study(2, 9)
    study.optimize(objective)
    assert max(attributes.rung_of(t) for t in study.trials) == 2


def test_a_study_that_is_cut_anywhere_goes_on_where_it_was() -> None:
    whole = new_study(4, 2)
    whole.optimize(objective)
    broken = new_study(4, 2, independent_sampler=optuna.samplers.RandomSampler(seed=0))
    while not any(t.state == TrialState.COMPLETE for t in with_role(broken, "final")):
        # A new sampler each time: storage is the only memory.
        broken.sampler = new_study(4, 2).sampler
        broken.optimize(objective, n_trials=1)
        assert len(broken.trials) < 60
    assert [len(on_rung(broken, r)) > 0 for r in range(2)] == [True, True]
    assert len(with_role(broken, "final")) == 1


def test_four_threads_complete_one_final_and_ask_nothing_twice() -> None:
    study = new_study(6, 2)
    study.optimize(objective, n_jobs=4)
    assert [t.state for t in with_role(study, "final")] == [TrialState.COMPLETE]
    assert len({attributes.read(t).search for t in on_rung(study, 1)}) >= 2
    for rung in range(2):
        asked = [(attributes.read(t).search, t.params["lr"]) for t in on_rung(study, rung)]
        repeated = len(asked) - len(set(asked))
        assert repeated <= sum(
            attributes.read(t).question == "recheck" for t in on_rung(study, rung)
        )


def test_a_search_that_went_on_is_not_dropped_on_its_rung(study) -> None:
    top = read_history(study)
    assert [s.dropped for s in find_searches(top)] == [None]


def test_a_number_of_rungs_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="n_rungs must be a positive whole number but got 0"):
        ob.BisectionSampler(n_rungs=0)
