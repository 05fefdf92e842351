"""The pruners: alone, halved, wrapped, and on the trials of other samplers.

Covers ``decisions.running_verdict``.
"""

from __future__ import annotations

import math
from itertools import pairwise

import optuna
import pytest
from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, PatientPruner
from optuna.samplers import RandomSampler, TPESampler
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
    labelled,
    make_objective,
    roles,
    run,
    with_role,
)

import optuna_bisect as ob
from optuna_bisect import pruners

experimental = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
HALVES = {"overshoot": ob.OvershootPruner, "undershoot": ob.UndershootPruner}


def replay(trial: optuna.Trial, steps: tuple[int, ...], losses: tuple[float, ...]) -> int:
    """Report a curve until the pruner stops it; return the number of reports."""
    for n, (step, loss) in enumerate(zip(steps, losses), 1):
        trial.report(loss, step)
        if trial.should_prune():
            return n
    return len(steps) + 1


@pytest.mark.parametrize("curve", labelled(), ids=lambda c: c.name)
def test_a_first_probe_gets_the_verdict_that_a_person_would_give(curve) -> None:
    study = optuna.create_study(
        sampler=ob.BisectionSampler(probe_steps=PROBE_STEPS - 1, final_steps=FINAL_STEPS),
        pruner=ob.VerdictPruner(),
    )
    trial = study.ask()
    trial.suggest_float("lr", LOW, HIGH, log=True)
    n = replay(trial, curve.steps, curve.losses)
    assert study.trials[0].user_attrs["bisect_verdict"] == curve.verdict
    assert n <= len(curve.steps)
    if curve.verdict == "balanced":
        assert n == len(curve.steps), "a balanced probe was cut early"


@pytest.mark.parametrize(("half", "pruner"), HALVES.items(), ids=HALVES)
@pytest.mark.parametrize("sampler", [TPESampler, RandomSampler])
def test_a_half_cuts_one_side_of_another_sampler_and_says_why(half, pruner, sampler) -> None:
    study = optuna.create_study(sampler=sampler(seed=3), pruner=pruner())
    study.optimize(make_objective(Trainer(edge=0.2)), n_trials=25)
    cut = [t for t in study.trials if t.state == TrialState.PRUNED]
    done = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert cut
    assert done
    assert {t.user_attrs["bisect_verdict"] for t in cut} == {half}
    assert all(t.user_attrs["bisect_reason"] for t in cut)
    assert not any("bisect_role" in t.user_attrs for t in study.trials)


@pytest.mark.parametrize("sampler", [TPESampler, RandomSampler])
def test_the_whole_pruner_cuts_both_sides_of_another_sampler(sampler) -> None:
    study = optuna.create_study(sampler=sampler(seed=3), pruner=ob.VerdictPruner())
    study.optimize(make_objective(), n_trials=25)
    cut = {t.user_attrs.get("bisect_verdict") for t in study.trials if t.state.name == "PRUNED"}
    assert cut == {"overshoot", "undershoot"}
    assert decades(study.best_params["lr"]) < 0.5


@pytest.mark.parametrize("pruner", [ob.VerdictPruner, *HALVES.values()])
@pytest.mark.parametrize("seed", range(3))
def test_a_balanced_run_of_another_sampler_is_never_cut(pruner, seed) -> None:
    """Runs within a fifth of a decade of the optimum keep 95 % of its progress."""
    study = optuna.create_study(sampler=RandomSampler(seed=seed), pruner=pruner())
    for factor in (1.0, 1.3, 0.8, 1.5, 0.65):
        study.optimize(make_objective(Trainer(noise=0.002)), n_trials=3)
        study.enqueue_trial({"lr": BEST * factor})
        study.optimize(make_objective(Trainer(noise=0.002)), n_trials=1)
        assert study.trials[-1].state == TrialState.COMPLETE


def test_the_first_run_of_another_sampler_is_not_cut_without_divergence() -> None:
    study = optuna.create_study(sampler=RandomSampler(seed=0), pruner=ob.VerdictPruner())
    study.enqueue_trial({"lr": LOW})
    study.optimize(make_objective(), n_trials=1)
    assert study.trials[0].state == TrialState.COMPLETE


@pytest.mark.parametrize("pruner", [ob.VerdictPruner, ob.OvershootPruner])
def test_not_finite_is_cut_at_once_under_any_sampler(pruner) -> None:
    study = optuna.create_study(sampler=RandomSampler(seed=0), pruner=pruner())
    trial = study.ask()
    trial.suggest_float("lr", LOW, HIGH, log=True)
    assert replay(trial, (0, 1, 2), (2.3, math.nan, math.nan)) == 2


def test_the_verdict_is_in_storage_before_prune_returns_true() -> None:
    """Finished trials are read-only: what comes later is lost."""
    seen = []

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        for step in range(0, FINAL_STEPS, 2):
            trial.report(Trainer().loss(lr, step), step)
            if trial.should_prune():
                stored = trial.study._storage.get_trial(trial._trial_id)
                assert stored.state == TrialState.RUNNING
                seen.append(stored.user_attrs["bisect_verdict"])
                assert 0.5 < stored.user_attrs["bisect_confidence"] <= 1
                assert isinstance(stored.user_attrs["bisect_reason"], str)
                raise optuna.TrialPruned
        return 1.0

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.optimize(objective)
    assert len(seen) == len(study.trials) - 1


