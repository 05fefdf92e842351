"""Which parameter is the rate: names near it, rates that cannot be bisected, and renamed ones.

Covers ``decisions.rate_name``.
"""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import FixedTrial, TrialState
from synthetic_trainer import (
    FINAL_STEPS,
    STEPS,
    Trainer,
    decades,
    make_objective,
    run,
    with_role,
)

import optuna_bisect as ob

NEAR = [
    "lr_decay",
    "min_lr",
    "lr_gamma",
    "lr_ratio",
    "lr_scheduler_factor",
    "warmup_lr",
    "eta_min",
    "finalLr",
    "lrf",
    "learning_rate_decay",
    "optimizer.lr.decay",
]
RATES = [
    "lr",
    "learning_rate",
    "eta",
    "lr0",
    "base_lr",
    "max_lr",
    "adam_lr",
    "lr_scheduler.max_lr",
]
# What a user wrote instead of a float on a log scale.
WRONG = {
    "linear": lambda trial, name: trial.suggest_float(name, 1e-6, 1.0),
    "from zero": lambda trial, name: trial.suggest_float(name, 0.0, 0.1),
    "stepped": lambda trial, name: trial.suggest_float(name, 0.001, 0.1, step=0.001),
    "integer": lambda trial, name: 10.0 ** -trial.suggest_int(name, 1, 6),
    "categorical": lambda trial, name: trial.suggest_categorical(name, [1e-4, 1e-3, 1e-2]),
    "texts": lambda trial, name: float(trial.suggest_categorical(name, ["1e-4", "1e-3"])),
}


def new_study(param_name: str | None = None, **settings) -> optuna.Study:
    sampler = ob.BisectionSampler(param_name, **{**STEPS, "seed": 0, **settings})
    return optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())


def train(trial: optuna.Trial, lr: float) -> float:
    return run(trial, Trainer(), max(lr, 1e-9), FINAL_STEPS, range(0, FINAL_STEPS, 2))


def rate_beside(before: list[str], name: str):
    """Make an objective that suggests other log floats before the rate."""

    def also(trial: optuna.Trial) -> None:
        for other in before:
            trial.suggest_float(other, 1e-8, 1.0, log=True)

    return make_objective(name=name, also=also)


def said(caplog) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("near", NEAR)
def test_a_name_near_the_rate_that_comes_first_is_not_bisected(near) -> None:
    study = new_study()
    study.optimize(rate_beside([near], "lr"), n_trials=30)
    assert decades(ob.find_winner(study).lr) < 0.25
    assert len({t.params[near] for t in with_role(study, "probe")}) == 1


@pytest.mark.parametrize("rate", RATES)
def test_every_usual_name_wins_over_those_near_it_and_over_weight_decay(rate) -> None:
    study = new_study()
    study.optimize(rate_beside(["weight_decay", "min_lr", "rho"], rate), n_trials=30)
    assert decades(ob.find_winner(study).lr) < 0.25
    (final,) = with_role(study, "final")
    assert final.params[rate] == pytest.approx(ob.trial_plan(final).lr)


@pytest.mark.parametrize("name", ["min_lr", "lr_scale", "warmup_lr"])
def test_only_a_name_near_the_rate_is_bisected_with_a_word(name, caplog) -> None:
    study = new_study()
    study.optimize(rate_beside(["weight_decay"], name), n_trials=30)
    assert said(caplog).count("is taken for the learning rate") == 1
    assert repr(name) in said(caplog)
    assert "param_name" in said(caplog)
    assert decades(ob.find_winner(study).lr) < 0.25


@pytest.mark.parametrize(
    "names", [("lr_head", "lr_body"), ("gen.lr", "disc.lr"), ("rho", "alpha")]
)
def test_one_of_several_alike_is_bisected_with_a_word(names, caplog) -> None:
    study = new_study()
    study.optimize(rate_beside([names[1]], names[0]), n_trials=3)
    assert f"{names[1]!r} is taken for the learning rate" in said(caplog)


@pytest.mark.parametrize("name", ["weight_decay", "l2_reg", "dropout"])
def test_what_is_never_the_rate_is_not_bisected_alone(name, caplog) -> None:
    study = new_study()
    study.optimize(
        lambda trial: train(trial, trial.suggest_float(name, 1e-6, 1.0, log=True)), n_trials=20
    )
    assert said(caplog).count("No parameter is bisected") == 1
    assert name in said(caplog)
    assert ob.find_winner(study) is None
    assert "lower the range" not in said(caplog)
    assert "must be a float with log=True" in study.trials[-1].user_attrs["bisect_reason"]


