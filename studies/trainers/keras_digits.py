"""Keras 3 on torch: find the rate of a small network on digits, then train it for 20 epochs."""

import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import optuna
from sklearn.datasets import load_digits

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.integrations.keras import BisectionCallback

EPOCHS, BATCH_SIZE, N_TRAIN = 20, 64, 1437


def build(lr: float) -> keras.Model:
    """Return a compiled network with one hidden layer."""
    dense = keras.layers.Dense
    model = keras.Sequential([keras.layers.Input((64,)), dense(64, activation="relu"), dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(lr), loss)
    return model


def train(lr: float, callbacks: Sequence[Any] = ()) -> float:
    """Train for the full length, and return the validation loss."""
    images, labels = load_digits(return_X_y=True)
    images = images.astype("float32") / 16
    history = build(lr).fit(
        images[:N_TRAIN],
        labels[:N_TRAIN],
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=(images[N_TRAIN:], labels[N_TRAIN:]),
        verbose=0,
        callbacks=[*callbacks],
    )
    return history.history["val_loss"][-1]


def objective(trial: optuna.Trial) -> float:
    """Train for the full length; a probe is pruned on the way."""
    keras.utils.set_random_seed(trial_plan(trial).seed)
    return train(trial.suggest_float("lr", 1e-6, 10.0, log=True), [BisectionCallback(trial)])


if __name__ == "__main__":
    n_updates = EPOCHS * -(-N_TRAIN // BATCH_SIZE)
    sampler = BisectionSampler(probe_steps=46, final_steps=n_updates, seed=0)  # 2 epochs of 20
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(objective)
    print(study.best_trial.params, study.best_value)
