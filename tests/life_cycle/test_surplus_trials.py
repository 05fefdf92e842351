"""Trials that a loop of ask and tell asks for although the search is over."""

from __future__ import annotations

import logging
import threading

import optuna
import pytest
from optuna.trial import TrialState
from synthetic_trainer import FINAL_STEPS, HIGH, LOW, STEPS, Trainer, roles, with_role
from worker_process import finish, start_python

import optuna_bisect as ob


def new_study(**options) -> optuna.Study:
    settings = {**STEPS, "max_probes": options.pop("max_probes", 12)}
    return optuna.create_study(sampler=ob.BisectionSampler(**settings), **options)


def suggest(trial: optuna.Trial) -> dict:
    trial.suggest_float("lr", LOW, HIGH, log=True)
    trial.suggest_int("depth", 1, 1000)
    return trial.params


def loss(trial: optuna.Trial, n_steps: int) -> float:
    return Trainer().loss(trial.params["lr"], n_steps)


def until_final(study: optuna.Study) -> optuna.Trial:
    """Return the final trial, not told yet."""
    while True:
        trial = study.ask()
        suggest(trial)
        if ob.trial_plan(trial).is_final:
            return trial
        study.tell(trial, loss(trial, ob.trial_plan(trial).n_steps))


def test_a_loop_that_asks_on_and_on_trains_what_the_search_found(caplog) -> None:
    caplog.set_level(logging.INFO, logger="optuna_bisect")
    study = new_study()
    final = until_final(study)
    plan = ob.trial_plan(final)
    # While the final trial runs, and when it is complete.
    for _ in range(3):
        trial = study.ask()
        assert suggest(trial) == final.params
        found = ob.trial_plan(trial)
        assert (found.role, found.lr, found.start_lr) == ("surplus", plan.lr, plan.start_lr)
        assert found.bracket == plan.bracket
        study.tell(trial, loss(trial, FINAL_STEPS))
    study.tell(final, loss(final, FINAL_STEPS))
    last = study.ask()
    assert suggest(last) == final.params
    assert f"final trial {final.number} is complete" in last.user_attrs["bisect_reason"]
    assert ob.find_winner(study).number == last.user_attrs["bisect_winner"]
    said = [r.getMessage() for r in caplog.records if "surplus" in r.getMessage()]
    assert len(said) == 1
    assert "It gets the parameters of that trial" in said[0]


def test_after_a_final_trial_that_diverged_it_is_the_lower_rate() -> None:
    study = new_study()
    first = until_final(study)
    study.tell(first, float("inf"))
    second = until_final(study)
    trial = study.ask()
    assert suggest(trial)["lr"] == second.params["lr"] < first.params["lr"]


def test_without_a_final_trial_it_is_a_rate_that_has_not_failed() -> None:
    study = new_study(max_probes=3)
    for _ in range(5):
        trial = study.ask()
        suggest(trial)
        study.tell(trial, float("inf"))
    assert roles(study)[3:] == ["surplus"] * 2
    rates = [t.params["lr"] for t in study.trials]
    assert max(rates[3:]) < min(rates[:3])


def test_a_range_that_lacks_the_rate_is_kept_to() -> None:
    study = new_study()
    final = until_final(study)
    low = 3 * final.params["lr"]
    assert study.ask().suggest_float("lr", low, HIGH * 10, log=True) == pytest.approx(low)


def test_threads_that_ask_at_once_get_the_rate_of_the_final_trial() -> None:
    study = new_study()
    final, found = until_final(study), []
    gate = threading.Barrier(4)

    def ask() -> None:
        gate.wait()
        found.append(suggest(study.ask()))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [final.params] * 4
    assert with_role(study, "final")[0].state == TrialState.RUNNING


ASKING = """
import sys, optuna, optuna_bisect as ob
from synthetic_trainer import STEPS
from test_surplus_trials import suggest
sampler = ob.BisectionSampler(**STEPS)
study = optuna.load_study(study_name="s", storage=sys.argv[1], sampler=sampler)
print(*[suggest(study.ask())["lr"] for _ in range(2)])
"""


@pytest.mark.soak
def test_another_process_gets_it_too(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    final = until_final(new_study(storage=url, study_name="s"))
    code = f"import sys; sys.path.append({__file__!r}.rpartition('/')[0])\n{ASKING}"
    printed = finish(start_python(["-c", code, url]))
    assert [float(rate) for rate in printed.split()] == [final.params["lr"]] * 2
