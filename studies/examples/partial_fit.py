"""Find the rate of a scikit-learn model that learns by ``partial_fit``; accuracy is maximised."""

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan

FULL_STEPS = 1_000
x, held_x, y, held_y = train_test_split(*load_digits(return_X_y=True), random_state=0)


def objective(trial: optuna.Trial) -> float:
    """Train for the full length; a probe is pruned on the way."""
    eta0 = trial.suggest_float("eta0", 1e-6, 1.0, log=True)
    seed = trial_plan(trial).seed
    order = np.random.default_rng(seed)
    model = SGDClassifier("log_loss", learning_rate="constant", eta0=eta0, random_state=seed)
    for step in range(FULL_STEPS):
        batch = order.integers(len(x), size=32)
        model.partial_fit(x[batch] / 16, y[batch], classes=np.arange(10))
        if step % 2 == 0:  # 25 reports in a probe; none before training, when nothing is fitted
            trial.report(model.score(held_x / 16, held_y), step)
            if trial.should_prune():
                raise optuna.TrialPruned
    return model.score(held_x / 16, held_y)


sampler = BisectionSampler(probe_steps=50, final_steps=FULL_STEPS)
study = optuna.create_study(direction="maximize", sampler=sampler, pruner=VerdictPruner())
study.optimize(objective)  # stops by itself when the final, full-length trial is complete
print(study.best_trial.params, study.best_value)
