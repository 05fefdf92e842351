"""The life-cycle table of the design, row by row: who ends trials, who is final, who stops.

Covers ``study.trial_plan`` and ``workers.trial_end``.
"""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, PatientPruner
from optuna.trial import TrialState
from synthetic_trainer import (
    BEST,
    FINAL_STEPS,
    LOW,
    PROBE_STEPS,
    STEPS,
    Trainer,
    decades,
    make_objective,
    roles,
    run,
    verdicts,
    with_role,
)

import optuna_bisect as ob

KNOWING = {
    "verdict": ob.VerdictPruner,
    "overshoot half": ob.OvershootPruner,
    "undershoot half": ob.UndershootPruner,
    "patient verdict": lambda: PatientPruner(ob.VerdictPruner(), patience=2),
    "patient half": lambda: PatientPruner(ob.OvershootPruner(), patience=2),
}
OTHER = {
    "none": NopPruner,
    "median": MedianPruner,
    "hyperband": lambda: HyperbandPruner(min_resource=4, max_resource=FINAL_STEPS),
}


def complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [t for t in study.trials if t.state == TrialState.COMPLETE]


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("pruner", KNOWING.values(), ids=KNOWING)
def test_row_1_every_probe_ends_pruned_and_the_final_is_best(pruner) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=pruner())
    study.optimize(make_objective(), n_trials=40)
    *probes, final = study.trials
    assert roles(study) == ["probe"] * len(probes) + ["final"]
    assert all(t.state == TrialState.PRUNED for t in probes)
    assert max(t.last_step for t in probes) == PROBE_STEPS
    assert study.best_trial.number == final.number
    assert final.last_step >= FINAL_STEPS - 2
    assert None not in verdicts(study)[:-1]
    assert decades(ob.find_winner(study).lr) < 0.25


def test_row_1_a_trial_without_an_early_verdict_is_pruned_as_balanced() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective(Trainer(best=1e-3)), n_trials=1)
    assert study.trials[0].state == TrialState.PRUNED
    assert study.trials[0].last_step == PROBE_STEPS
    assert verdicts(study) == ["balanced"]


def test_row_1_the_sampler_stops_a_study_without_n_trials() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective())
    assert roles(study)[-1] == "final"
    assert len(with_role(study, "final")) == 1


def test_row_1_only_final_steps_given_makes_probes_a_fiftieth() -> None:
    study = optuna.create_study(
        sampler=ob.BisectionSampler(final_steps=50 * PROBE_STEPS), pruner=ob.VerdictPruner()
    )
    study.optimize(make_objective(n_steps=50 * PROBE_STEPS), n_trials=1)
    assert ob.trial_plan(study.trials[0]).probe_steps == PROBE_STEPS
    assert study.trials[0].last_step == PROBE_STEPS
    short = optuna.create_study(sampler=ob.BisectionSampler(final_steps=3))
    assert ob.trial_plan(short.ask()).probe_steps == 1


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("pruner", OTHER.values(), ids=OTHER)
@pytest.mark.parametrize("n_steps", [None, FINAL_STEPS], ids=["asks the plan", "always full"])
def test_row_2_probes_under_another_pruner_run_as_the_objective_does(pruner, n_steps) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=pruner())
    study.optimize(make_objective(n_steps=n_steps), n_trials=40)
    finals = with_role(study, "final")
    assert [t.state for t in finals[-1:]] == [TrialState.COMPLETE]
    assert sum(t.state == TrialState.COMPLETE for t in finals) == 1
    assert study.trials[-1].number == finals[-1].number
    for probe in with_role(study, "probe"):
        if probe.state == TrialState.COMPLETE:
            assert probe.last_step >= (n_steps or PROBE_STEPS) - 2
    assert study.best_value == min(t.value for t in complete(study))
    assert decades(ob.find_winner(study).lr) < 0.25


def test_row_2_every_complete_probe_is_judged() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=NopPruner())
    study.optimize(make_objective(n_steps=None))
    judged = [t.user_attrs.get("bisect_verdict") for t in with_role(study, "probe")]
    assert None not in judged


