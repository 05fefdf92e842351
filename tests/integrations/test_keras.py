"""Keras on torch: by batch with our callback, by epoch with that of optuna-integration."""

from __future__ import annotations

import os

import numpy as np
import optuna
import pytest
from synthetic_trainer import roles, with_role

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="needs optuna_bisect[keras]")

from optuna_bisect.integrations.keras import BisectionCallback  # noqa: E402

EPOCHS, N_BATCHES, BATCH_SIZE = 5, 50, 8
FULL_STEPS, PROBE_STEPS = EPOCHS * N_BATCHES, 40
X = np.random.default_rng(0).normal(size=(N_BATCHES * BATCH_SIZE, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


class Rates(keras.callbacks.Callback):
    """Keeps the rate and the true loss of each batch."""

    def on_train_begin(self, logs=None):
        self.rates, self.losses = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))
        part = slice(batch * BATCH_SIZE, (batch + 1) * BATCH_SIZE)
        self.losses.append(float(np.mean((self.model(X[part]).detach().numpy() - Y[part]) ** 2)))


def train(lr, callbacks, epochs=EPOCHS) -> float:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(lr), "mse")
    options = {"batch_size": BATCH_SIZE, "verbose": 0, "validation_data": (X, Y)}
    history = model.fit(X, Y, epochs=epochs, shuffle=False, callbacks=callbacks, **options)
    return history.history["val_loss"][-1]


def create_study(probe_steps: int | None = PROBE_STEPS, final_steps=FULL_STEPS) -> optuna.Study:
    sampler = BisectionSampler(probe_steps=probe_steps, final_steps=final_steps, seed=0)
    return optuna.create_study(sampler=sampler, pruner=VerdictPruner())


def ask(lr: float) -> optuna.Trial:
    study = create_study()
    study.enqueue_trial({"lr": lr})
    trial = study.ask()
    trial.suggest_float("lr", 1e-5, 1e4, log=True)
    return trial


def reported(trial: optuna.Trial) -> dict[int, float]:
    return trial.study.trials[trial.number].intermediate_values


def test_probes_end_within_an_epoch_and_the_rate_of_the_final_trial_is_adjusted() -> None:
    study, rates = create_study(), Rates()

    def objective(trial: optuna.Trial) -> float:
        keras.utils.set_random_seed(trial_plan(trial).seed)
        lr = trial.suggest_float("lr", 1e-5, 10.0, log=True)
        return train(lr, [rates, BisectionCallback(trial)])

    study.optimize(objective, n_trials=30)
    probes, final = with_role(study, "probe"), with_role(study, "final")
    assert roles(study) == ["probe"] * len(probes) + ["final"]
    assert all(probe.last_step < PROBE_STEPS < N_BATCHES for probe in probes)
    assert len(rates.rates) == FULL_STEPS
    assert rates.rates[0] == pytest.approx(final[0].params["lr"])
    assert rates.rates[-1] < rates.rates[0] / 10
    # The network is linear, and the task is a plane.
    assert final[0].value < 1e-3


def test_reports_are_the_losses_of_the_batches_and_not_the_means_of_the_epoch() -> None:
    trial, rates = ask(1e-3), Rates()
    with pytest.raises(optuna.TrialPruned):
        train(1e-3, [rates, BisectionCallback(trial)])
    found = list(reported(trial).values())
    assert found == pytest.approx(rates.losses, rel=1e-3)


def test_a_loss_that_is_not_finite_ends_a_probe() -> None:
    trial = ask(1e4)
    with pytest.raises(optuna.TrialPruned):
        train(1e4, [BisectionCallback(trial)])
    assert trial.user_attrs["bisect_verdict"] == "overshoot"


def test_a_schedule_of_the_optimizer_is_refused_by_keras_or_left_alone() -> None:
    decay, trial = keras.optimizers.schedules.CosineDecay(0.01, FULL_STEPS), ask(0.01)
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        train(decay, [BisectionCallback(trial)])
    with pytest.raises(optuna.TrialPruned):
        train(decay, [BisectionCallback(trial, adjust=False)])
    assert len(reported(trial)) == PROBE_STEPS


def test_the_callback_of_optuna_integration_runs_unchanged() -> None:
    theirs = pytest.importorskip("optuna_integration", reason="needs optuna-integration")
    keras.utils.set_random_seed(0)
    study = create_study(None, 20)

    def objective(trial: optuna.Trial) -> float:
        pruning = theirs.KerasPruningCallback(trial, monitor="val_loss")
        return train(trial.suggest_float("lr", 1e-6, 10.0, log=True), [pruning], epochs=20)

    study.optimize(objective, n_trials=40)
    assert roles(study)[-1] == "final"
    assert study.best_value < 0.1
