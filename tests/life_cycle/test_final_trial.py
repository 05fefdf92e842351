"""The end of a study: winner or none, one final trial, and what happens when it goes wrong.

Covers ``decisions.final_plan``.
"""

from __future__ import annotations

import logging
import math
import threading
import time

import optuna
import pytest
from optuna.pruners import NopPruner
from optuna.trial import TrialState
from synthetic_trainer import (
    FINAL_STEPS,
    HIGH,
    LOW,
    STEPS,
    make_objective,
    roles,
    verdicts,
    with_role,
)

import optuna_bisect as ob


def new_study(pruner: optuna.pruners.BasePruner | None = None, **settings) -> optuna.Study:
    return optuna.create_study(
        sampler=ob.BisectionSampler(**{**STEPS, **settings}), pruner=pruner or ob.VerdictPruner()
    )


def flat(trial: optuna.Trial) -> float:
    trial.suggest_float("lr", LOW, HIGH, log=True)
    for step in range(0, FINAL_STEPS, 2):
        trial.report(2.3, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return 2.3


def breaking(fail, n_times: int = 10**6):
    """Make an objective whose first final trials end by ``fail(trial)`` after some reports."""

    def objective(trial: optuna.Trial) -> float:
        if ob.trial_plan(trial).is_final and objective.n_left > 0:
            objective.n_left -= 1
            trial.suggest_float("lr", LOW, HIGH, log=True)
            for step in range(0, 20, 2):
                trial.report(2.3 - step / 20, step)
            return fail(trial)
        return make_objective()(trial)

    objective.n_left = n_times
    return objective


def report_nan(trial: optuna.Trial) -> float:
    trial.report(math.nan, 20)
    if trial.should_prune():
        raise optuna.TrialPruned
    raise AssertionError("a final trial with a NaN report was not pruned")


def raise_error(trial: optuna.Trial) -> float:
    raise RuntimeError("out of memory")


def test_no_balanced_probe_makes_the_highest_undershoot_the_winner() -> None:
    study = new_study(max_probes=30)
    study.optimize(flat, n_trials=60)
    winner = ob.find_winner(study)
    undershoots = [
        t.params["lr"] for t in study.trials if t.user_attrs.get("bisect_verdict") == "undershoot"
    ]
    assert winner.lr == pytest.approx(max(undershoots))
    assert "edge" in winner.status
    assert ob.trial_plan(study.best_trial).is_final


def test_no_balanced_probe_below_a_collapse_makes_the_highest_undershoot_the_winner() -> None:
    study = new_study(max_probes=30)

    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_float("lr", LOW, HIGH, log=True) > 1e-3:
            trial.report(math.nan, 0)
            trial.should_prune()
            raise optuna.TrialPruned
        return flat(trial)

    study.optimize(objective, n_trials=60)
    assert 3e-4 < ob.find_winner(study).lr <= 1e-3
    assert ob.trial_plan(study.best_trial).is_final


@pytest.mark.parametrize("max_probes", [3, 50], ids=["max_probes spent", "bracket closed"])
def test_everything_overshoots_and_the_study_stops_and_says_what_to_change(
    max_probes, caplog
) -> None:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("lr", LOW, HIGH, log=True)
        trial.report(math.nan, 0)
        if trial.should_prune():
            raise optuna.TrialPruned
        raise AssertionError("a NaN report was not pruned")

    study = new_study(max_probes=max_probes)
    study.optimize(objective)
    *probes, last = study.trials
    assert {t.user_attrs["bisect_verdict"] for t in probes} == {"overshoot"}
    assert ob.find_winner(study) is None
    assert (roles(study)[-1], last.state) == ("surplus", TrialState.PRUNED)
    warned = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert any("range" in line for line in warned)


def test_a_full_run_that_decays_starts_higher() -> None:
    """The schedule decides; nobody having said it lies between, nearer to a constant rate."""
    rates = {}
    for schedule in ("constant", None, 0.1, "wsd", "cosine", "linear", "decay", 1.0):
        study = new_study(final_schedule=schedule)
        study.optimize(make_objective())
        rates[schedule] = study.best_trial.params["lr"]
        winner, final = ob.find_winner(study), ob.trial_plan(study.best_trial)
        assert final.start_lr == winner.lr
        exponent = study.best_trial.user_attrs["bisect_exponent"]
        horizon = STEPS["probe_steps"] / STEPS["final_steps"]
        assert rates[schedule] == pytest.approx(winner.lr * horizon**exponent, rel=0.02)
    assert rates["wsd"] == rates["cosine"] == rates["linear"] == rates["decay"] == rates[1.0]
    assert rates["constant"] < rates[None] < rates[0.1] < rates["wsd"] < winner.lr


@pytest.mark.parametrize("schedule", ["constant", "decay"])
def test_no_correction_stays_none_whatever_the_schedule(schedule) -> None:
    study = new_study(final_schedule=schedule, horizon_exponent=0)
    study.optimize(make_objective())
    assert study.best_trial.params["lr"] == pytest.approx(ob.find_winner(study).lr)


def test_max_probes_spent_takes_the_best_so_far() -> None:
    study = new_study(max_probes=2)
    study.optimize(make_objective())
    assert roles(study) == ["probe", "probe", "final"]
    assert "max_probes" in ob.find_winner(study).status


def test_a_finished_study_gets_one_surplus_trial_at_most() -> None:
    study = new_study()
    study.optimize(make_objective())
    best, n = study.best_trial.number, len(study.trials)
    study.optimize(make_objective(), n_trials=5)
    assert len(study.trials) == n + 1
    assert study.best_trial.number == best
    assert (roles(study)[-1], study.trials[-1].state) == ("surplus", TrialState.PRUNED)
    assert str(best) in study.trials[-1].user_attrs["bisect_reason"]


def test_diverged_final_is_pruned_with_its_verdict_and_the_next_starts_lower() -> None:
    study = new_study()
    study.optimize(breaking(report_nan, 2))
    first, second, third = with_role(study, "final")
    assert [t.state for t in (first, second)] == [TrialState.PRUNED] * 2
    assert {t.user_attrs["bisect_verdict"] for t in (first, second)} == {"overshoot"}
    starts = [ob.trial_plan(t).start_lr for t in (first, second, third)]
    assert starts[0] > starts[1] > starts[2]
    assert first.params["lr"] > second.params["lr"] > third.params["lr"]
    assert study.best_trial.number == third.number == len(study.trials) - 1
    plan = ob.trial_plan(third)
    assert plan.bracket.low <= plan.start_lr <= plan.bracket.high < starts[0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_final_that_returns_no_finite_value_is_not_the_end(value) -> None:
    """NaN is stored as FAIL and judged by its last report; inf is COMPLETE and an overshoot."""
    study = new_study()
    study.optimize(breaking(lambda trial: value, 1), n_trials=40)
    first, *_, last = with_role(study, "final")
    assert math.isinf(value) == (first.state == TrialState.COMPLETE)
    assert last.state == TrialState.COMPLETE
    assert math.isfinite(last.value)
    assert ob.trial_plan(study.best_trial).is_final


def test_finals_that_return_inf_after_full_runs_are_not_repeated_for_ever() -> None:
    """Each is a full run; after three at ever lower rates the objective is to blame."""
    study = new_study()
    study.optimize(breaking(lambda trial: math.inf), n_trials=60)
    assert len(with_role(study, "final")) == 3
    [surplus] = with_role(study, "surplus")
    assert "returned no finite value" in surplus.user_attrs["bisect_reason"]


def test_final_that_returns_inf_is_evidence_and_the_next_starts_lower() -> None:
    study = new_study(NopPruner())
    study.optimize(breaking(lambda trial: math.inf, 1), n_trials=40)
    first, last = with_role(study, "final")
    assert first.user_attrs["bisect_verdict"] == "overshoot"
    assert ob.trial_plan(last).start_lr < ob.trial_plan(first).start_lr


def test_final_that_always_diverges_comes_to_an_end(caplog) -> None:
    study = new_study()
    study.optimize(breaking(report_nan))
    rates = [t.params["lr"] for t in with_role(study, "final")]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == len(rates)
    assert roles(study)[-1] == "surplus"
    assert any("diverged" in r.getMessage() for r in caplog.records)


def test_three_finals_that_raise_stop_the_study(caplog) -> None:
    study = new_study()
    study.optimize(breaking(raise_error), n_trials=60, catch=(RuntimeError,))
    finals = with_role(study, "final")
    assert [t.state for t in finals] == [TrialState.FAIL] * 3
    assert len({ob.trial_plan(t).start_lr for t in finals}) == 1
    assert verdicts(study)[-1] is None
    assert roles(study)[-1] == "surplus"
    assert any("exception" in r.getMessage() for r in caplog.records)


def test_a_final_that_raised_once_is_taken_over_as_it_was() -> None:
    study = new_study()
    with pytest.raises(RuntimeError, match="memory"):
        study.optimize(breaking(raise_error, 1))
    study.optimize(make_objective())
    first, second = with_role(study, "final")
    assert ob.trial_plan(second) == ob.trial_plan(first)
    assert second.params == first.params
    assert study.best_trial.number == second.number


def test_a_killed_final_is_taken_over_after_stale_after() -> None:
    study = new_study(stale_after=0.2)
    while not with_role(study, "final"):
        trial = study.ask()
        if not ob.trial_plan(trial).is_final:
            study.tell(trial, *_probe(trial))
    trial.suggest_float("lr", LOW, HIGH, log=True)
    trial.report(2.0, 0)
    time.sleep(0.3)
    study.optimize(make_objective())
    first, second = with_role(study, "final")
    assert first.state == TrialState.RUNNING
    assert second.state == TrialState.COMPLETE
    assert ob.trial_plan(second) == ob.trial_plan(first)
    assert second.params == first.params


def _probe(trial: optuna.Trial) -> tuple[float | None, TrialState]:
    try:
        return make_objective()(trial), TrialState.COMPLETE
    except optuna.TrialPruned:
        return None, TrialState.PRUNED


def test_a_thread_waits_for_a_running_final_says_so_and_takes_over(caplog) -> None:
    """The first final raises while a second thread of the process waits."""
    entered = threading.Event()

    def fail_late(trial: optuna.Trial) -> float:
        entered.set()
        time.sleep(0.5)
        raise RuntimeError("out of memory")

    study = new_study()
    caplog.set_level(logging.INFO)
    study.optimize(breaking(fail_late, 1), n_jobs=2, n_trials=40, catch=(RuntimeError,))
    finals = with_role(study, "final")
    assert entered.is_set()
    assert [t.state for t in finals] == [TrialState.FAIL, TrialState.COMPLETE]
    waited = [r for r in caplog.records if "wait" in r.getMessage().lower()]
    assert waited, "the log does not say that a worker waits (design, part 7)"