@pytest.mark.parametrize(
    "name", ["lr", "learning_rate", "eta0", "optimizer.lr", "adam_lr", "log_lr"]
)
@pytest.mark.parametrize("kind", WRONG)
def test_a_rate_that_cannot_be_bisected_is_told_in_the_first_trial(name, kind) -> None:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("weight_decay", 1e-8, 1e-1, log=True)
        return train(trial, WRONG[kind](trial, name))

    study = new_study()
    with pytest.raises(ValueError, match=rf"'{name}' must be a float with log=True.*but got"):
        study.optimize(objective, n_trials=20)
    assert len(study.trials) == 1
    assert study.trials[0].state.is_finished()


@pytest.mark.parametrize("kind", ["linear", "stepped"])
def test_a_linear_rate_is_bisected_by_name_also_by_who_resumes_without_it(kind) -> None:
    study = new_study("lr")
    study.optimize(lambda trial: train(trial, WRONG[kind](trial, "lr")), n_trials=3)
    study.sampler = ob.BisectionSampler(**STEPS)
    study.optimize(lambda trial: train(trial, WRONG[kind](trial, "lr")), n_trials=30)
    assert decades(with_role(study, "final")[0].params["lr"]) < 0.4


@pytest.mark.parametrize(
    "other",
    [
        lambda trial: trial.suggest_int("step_size", 5, 50),
        lambda trial: trial.suggest_categorical("learning_rate", ["constant", "invscaling"]),
        lambda trial: trial.suggest_categorical("embedding_lr", [1e-3, 1e-2]),
        lambda trial: trial.suggest_int("lr_warmup_steps", 0, 100),
        lambda trial: trial.suggest_categorical("tune_lr", [False, True]),
        lambda trial: trial.suggest_float("lr_backbone", 0.001, 0.001),
    ],
)
def test_what_only_sounds_like_a_rate_stands_beside_one(other) -> None:
    study = new_study()
    study.optimize(make_objective(name="eta0", also=other), n_trials=30)
    assert decades(ob.find_winner(study).lr) < 0.25


@pytest.mark.parametrize("n_before", [1, 3, 30])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lr", "learning_rate"),
        ("learningRate", "optimizer.lr"),
        ("eta", "lr0"),
        ("sgd.lr", "sgd_lr"),
    ],
)
def test_another_spelling_on_resume_is_the_same_rate(old, new, n_before) -> None:
    straight = new_study()
    straight.optimize(make_objective(name=old), n_trials=30)
    study = new_study()
    study.optimize(make_objective(name=old), n_trials=min(n_before, len(straight.trials) - 1))
    study.optimize(make_objective(name=new), n_trials=30)
    rates = [next(iter(t.params.values())) for t in study.trials]
    assert rates == [t.params[old] for t in straight.trials]
    assert [t.last_step for t in study.trials] == [t.last_step for t in straight.trials]
    assert ob.find_winner(study) == ob.find_winner(straight)


@pytest.mark.parametrize("new", ["adam_lr", "rho", "lr_backbone"])
@pytest.mark.parametrize("name", [None, "lr"])
def test_the_final_trial_takes_the_rate_under_any_new_name(new, name, caplog) -> None:
    study = new_study(name)
    study.optimize(make_objective(), n_trials=20, callbacks=[stop_before_final])
    study.optimize(rate_beside(["weight_decay"], new), n_trials=1)
    (final,) = with_role(study, "final")
    assert final.params[new] == pytest.approx(ob.trial_plan(final).lr)
    assert decades(final.params[new]) < 0.4
    assert said(caplog).count(f"{new!r} gets the rate that was found for 'lr'") == 1


def stop_before_final(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    if ob.find_winner(study) is not None:
        study.stop()


@pytest.mark.parametrize("new", ["adam_lr", "rho", "lr_decay"])
def test_a_probe_without_the_rate_is_told_once(new, caplog) -> None:
    study = new_study()
    study.optimize(make_objective(), n_trials=2)
    study.optimize(make_objective(name=new), n_trials=3)
    assert said(caplog).count("has no 'lr', which is what is bisected") == 1
    assert repr(new) in said(caplog)


@pytest.mark.parametrize(
    "params",
    [{"weight_decay": 1e-4, "lr": 0.1}, {"lr_decay": 0.5, "lr": 0.1}, {"lr_type": "a", "lr": 0.1}],
)
def test_a_fixed_trial_starts_at_its_rate_and_not_at_what_is_near_it(params) -> None:
    trial = FixedTrial(params)
    for name in params:
        if name != "lr_type":
            trial.suggest_float(name, 1e-8, 1.0, log=name != "lr")
    assert ob.trial_plan(trial).start_lr == 0.1


def test_an_enqueued_name_near_the_rate_leaves_the_rate_to_the_sampler() -> None:
    study = new_study()
    for name in NEAR[:3]:
        study.enqueue_trial({name: 1e-2})
    study.optimize(rate_beside(NEAR[:3], "lr"), n_trials=30)
    assert study.trials[0].params["lr"] == pytest.approx(1e-3)
    assert decades(with_role(study, "final")[0].params["lr"]) < 0.4
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
