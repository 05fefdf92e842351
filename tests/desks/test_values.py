"""Values as users have them: numpy's numbers, whole numbers, and the ends of floating point."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from synthetic_trainer import (
    FINAL_STEPS,
    HIGH,
    LOW,
    STEPS,
    Trainer,
    make_objective,
    verdicts,
    with_role,
)
from worker_process import open_storage

import optuna_bisect as ob
from optuna_bisect.figures.summary import summarize
from optuna_bisect.visualization import plot_adjustment, plot_bracket, plot_curves

TRAINER = Trainer(edge=0.05)


def search(loss, low=LOW, high=HIGH, *, log=True, **options) -> optuna.Study:
    """Search the rate of a loss that is given by rate and step."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", low, high, log=log)
        for step in range(0, FINAL_STEPS, 2):
            trial.report(loss(lr, step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss(lr, FINAL_STEPS)

    study = optuna.create_study(
        sampler=ob.BisectionSampler(**STEPS, param_name="lr"),
        pruner=options.pop("pruner", ob.VerdictPruner()),
        **options,
    )
    study.optimize(objective, n_trials=30)
    return study


def draw(study: optuna.Study) -> None:
    """Draw everything that a study shows."""
    summarize(study)
    for plot in (plot_bracket, plot_curves, plot_adjustment):
        plot(study).to_json()


@pytest.mark.parametrize("rate", [1, np.float32(0.5), np.int64(1), np.array(0.5), True])
def test_an_enqueued_rate_that_is_no_python_float_is_judged_while_it_runs(rate) -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(**STEPS), pruner=ob.VerdictPruner())
    study.enqueue_trial({"lr": rate})
    study.optimize(make_objective(TRAINER), n_trials=1)
    assert study.trials[0].state == TrialState.PRUNED
    assert study.trials[0].last_step <= 20
    assert verdicts(study) == ["overshoot"]
    draw(study)


def test_an_added_trial_with_a_whole_rate_is_a_probe_of_the_search() -> None:
    study = optuna.create_study(sampler=ob.BisectionSampler(), pruner=ob.VerdictPruner())
    space = {"lr": optuna.distributions.FloatDistribution(LOW, HIGH, log=True)}
    for rate, value in ((1, 2.0), (np.float32(1e-3), 1.0)):
        study.add_trial(
            optuna.trial.create_trial(params={"lr": rate}, distributions=space, value=value)
        )
    assert ob.find_winner(study).lr == pytest.approx(1e-3)
    assert [row.rate for row in summarize(study).rows] == [1.0, pytest.approx(1e-3)]


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("where", ["database", "journal"])
def test_settings_may_be_numbers_of_numpy_on_any_storage(kind, where, folder) -> None:
    url = f"sqlite:///{folder}/s.db" if where == "database" else f"journal:{folder}/s"
    whole = kind if issubclass(kind, np.integer) else np.int64
    settings = {
        "probe_steps": whole(40),
        "final_steps": whole(160),
        "max_probes": whole(9),
        "seed": whole(3),
        "horizon_exponent": np.float32(0.3),
        "stale_after": kind(200),
        "warm_start": np.float32(1e-3),
        "final_schedule": np.float64(0.5),
    }
    study = optuna.create_study(
        sampler=ob.BisectionSampler(**settings),
        pruner=ob.VerdictPruner(),
        storage=open_storage(url),
    )
    study.optimize(make_objective(TRAINER), n_trials=20)
    assert len(with_role(study, "final")) == 1
    assert all(t.state.is_finished() for t in study.trials)


@pytest.mark.parametrize("scale", [1e300, 1e155, 1e-300, 1e-310])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_losses_times_a_factor_give_the_same_search(scale, direction) -> None:
    sign = 1 if direction == "minimize" else -1
    expected = search(TRAINER.loss)
    study = search(
        lambda lr, step: sign * scale / 10 * TRAINER.loss(lr, step), direction=direction
    )
    assert [t.params for t in study.trials] == [t.params for t in expected.trials]
    draw(study)


HUGE = {
    "near the largest float": lambda lr, step: 7e307 * TRAINER.loss(lr, step),
    "both signs of it": lambda lr, step: 1.7e308 if step % 4 else -1.7e308,
    "above a rate only": lambda lr, step: 1.7e308 if lr > 1e-3 else TRAINER.loss(lr, step),
    "growing into it": lambda lr, step: 2.3 * 10.0 ** min(307, step * lr * 1e5),
    "never a number": lambda lr, step: math.nan,
    "no number after the first": lambda lr, step: math.nan if step else 2.3,
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("pruner", [ob.VerdictPruner, optuna.pruners.NopPruner])
def test_losses_that_overflow_are_overshoots_and_no_warnings(name, pruner) -> None:
    """Warnings are errors here, in the search as in the figures."""
    study = search(HUGE[name], pruner=pruner())
    draw(study)
    assert all(t.state.is_finished() for t in study.trials)
    assert "overshoot" in verdicts(study)


@pytest.mark.parametrize(
    ("low", "high", "log"),
    [
        (5e-324, 1e-300, True),
        (1e-320, 1e-310, True),
        (5e-324, 1.7e308, True),
        (1e300, 1.79e308, True),
        (1e-6, 1.79e308, True),
        (0.0, 1e-318, False),
        (0.0, 1.7e308, False),
        (-1e308, 1.7e308 / 2, False),
    ],
)
def test_ranges_at_the_ends_of_floating_point_are_searched(low, high, log) -> None:
    middle = (math.log10(low) + math.log10(high)) / 2 if log else low / 2 + high / 2
    width = math.log10(high) - math.log10(low) if log else high / 2 - low / 2

    def loss(lr: float, step: int) -> float:
        far = abs(((math.log10(lr) if log else lr) - middle) / width)
        return 2.3 / (1 + step / (1 + 30 * far))

    study = search(loss, low, high, log=log)
    draw(study)
    winner = ob.find_winner(study)
    assert low <= winner.lr <= high
    found = math.log10(winner.lr) if log else winner.lr
    assert abs(found - middle) <= width / 10 + (2 if log else 0)
    assert len(with_role(study, "final")) == 1
