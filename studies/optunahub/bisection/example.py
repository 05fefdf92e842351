"""Find the learning rate of a hand-written SGD, then run it at full length; numpy alone."""

import numpy as np
import optuna
import optunahub

bisection = optunahub.load_local_module(package="samplers/bisection", registry_root="./package")

FULL_STEPS = 5_000
data = np.random.default_rng(0)
x = data.normal(size=(2_000, 20)) * np.geomspace(0.1, 3, 20)
y = x @ data.normal(size=20) + 0.1 * data.normal(size=2_000)


def objective(trial: optuna.Trial) -> float:
    """Fit a linear model; written once, for the full length."""
    lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
    order = np.random.default_rng(bisection.trial_plan(trial).seed)  # the same for all probes
    weights = np.zeros(20)
    for step in range(FULL_STEPS):
        if step % 5 == 0:  # 20 reports in a probe; the first one is the untrained loss
            trial.report(float(np.mean((x @ weights - y) ** 2)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        batch = order.integers(len(x), size=32)
        weights -= lr * x[batch].T @ (x[batch] @ weights - y[batch]) / 32
    return float(np.mean((x @ weights - y) ** 2))


study = optuna.create_study(
    sampler=bisection.BisectionSampler(final_steps=FULL_STEPS), pruner=bisection.VerdictPruner()
)
study.optimize(objective)  # stops by itself when the final, full-length trial is complete
print(bisection.find_winner(study).status, study.best_trial.params, study.best_value)
