"""Find the learning rate of a small network, then train it at full length."""

import optuna
import torch

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.terminal import print_verdict

FULL_STEPS = 2_000
x = torch.randn(1_000, 10, generator=torch.Generator().manual_seed(0))
y = torch.sin(x).sum(1, keepdim=True)


def objective(trial: optuna.Trial) -> float:
    """Train for the full length; a probe is pruned on the way."""
    lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
    torch.manual_seed(trial_plan(trial).seed)  # all probes get the same weights and batches
    model = torch.nn.Sequential(torch.nn.Linear(10, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr)
    scheduler = BisectionLR.for_trial(optimizer, trial, restore=(model, optimizer))
    for step in range(FULL_STEPS):
        batch = torch.randint(len(x), (128,))
        loss = torch.nn.functional.mse_loss(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step(loss)  # adjusts the rate in the final trial, does nothing in a probe
        if step % 4 == 0:  # 26 reports in a probe of 100 steps, the first one before any update
            trial.report(loss.item(), step)
            if trial.should_prune():
                raise optuna.TrialPruned
    with torch.no_grad():
        return torch.nn.functional.mse_loss(model(x), y).item()


sampler = BisectionSampler(probe_steps=100, final_steps=FULL_STEPS, seed=0)
where = {"study_name": "quickstart", "storage": "sqlite:///quickstart.db", "load_if_exists": True}
study = optuna.create_study(**where, sampler=sampler, pruner=VerdictPruner())
# Stops by itself when the final, full-length trial is complete.
study.optimize(objective, callbacks=[print_verdict])
print(study.best_trial.params, study.best_value)
