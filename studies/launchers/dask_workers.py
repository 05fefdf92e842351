"""The workers of a Dask cluster share one study: ``python dask_workers.py``.

``DaskStorage`` keeps the study in the memory of the scheduler, or in a database by its URL.
"""

import optuna
from dask.distributed import Client, wait
from linear_fit import FULL_STEPS, fit
from optuna_integration import DaskStorage

from optuna_bisect import BisectionSampler, VerdictPruner, find_winner, trial_plan

N_WORKERS = 2


def objective(trial: optuna.Trial) -> float:
    """Train for the full length; a worker needs to know nothing of the others."""

    def report(loss: float, step: int) -> None:
        trial.report(loss, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
    return fit(lr, FULL_STEPS, trial_plan(trial).seed, report)


if __name__ == "__main__":
    with Client(n_workers=N_WORKERS, threads_per_worker=1) as client:
        study = optuna.create_study(
            storage=DaskStorage(),
            # A worker that reports nothing for a minute counts as dead.
            sampler=BisectionSampler(probe_steps=100, final_steps=FULL_STEPS, stale_after=60),
            pruner=VerdictPruner(),
        )
        # One task a worker, each without n_trials: it ends by itself.
        tasks = [client.submit(study.optimize, objective, pure=False) for _ in range(N_WORKERS)]
        wait(tasks)
        print(find_winner(study), study.best_value)