def test_row_2_runs_of_unequal_length_are_judged_at_equal_steps() -> None:
    """The best rate runs half as long as the others; at equal steps it still leads."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, 1.0, log=True)
        n = FINAL_STEPS if ob.trial_plan(trial).is_final else PROBE_STEPS
        n = n if decades(lr) < 0.3 else 4 * PROBE_STEPS
        return run(trial, Trainer(), lr, n, range(0, n, 2))

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=NopPruner())
    study.optimize(objective)
    assert decades(ob.find_winner(study).lr) < 0.25


@pytest.mark.parametrize("pruner", [ob.VerdictPruner, NopPruner, MedianPruner])
@pytest.mark.parametrize("every", [2, 0], ids=["reports", "no reports"])
def test_rows_3_and_4_have_no_final_and_are_stopped_by_n_trials(pruner, every) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(), pruner=pruner())
    study.optimize(make_objective(every=every), n_trials=25)
    assert roles(study) == ["probe"] * 25
    assert study.best_value == min(t.value for t in complete(study))
    winner = ob.find_winner(study)
    assert decades(winner.lr) < 0.1
    assert winner.bracket.log_width < 0.2


def test_row_3_a_trial_without_an_early_verdict_runs_to_its_end() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(), pruner=ob.VerdictPruner())
    study.optimize(make_objective(Trainer(best=1e-3)), n_trials=1)
    assert study.trials[0].state == TrialState.COMPLETE
    assert study.trials[0].last_step >= FINAL_STEPS - 2


def test_rows_3_and_4_gaps_beside_the_best_keep_halving() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(), pruner=NopPruner())
    widths = []
    for _ in range(3):
        study.optimize(make_objective(every=0), n_trials=12)
        widths.append(ob.find_winner(study).bracket.log_width)
    assert widths[1] < widths[0] / 2
    assert widths[2] < widths[1] / 2
    assert len({t.params["lr"] for t in study.trials}) == 36


@pytest.mark.parametrize("settings", [{"probe_steps": 40}, {"probe_steps": 40, "final_steps": 40}])
def test_no_final_where_the_two_lengths_are_not_known_to_differ(settings) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**settings), pruner=ob.VerdictPruner())
    study.optimize(make_objective(), n_trials=20)
    assert roles(study) == ["probe"] * 20


def test_horizon_is_what_the_winner_really_ran() -> None:
    """Reports every 40 steps end ``probe_steps=100`` at step 120: the correction uses 121."""
    study = optuna.create_study(
        sampler=ob.BisectionSampler(probe_steps=100, final_steps=1000), pruner=ob.VerdictPruner()
    )
    study.optimize(make_objective(Trainer(time=40), n_steps=1000, every=40))
    winner = ob.find_winner(study)
    assert study.trials[winner.number].last_step == 120
    exponent = study.best_trial.user_attrs["bisect_exponent"]
    expected = winner.lr * (121 / 1000) ** exponent
    assert study.best_trial.params["lr"] == pytest.approx(expected)
    assert ob.trial_plan(study.best_trial).start_lr == pytest.approx(winner.lr)


def test_final_limits_are_the_winners_bracket() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective())
    assert ob.trial_plan(study.best_trial).bracket == ob.find_winner(study).bracket
    assert BEST in ob.find_winner(study).bracket


def test_probes_share_one_seed_and_the_final_has_another() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective())
    probes = {ob.trial_plan(t).seed for t in with_role(study, "probe")}
    assert len(probes) == 1
    assert ob.trial_plan(study.best_trial).seed not in probes


def test_a_live_trial_sees_the_same_plan_as_its_frozen_copy() -> None:
    seen = []
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective(also=lambda trial: seen.append(ob.trial_plan(trial))))
    for live, frozen in zip(seen, study.trials):
        plan = ob.trial_plan(frozen)
        assert (live.role, live.n_steps, live.start_lr) == (plan.role, plan.n_steps, plan.start_lr)
    assert seen[0].n_steps == PROBE_STEPS
    assert seen[-1].n_steps == FINAL_STEPS


def test_final_takes_the_winners_other_parameters() -> None:
    def also(trial: optuna.Trial) -> None:
        trial.suggest_categorical("optimizer", ["sgd", "adam"])
        trial.suggest_int("depth", 1, 50)
        trial.suggest_float("dropout", 0.0, 0.5)

    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS, seed=1), pruner=ob.VerdictPruner()
    )
    study.optimize(make_objective(also=also))
    won = dict(study.trials[ob.find_winner(study).number].params)
    final = dict(study.best_trial.params)
    won.pop("lr"), final.pop("lr")
    assert final == won


def test_final_draws_a_parameter_whose_range_left_the_winners_value() -> None:
    def also(trial: optuna.Trial) -> None:
        is_final = ob.trial_plan(trial).is_final
        trial.suggest_int("depth", 60 if is_final else 1, 99 if is_final else 50)

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(make_objective(also=also))
    assert 60 <= study.best_trial.params["depth"] <= 99


def test_fixed_rate_is_a_probe_even_when_the_final_is_due() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    while not any(role == "final" for role in roles(study)):
        study.enqueue_trial({"lr": 1e-4 * (1 + len(study.trials))})
        study.optimize(make_objective(), n_trials=2)
    fixed = [t for t in study.trials if "fixed_params" in t.system_attrs]
    assert {ob.trial_plan(t).role for t in fixed} == {"probe"}


def test_probe_loss_at_its_end_does_not_become_best_trial() -> None:
    """Every probe ends PRUNED, so a lucky probe cannot beat the final trial."""

    def objective(trial: optuna.Trial) -> float:
        return 100 + make_objective()(trial)

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(objective)
    assert ob.trial_plan(study.best_trial).is_final
    assert not math.isinf(study.best_value)
