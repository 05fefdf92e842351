"""The scheduler in a study: the plan of each trial, and the end of one that diverges."""

from __future__ import annotations

import math
import pickle

import optuna
import pytest
from linear_fit import build, lr_of, reload

from optuna_bisect import BisectionSampler, VerdictPruner, adjuster, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.bracket import Bracket
from optuna_bisect.figures.adjustment import get_adjustment_info
from optuna_bisect.study.trial_plan import TrialPlan
from optuna_bisect.training.divergence import Diverged


@pytest.fixture
def planned(monkeypatch):
    """Give every trial a plan of the test's choice."""

    def give(**fields):
        monkeypatch.setattr(adjuster, "trial_plan", lambda trial: TrialPlan(**fields))

    return give


FINAL = {
    "role": "final",
    "bracket": Bracket(0.01, 1.0),
    "start_lr": 0.2,
    "probe_steps": 10,
    "final_steps": 400,
}


def test_the_final_trial_takes_everything_from_its_plan(planned):
    planned(**FINAL)
    _, optimizer = build(0.05)
    scheduler = BisectionLR.for_trial(optimizer, optuna.create_study().ask(), anneal_fraction=0.5)
    assert scheduler.get_last_lr() == [0.2]
    for i in range(300):
        scheduler.step(2.0 - 0.01 * i)
    assert max(entry.lr for entry in scheduler.history) == 1.0, "the bracket's end"
    assert lr_of(scheduler) < 1.0
    assert [e.step for e in scheduler.history if e.signal == "anneal"] == [200]


def test_the_final_trial_keeps_the_corrected_rate_until_a_long_anneal(planned):
    """The winner's own rate is right for a short run, and may ruin a long one at its start."""
    planned(**FINAL, lr=0.06)
    _, optimizer = build(0.05)
    scheduler = BisectionLR.for_trial(optimizer, optuna.create_study().ask(), feedback=False)
    rates = []
    for _ in range(400):
        rates.append(lr_of(scheduler))
        scheduler.step(1.0)
    assert rates[:201] == [0.06] * 201
    assert rates[300] == pytest.approx(0.03)
    assert rates[-1] < 0.001


def test_the_law_starts_at_the_winners_own_rate(planned):
    planned(**FINAL, lr=0.06)
    trial = optuna.create_study().ask()
    scheduler = BisectionLR.for_trial(build(0.05)[1], trial, decay="law", feedback=False)
    assert lr_of(scheduler) == 0.2
    for _ in range(200):
        scheduler.step(1.0)
    assert lr_of(scheduler) == pytest.approx(0.2 * (10 / 200) ** 0.32)


def test_the_plan_of_a_real_final_trial_starts_phase_2_at_its_own_rate():
    study = optuna.create_study(sampler=BisectionSampler(probe_steps=20, final_steps=400))
    study.enqueue_trial({"lr": 0.01})
    starts = []

    def objective(trial):
        lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
        starts.append((trial_plan(trial), lr_of(BisectionLR.for_trial(build(lr)[1], trial)), lr))
        trial.report(abs(math.log(lr / 0.01)), 19)
        return abs(math.log(lr / 0.01))

    study.optimize(objective, n_trials=30)
    plan, rate, lr = starts[-1]
    assert plan.is_final
    assert rate == plan.lr == lr < plan.start_lr


