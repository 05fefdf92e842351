"""Several workers on one study: start this file as often as you like, at any time.

Without an argument all workers share the journal file ``workers.log`` in the current folder. With
the URL of a database they share that. Tables of a fresh database are created once, before the
first worker starts: ``optuna create-study --study-name workers --storage sqlite:///workers.db``.
"""

import sys

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from optuna_bisect import BisectionSampler, VerdictPruner, find_winner, trial_plan

FULL_STEPS = 2_000
data = np.random.default_rng(0)
x = data.normal(size=(2_000, 20)) * np.geomspace(0.1, 3, 20)
y = x @ data.normal(size=20) + 0.1 * data.normal(size=2_000)


def objective(trial: optuna.Trial) -> float:
    """Fit a linear model; a worker needs to know nothing of the others."""
    lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
    order = np.random.default_rng(trial_plan(trial).seed)  # the same in every worker
    weights = np.zeros(20)
    for step in range(FULL_STEPS):
        if step % 5 == 0:
            trial.report(np.mean((x @ weights - y) ** 2), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        batch = order.integers(len(x), size=32)
        weights -= lr * x[batch].T @ (x[batch] @ weights - y[batch]) / 32
    return np.mean((x @ weights - y) ** 2)


storage = sys.argv[1] if sys.argv[1:] else JournalStorage(JournalFileBackend("workers.log"))
study = optuna.create_study(
    study_name="workers",
    storage=storage,
    load_if_exists=True,
    # A worker that reports nothing for a minute counts as dead: longer than the gap of reports.
    sampler=BisectionSampler(probe_steps=100, final_steps=FULL_STEPS, stale_after=60),
    pruner=VerdictPruner(),
)
study.optimize(objective)  # ends by itself in every worker
print(find_winner(study))