@experimental
@pytest.mark.parametrize("patience", [0, 3, 50])
def test_patient_verdict_pruner_still_ends_probes_at_their_length(patience) -> None:
    pruner = PatientPruner(ob.VerdictPruner(), patience=patience)
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=pruner)
    study.optimize(make_objective(), n_trials=40)
    assert {t.last_step for t in with_role(study, "probe")} <= set(range(PROBE_STEPS + 1))
    assert roles(study)[-1] == "final"
    assert study.trials[-1].state == TrialState.COMPLETE
    assert decades(ob.find_winner(study).lr) < 0.25


@experimental
def test_patient_verdict_pruner_does_not_cut_the_final_trial() -> None:
    """The final trial rises for a while in its middle; it is not a probe."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        for step in range(0, FINAL_STEPS, 2):
            bump = 3.0 if ob.trial_plan(trial).is_final and 50 < step < 90 else 0.0
            trial.report(Trainer().loss(lr, step) + bump, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 0.1

    pruner = PatientPruner(ob.VerdictPruner(), patience=2)
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=pruner)
    study.optimize(objective, n_trials=40)
    assert ob.trial_plan(study.best_trial).is_final


@experimental
@pytest.mark.parametrize(
    "pruner",
    [
        lambda: HyperbandPruner(min_resource=4, max_resource=PROBE_STEPS),
        lambda: HyperbandPruner(min_resource=1, max_resource="auto"),
        lambda: MedianPruner(n_startup_trials=1),
        NopPruner,
        lambda: PatientPruner(MedianPruner(n_startup_trials=1), patience=2),
        lambda: optuna.pruners.ThresholdPruner(upper=5.0),
    ],
    ids=["hyperband", "hyperband auto", "median", "nop", "patient median", "threshold"],
)
def test_any_other_pruner_works_beside_the_sampler(pruner) -> None:
    # Hyperband chooses a trial's bracket by the study's name, and some cut the final trial.
    sampler = ob.BisectionSampler(**STEPS)
    study = optuna.create_study(sampler=sampler, pruner=pruner(), study_name="named")
    study.optimize(make_objective(Trainer(edge=0.2), n_steps=None), n_trials=40)
    assert decades(ob.find_winner(study).lr) < 0.25
    assert study.trials[-1].state == TrialState.COMPLETE
    assert roles(study)[-1] == "final"


@pytest.mark.parametrize("pruner", HALVES.values(), ids=HALVES)
def test_a_half_leaves_the_other_side_of_a_probe_to_run_to_its_end(pruner) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=pruner())
    study.optimize(make_objective())
    other = "undershoot" if pruner is ob.OvershootPruner else "overshoot"
    spared = [t for t in study.trials if t.user_attrs.get("bisect_verdict") == other]
    assert spared
    assert {t.last_step for t in spared} == {PROBE_STEPS}


@pytest.mark.parametrize("pruner", [ob.VerdictPruner, NopPruner, MedianPruner])
def test_nothing_but_divergence_ends_the_final_trial_of_a_study(pruner) -> None:
    """A final trial that lags behind its probes is no probe."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        is_final = ob.trial_plan(trial).is_final
        trainer = Trainer(scale=0.5 if is_final and pruner is ob.VerdictPruner else 0.9)
        return run(trial, trainer, lr, FINAL_STEPS, range(0, FINAL_STEPS, 2))

    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=pruner())
    study.optimize(objective, n_trials=40)
    assert study.trials[-1].state == TrialState.COMPLETE
    assert roles(study)[-1] == "final"


def test_warm_up_reports_are_not_judged() -> None:
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner(n_warmup_steps=20)
    )
    study.optimize(make_objective())
    assert min(t.last_step for t in with_role(study, "probe")) >= 20
    assert decades(ob.find_winner(study).lr) < 0.25


def test_pruner_without_a_rate_or_a_report_leaves_the_trial_alone() -> None:
    study = optuna.create_study(sampler=RandomSampler(seed=0), pruner=ob.VerdictPruner())
    trial = study.ask()
    assert not trial.should_prune()
    trial.report(1.0, 0)
    assert not trial.should_prune()


def judged_reports(n_reports: int, monkeypatch: pytest.MonkeyPatch, bad: int = -1) -> list[int]:
    """Return the reports of a probe at which its whole curve was read; one may be NaN."""
    lengths: list[int] = []
    original = pruners.curve_of
    monkeypatch.setattr(
        pruners,
        "curve_of",
        lambda trial, sign: (
            lengths.append(len(trial.intermediate_values)) or original(trial, sign)
        ),
    )
    sampler = ob.BisectionSampler(probe_steps=n_reports - 3, final_steps=10 * n_reports)
    study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())
    trial = study.ask()
    trial.suggest_float("lr", LOW, HIGH, log=True)
    losses = [math.nan if i == bad else 2.3 * 0.999**i for i in range(n_reports)]
    replay(trial, tuple(range(n_reports)), tuple(losses))
    monkeypatch.undo()
    return lengths


def test_a_usual_probe_is_judged_at_each_report(monkeypatch) -> None:
    assert judged_reports(120, monkeypatch) == list(range(1, 118))


def test_a_long_probe_is_judged_when_it_has_grown_by_a_64th_and_at_its_end(
    monkeypatch,
) -> None:
    lengths = judged_reports(2_000, monkeypatch)
    assert all(b - a <= max(1, a / 64) for a, b in pairwise(lengths))
    assert lengths[-1] == 1_997
    assert len(lengths) < 500


def test_a_loss_that_is_not_finite_ends_a_long_probe_at_once(monkeypatch) -> None:
    assert judged_reports(2_000, monkeypatch, bad=1_501)[-1] == 1_502
