"""A final trial that survives a crash: run this, kill it, wait five seconds, run it again.

A final trial that died is taken over by a new trial with the same plan: same rate, same limits,
same seed. So its checkpoint is named after the rate, and whoever takes over goes on from it.
"""

from pathlib import Path

import optuna
import torch

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR

FULL_STEPS, PROBE_STEPS, SAVE_EVERY = 1_000, 50, 100


def objective(trial: optuna.Trial) -> float:
    """Train a small network, in the final trial with checkpoints."""
    lr, plan = trial.suggest_float("lr", 1e-5, 10.0, log=True), trial_plan(trial)
    torch.manual_seed(plan.seed)
    model = torch.nn.Sequential(torch.nn.Linear(10, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr)
    scheduler = BisectionLR.for_trial(optimizer, trial)
    parts, path = (model, optimizer, scheduler), Path(f"final-{lr!r}.pt")
    saved = torch.load(path, weights_only=True) if plan.is_final and path.exists() else [0]
    for part, state in zip(parts, saved[1:]):
        part.load_state_dict(state)
    for step in range(saved[0], FULL_STEPS):
        torch.manual_seed(plan.seed * FULL_STEPS + step)  # the batches of an unbroken run
        batch = torch.randn(128, 10)
        loss = torch.nn.functional.mse_loss(model(batch), torch.sin(batch).sum(1, keepdim=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step(loss)
        if plan.is_final and (step + 1) % SAVE_EVERY == 0:
            torch.save([step + 1, *(part.state_dict() for part in parts)], "unfinished.pt")
            Path("unfinished.pt").replace(path)  # a crash in between leaves the last whole file
        if step % 4 == 0:
            trial.report(loss.item(), step)
            if trial.should_prune():
                raise optuna.TrialPruned
    return loss.item()


def load() -> optuna.Study:
    """Create or resume the study in the current folder."""
    sampler = BisectionSampler(probe_steps=PROBE_STEPS, final_steps=FULL_STEPS, stale_after=5)
    where = {"study_name": "checkpoint", "storage": "sqlite:///checkpoint.db"}
    pruner = VerdictPruner()
    return optuna.create_study(**where, load_if_exists=True, sampler=sampler, pruner=pruner)


if __name__ == "__main__":
    study = load()
    study.optimize(objective)
    print([(t.params, t.value) for t in study.best_trials] or "wait five seconds, run this again")
