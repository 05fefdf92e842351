"""A final trial that survives a crash: ``python studies/checkpoint.py``, kill it, run it again.

A final trial that died is taken over by a new trial with the same plan: same rate, same limits,
same seed. So its checkpoint is named after the plan, and whoever takes over goes on from it. A
final trial that diverged is followed by a lower one, which has another name and starts afresh.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import optuna
import torch
from optuna.trial import TrialState

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR

FULL_STEPS, PROBE_STEPS, SAVE_EVERY = 2_000, 100, 100
STALE_AFTER = 5.0


def train(trial: optuna.Trial, folder: Path) -> float:
    """Train a small network, in the final trial with checkpoints."""
    lr, plan = trial.suggest_float("lr", 1e-5, 10.0, log=True), trial_plan(trial)
    data = torch.Generator().manual_seed(0)
    x = torch.randn(1_000, 10, generator=data)
    y = torch.sin(x).sum(1, keepdim=True)
    torch.manual_seed(plan.seed)
    model = torch.nn.Sequential(torch.nn.Linear(10, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr)
    scheduler = BisectionLR.for_trial(optimizer, trial)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    path, first = folder / f"final-{lr!r}.pt", 0
    if plan.is_final and path.exists():
        saved = torch.load(path, weights_only=True)
        first = saved["step"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    for step in range(first, FULL_STEPS):
        # The batches of a step are those of an unbroken run.
        order = torch.Generator().manual_seed(plan.seed * FULL_STEPS + step)
        batch = torch.randint(len(x), (32,), generator=order)
        loss = torch.nn.functional.mse_loss(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step(loss)
        if plan.is_final and (step + 1) % SAVE_EVERY == 0:
            states = {name: part.state_dict() for name, part in parts.items()}
            # Written beside and renamed: a crash in between leaves the last whole one.
            torch.save({"step": step + 1, **states}, path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
        if step % 4 == 0:
            trial.report(loss.item(), step)
            if trial.should_prune():
                raise optuna.TrialPruned
    with torch.no_grad():
        return torch.nn.functional.mse_loss(model(x), y).item()


def load(folder: Path) -> optuna.Study:
    """Create or resume the study in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        study_name="checkpoint",
        storage=f"sqlite:///{folder}/checkpoint.db",
        load_if_exists=True,
        sampler=BisectionSampler(
            probe_steps=PROBE_STEPS, final_steps=FULL_STEPS, stale_after=STALE_AFTER
        ),
        pruner=VerdictPruner(),
    )


def main() -> None:
    """Run the study to its end."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--folder", type=Path, default=Path("checkpoint"))
    folder = parser.parse_args().folder
    study = load(folder)
    study.optimize(lambda trial: train(trial, folder))
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        print(
            f"the worker that was killed counts as alive for {STALE_AFTER} s: run this again then"
        )
        return
    print(study.best_trial.params, study.best_value)


if __name__ == "__main__":
    main()
