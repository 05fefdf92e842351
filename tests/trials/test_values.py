"""Values that a storage returned are still the choices of the objective, tuples above all."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import create_trial
from synthetic_trainer import Trainer, make_objective

import optuna_bisect as ob
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials.internals import MISSING
from optuna_bisect.trials.values import is_equal, plain, value_in

# Optuna warns of choices that JSON does not keep as they are, and takes them.
pytestmark = pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
BETAS = [(0.9, 0.999), (0.8, 0.99), (0.5, 0.9)]


def test_a_tuple_is_equal_to_the_list_that_it_is_stored_as() -> None:
    assert plain((1, [2, (3,)], "a")) == [1, [2, [3]], "a"]
    assert is_equal((0.9, (1, 2)), [0.9, [1, 2]])
    assert not is_equal((0.9, 0.999), [0.9, 0.99])
    assert is_equal(float("nan"), float("nan"))
    assert not is_equal((1,), 1)


def test_a_stored_value_is_returned_as_the_choice_of_the_objective() -> None:
    stored = CategoricalDistribution([list(b) for b in BETAS])
    trial = create_trial(params={"b": [0.8, 0.99]}, distributions={"b": stored}, value=0.0)
    assert value_in(trial, "b", CategoricalDistribution(BETAS)) == (0.8, 0.99)
    assert value_in(trial, "b", CategoricalDistribution(BETAS[:2])) is MISSING
    assert value_in(trial, "b", IntDistribution(0, 1)) is MISSING
    assert value_in(trial, "c", stored) is MISSING


def test_what_a_narrower_range_forbids_is_missing() -> None:
    wide = FloatDistribution(0.0, 1.0)
    trial = create_trial(params={"d": 0.8}, distributions={"d": wide}, value=0.0)
    assert value_in(trial, "d", wide) == 0.8
    assert value_in(trial, "d", FloatDistribution(0.0, 0.5)) is MISSING


@pytest.mark.parametrize("n_configurations", [1, 5])
def test_a_search_with_a_choice_of_tuples_ends_on_a_database_too(folder, n_configurations) -> None:
    seen = {}

    def suggest(trial: optuna.Trial) -> None:
        seen[trial.number] = trial.suggest_categorical("betas", BETAS)

    def search(storage: str | None) -> optuna.Study:
        sampler = ob.BisectionSampler(
            probe_steps=20, final_steps=60, seed=1, n_configurations=n_configurations
        )
        study = optuna.create_study(
            study_name="s", storage=storage, sampler=sampler, pruner=ob.VerdictPruner()
        )
        study.optimize(make_objective(Trainer(), n_steps=None, also=suggest), n_trials=60)
        return study

    memory, database = search(None), search(f"sqlite:///{folder}/s.db")
    assert [t.params["lr"] for t in database.trials] == [t.params["lr"] for t in memory.trials]
    assert ob.trial_plan(database.trials[-1]).role == "final"
    winner = ob.find_winner(database)
    assert winner is not None
    assert seen[len(database.trials) - 1] == tuple(winner.params["betas"])


def test_a_search_with_a_choice_of_tuples_goes_on_where_its_trials_were_copied_to(folder) -> None:
    """Stored trials have lists, and the next one in memory has the tuples of the objective."""

    def begin(storage: str | None) -> optuna.Study:
        sampler = ob.BisectionSampler(probe_steps=20, final_steps=60, n_configurations=2, seed=1)
        pruner = ob.VerdictPruner()
        return optuna.create_study(storage=storage, sampler=sampler, pruner=pruner)

    def suggest(trial: optuna.Trial) -> None:
        trial.suggest_categorical("betas", BETAS)

    objective = make_objective(Trainer(), n_steps=None, every=4, also=suggest)
    stored, memory = begin(f"sqlite:///{folder}/s.db"), begin(None)
    stored.optimize(objective, n_trials=3)
    memory.add_trials(stored.trials)
    memory.optimize(objective, n_trials=1)
    assert {t.user_attrs["bisect_search"] for t in memory.trials} == {0}
    assert read_history(memory).searches == (0,)
    memory.optimize(objective, n_trials=40)
    assert len(read_history(memory).searches) == 2
    assert ob.trial_plan(memory.trials[-1]).role == "final"
