"""Studies that were copied, extended, thinned out, or run by another sampler; surplus trials."""

from __future__ import annotations

import datetime
import math
import sqlite3

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from synthetic_trainer import BEST, HIGH, LOW, STEPS, decades, make_objective, roles, with_role

import optuna_bisect as ob
from optuna_bisect.trials import liveness

CHILDREN = ("params", "values", "user_attributes", "system_attributes", "intermediate_values")


def sampler(**settings) -> ob.BisectionSampler:
    return ob.BisectionSampler(**{**STEPS, "seed": 0, **settings})


def new_study(storage: str | None = None, **settings) -> optuna.Study:
    return optuna.create_study(
        study_name="s", storage=storage, sampler=sampler(**settings), pruner=ob.VerdictPruner()
    )


def keep_all(trials: list) -> list:
    return trials


def keep_probes_that_ran_on(trials: list) -> list:
    return [t for t in trials if (t.last_step or 0) > 8]


def keep_the_last(trials: list) -> list:
    return trials[2:]


def turn_round(trials: list) -> list:
    return trials[::-1]


@pytest.mark.parametrize(
    "keep",
    [keep_all, keep_probes_that_ran_on, keep_the_last, turn_round],
    ids=lambda f: f.__name__,
)
def test_a_finished_study_that_is_copied_runs_no_second_final(keep) -> None:
    old = new_study()
    old.optimize(make_objective())
    kept = keep(old.trials)
    study = new_study()
    study.add_trial(create_trial(state=TrialState.FAIL))
    study.add_trials(kept)
    study.optimize(make_objective(), n_trials=3)
    assert roles(study)[1:] == [*(ob.trial_plan(t).role for t in kept), "surplus"]
    assert ob.trial_plan(study.best_trial) == ob.trial_plan(old.best_trial)


@pytest.mark.parametrize("n_copied", [1, 2, 4])
def test_an_unfinished_study_that_is_copied_goes_on_as_before(n_copied) -> None:
    straight = new_study()
    straight.optimize(make_objective())
    study = new_study()
    study.add_trial(create_trial(state=TrialState.FAIL))
    study.add_trials(straight.trials[:n_copied])
    study.optimize(make_objective(), n_trials=30)
    assert [t.params for t in study.trials[1:]] == [t.params for t in straight.trials]


@pytest.mark.parametrize("final_steps", [200, 320, 1600])
@pytest.mark.parametrize("pruner", [ob.VerdictPruner, optuna.pruners.NopPruner])
def test_a_finished_study_that_gets_more_steps_runs_one_longer_final(final_steps, pruner) -> None:
    study = new_study()
    study.pruner = pruner()
    study.optimize(make_objective(n_steps=None))
    study.sampler = sampler(final_steps=final_steps)
    study.optimize(make_objective(n_steps=None), n_trials=30)
    finals = with_role(study, "final")
    assert [t.state for t in finals] == [TrialState.COMPLETE] * 2
    assert [ob.trial_plan(t).n_steps for t in finals] == [160, final_steps]
    assert finals[1].params["lr"] < finals[0].params["lr"]
    study.optimize(make_objective(n_steps=None), n_trials=3)
    assert roles(study)[-1] == "surplus"


@pytest.mark.parametrize("final_steps", [160, 100, 80])
def test_a_finished_study_that_gets_no_more_steps_stays_finished(final_steps) -> None:
    study = new_study()
    study.optimize(make_objective())
    study.sampler = sampler(final_steps=final_steps)
    study.optimize(make_objective(), n_trials=3)
    assert roles(study)[-2:] == ["final", "surplus"]


def delete(path: str, numbers: list[int]) -> None:
    """Delete trials as users do who write SQL."""
    with sqlite3.connect(path) as db:
        for number in numbers:
            found = db.execute("SELECT trial_id FROM trials WHERE number = ?", (number,))
            ((trial_id,),) = found.fetchall()
            for child in CHILDREN:
                db.execute(f"DELETE FROM trial_{child} WHERE trial_id = ?", (trial_id,))  # noqa: S608
            db.execute("DELETE FROM trials WHERE trial_id = ?", (trial_id,))
    db.close()


@pytest.mark.parametrize("gone", [[0], [1, 2], [4], [0, 1, 2, 3]])
def test_deleted_rows_of_a_finished_study_bring_no_second_final(gone, folder) -> None:
    """Optuna numbers a new trial by the count of rows: it may get the final trial's number."""
    url = f"sqlite:///{folder}/s.db"
    new_study(url).optimize(make_objective(every=5))
    delete(f"{folder}/s.db", gone)
    study = optuna.load_study(
        study_name="s", storage=url, sampler=sampler(), pruner=ob.VerdictPruner()
    )
    n_before = len(study.trials)
    study.optimize(make_objective(every=5), n_trials=4)
    rows = study._storage._backend.get_all_trials(study._study_id)
    assert len(rows) == n_before + 1
    assert [ob.trial_plan(t).role for t in rows].count("final") == 1


