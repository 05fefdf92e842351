"""The searches of others: a range test, and TPE with Hyperband on short probes."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from typing import TYPE_CHECKING

import optuna
from torch.utils.data import DataLoader, TensorDataset

from studies.full_runs.tasks import HIGH, LOW
from studies.full_runs.training import N_REPORTS, build, probe, validate

if TYPE_CHECKING:
    from studies.full_runs.tasks import Task

N_TRIALS = 20
# Probes have weights and an order of the data that no full run has.
PROBE_SEED = 1000


def range_test(task: Task, seed: int) -> tuple[float, int]:
    """Run torch-lr-finder with its defaults, from 1e-7 to 10.

    Returns:
        Its suggestion, the field's default where it has none, and the updates that it took.
    """
    with warnings.catch_warnings():
        # Its progress bar warns about notebooks.
        warnings.simplefilter("ignore")
        import torch  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415
        from torch_lr_finder import LRFinder  # noqa: PLC0415
    model = build(task, seed)
    order = torch.Generator().manual_seed(seed)
    examples = TensorDataset(*task.data()[:2])
    loader = DataLoader(examples, task.batch_size, shuffle=True, drop_last=True, generator=order)
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        found = LRFinder(model, task.make_optimizer(model, 1e-7), task.loss)
        found.range_test(loader, end_lr=10, num_iter=100)
        try:
            _, lr = found.plot(ax=Figure().subplots())
        except RuntimeError:  # its answer to a sweep that it stopped after a few batches
            lr = None
    n_paid = len(found.history["lr"])
    return (task.default_rate if lr is None else float(lr)), n_paid


def find_by_tpe(task: Task, seed: int) -> tuple[float, int]:
    """Run 20 trials of TPE with Hyperband; a loss that is not finite counts as the untrained one.

    Returns:
        The best trial's rate and the updates of all trials.
    """
    n_paid = 0
    untrained = validate(task, build(task, seed + PROBE_SEED))

    def objective(trial: optuna.Trial) -> float:
        nonlocal n_paid
        lr = trial.suggest_float("lr", LOW, HIGH, log=True)
        before, value = n_paid, untrained
        for report, (step, loss) in enumerate(probe(task, lr, seed + PROBE_SEED)):
            n_paid = before + step
            value = loss if math.isfinite(loss) else untrained
            trial.report(value, report)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=N_REPORTS),
    )
    study.optimize(objective, n_trials=N_TRIALS)
    return float(study.best_params["lr"]), n_paid
