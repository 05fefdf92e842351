"""What objectives report and return: losses, accuracies, NaN, inf, rarely, late or never."""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.trial import TrialState
from synthetic_trainer import (
    BEST,
    FINAL_STEPS,
    HIGH,
    LOW,
    PROBE_STEPS,
    STEPS,
    Trainer,
    decades,
    make_objective,
    roles,
    run,
    with_role,
)

import optuna_bisect as ob


def new_study(steps: bool = True, direction: str = "minimize", **settings) -> optuna.Study:
    return optuna.create_study(
        sampler=ob.BisectionSampler(**({**STEPS, **settings} if steps else settings)),
        pruner=ob.VerdictPruner(),
        direction=direction,
    )


def assert_found(study: optuna.Study, best: float = BEST, within: float = 0.25) -> None:
    assert decades(ob.find_winner(study).lr, best) < within
    assert len(with_role(study, "final")) == 1
    assert study.trials[-1].state == TrialState.COMPLETE


def test_defaults_without_reports_get_within_a_quarter_decade() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler())
    study.optimize(make_objective(every=0), n_trials=25)
    assert decades(study.best_params["lr"]) < 0.25
    assert len(study.trials) == 25


@pytest.mark.parametrize("best", [1e-5, 3e-4, 0.02, 0.3])
def test_defaults_with_a_smooth_value_and_nothing_else(best) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler())
    study.optimize(
        lambda trial: decades(trial.suggest_float("lr", LOW, HIGH, log=True), best) ** 2, 25
    )
    assert decades(study.best_params["lr"], best) < 0.25


@pytest.mark.parametrize("pruner", [optuna.pruners.MedianPruner, ob.VerdictPruner])
def test_no_steps_with_reports(pruner) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(), pruner=pruner())
    study.optimize(make_objective(Trainer(edge=0.05)), n_trials=20)
    assert decades(study.best_params["lr"]) < 0.25


@pytest.mark.parametrize("best", [1e-5, 3e-4, 0.02, 0.3])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_the_optimum_is_found_wherever_it_lies(best, noise) -> None:
    study = new_study()
    study.optimize(make_objective(Trainer(best, edge=30 * best, noise=noise)), n_trials=40)
    assert_found(study, best, within=0.35)


def test_maximize_accuracy_reported_and_returned() -> None:
    """The mirror image of a minimised loss takes the same rates."""
    study, mirror = new_study(direction="maximize"), new_study()
    study.optimize(_negated(), n_trials=40)
    mirror.optimize(make_objective(), n_trials=40)
    assert [t.params for t in study.trials] == [t.params for t in mirror.trials]
    assert_found(study)


def _negated():
    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        for step in range(0, FINAL_STEPS, 2):
            trial.report(-Trainer().loss(lr, step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return -Trainer().loss(lr, FINAL_STEPS)

    return objective


@pytest.mark.parametrize("who", ["pruner", "sampler"])
def test_loss_reported_and_accuracy_returned(who) -> None:
    """The trap that ``report_direction`` is for."""

    def objective(trial: optuna.Trial) -> float:
        return 1 - make_objective()(trial) / 2.3

    said = {"report_direction": "minimize"}
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS, **(said if who == "sampler" else {})),
        pruner=ob.VerdictPruner(**(said if who == "pruner" else {})),
        direction="maximize",
    )
    study.optimize(objective, n_trials=40)
    assert_found(study)
    assert study.best_value > 0.5


def test_accuracy_reported_and_loss_returned() -> None:
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS),
        pruner=ob.VerdictPruner(report_direction="maximize"),
    )
    study.optimize(lambda trial: -_negated()(trial), n_trials=40)
    assert_found(study)


def test_reasons_of_maximised_reports_show_what_was_reported() -> None:
    """No number in a reason has the sign that it has inside."""
    study = new_study(direction="maximize")
    study.optimize(_negated(), n_trials=20)
    shown = [
        (f"{t.intermediate_values[t.last_step]:.4g}", t.user_attrs["bisect_reason"])
        for t in study.trials
        if t.state == TrialState.PRUNED and "progress" not in t.user_attrs["bisect_reason"]
    ]
    assert len(shown) >= 2
    assert all(f" {last}" in reason for last, reason in shown)