@pytest.mark.parametrize("gone", [[0], [1], [0, 2]])
@pytest.mark.parametrize("kind", ["ours", "tpe", "random"])
def test_a_search_goes_on_after_rows_were_deleted(gone, kind, folder) -> None:
    samplers = {
        "ours": sampler,
        "tpe": lambda: optuna.samplers.TPESampler(seed=0, n_startup_trials=2),
        "random": lambda: optuna.samplers.RandomSampler(seed=0),
    }
    url = f"sqlite:///{folder}/s.db"
    study = new_study(url)
    study.sampler = samplers[kind]()
    study.optimize(make_objective(every=5), n_trials=3)
    delete(f"{folder}/s.db", gone)
    study = optuna.load_study(
        study_name="s", storage=url, sampler=samplers[kind](), pruner=ob.VerdictPruner()
    )
    study.optimize(make_objective(every=5), n_trials=12)
    assert all(t.state.is_finished() for t in study.trials)
    winner = ob.find_winner(study)
    assert decades(winner.lr) < (0.4 if kind == "ours" else 3)
    assert math.isfinite(winner.value)


SUGGESTIONS = {
    "float": lambda trial: trial.suggest_float("lr", 1e-4, 0.1),
    "integer": lambda trial: trial.suggest_int("lr", 1, 100) / 1000,
    "categorical": lambda trial: trial.suggest_categorical("lr", [0.001, 0.01]),
    "log float": lambda trial: trial.suggest_float("lr", 1e-4, 0.1, log=True),
    "none": lambda trial: 0.01,
}


@pytest.mark.parametrize("suggest", SUGGESTIONS.values(), ids=SUGGESTIONS)
@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("pruner", [ob.VerdictPruner, ob.OvershootPruner])
def test_a_loss_that_is_not_finite_ends_a_trial_of_any_sampler(suggest, loss, pruner) -> None:
    def objective(trial: optuna.Trial) -> float:
        suggest(trial)
        for step in range(9):
            trial.report(loss if step >= 3 else 2.0 - 0.1 * step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 1.0

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), pruner=pruner())
    study.optimize(objective, n_trials=3)
    assert [t.last_step for t in study.trials] == [3, 3, 3]
    assert {t.user_attrs["bisect_verdict"] for t in study.trials} == {"overshoot"}


@pytest.mark.parametrize("hours", [-12, -1, 1, 9, 14])
def test_a_live_trial_of_a_worker_in_another_time_zone_is_not_dead(hours, monkeypatch) -> None:
    """Before version 5 Optuna stored the worker's clock without its zone."""
    monkeypatch.setattr(liveness, "_ZONES", datetime.timedelta(hours=26))
    study = new_study(stale_after=60)
    trial = study.ask()
    trial.suggest_float("lr", LOW, HIGH, log=True)
    (frozen,) = study.get_trials(states=[TrialState.RUNNING])
    frozen.datetime_start -= datetime.timedelta(hours=hours)
    assert not liveness.is_dead(frozen, 60, None)
    now = liveness.utc_now() + datetime.timedelta(seconds=61)
    monkeypatch.setattr(liveness, "utc_now", lambda: now)
    assert liveness.is_dead(frozen, 60, None)


@pytest.mark.filterwarnings("ignore:.*constraints_func")
@pytest.mark.parametrize(
    "objective",
    [
        make_objective(),
        make_objective(also=lambda trial: trial.suggest_int("depth", 1, 9)),
        make_objective(also=lambda trial: trial.suggest_categorical("optimizer", ["sgd", "adam"])),
    ],
)
def test_a_surplus_trial_has_the_parameters_of_the_final_trial(objective) -> None:
    """Callbacks and ``constraints_func`` read the parameters of every trial."""
    seen = []

    def constrain(trial: optuna.trial.FrozenTrial) -> list[float]:
        return [trial.params["lr"] - HIGH]

    other = optuna.samplers.TPESampler(seed=0, constraints_func=constrain)
    study = new_study(independent_sampler=other)
    callback = [lambda study, trial: seen.append(dict(trial.params))]
    study.optimize(objective, callbacks=callback)
    study.optimize(objective, callbacks=callback)
    assert roles(study)[-1] == "surplus"
    assert seen[-1] == seen[-2] == with_role(study, "final")[0].params
    assert decades(seen[-1]["lr"], BEST) < 0.4
