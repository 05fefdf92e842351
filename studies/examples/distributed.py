"""Several processes train one model: ``torchrun --nproc-per-node 2 distributed.py``."""

import contextlib

import optuna
import torch
import torch.distributed as dist
from optuna_integration import TorchDistributedTrial

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR

FULL_STEPS = 1_000


def objective(trial: TorchDistributedTrial) -> float:
    """Train on every rank at once; what the trial is asked, it asks rank 0."""
    lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
    torch.manual_seed(trial_plan(trial).seed)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(10, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr)
    scheduler = BisectionLR.for_trial(optimizer, trial)
    torch.manual_seed(dist.get_rank())  # each rank has data of its own
    for step in range(FULL_STEPS):
        x = torch.randn(32, 10)
        loss = torch.nn.functional.mse_loss(model(x), x.sin().sum(1, keepdim=True))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step(loss)  # on every rank
        if step % 4 == 0:
            trial.report(loss.item(), step)
            if trial.should_prune():
                raise optuna.TrialPruned
    return loss.item()


def lead(trial: optuna.Trial) -> float:
    """Run a trial of rank 0 together with the others, unless nothing is left to do."""
    if trial_plan(trial).role == "surplus":
        raise optuna.TrialPruned
    dist.broadcast(torch.ones(1), src=0)  # another trial follows
    return objective(TorchDistributedTrial(trial))


dist.init_process_group("gloo")
go_on = torch.zeros(1)
if dist.get_rank() == 0:
    sampler = BisectionSampler(probe_steps=60, final_steps=FULL_STEPS, seed=0)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(lead)
    dist.broadcast(go_on, src=0)  # no more: the other ranks do not know when the study stops
    print(study.best_trial.params, study.best_value)
while dist.get_rank() and (dist.broadcast(go_on, src=0) or go_on):
    with contextlib.suppress(optuna.TrialPruned):
        objective(TorchDistributedTrial(None))
dist.barrier()
dist.destroy_process_group()