def test_a_forgotten_report_direction_is_named_as_the_likely_reason() -> None:
    """Where every curve gets worse from its first report on, losses are read upside down."""
    study = new_study(direction="maximize")
    study.optimize(make_objective(), n_trials=40)
    surplus = [t for t in study.trials if t.user_attrs["bisect_role"] == "surplus"]
    assert ["report_direction" in t.user_attrs["bisect_reason"] for t in surplus] == [True]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_reported_nan_or_inf_ends_pruned_with_a_certain_overshoot(bad) -> None:
    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        if lr > 1e-4:
            trial.report(bad, 0)
            assert trial.should_prune()
            raise optuna.TrialPruned
        return run(trial, Trainer(1e-5), lr, FINAL_STEPS, range(0, FINAL_STEPS, 2))

    study = new_study()
    study.optimize(objective, n_trials=40)
    blown = [t for t in study.trials if t.params["lr"] > 1e-4]
    assert blown
    assert {t.state for t in blown} == {TrialState.PRUNED}
    assert {t.user_attrs["bisect_verdict"] for t in blown} == {"overshoot"}
    assert {t.user_attrs["bisect_confidence"] for t in blown} == {1.0}
    assert_found(study, 1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("every", [2, 0], ids=["after reports", "no reports"])
@pytest.mark.parametrize("steps", [True, False])
def test_returned_nan_or_inf_never_wins(bad, every, steps) -> None:
    def objective(trial: optuna.Trial) -> float:
        value = make_objective(n_steps=None, every=every)(trial)
        return bad if trial.params["lr"] > 0.01 else value

    study = optuna.create_study(
        sampler=ob.BisectionSampler(**(STEPS if steps else {})), pruner=optuna.pruners.NopPruner()
    )
    study.optimize(objective, n_trials=30)
    assert decades(ob.find_winner(study).lr) < 0.25
    inf = [t for t in study.trials if t.state == TrialState.COMPLETE and t.value == math.inf]
    assert all(t.user_attrs["bisect_verdict"] == "overshoot" for t in inf)


@pytest.mark.parametrize("steps", [True, False])
def test_one_report_per_probe_compares_values_at_equal_steps(steps) -> None:
    study = new_study(steps)
    study.optimize(make_objective(every=PROBE_STEPS, first=PROBE_STEPS - 1), n_trials=20)
    assert decades(ob.find_winner(study).lr) < 0.3


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("every", [1, 2, 10])
def test_reports_from_step_0_or_1_at_any_spacing(first, every) -> None:
    study = new_study()
    study.optimize(make_objective(first=first, every=every), n_trials=30)
    assert_found(study)


@pytest.mark.parametrize("first", [0, 1, 100])
def test_reports_every_100_steps(first) -> None:
    study = new_study(probe_steps=1000, final_steps=4000)
    study.optimize(
        make_objective(Trainer(time=200), n_steps=4000, first=first, every=100), n_trials=30
    )
    assert_found(study)


def test_first_report_after_an_epoch_of_updates() -> None:
    """Steps are epochs of 10 updates: no report shows the loss before training."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        for epoch in range(40):
            trial.report(Trainer(edge=0.2).loss(lr, 10 * (epoch + 1)), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return Trainer().loss(lr, 400)

    study = new_study(probe_steps=6, final_steps=40)
    study.optimize(objective, n_trials=30)
    assert_found(study)


@pytest.mark.parametrize("level", [2.3, 2.5])
def test_runs_that_collapse_to_chance_level_and_sit_flat(level) -> None:
    """Dead units: above a rate, the loss leaps to about log of the number of classes."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        dead = lr > 0.01
        for step in range(0, FINAL_STEPS, 2):
            loss = Trainer(noise=0.002).loss(lr, step, trial.number)
            trial.report(level if dead and step else loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return level if dead else loss

    study = new_study()
    study.optimize(objective, n_trials=30)
    assert_found(study)


@pytest.mark.parametrize(("best", "edge"), [(1e-3, 1e-4), (1e-7, 1e-4)], ids=["above", "below"])
def test_optimum_outside_the_range_is_reported_in_status(best, edge) -> None:
    low, high = (1e-6, edge) if best > edge else (edge, 1.0)
    study = new_study()
    study.optimize(make_objective(Trainer(best), low=low, high=high), n_trials=40)
    winner = ob.find_winner(study)
    assert "edge" in winner.status
    assert decades(winner.lr, high if best > edge else low) < 0.3
    assert low <= study.best_params["lr"] <= high


@pytest.mark.parametrize("reports", [True, False], ids=["reports", "returns inf"])
def test_every_probe_diverges_and_the_study_ends_without_a_winner(reports) -> None:
    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        if not reports:
            return math.inf
        return run(trial, Trainer(edge=1e-9), lr, FINAL_STEPS, range(0, FINAL_STEPS, 2))

    study = new_study()
    study.optimize(objective)
    assert ob.find_winner(study) is None
    assert roles(study)[-1] == "surplus"
    assert len(study.trials) <= 13