@pytest.mark.parametrize("share", [0.1, 1.0, 8.0])
def test_a_first_group_with_a_share_of_the_rate_has_that_share_in_the_full_run_too(share):
    """As with a pretrained part, or a rate in proportion to the batch."""
    sampler = BisectionSampler(probe_steps=20, final_steps=40)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    found = []

    def objective(trial):
        lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
        law = BisectionLR.for_trial(build(share * lr)[1], trial, decay="law").get_last_lr()
        scheduler = BisectionLR.for_trial(build(share * lr, (1.0, 10.0))[1], trial)
        assert scheduler.get_last_lr() == pytest.approx([share * lr, share * lr * 10])
        found.append((trial_plan(trial), law[0]))
        for step in range(40):
            loss = 1 + (1 - step / 40) * abs(math.log10(lr / 0.01))
            scheduler.step(loss)
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    study.optimize(objective)
    plan, law = found[-1]
    assert plan.is_final
    assert law == pytest.approx(share * plan.start_lr)
    (_, own), (_, first), *_ = get_adjustment_info(study).path
    assert first == pytest.approx(own, rel=1e-3), "figures have the parameter's unit"


@pytest.mark.parametrize("role", ["probe", "surplus", None])
def test_any_other_trial_keeps_its_rate_and_judges_nothing(planned, role):
    planned(role=role, bracket=Bracket(0.01, 1.0), probe_steps=10, final_steps=400)
    model, optimizer = build(0.05, ratios=(1.0, 0.5))
    trial = optuna.create_study().ask()
    scheduler = BisectionLR.for_trial(optimizer, trial, restore=(model, optimizer), min_lr=0.1)
    assert not any(scheduler.step(loss) for loss in [1.0, math.nan, math.inf] * 20)
    assert scheduler.get_last_lr() == [0.05, 0.025]
    assert scheduler.history == []
    assert not scheduler.finished
    assert reload(scheduler.state_dict()) == scheduler.state_dict()


@pytest.mark.parametrize(
    "odd", [{"start_lr": 0.005}, {"start_lr": 2.0}, {"probe_steps": 500}, {"bracket": None}]
)
def test_what_the_sampler_wrote_never_fails(planned, odd):
    planned(**(FINAL | odd))
    scheduler = BisectionLR.for_trial(build()[1], optuna.create_study().ask())
    assert lr_of(scheduler) == odd.get("start_lr", 0.2)


def test_a_fixed_trial_trains_at_its_own_constant_rate():
    trial = optuna.trial.FixedTrial({"lr": 0.3})
    lr = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    scheduler = BisectionLR.for_trial(build(lr)[1], trial)
    for i in range(200):
        scheduler.step(2.0 - 0.001 * i)
    assert lr_of(scheduler) == 0.3
    assert scheduler.history == []


def test_a_fixed_trial_keeps_the_share_of_its_first_group():
    trial = optuna.trial.FixedTrial({"lr": 0.3})
    lr = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    scheduler = BisectionLR.for_trial(build(lr / 10, (1.0, 10.0))[1], trial)
    assert scheduler.get_last_lr() == pytest.approx([0.03, 0.3])


def test_divergence_in_the_final_trial_prunes_it_with_its_verdict(planned):
    """Also before any report, and the study goes on."""
    planned(**FINAL)

    def objective(trial):
        scheduler = BisectionLR.for_trial(build()[1], trial)
        for _ in range(10):
            scheduler.step(math.nan)
        return 0.0

    study = optuna.create_study()
    study.optimize(objective, n_trials=2)
    for trial in study.trials:
        assert trial.state == optuna.trial.TrialState.PRUNED
        assert trial.user_attrs["bisect_verdict"] == "overshoot"
        assert "not finite" in trial.user_attrs["bisect_reason"]
        assert trial.user_attrs["bisect_confidence"] == 1.0


def test_the_exception_of_a_trial_is_both_kinds(planned):
    planned(**FINAL)
    scheduler = BisectionLR.for_trial(build()[1], optuna.create_study().ask(), interval_steps=1)
    with pytest.raises(Diverged) as caught:
        scheduler.step(math.nan)
    assert isinstance(caught.value, optuna.TrialPruned)
    assert isinstance(caught.value, FloatingPointError)
    assert pickle.loads(pickle.dumps(caught.value)).step == 1  # noqa: S301


def test_the_plan_is_read_by_the_public_function():
    assert adjuster.trial_plan is trial_plan
